"""95% intervals of every number: the percentile bootstrap over faces, stratified by true label, seeded.

Which method gives which number:

==================================  =====================================  ==============================
number                              up to 20,000 faces                     more faces
==================================  =====================================  ==============================
accuracy, recall, precision, F1,    bootstrap of the confusion counts:     the same
their averages, kappa               multinomial per true label, exactly
                                    what redrawing faces gives
M, A(i, j), one-versus-rest AUC     bootstrap of faces                     DeLong variance, logit scale
average precision                   bootstrap of faces                     jackknife variance, logit scale
Brier, log likelihood, affect       bootstrap of faces                     normal limit of their means
calibration error                   test inversion: calibration_interval   the same
==================================  =====================================  ==============================

The numbers of faces per label are held fixed: the interval answers "what if other faces of these labels
had been collected?". A label with a single face never varies in such a bootstrap, which says nothing
about how it could; its own numbers, and the averages that give every label the same weight, then have
NaN ends. So has a number that no resample changes, such as the recall of a label always recognised: an
interval of no width would claim certainty.
"""

from dataclasses import dataclass

import numpy as np

from core.metrics import bootstrap, expression, large_samples
from core.metrics.affect import known_moments, scores_from_known_moments
from core.metrics.calibration_interval import calibration_interval
from core.metrics.headline import HEADLINES, headlines_by
from core.metrics.ranking import (
    average_precision,
    checked,
    hand_till,
    one_vs_rest_from_directional,
)

LEVEL = 0.95

#: Up to this many faces every face is redrawn; beyond, the methods of the right column above.
MOST_FACES_REDRAWN = 20_000

_PER_LABEL = ("precision", "recall", "f1", "auc", "average_precision")
_PER_LABEL_FROM_CONFUSION = {
    "precision": expression.precision,
    "recall": expression.recall,
    "f1": expression.f1,
}
_METHOD = "stratified percentile bootstrap; calibration error: test inversion"
_AFFECT_NUMBERS = ("rmse", "ccc", "pearson", "sagr")

Ends = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Bounds:
    """Lower and upper ends by name, shaped like the number itself; empty without resamples."""

    ends: dict[str, Ends]
    method: str


def intervals(
    truth: np.ndarray,
    probabilities: np.ndarray,
    *,
    resamples: int = 1000,
    seed: int = 0,
    affect: dict[str, tuple[np.ndarray, np.ndarray]] | None = None,
    ranks: bool = True,
) -> Bounds:
    """Intervals of all headline numbers, of the numbers per label (c,) and of pairwise_a (c, c).

    `truth` is (n,), `probabilities` (n, c). `affect` maps a name such as "valence" to (truth, prediction),
    each (n,) with NaN where unknown, and adds valence_rmse, valence_ccc, valence_pearson and valence_sagr.
    `ranks` off leaves out M, A(i, j) and the areas, which take longest where there are very many faces.
    The same seed gives the same ends. Ends are NaN where no interval can be computed.

    Raises:
        ValueError: shapes do not fit together, there are no faces, or `resamples` is negative.
    """
    truth, probabilities = checked(truth, probabilities)
    if not len(truth) or resamples < 0:
        raise ValueError(f"{len(truth)} faces and {resamples} resamples; expected 1 or more and 0 or more.")
    if resamples == 0:
        return Bounds({}, "none")
    rng = np.random.default_rng(seed)
    redrawn = len(truth) <= MOST_FACES_REDRAWN
    affect = affect or {}
    c = probabilities.shape[1]
    confusion = expression.confusion_matrix(truth, probabilities.argmax(axis=1), c)
    faces = confusion.sum(axis=1)
    confusions = bootstrap.resample_confusion(confusion, resamples, rng)
    from_confusion = _PER_LABEL_FROM_CONFUSION | {
        each.name: each.function for each in headlines_by("confusion")
    }
    ends = {name: percentiles(function(confusions)) for name, function in from_confusion.items()}
    columns = _mean_columns(truth, probabilities, affect)
    if redrawn:
        statistics = [bootstrap.means(columns)]
        if ranks:
            statistics += [
                rank(truth, probabilities) for rank in (bootstrap.directional, bootstrap.average_precisions)
            ]
        means, *ranked = bootstrap.resample_faces(truth, statistics, resamples, rng)
        ends |= _rank_ends_from_resamples(*ranked, faces) if ranks else {}
    else:
        means = large_samples.draw_means(truth, columns, resamples, rng)
        ends |= _rank_ends_from_errors(truth, probabilities, faces) if ranks else {}
    ends |= _mean_ends(means, affect)
    of_calibration = calibration_interval(truth, probabilities, resamples, rng, level=LEVEL)
    ends |= {
        each.name: tuple(np.array(end) for end in of_calibration) for each in headlines_by("calibration")
    }
    method = _METHOD if redrawn else f"{_METHOD}; ranks: DeLong and jackknife; means: normal limit"
    return Bounds(_without_false_certainty(ends, faces), method)


