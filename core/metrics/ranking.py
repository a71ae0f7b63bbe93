"""Ranking metrics of the probabilities: Hand & Till's M, its pairwise A matrix, ROC and precision-recall.

Hand & Till (2001), "A Simple Generalisation of the Area Under the ROC Curve for Multiple Class
Classification Problems", Machine Learning 45(2). For labels i and j, A(i|j) is the probability that a
face of i is given a higher probability *of i* than a face of j is, ties counting one half;
A(i, j) = (A(i|j) + A(j|i)) / 2, and M is the mean of A(i, j) over the pairs of labels present in the
truth. Ranks are mid-ranks: exact ties are never broken by order. M wants the plain softmax: a
temperature or an adjustment of the logits changes it when there are more than two labels.

`truth` is (n,) label positions, `probabilities` (n, c) without NaN. Raised everywhere: ValueError when
their shapes do not fit together.
"""

from dataclasses import dataclass

import numpy as np

#: Points a curve keeps unless asked otherwise: more than a chart has pixels.
CURVE_POINTS = 500


@dataclass(frozen=True)
class HandTill:
    """M and what it is made of."""

    m: float  # 0 to 1, 0.5 = chance; NaN with fewer than two labels present
    pairwise: np.ndarray  # (c, c) A(i, j), symmetric; NaN on the diagonal and for absent labels
    directional: np.ndarray  # (c, c) A(i|j): ranked by the probability of the row's label i
    present: np.ndarray  # (c,) boolean: which labels took part


@dataclass(frozen=True)
class Curve:
    """One chart line. `area` is computed on all points, before thinning."""

    x: np.ndarray
    y: np.ndarray
    thresholds: np.ndarray  # predicted positive at this probability or above
    area: float


def hand_till(truth: np.ndarray, probabilities: np.ndarray) -> HandTill:
    """M, A(i, j), A(i|j) and the present labels. Each label's column is sorted once."""
    directional = directional_auc(truth, probabilities)
    pairwise = (directional + directional.T) / 2
    present = np.bincount(truth, minlength=probabilities.shape[1]) > 0
    return HandTill(float(mean_over_pairs(pairwise)), pairwise, directional, present)


def m_measure(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Hand & Till's M, 0 to 1; NaN with fewer than two labels present."""
    return hand_till(truth, probabilities).m


def mean_over_pairs(pairwise: np.ndarray) -> np.ndarray:
    """Mean of the upper triangles of (..., c, c) without their NaN, (...); NaN where nothing is left."""
    values = pairwise[..., *np.triu_indices(pairwise.shape[-1], 1)]
    known = ~np.isnan(values)
    total, count = np.where(known, values, 0.0).sum(axis=-1), known.sum(axis=-1)
    return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)[()]


