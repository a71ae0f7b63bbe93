"""Faces binned by one of their attributes: numbers at their quartiles or terciles, categories by value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.metrics.predictions import Predictions

#: Numbers with at most so many different values are categories: 0 and 1, or grades from 1 to 5.
FEW_VALUES = 6

#: Categories that stand alone, the most frequent ones; the rest is pooled.
MOST_CATEGORIES = 12

#: Parts that numbers may be cut into, with what each of them is called.
PARTS = {4: "quarter", 3: "third"}

#: Ties leave parts uneven; one that is further from its share than this share of it is no quarter.
_UNEVEN = 0.2


@dataclass(frozen=True)
class Attribute:
    """What faces are cut by.

    Attributes:
        title: as it stands over a table.
        noun: as it stands in a sentence.
        lowest, highest: what faces are called that have the least and the most of it.
        unit: after a number, with its space.
        digits: after the point; None: four in all.
        sides: whether left and right are the same, so that only the size of the number counts.
        personal: it came from a table of the user's.
    """

    title: str
    noun: str
    lowest: str = "lowest"
    highest: str = "highest"
    unit: str = ""
    digits: int | None = None
    sides: bool = False
    personal: bool = False

    def number(self, value: float) -> str:
        return f"{value:,.4g}" if self.digits is None else f"{value:,.{self.digits}f}"

    def range(self, low: float, high: float) -> str:
        """'112 to 120 px'."""
        return f"{self.number(low)} to {self.number(high)}{self.unit}"


#: Attributes that the program measures (core.analysis.slices.face_attributes), and the split.
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
    """Slices of n faces.

    Attributes:
        names: of each slice, on its own: 'darkest quarter', 'female'.
        phrases: of each slice, in a sentence: 'the darkest quarter (brightness 0.12 to 0.31)'.
        lows, highs: (k,) lowest and highest number in each slice; NaN for categories.
        codes: (n,) int16 slice of each face; -1: its value is not known.
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
    """Key, description and (n,) values of what the faces can be cut by."""
    frame = predictions.frame
    if attributes is None:
        measured = pd.DataFrame({"face_size": frame[["box_width", "box_height"]].max(axis=1, skipna=False)})
    else:
        measured = _aligned(attributes, frame["reference"])
    for key, attribute in MEASURED.items():
        if key in measured:
            yield key, attribute, measured[key]
    yield "split", SPLIT, frame["split"]
    if joined is not None:
        taken = {*MEASURED, "split"}
        for name, values in _aligned(joined, frame["reference"]).items():
            key = f"{name} (joined)" if name in taken else str(name)
            yield key, Attribute(key, key, personal=True), values


def bin_faces(values: pd.Series, attribute: Attribute, *, parts: int = 4) -> Bins:
    """The slices of faces with these values, NaN or None where not known.

    Numbers with more than FEW_VALUES different ones are cut into `parts` (a key of PARTS) of as many faces each; a
    face whose number is an edge belongs below it, so ties make parts uneven, or fewer. Categories come in the order
    of their names, numbers in them counted as numbers.
    """
    if pd.api.types.is_bool_dtype(values) or not pd.api.types.is_numeric_dtype(values):
        return _categories(values, attribute)
    numbers = values.to_numpy(np.float64)
    numbers = np.where(np.isfinite(numbers), np.abs(numbers) if attribute.sides else numbers, np.nan)
    known = ~np.isnan(numbers)
    # A look at some faces settles almost every case without sorting a million.
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
    # An edge that is the highest number has nothing above it.
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
    places[-1] = -1  # where factorize found nothing
    names = [found[place] for place in order]
    phrases = [f"faces with {attribute.noun} '{name}'" for name in names]
    if rest:
        names.append(f"other ({rest} values)" if rest > 1 else "other (1 value)")
        phrases.append(f"faces with one of {rest} rarer values of {attribute.noun}")
    nothing = np.full(len(names), np.nan)
    return Bins(tuple(names), tuple(phrases), nothing, nothing, places[codes])


def _natural(name: str) -> list[tuple[int, float, str]]:
    """Sorts -1 before 0, and '3 to 9' before '20 to 29'."""
    if re.fullmatch(r"-?\d+(\.\d+)?", name):
        return [(0, float(name), "")]
    pieces = re.split(r"(\d+)", name.casefold())
    return [(0, float(piece), "") if piece.isdecimal() else (1, 0.0, piece) for piece in pieces if piece]


def _aligned(table: pd.DataFrame, references: pd.Series) -> pd.DataFrame:
    """The rows of `table` in the order of the references; missing values where it has none."""
    if table["reference"].equals(references):
        return table.drop(columns="reference")
    return (
        table.drop_duplicates("reference").set_index("reference").reindex(references).reset_index(drop=True)
    )
