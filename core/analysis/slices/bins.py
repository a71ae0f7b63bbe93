"""Binning of faces by an attribute: numbers by quantiles, categories by value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.metrics.predictions import Predictions

#: Numeric attributes with at most this many distinct values are categories.
FEW_VALUES = 6

#: Largest number of categories; rarer ones are pooled.
MOST_CATEGORIES = 12

#: Number of quantile bins -> name of one bin.
PARTS = {4: "quarter", 3: "third"}

#: Largest relative deviation of a bin's size, due to ties, at which it is still called by PARTS.
_UNEVEN = 0.2


@dataclass(frozen=True)
class Attribute:
    """An attribute that faces are binned by.

    Attributes:
        title: name in a table.
        noun: name in a sentence.
        lowest, highest: names of the lowest and highest bin.
        unit: appended to numbers, including a space.
        digits: decimal places; None for four significant digits.
        sides: use the absolute value, for symmetric attributes.
        personal: the attribute is a column of the user's table.
        annotated: the attribute is one of the data set's own.
    """

    title: str
    noun: str
    lowest: str = "lowest"
    highest: str = "highest"
    unit: str = ""
    digits: int | None = None
    sides: bool = False
    personal: bool = False
    annotated: bool = False

    def number(self, value: float) -> str:
        return f"{value:,.4g}" if self.digits is None else f"{value:,.{self.digits}f}"

    def range(self, low: float, high: float) -> str:
        """Format a range, e.g. '112 to 120 px'."""
        return f"{self.number(low)} to {self.number(high)}{self.unit}"


#: Measured attributes; see core.analysis.slices.face_attributes.
MEASURED: dict[str, Attribute] = {
    "face_size": Attribute("Face size", "face size", "smallest", "largest", " px", 0),
    "brightness": Attribute("Brightness", "brightness", "darkest", "brightest", "", 3),
    "sharpness": Attribute("Sharpness", "sharpness", "most blurred", "sharpest", "", 0),
    "turn": Attribute("Pose: turned", "turn", "most frontal", "most turned", "", 2, sides=True),
    "roll": Attribute("Pose: tilted", "tilt", "most upright", "most tilted", "°", 1, sides=True),
}
SPLIT = Attribute("Split", "split")


@dataclass(frozen=True, eq=False)
class Bins:
    """k slices of n faces.

    Attributes:
        names: short name of each slice: 'darkest quarter', 'female'.
        phrases: name in a sentence: 'the darkest quarter (brightness 0.12 to 0.31)'.
        lows, highs: (k,) lowest and highest value in each slice; NaN for categories.
        codes: (n,) int16 slice of each face; -1 for an unknown value.
    """

    names: tuple[str, ...]
    phrases: tuple[str, ...]
    lows: np.ndarray
    highs: np.ndarray
    codes: np.ndarray

    @property
    def unknown(self) -> int:
        return int((self.codes < 0).sum())


def attributes_of(
    predictions: Predictions, attributes: pd.DataFrame | None, joined: pd.DataFrame | None
) -> Iterator[tuple[str, Attribute, pd.Series]]:
    """Yield key, description and (n,) values of every attribute of the faces."""
    frame = predictions.frame
    if attributes is None:
        measured = pd.DataFrame({"face_size": frame[["box_width", "box_height"]].max(axis=1, skipna=False)})
    else:
        measured = _aligned(attributes, frame["reference"])
    for key, attribute in MEASURED.items():
        if key in measured:
            yield key, attribute, measured[key]
    yield "split", SPLIT, frame["split"]
    taken = {*MEASURED, "split"}
    for name in measured.columns.difference([*MEASURED], sort=False):
        key = f"{name} (data set)" if name == "split" else name
        taken.add(key)
        yield (
            key,
            Attribute(key.replace("_", " ").capitalize(), key.replace("_", " "), annotated=True),
            measured[name],
        )
    if joined is not None:
        for name, values in _aligned(joined, frame["reference"]).items():
            key = f"{name} (joined)" if name in taken else str(name)
            yield key, Attribute(key, key, personal=True), values


def bin_faces(values: pd.Series, attribute: Attribute, *, parts: int = 4) -> Bins:
    """Bin faces by an attribute.

    Args:
        values: (n,), NaN or None if unknown. Numbers with more than FEW_VALUES distinct values are binned by quantiles;
            a value equal to an edge belongs to the lower bin, so that ties make bins uneven, or fewer. Other values are
            categories, in natural order.
        parts: number of quantile bins, a key of PARTS.
    """
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return _categories(values, attribute)
    numbers = values.to_numpy(np.float64)
    numbers = np.where(np.isfinite(numbers), np.abs(numbers) if attribute.sides else numbers, np.nan)
    known = ~np.isnan(numbers)
    # The first 1000 faces suffice in most cases.
    few = len(np.unique(numbers[known][:1000])) <= FEW_VALUES
    if few and len(np.unique(numbers[known])) <= FEW_VALUES:
        names = pd.Series(numbers).map(attribute.number, na_action="ignore")
        return _categories(names, attribute)
    return _quantile_bins(numbers, known, attribute, parts)


def _quantile_bins(numbers: np.ndarray, known: np.ndarray, attribute: Attribute, parts: int) -> Bins:
    edges = np.unique(np.quantile(numbers[known], np.arange(1, parts) / parts))
    codes = np.full(len(numbers), -1, np.int16)
    codes[known] = np.searchsorted(edges, numbers[known], side="left")
    faces = np.bincount(codes[known], minlength=len(edges) + 1)
    # No value is above an edge equal to the maximum.
    renumbered = np.cumsum(faces > 0) - 1
    codes[known] = renumbered[codes[known]]
    faces = faces[faces > 0]
    inside = [numbers[codes == part] for part in range(len(faces))]
    lows, highs = (np.array([end(part) for part in inside]) for end in (np.min, np.max))
    share = known.sum() / parts
    even = len(faces) == parts and (np.abs(faces - share) <= max(1, _UNEVEN * share)).all()
    names = _bin_names(attribute, len(faces), PARTS[parts] if even else "part")
    noun = attribute.noun
    phrases = [
        f"the {name} ({noun} {attribute.range(low, high)})"
        for name, low, high in zip(names, lows, highs, strict=True)
    ]
    return Bins(tuple(names), tuple(phrases), lows, highs, codes)


def _bin_names(attribute: Attribute, count: int, word: str) -> list[str]:
    """'darkest quarter', 'second darkest quarter', ..., 'brightest quarter'."""
    low, high = attribute.lowest, attribute.highest
    between = {1: [], 2: [], 3: ["middle"], 4: [f"second {low}", f"second {high}"]}[count]
    return [f"{name} {word}" for name in ([low, *between, high] if count > 1 else ["only"])]


def _categories(values: pd.Series, attribute: Attribute) -> Bins:
    codes, found = pd.factorize(values.to_numpy(object))
    found = [str(value) for value in found]
    faces = np.bincount(codes[codes >= 0], minlength=len(found))
    frequent = np.argsort(-faces, kind="stable")[:MOST_CATEGORIES]
    order = sorted(frequent.tolist(), key=lambda place: _natural(found[place]))
    rest = len(found) - len(order)
    places = np.full(len(found) + 1, len(order), np.int16)
    places[order] = np.arange(len(order))
    places[-1] = -1  # missing values
    names = [found[place] for place in order]
    phrases = [f"faces with {attribute.noun} '{name}'" for name in names]
    if rest:
        names.append(f"other ({rest} values)" if rest > 1 else "other (1 value)")
        phrases.append(f"faces with one of {rest} rarer values of {attribute.noun}")
    nothing = np.full(len(names), np.nan)
    return Bins(tuple(names), tuple(phrases), nothing, nothing, places[codes])


def _natural(name: str) -> list[tuple[int, float, str]]:
    """Key of natural order: -1 before 0, '3 to 9' before '20 to 29'."""
    if re.fullmatch(r"-?\d+(\.\d+)?", name):
        return [(0, float(name), "")]
    pieces = re.split(r"(\d+)", name.casefold())
    return [(0, float(piece), "") if piece.isdecimal() else (1, 0.0, piece) for piece in pieces if piece]


def _aligned(table: pd.DataFrame, references: pd.Series) -> pd.DataFrame:
    """Reorder the rows of `table` to the references; missing rows have missing values."""
    if table["reference"].equals(references):
        return table.drop(columns="reference")
    return (
        table.drop_duplicates("reference").set_index("reference").reindex(references).reset_index(drop=True)
    )
