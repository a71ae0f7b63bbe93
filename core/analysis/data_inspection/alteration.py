"""Alterations of a data set's pixels: comparison of the measured faces with published statistics, and between splits."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.analysis.data_inspection.measures import MEASURES
from core.analysis.data_inspection.published import ENOUGH_MATCHES, PAIRED, Matches, PublishedStatistics
from core.metrics.text import listed, number

#: Fewer faces of a split are not judged by their distribution, which varies too much.
ENOUGH_FACES = 300

#: Kolmogorov-Smirnov distance of sharpness or brightness between the splits of a data set without published
#: statistics from which on they are called different: half of the faces of one lie outside of what the other has. The
#: most different label of FER2013 is 0.22 from the others together, a blur of 0.6 pixels 0.76.
SPLITS_DIFFER = 0.5

_SHOWN = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Alteration:
    """A change of the pixels.

    Attributes:
        splits: the altered ones.
        cause: operation that leaves such a change, '' where none is known.
        evidence: figures, as part of a sentence.
    """

    splits: tuple[str, ...]
    cause: str
    evidence: str


def ks_distance(values: np.ndarray, quantiles: np.ndarray) -> float:
    """Kolmogorov-Smirnov distance between values and a distribution given by its percentiles (101,)."""
    values, at = np.sort(values), np.concatenate([values, quantiles])
    shares = np.searchsorted(values, at, "right") / len(values)
    expected = np.searchsorted(quantiles, at, "right") / len(quantiles)
    return float(np.abs(shares - expected).max())


def statistics_table(
    measures: pd.DataFrame, published: PublishedStatistics | None, matches: Matches | None = None
) -> pd.DataFrame:
    """Distribution of each measure in each split, beside the published one.

    Args:
        measures: of `measure_faces`, with a column split.
        matches: reference faces among the rows of `measures`.

    Returns:
        One row per split and measure: faces, low, median, high (5, 50 and 95%), the same published_*; distance
        (Kolmogorov-Smirnov) and tolerance; matched (reference faces found in the split), change (median over these) and
        largest_change; differs. Of the last ones, what is unknown is NaN.
    """
    rows = []
    for split, part in measures.groupby("split", sort=True):
        changes = _changes(part, published, matches) if matches is not None else {}
        for name in MEASURES:
            values = part[name].dropna().to_numpy()
            if not len(values):
                continue
            row = {"split": split, "measure": name, "faces": len(values)}
            row |= dict(zip(("low", "median", "high"), np.quantile(values, _SHOWN).tolist(), strict=True))
            if published is not None:
                row |= _beside(values, name, split, published)
            row |= changes.get(name, {})
            rows.append(row)
    columns = (
        "split", "measure", "faces", "low", "median", "high", "published_low", "published_median", "published_high",
        "distance", "tolerance", "matched", "change", "largest_change",
    )  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    paired = (table["matched"] >= ENOUGH_MATCHES).to_numpy()
    changed = (table["change"].abs() > table["largest_change"]).to_numpy()
    distant = ((table["distance"] > table["tolerance"]) & (table["faces"] >= ENOUGH_FACES)).to_numpy()
    return table.assign(differs=np.where(paired, changed, distant).astype(bool))


def _beside(values: np.ndarray, name: str, split: str, published: PublishedStatistics) -> dict:
    quantiles = published.quantiles_of(split)[name]
    if np.isnan(quantiles).any():
        return {}
    shown = quantiles[[round(100 * share) for share in _SHOWN]].tolist()
    return {
        **dict(zip(("published_low", "published_median", "published_high"), shown, strict=True)),
        "distance": ks_distance(values, quantiles),
        "tolerance": published.tolerance[name],
    }


def _changes(part: pd.DataFrame, published: PublishedStatistics, matches: Matches) -> dict[str, dict]:
    """Median change of the reference faces in a split, by measure."""
    here = np.isin(matches.faces, part.index.to_numpy())
    found = part.loc[matches.faces[here]]
    known = published.references.iloc[matches.references[here]]
    changes = {}
    for name in PAIRED if here.any() else ():
        differences = found[name].to_numpy() - known[name].to_numpy()
        # A histogram equalisation makes dark faces brighter and bright ones darker: the size counts.
        size = float(np.nanmedian(np.abs(differences)))
        sign = -1 if np.nanmedian(differences) < 0 else 1
        changes[name] = {
            "matched": int(here.sum()),
            "change": sign * size,
            "largest_change": published.changes[name],
        }
    return changes


def judged(table: pd.DataFrame) -> bool:
    """Return whether there were enough faces or reference faces to compare with published statistics."""
    known = table["published_median"].notna()
    return bool((known & ((table["faces"] >= ENOUGH_FACES) | (table["matched"] >= ENOUGH_MATCHES))).any())


def find_alteration(table: pd.DataFrame) -> Alteration | None:
    """The change that a `statistics_table` shows; None where it shows none."""
    differing = table[table["differs"]]
    if differing.empty:
        return None
    splits = tuple(dict.fromkeys(differing["split"]))
    rows = table[table["split"] == splits[0]].set_index("measure")
    cause, name = _diagnose(rows)
    row = rows.loc[name]
    evidence = (
        f"the {MEASURES[name]} of 90% of {f'the {splits[0]} faces' if splits[0] else 'the faces'} is {number(row['low'])} to "
        f"{number(row['high'])} (published set: {number(row['published_low'])} to {number(row['published_high'])})"
    )
    return Alteration(splits, cause, evidence)


def _diagnose(rows: pd.DataFrame) -> tuple[str, str]:
    """(operation that leaves the differences of a split, measure that shows it best); rows by measure."""
    differs = {name for name, differ in rows["differs"].items() if differ}
    rises = {name: rows.at[name, "median"] > rows.at[name, "published_median"] for name in differs}
    spread = rows["high"] - rows["low"]
    narrower = spread < 0.6 * (rows["published_high"] - rows["published_low"])
    if narrower.get("brightness", False) and narrower.get("contrast", False):
        return "histogram equalisation", "brightness"
    if rises.get("highlights") and (rises.get("contrast") or rises.get("brightness")):
        return "multiplying the grey levels, with clipped highlights", "highlights"
    if "sharpness" in differs and not differs & {"brightness"}:
        if rises["sharpness"]:
            return "sharpening or added noise", "sharpness"
        return "blurring or resizing", "sharpness"
    if differs == {"blockiness"}:
        return "encoding again as JPEG of low quality", "blockiness"
    if "contrast" in differs:
        return "a change of contrast", "contrast"
    if "brightness" in differs:
        return "a change of brightness", "brightness"
    return "", sorted(differs)[0]


def compare_splits(measures: pd.DataFrame) -> list[str]:
    """Sentences on training faces that differ in sharpness or brightness from those of another split."""
    train = measures[measures["split"] == "train"]
    sentences = []
    for split, part in measures.groupby("split"):
        if split == "train" or min(len(train), len(part)) < ENOUGH_FACES:
            continue
        for name in ("sharpness", "brightness"):
            one, other = train[name].dropna().to_numpy(), part[name].dropna().to_numpy()
            percentiles = np.quantile(other, np.linspace(0, 1, 101))
            if ks_distance(one, percentiles) > SPLITS_DIFFER:
                sentences.append(
                    f"the {MEASURES[name]} of the training faces is {number(np.median(one))} in the median, that of the {split} "
                    f"faces {number(np.median(other))}: they were made or altered differently"
                )
    return sentences


def named_splits(splits: tuple[str, ...]) -> str:
    """'the train and test faces'; 'the faces' without splits."""
    return f"the {listed([split for split in splits if split])} faces" if any(splits) else "the faces"
