"""Tables about the plane of valence and arousal and about face sizes, over any number of faces."""

import numpy as np
import pandas as pd

from core.analysis.contradictions import contradictions
from core.labels import EXPRESSIONS
from core.metrics.predictions import Predictions
from dashboard.tables.counts import ordered_splits
from dashboard.tables.faces import faces_at

#: Side of a region in which errors are averaged.
REGION = 0.25

#: Bins of face sizes per doubling.
PER_DOUBLING = 4

SIDES: dict[str, str] = {"annotated": "Annotations", "predicted": "Predictions"}


def splits(summary: pd.DataFrame, kind: str) -> list[str]:
    """Splits that have rows of this kind, in reading order."""
    return ordered_splits(dict.fromkeys(summary[summary["kind"] == kind]["split"]))


def density(summary: pd.DataFrame, split: str, expression: str | None) -> pd.DataFrame:
    """Faces per bin of the plane: valence, arousal (middles of bins), faces, share of the faces shown."""
    part = summary[(summary["kind"] == "plane") & (summary["split"] == split)]
    if expression is not None:
        part = part[part["expression"] == expression]
    table = part.groupby(["x", "y"])["faces"].sum().reset_index()
    table = table.rename(columns={"x": "valence", "y": "arousal"})
    return table.assign(share=table["faces"] / max(table["faces"].sum(), 1))


def centres(summary: pd.DataFrame, split: str) -> pd.DataFrame:
    """Mean valence and arousal of each expression's faces: expression, valence, arousal, faces; in label order."""
    table = _means(summary[summary["split"] == split], "expression")
    return table.sort_values("expression", key=lambda names: names.map(EXPRESSIONS.index), ignore_index=True)


def split_means(summary: pd.DataFrame) -> pd.DataFrame:
    """Means of the splits besides expressions: split, valence and arousal (means), size (median, pixels).

    A column is left out where no split has it.
    """
    sizes = size_numbers(summary, 0)[["split", "median"]].rename(columns={"median": "size"})
    table = _means(summary, "split").drop(columns="faces").merge(sizes, on="split", how="outer")
    table = table.set_index("split").loc[ordered_splits(dict.fromkeys(table["split"]))].reset_index()
    return table.dropna(axis=1, how="all")


def _means(summary: pd.DataFrame, by: str) -> pd.DataFrame:
    """Mean valence and arousal: `by`, valence, arousal, faces."""
    part = summary[summary["kind"].isin(["valence", "arousal"])]
    if part.empty:
        return pd.DataFrame(columns=[by, "valence", "arousal", "faces"])
    sums = part.groupby([by, "kind"])[["x", "faces"]].sum().unstack("kind")
    means = (sums["x"] / sums["faces"])[["valence", "arousal"]]
    return means.assign(faces=sums["faces"]["valence"]).rename_axis(columns=None).reset_index()


def size_numbers(summary: pd.DataFrame, side: float) -> pd.DataFrame:
    """Per split: faces, median size in pixels, share of faces whose box is smaller than `side` pixels."""
    rows = []
    for split in splits(summary, "size"):
        part = summary[(summary["kind"] == "size") & (summary["split"] == split)].sort_values("x")
        faces = int(part["faces"].sum())
        median = part["x"].to_numpy()[np.searchsorted(part["faces"].cumsum(), faces / 2)]
        smaller = int(part.loc[part["x"] < side, "faces"].sum())
        rows.append({"split": split, "faces": faces, "median": int(median), "smaller": smaller / faces})
    return pd.DataFrame(rows, columns=["split", "faces", "median", "smaller"])


def sizes(summary: pd.DataFrame) -> pd.DataFrame:
    """Histogram of face sizes, PER_DOUBLING bins per doubling: split, from, to (pixels), faces, share.

    Splits come in reading order, each with every bin from one below the smallest face of all to one above the
    largest.
    """
    part = summary[summary["kind"] == "size"]
    step = np.floor(PER_DOUBLING * np.log2(np.maximum(part["x"], 1))).astype(int)
    counted = part.assign(step=step).groupby(["split", "step"])["faces"].sum()
    steps = range(step.min() - 1, step.max() + 2) if len(step) else ()
    every = pd.MultiIndex.from_product([splits(summary, "size"), steps], names=["split", "step"])
    binned = counted.reindex(every, fill_value=0).reset_index()
    binned["from"] = 2 ** (binned["step"] / PER_DOUBLING)
    binned["to"] = 2 ** ((binned["step"] + 1) / PER_DOUBLING)
    binned["share"] = binned["faces"] / binned.groupby("split")["faces"].transform("sum")
    return binned[["split", "from", "to", "faces", "share"]]


