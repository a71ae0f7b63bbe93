"""95% intervals of what abstaining is worth: the percentile bootstrap over faces, seeded.

Known faces are redrawn as many as there are in each of their strata (core.metrics.bootstrap.strata_of), faces out of the
set as many as there are of each label. All numbers depend on how many right, wrong
and out-of-set faces lie in each cell of confidence alone, so those counts are drawn, from the multinomial, which is what
redrawing faces gives. A cell is one distinct confidence, or, where there are more than CELLS, an equal share of the
faces, which then count as equally confident.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.metrics.abstention import aurcs, best_aurcs
from core.metrics.intervals import percentiles

#: Most cells of confidence.
CELLS = 1000

#: Resamples worked on at once.
_AT_ONCE = 125

Ends = tuple[float, float]


@dataclass(frozen=True)
class AbstentionBounds:
    """Lower and upper ends; NaN where no resample changes the number, or it cannot be computed."""

    aurc: Ends
    e_aurc: Ends
    failure_auroc: Ends  # separation of right from wrong answers
    out_of_set: tuple[Ends, ...]  # separation of known faces from each group of out-of-set ones
    aurc_with_out_of_set: Ends  # every out-of-set face an error


def abstention_intervals(
    confidence: np.ndarray,
    correct: np.ndarray,
    label: np.ndarray,
    out_of_set: np.ndarray,
    out_of_set_label: np.ndarray,
    groups: Sequence[Sequence[int]] = (),
    *,
    resamples: int = 1000,
    seed: int = 0,
) -> AbstentionBounds:
    """Intervals of the numbers in core.metrics.abstention.

    Args:
        confidence, correct, label: (n,) of the faces whose label the network knows; `label` has their strata.
        out_of_set, out_of_set_label: (m,) confidence and label of the others; m may be 0.
        groups: of out-of-set labels, for each of which the separation is wanted.
    """
    rng = np.random.default_rng(seed)
    cell, cells = _cells(np.concatenate([confidence, out_of_set]))
    known, beyond = cell[: len(confidence)], cell[len(confidence) :]
    drawn: dict[str, list[np.ndarray]] = {}
    for start in range(0, resamples, _AT_ONCE):
        size = min(_AT_ONCE, resamples - start)
        wrong, right = np.zeros((2, size, cells), np.int64)
        for each in np.unique(label):
            own = label == each
            both = _redrawn(known[own] + cells * np.asarray(correct, bool)[own], 2 * cells, size, rng)
            wrong += both[:, :cells]
            right += both[:, cells:]
        others = {
            each: _redrawn(beyond[out_of_set_label == each], cells, size, rng)
            for each in np.unique(out_of_set_label)
        }
        empty = np.zeros((size, cells), np.int64)
        numbers = {
            "aurc": _aurcs(right + wrong, wrong),
            "failure_auroc": _aurocs(right, wrong),
            "aurc_with_out_of_set": _aurcs(
                right + wrong + sum(others.values(), empty), wrong + sum(others.values(), empty)
            ),
        }
        numbers["e_aurc"] = numbers["aurc"] - best_aurcs(wrong.sum(axis=1), len(confidence))
        for place, group in enumerate(groups):
            pooled = sum((others[each] for each in group), empty)
            numbers[f"out of set {place}"] = _aurocs(right + wrong, pooled)
        for name, values in numbers.items():
            drawn.setdefault(name, []).append(values)
    ends = {name: _ends(np.concatenate(values)) for name, values in drawn.items()}
    unknown = (float("nan"), float("nan"))
    return AbstentionBounds(
        out_of_set=tuple(ends.get(f"out of set {place}", unknown) for place in range(len(groups))),
        **{
            name: ends.get(name, unknown)
            for name in ("aurc", "e_aurc", "failure_auroc", "aurc_with_out_of_set")
        },
    )


def _cells(confidence: np.ndarray) -> tuple[np.ndarray, int]:
    """Each face's cell, by rising confidence, and how many cells there are."""
    distinct, cell = np.unique(confidence, return_inverse=True)
    if len(distinct) <= CELLS:
        return cell, len(distinct)
    edges = np.unique(np.quantile(confidence, np.linspace(0, 1, CELLS + 1)[1:-1]))
    return np.searchsorted(edges, confidence, side="right"), len(edges) + 1


def _redrawn(cell: np.ndarray, cells: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """(resamples, cells) faces in each cell when all are redrawn."""
    taken, faces = np.unique(cell, return_counts=True)
    counts = np.zeros((resamples, cells), np.int64)
    counts[:, taken] = rng.multinomial(len(cell), faces / len(cell), size=resamples)
    return counts


def _aurcs(faces: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The areas of (r, cells) counts by rising confidence."""
    return aurcs(np.cumsum(faces[:, ::-1], axis=1), np.cumsum(errors[:, ::-1], axis=1))


def _aurocs(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """(r,) separations of (r, cells) counts by rising confidence; NaN where either has no faces."""
    outdone = np.cumsum(below, axis=1) - below / 2
    pairs = above.sum(axis=1) * below.sum(axis=1)
    wins = (above * outdone).sum(axis=1)
    return np.divide(wins, pairs, out=np.full(len(wins), np.nan), where=pairs > 0)


def _ends(values: np.ndarray) -> Ends:
    low, high = (float(end) for end in percentiles(values))
    return (low, high) if high > low else (float("nan"), float("nan"))
