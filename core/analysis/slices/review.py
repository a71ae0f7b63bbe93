"""Scores of a run on slices of its faces: by size, brightness, sharpness, pose, split, or the user's columns.

Attributes of persons, such as age, gender or skin tone, come only from the annotations of the data set and from the user's
table (core.analysis.slices.user_columns). A gap is an association, not an effect: attributes are correlated.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from core.analysis.slices.bins import Bins, attributes_of, bin_faces
from core.analysis.slices.findings import reason_without_slices, too_few
from core.analysis.slices.tables import GAPS, SliceReview, SliceTable
from core.metrics import expression, slices
from core.metrics.comparison import holm
from core.metrics.predictions import Predictions
from core.metrics.slices import FEWEST_FACES, Gap
from core.runs.run import Run
from core.runs.tables import ATTRIBUTES

RESAMPLES = 1000


def all_slices(run: Run, joined: pd.DataFrame | None = None, *, parts: int = 4) -> SliceReview:
    """Compute the slices of a run by all attributes of its faces.

    Raises:
        AffectoscopeError: the predictions or attributes are damaged.
    """
    stored = run.table(ATTRIBUTES)
    return review_slices(run.predictions(), stored and stored[0], joined, parts=parts)


def review_slices(
    predictions: Predictions,
    attributes: pd.DataFrame | None,
    joined: pd.DataFrame | None = None,
    *,
    parts: int = 4,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> SliceReview:
    """Compute the slices of predictions by every attribute, with p-values corrected over all tests.

    Args:
        attributes: an ATTRIBUTES table; None for older runs, for which only face size and split are known.
        joined: reference and the user's numeric or text columns (core.analysis.slices.user_columns).
        parts: number of quantile bins of numeric attributes, 4 or 3.
    """
    tables, skipped = {}, []
    confusion = expression.confusion_matrix(predictions.truth, predictions.predicted, len(predictions.labels))
    for key, attribute, values in attributes_of(predictions, attributes, joined):
        bins = bin_faces(values, attribute, parts=parts)
        if len(bins.names) < 2:
            skipped.append(reason_without_slices(key, attribute, bins.names))
            continue
        rows = _rows(predictions, bins, resamples=resamples, seed=seed)
        tables[key] = SliceTable(key, attribute, rows, bins.codes)
    tables, tests = _corrected(tables)
    return SliceReview(
        tables=tables,
        skipped=tuple(dict.fromkeys(skipped)),
        faces=len(predictions),
        accuracy=float(expression.accuracy(confusion)),
        macro_f1=float(expression.macro_f1(confusion)),
        tests=tests,
    )


def _rows(predictions: Predictions, bins: Bins, *, resamples: int, seed: int) -> pd.DataFrame:
    """Rows of a SliceTable, with uncorrected p-values."""
    labels = predictions.labels
    confusions = slices.slice_confusions(
        predictions.truth, predictions.predicted, bins.codes, len(bins.names), len(labels)
    )
    everyone = confusions.sum(axis=0)
    rows, mirrored = [], None
    for place, inside in enumerate(confusions):
        random = np.random.default_rng([seed, place])
        outside, faces = everyone - inside, int(inside.sum())
        few = too_few(faces, int(outside.sum()))
        scarce_inside, scarce_outside = (slices.scarce_labels(side, everyone) for side in (inside, outside))
        scarce = scarce_inside | scarce_outside
        if mirrored is None:
            gaps = {} if few else _gaps(inside, outside, scarce.any(), resamples=resamples, rng=random)
        else:  # with two slices both tests are the same
            gaps = {name: gap.reversed() for name, gap in mirrored.items()}
        mirrored = gaps if len(confusions) == 2 else None
        enough = faces >= FEWEST_FACES
        names = ", ".join(np.array(labels)[scarce])
        rows.append(
            {
                "slice": bins.names[place],
                "phrase": bins.phrases[place],
                "from": bins.lows[place],
                "to": bins.highs[place],
                "faces": faces,
                "correct": int(np.trace(inside)),
                **_numbers(
                    inside, enough, enough and not scarce_inside.any(), resamples=resamples, rng=random
                ),
                **{name: value for gap in GAPS for name, value in _columns(gap, gaps.get(gap)).items()},
                "scarce": names,
                "note": few or (f"too few faces of {names}" if names else ""),
            }
        )
    return pd.DataFrame(rows)


def _gaps(
    inside: np.ndarray, outside: np.ndarray, scarce: bool, *, resamples: int, rng: np.random.Generator
) -> dict[str, Gap]:
    """The gaps in GAPS with enough faces."""
    gaps = {"accuracy_gap": slices.accuracy_gap(inside, outside)}
    if not scarce:
        gaps["label_standardised_gap"] = slices.label_standardised_gap(inside, outside)
        gaps["macro_f1_gap"] = slices.macro_f1_gap(inside, outside, resamples=resamples, rng=rng)
    return gaps


def _columns(name: str, gap: Gap | None) -> dict[str, float]:
    numbers = (np.nan,) * 4 if gap is None else (gap.gap, gap.low, gap.high, gap.p)
    ends = ("", "_low", "_high", "_p")
    return {f"{name}{end}": float(number) for end, number in zip(ends, numbers, strict=True)}


def _numbers(
    inside: np.ndarray, enough: bool, enough_of_all: bool, *, resamples: int, rng: np.random.Generator
) -> dict[str, float]:
    """Accuracy and macro-F1 of a slice with their intervals; NaN with too few faces."""
    accuracy = f1 = (np.nan,) * 3
    if enough:
        accuracy = expression.accuracy(inside), *slices.accuracy_interval(inside)
    if enough_of_all:
        f1 = expression.macro_f1(inside), *slices.macro_f1_interval(inside, resamples=resamples, rng=rng)
    return {
        f"{name}{end}": float(number)
        for name, numbers in (("accuracy", accuracy), ("macro_f1", f1))
        for end, number in zip(("", "_low", "_high"), numbers, strict=True)
    }


def _corrected(tables: dict[str, SliceTable]) -> tuple[dict[str, SliceTable], int]:
    """Add a column <gap>_p_corrected for each gap (Holm); returns the tables and the number of tests.

    With two slices, only the tests of the first one count: those of the other are the same.
    """
    columns = [f"{gap}_p" for gap in GAPS]
    raw = {key: table.rows[columns].to_numpy(np.float64) for key, table in tables.items()}
    counted = {key: p[:1] if len(p) == 2 else p for key, p in raw.items()}
    family = np.concatenate([p.ravel() for p in counted.values()]) if counted else np.empty(0)
    corrected = holm(family)
    result, start = {}, 0
    for key, table in tables.items():
        p = corrected[start : start + counted[key].size].reshape(counted[key].shape)
        start += counted[key].size
        values = np.broadcast_to(p, raw[key].shape) if len(raw[key]) == 2 else p
        rows = table.rows.assign(**{f"{name}_corrected": values[:, at] for at, name in enumerate(columns)})
        result[key] = replace(table, rows=rows)
    return result, int((~np.isnan(family)).sum())