def region_of(valence: np.ndarray, arousal: np.ndarray) -> np.ndarray:
    """(n,) number of each face's region, counted from the lower left by rows; -1 where a value is missing."""
    count = round(2 / REGION)
    values = np.stack([np.asarray(valence, float), np.asarray(arousal, float)])
    known = np.isfinite(values).all(axis=0)
    across, up = np.clip(np.floor((np.where(known, values, 0) + 1) / REGION), 0, count - 1).astype(int)
    return np.where(known, up * count + across, -1)


def region_name(region: int) -> str:
    """'valence -1.00 to -0.75, arousal 0.00 to 0.25'."""
    up, across = divmod(region, round(2 / REGION))
    left, bottom = -1 + REGION * across, -1 + REGION * up
    return f"valence {left:.2f} to {left + REGION:.2f}, arousal {bottom:.2f} to {bottom + REGION:.2f}"


def error_by_region(predictions: Predictions) -> pd.DataFrame:
    """Errors of predicted valence and arousal by the region of the annotation.

    Columns: region (its name), valence, arousal (lower edges), faces, error: root mean squared distance on
    the plane, 0 to 2.83.
    """
    frame = predictions.frame
    across = (frame["predicted_valence"] - frame["valence"]).to_numpy(float)
    up = (frame["predicted_arousal"] - frame["arousal"]).to_numpy(float)
    region = region_of(frame["valence"], frame["arousal"])
    squared = across**2 + up**2
    known = np.isfinite(squared) & (region >= 0)
    grouped = pd.Series(squared[known]).groupby(region[known]).agg(["size", "mean"])
    count = round(2 / REGION)
    return pd.DataFrame(
        {
            "region": [region_name(number) for number in grouped.index],
            "valence": [-1 + REGION * (number % count) for number in grouped.index],
            "arousal": [-1 + REGION * (number // count) for number in grouped.index],
            "faces": grouped["size"].to_numpy(),
            "error": np.sqrt(grouped["mean"].to_numpy()),
        }
    )


def in_region(predictions: Predictions, name: str) -> np.ndarray:
    """(n,) boolean: the annotation lies in the region of that name."""
    region = region_of(predictions.frame["valence"], predictions.frame["arousal"])
    names = {number: region_name(number) for number in np.unique(region) if number >= 0}
    return np.isin(region, [number for number, shown in names.items() if shown == name])


def contradicting(predictions: Predictions, side: str) -> np.ndarray:
    """(n,) boolean: expression and affect contradict each other, as 'annotated' or as 'predicted'."""
    frame = predictions.frame
    codes, prefix = (predictions.truth, "") if side == "annotated" else (predictions.predicted, "predicted_")
    return contradictions(predictions.labels, codes, frame[f"{prefix}valence"], frame[f"{prefix}arousal"])


def contradiction_counts(predictions: Predictions) -> pd.DataFrame:
    """Per expression: faces annotated so and contradicting, the same for predictions, and shares of them."""
    rows = {}
    for side, codes in (("annotated", predictions.truth), ("predicted", predictions.predicted)):
        wrong = contradicting(predictions, side)
        total = np.bincount(codes, minlength=len(predictions.labels))
        hits = np.bincount(codes[wrong], minlength=len(predictions.labels))
        rows[side] = hits
        with np.errstate(invalid="ignore", divide="ignore"):
            rows[f"{side}_share"] = hits / total
    return pd.DataFrame({"expression": predictions.labels, **rows})


def picked_faces(
    predictions: Predictions, *, region: str | None, side: str, expression: str | None
) -> pd.DataFrame:
    """The `faces` of a region, or those contradicting as `expression`, or both; largest error first.

    Besides the columns of `faces`: predicted_valence, predicted_arousal, and distance, that of the predicted
    point from the annotated one, 0 to 2.83.
    """
    keep = np.ones(len(predictions), bool)
    if region is not None:
        keep &= in_region(predictions, region)
    if expression is not None:
        codes = predictions.truth if side == "annotated" else predictions.predicted
        keep &= contradicting(predictions, side) & (codes == predictions.labels.index(expression))
    rows = np.flatnonzero(keep)
    affect = predictions.frame[["predicted_valence", "predicted_arousal"]].iloc[rows].set_axis(rows)
    table = faces_at(predictions, rows).join(affect)
    missing = pd.Series(np.nan, index=table.index)
    table["distance"] = np.hypot(
        table["predicted_valence"] - table.get("valence", missing),
        table["predicted_arousal"] - table.get("arousal", missing),
    )
    return table.sort_values("distance", ascending=False, kind="stable")