def directional_auc(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """A(i|j) for all ordered pairs, (c, c); NaN on the diagonal and for absent labels."""
    truth, probabilities = checked(truth, probabilities)
    c = probabilities.shape[1]
    faces = np.bincount(truth, minlength=c)
    # Small codes are sorted by counting.
    by_label = np.argsort(truth.astype(np.min_scalar_type(c)), kind="stable")
    result = np.full((c, c), np.nan)
    for i in np.flatnonzero(faces):
        column = probabilities[:, i][by_label]
        ranked = [np.sort(block) for block in np.split(column, np.cumsum(faces)[:-1])]
        for j in np.flatnonzero(faces):
            if i != j and faces[i] <= faces[j]:
                result[i, j] = _share_outranked(ranked[i], ranked[j])
            elif i != j:
                result[i, j] = 1.0 - _share_outranked(ranked[j], ranked[i])
    return result


def _share_outranked(few: np.ndarray, many: np.ndarray) -> float:
    """Share of pairs in which the first is higher, ties one half. Both sorted; fastest if `few` is shorter."""
    under = np.searchsorted(many, few, side="left")
    tied = many[np.minimum(under, len(many) - 1)] == few
    ties = np.searchsorted(many, few[tied], side="right") - under[tied]
    return (2 * under.sum() + ties.sum()) / (2.0 * len(few) * len(many))


def one_vs_rest_from_directional(directional: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """One-versus-rest areas, (..., c), as the mean of A(i|j) over j weighted by the faces of j.

    Exact: a pair drawn from i and the rest is a pair drawn from i and some j. `directional` is
    (..., c, c), `faces` (c,).
    """
    weights = np.where(np.isnan(directional), 0.0, faces)
    total = weights.sum(axis=-1)
    weighted = (np.nan_to_num(directional) * weights).sum(axis=-1)
    return np.divide(weighted, total, out=np.full(total.shape, np.nan), where=total > 0)


def average_precision(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Average precision of each label against the rest, (c,), sum of (R_k - R_(k-1)) P_k; NaN if absent."""
    truth, probabilities = checked(truth, probabilities)
    return np.array(
        [
            _average_precision(*_cumulative_hits(truth == i, column)[:2])
            for i, column in enumerate(probabilities.T)
        ]
    )


def roc_curve(
    truth: np.ndarray, probabilities: np.ndarray, label: int, *, points: int | None = CURVE_POINTS
) -> Curve:
    """False (x) against true positive rate (y) of one label versus the rest, from (0, 0) to (1, 1).

    At most `points` points (None: all of them); `area` is the exact AUC. Without faces of the label, or
    without others, that rate and the area are NaN.
    """
    truth, probabilities = checked(truth, probabilities)
    hits, predicted, thresholds = _cumulative_hits(truth == label, probabilities[:, label])
    hits, predicted = np.r_[0, hits], np.r_[0, predicted]
    x, y = _share(predicted - hits), _share(hits)
    kept = _thinned(x, y, points)
    return Curve(x[kept], y[kept], np.r_[np.inf, thresholds][kept], float(np.trapezoid(y, x)))


def precision_recall_curve(
    truth: np.ndarray, probabilities: np.ndarray, label: int, *, points: int | None = CURVE_POINTS
) -> Curve:
    """Recall (x) against precision (y) of one label versus the rest, by falling threshold, from recall 0.

    At most `points` points (None: all of them); `area` is the average precision. The first point, recall
    0, takes precision 1 by convention. Without faces of the label the recall and the area are NaN.
    """
    truth, probabilities = checked(truth, probabilities)
    hits, predicted, thresholds = _cumulative_hits(truth == label, probabilities[:, label])
    x, y = np.r_[0.0, _share(hits)], np.r_[1.0, hits / predicted]
    kept = _thinned(x, y, points)
    return Curve(x[kept], y[kept], np.r_[np.inf, thresholds][kept], _average_precision(hits, predicted))


def checked(truth: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays.

    Raises:
        ValueError: they are not (n,) and (n, c), or a position is not in 0 .. c - 1.
    """
    truth, probabilities = np.asarray(truth), np.asarray(probabilities)
    if truth.ndim != 1 or probabilities.ndim != 2 or len(truth) != len(probabilities):
        raise ValueError(
            f"truth {truth.shape} and probabilities {probabilities.shape} must be (n,) and (n, c)."
        )
    if truth.size and not 0 <= truth.min() <= truth.max() < probabilities.shape[1]:
        raise ValueError(
            f"truth holds positions {truth.min()} to {truth.max()}; "
            f"expected 0 to {probabilities.shape[1] - 1}."
        )
    return truth, probabilities


def _cumulative_hits(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By falling distinct score: positives found so far, faces predicted positive so far, the score."""
    order = np.argsort(scores)[::-1]
    ranked = scores[order]
    last = _last_of_tie(ranked)
    return np.cumsum(positive[order])[last], last + 1, ranked[last]


def _average_precision(hits: np.ndarray, predicted: np.ndarray) -> float:
    if not len(hits) or hits[-1] == 0:
        return float("nan")
    return float((np.diff(hits, prepend=0) * (hits / predicted)).sum() / hits[-1])


def _last_of_tie(ranked: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], np.ones(min(len(ranked), 1), bool)])


def _share(counts: np.ndarray) -> np.ndarray:
    """Counts as a share of the last one; NaN when that is 0."""
    return counts / counts[-1] if counts[-1] else np.full(len(counts), np.nan)


def _thinned(x: np.ndarray, y: np.ndarray, points: int | None) -> np.ndarray:
    """Positions of at most `points` points, even along the drawn line, both ends kept."""
    if points is None or len(x) <= points:
        return np.arange(len(x))
    travelled = np.r_[0.0, np.cumsum(np.hypot(np.diff(np.nan_to_num(x)), np.diff(np.nan_to_num(y))))]
    even = np.linspace(0.0, travelled[-1], points)
    return np.unique(np.r_[0, np.searchsorted(travelled, even[1:-1]), len(x) - 1])
