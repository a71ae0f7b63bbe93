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

#: The cause that leaves the pictures much as they were.
JPEG = "encoding again as JPEG of low quality"

#: Columns of a `statistics_table`.
STATISTICS_COLUMNS = (
    "split", "measure", "faces", "low", "median", "high", "published_low", "published_median", "published_high",
    "distance", "tolerance", "matched", "change", "largest_change", "differs",
)  # fmt: skip

_SHOWN = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Alteration:
    """A change of the pixels.

    Attributes:
        splits: the altered ones.
        cause: operation that leaves such a change, '' where none is known.
        evidence: figures, as part of a sentence.
        only: other splits were compared too, and are as published.
    """

    splits: tuple[str, ...]
    cause: str
    evidence: str
    only: bool


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
    table = pd.DataFrame(rows, columns=list(STATISTICS_COLUMNS[:-1]))
    paired = (table["matched"] >= ENOUGH_MATCHES).to_numpy()
    changed = (table["change"].abs() > table["largest_change"]).to_numpy()
    distant = ((table["distance"] > table["tolerance"]) & (table["faces"] >= ENOUGH_FACES)).to_numpy()
    return table.assign(differs=np.where(paired, changed, distant).astype(bool))


def _beside(values: np.ndarray, name: str, split: str, published: PublishedStatistics) -> dict:
    quantiles = published.quantiles_of(split).get(name)
    if quantiles is None:
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


def judged(table: pd.DataFrame) -> pd.Series:
    """Mask of the rows with enough faces or reference faces to be compared with published statistics."""
    enough = (table["faces"] >= ENOUGH_FACES) | (table["matched"] >= ENOUGH_MATCHES)
    return table["published_median"].notna() & enough


def find_alteration(table: pd.DataFrame) -> Alteration | None:
    """The change that a `statistics_table` shows; None where it shows none."""
    differing = table[table["differs"]]
    if differing.empty:
        return None
    shown = differing.loc[[differing["matched"].fillna(0).add(differing["faces"]).idxmax()], "split"].iloc[0]
    rows = table[table["split"] == shown].set_index("measure")
    cause, name = _diagnose(rows)
    row, whose = rows.loc[name], named_splits((shown,))
    if row["distance"] > row["tolerance"]:
        evidence = (
            f"the {MEASURES[name]} of 90% of {whose} is {number(row['low'])} to {number(row['high'])} (published set: "
            f"{number(row['published_low'])} to {number(row['published_high'])})"
        )
    else:
        evidence = (
            f"of {row['matched']:,.0f} known {shown} faces, half differ by more than {number(abs(row['change']))} in "
            f"{MEASURES[name]} from the published ones"
        )
    others = set(table.loc[judged(table), "split"]) - set(differing["split"])
    return Alteration(tuple(dict.fromkeys(differing["split"])), cause, evidence, only=bool(others))


def _diagnose(rows: pd.DataFrame) -> tuple[str, str]:
    """(operation that leaves the differences of a split, measure that shows it best); rows by measure."""
    differs = {name for name, differ in rows["differs"].items() if differ}
    rises = {name: rows.at[name, "median"] > rows.at[name, "published_median"] for name in differs}
    excess = (rows["distance"] / rows["tolerance"]).loc[sorted(differs)]
    spread = (rows["high"] - rows["low"]) / (rows["published_high"] - rows["published_low"])
    if spread["brightness"] < 0.6 and spread["contrast"] < 0.6:
        return "histogram equalisation", "brightness"
    if excess.idxmax() == "blockiness" and rises.get("blockiness"):
        return JPEG, "blockiness"
    if excess.idxmax() == "sharpness":
        return ("sharpening or added noise" if rises["sharpness"] else "blurring or resizing"), "sharpness"
    if rises.get("highlights") and (rises.get("contrast") or rises.get("brightness")):
        return "multiplying the grey levels, with clipped highlights", "highlights"
    changes = (rows["change"].abs() / rows["largest_change"]).loc[
        sorted(differs & {"brightness", "contrast"})
    ]
    if changes.notna().any():
        return f"a change of {changes.idxmax()}", str(changes.idxmax())
    return "", str(excess.idxmax())


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