def percentiles(resampled: np.ndarray) -> Ends:
    """The ends of the middle 95% along the first axis, NaN resamples left out; NaN where all are NaN.

    Of R resamples the ends are number 0.025 (R + 1) and 0.975 (R + 1), between two interpolated: Davison &
    Hinkley (1997), "Bootstrap Methods and their Application", section 5.3.
    """
    resampled = np.sort(resampled, axis=0)  # NaN goes last
    known = (~np.isnan(resampled)).sum(axis=0)
    ends = []
    for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2):
        position = np.clip(share * (known + 1) - 1, 0, np.maximum(known - 1, 0))
        below = np.floor(position).astype(int)
        above = np.minimum(below + 1, np.maximum(known - 1, 0))
        at_below, at_above = (np.take_along_axis(resampled, at[None], axis=0)[0] for at in (below, above))
        ends.append(at_below + (position - below) * (at_above - at_below))
    return ends[0], ends[1]


def _rank_ends_from_resamples(
    directional: np.ndarray, average_precisions: np.ndarray, faces: np.ndarray
) -> dict[str, Ends]:
    pairwise = (directional + directional.transpose(0, 2, 1)) / 2
    return {each.name: percentiles(each.function(pairwise)) for each in headlines_by("pairs")} | {
        "pairwise_a": percentiles(pairwise),
        "auc": percentiles(one_vs_rest_from_directional(directional, faces)),
        "average_precision": percentiles(average_precisions),
    }


def _rank_ends_from_errors(
    truth: np.ndarray, probabilities: np.ndarray, faces: np.ndarray
) -> dict[str, Ends]:
    ranks, errors = hand_till(truth, probabilities), large_samples.delong_errors(truth, probabilities)
    estimates = {
        "m_measure": (ranks.m, errors.m),
        "pairwise_a": (ranks.pairwise, errors.pairwise),
        "auc": (one_vs_rest_from_directional(ranks.directional, faces), errors.auc),
        "average_precision": (
            average_precision(truth, probabilities),
            large_samples.average_precision_errors(truth, probabilities),
        ),
    }
    return {name: large_samples.logit_interval(*each, LEVEL) for name, each in estimates.items()}


def _mean_columns(truth: np.ndarray, probabilities: np.ndarray, affect: dict) -> np.ndarray:
    """(n, q): the values whose means are headline metrics, then each affect dimension's 7 known moments."""
    losses = [each.function(truth, probabilities) for each in headlines_by("mean")]
    return np.column_stack([*losses, *(known_moments(*pair) for pair in affect.values())])


def _mean_ends(means: np.ndarray, affect: dict) -> dict[str, Ends]:
    metrics = headlines_by("mean")
    ends = {each.name: percentiles(means[:, column]) for column, each in enumerate(metrics)}
    of_affect = np.split(means[:, len(metrics) :], len(affect), axis=1) if affect else []
    for name, own in zip(affect, of_affect, strict=True):
        scores = scores_from_known_moments(own)
        ends |= {
            f"{name}_{n}": percentiles(values) for n, values in zip(_AFFECT_NUMBERS, scores, strict=True)
        }
    return ends


def _without_false_certainty(ends: dict[str, Ends], faces: np.ndarray) -> dict[str, Ends]:
    """NaN ends where a label with one face decides or the interval has no width, see the module's top."""
    single = faces == 1
    unknown = {name: single for name in _PER_LABEL} | {"pairwise_a": single[:, None] | single}
    unknown |= {name: single.any() for name, metric in HEADLINES.items() if metric.equal_labels}
    result = {}
    for name, (low, high) in ends.items():
        hidden = unknown.get(name, np.False_) | (low == high)
        result[name] = np.where(hidden, np.nan, low), np.where(hidden, np.nan, high)
    return result
