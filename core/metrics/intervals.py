"""95 % intervals of every number: the percentile bootstrap over faces, stratified by true label, seeded.

Which method gives which number:

==================================  =====================================  ==============================
number                              up to 20,000 faces                     more faces
==================================  =====================================  ==============================
accuracy, recall, precision, F1,    bootstrap of the confusion counts:     the same
their averages, kappa               multinomial per true label, exactly
                                    what redrawing faces gives
M, A(i, j), one-versus-rest AUC     bootstrap of faces                     DeLong variance, logit scale
calibration error                   bootstrap of faces, less its bias;     bootstrap of confidence cells,
                                    covers 90 to 98 % in simulations       less its bias
Brier, log likelihood, affect       bootstrap of faces                     normal limit of their means
==================================  =====================================  ==============================

The numbers of faces per label are held fixed: the interval answers "what if other faces of these labels
had been collected?". A label with a single face never varies in such a bootstrap, which says nothing
about how it could; its own numbers, and the averages that give every label the same weight, then have
NaN ends. So has a number that no resample changes, such as the recall of a label always recognised: an
interval of no width would claim certainty.
"""

from dataclasses import dataclass

import numpy as np

from core.metrics import expression
from core.metrics.affect import moments, scores_from_moments
from core.metrics.bootstrap import resample_confusion, resample_faces
from core.metrics.calibration import (
    BINS,
    brier_losses,
    errors_if_calibrated,
    expected_calibration_error,
    log_losses,
)
from core.metrics.large_samples import delong_errors, draw_means, logit_interval, resample_calibration
from core.metrics.ranking import checked, hand_till, one_vs_rest_from_directional

LEVEL = 0.95

#: Up to this many faces every face is redrawn; beyond, the methods of the right column above.
MOST_FACES_REDRAWN = 20_000

#: Averages that give every present label the same weight.
_OVER_LABELS = ("balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "m_measure")
_PER_LABEL = ("precision", "recall", "f1", "auc")
_FROM_CONFUSION = {
    "accuracy": expression.accuracy,
    "balanced_accuracy": expression.balanced_accuracy,
    "macro_precision": expression.macro_precision,
    "macro_recall": expression.macro_recall,
    "macro_f1": expression.macro_f1,
    "weighted_f1": expression.weighted_f1,
    "kappa": expression.cohen_kappa,
    "precision": expression.precision,
    "recall": expression.recall,
    "f1": expression.f1,
}
_AFFECT_NUMBERS = ("rmse", "ccc", "pearson", "sagr")
_MOMENTS = 6

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
) -> Bounds:
    """Intervals of all headline numbers, of precision, recall, f1 and auc (c,) and of pairwise_a (c, c).

    `truth` is (n,), `probabilities` (n, c). `affect` maps a name such as "valence" to (truth, prediction),
    each (n,) with NaN where unknown, and adds valence_rmse, valence_ccc, valence_pearson and valence_sagr.
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
    confusions = resample_confusion(confusion, resamples, rng)
    ends = {name: percentiles(function(confusions)) for name, function in _FROM_CONFUSION.items()}
    columns = _mean_columns(truth, probabilities, affect)
    if redrawn:
        resampled = resample_faces(truth, probabilities, columns, resamples, rng)
        means, errors = resampled.means, resampled.calibration_error
        ends |= _rank_ends_from_resamples(resampled.directional, confusion.sum(axis=1))
    else:
        means = draw_means(truth, columns, resamples, rng)
        errors = resample_calibration(truth, probabilities, resamples, rng)
        ends |= _rank_ends_from_delong(truth, probabilities, confusion.sum(axis=1))
    estimate = expected_calibration_error(truth, probabilities, bins=BINS)
    if_calibrated = errors_if_calibrated(probabilities, resamples, rng, bins=BINS)
    ends["expected_calibration_error"] = _calibration_ends(errors, estimate, if_calibrated)
    ends |= _mean_ends(means, affect)
    method = "stratified percentile bootstrap" + ("" if redrawn else "; ranks: DeLong; means: normal limit")
    return Bounds(_without_false_certainty(ends, confusion.sum(axis=1)), method)


def percentiles(resampled: np.ndarray) -> Ends:
    """The ends of the middle 95 % along the first axis, NaN resamples left out; NaN where all are NaN.

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


def _rank_ends_from_resamples(directional: np.ndarray, faces: np.ndarray) -> dict[str, Ends]:
    pairwise = (directional + directional.transpose(0, 2, 1)) / 2
    upper = pairwise[:, *np.triu_indices(len(faces), 1)]
    upper = upper[:, ~np.isnan(upper).any(axis=0)]
    m = upper.mean(axis=1) if upper.size else np.full(len(pairwise), np.nan)
    return {
        "m_measure": percentiles(m),
        "pairwise_a": percentiles(pairwise),
        "auc": percentiles(one_vs_rest_from_directional(directional, faces)),
    }


def _rank_ends_from_delong(
    truth: np.ndarray, probabilities: np.ndarray, faces: np.ndarray
) -> dict[str, Ends]:
    ranks, errors = hand_till(truth, probabilities), delong_errors(truth, probabilities)
    auc = one_vs_rest_from_directional(ranks.directional, faces)
    return {
        "m_measure": logit_interval(ranks.m, errors.m, LEVEL),
        "pairwise_a": logit_interval(ranks.pairwise, errors.pairwise, LEVEL),
        "auc": logit_interval(auc, errors.auc, LEVEL),
    }


def _mean_columns(truth: np.ndarray, probabilities: np.ndarray, affect: dict) -> np.ndarray:
    """(n, 2 + 7 per affect dimension): losses, then each dimension's moments and whether it is known."""
    columns = [brier_losses(truth, probabilities), log_losses(truth, probabilities)]
    for truth_affect, predicted in affect.values():
        pair = np.column_stack([truth_affect, predicted]).astype(np.float64)
        known = ~np.isnan(pair).any(axis=1)
        pair[~known] = 0.0
        centred = pair - (pair[known, 0].mean() if known.any() else 0.0)
        columns += [moments(*centred.T, *pair.T) * known[:, None], known]
    return np.column_stack(columns)


def _mean_ends(means: np.ndarray, affect: dict) -> dict[str, Ends]:
    ends = {"brier": percentiles(means[:, 0]), "negative_log_likelihood": percentiles(means[:, 1])}
    for position, name in enumerate(affect):
        start = 2 + position * (_MOMENTS + 1)
        known = means[:, start + _MOMENTS, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            scores = scores_from_moments(means[:, start : start + _MOMENTS] / known)
        ends |= {
            f"{name}_{n}": percentiles(values) for n, values in zip(_AFFECT_NUMBERS, scores, strict=True)
        }
    return ends


def _calibration_ends(errors: np.ndarray, estimate: float, if_calibrated: np.ndarray) -> Ends:
    """The calibration error's ends, mended for its bias; from 0 where a calibrated network may do as badly.

    Noise in a bin can only raise |accuracy - confidence|: the estimate lies above the truth and resamples,
    which carry the noise twice, above the estimate. The lower end is therefore the basic bootstrap's, which
    takes the bias off twice, the upper end the percentile with the bias off once. Near 0 the bootstrap
    cannot see calibration at all, so it is tested outright.
    """
    low, high = percentiles(errors)
    low, high = 2 * estimate - high, high - (errors.mean() - estimate)
    if estimate <= np.quantile(if_calibrated, (1 + LEVEL) / 2):
        low = 0.0
    return np.maximum(low, 0.0), np.maximum(high, 0.0)


def _without_false_certainty(ends: dict[str, Ends], faces: np.ndarray) -> dict[str, Ends]:
    """NaN ends where a label with one face decides or the interval has no width, see the module's top."""
    single = faces == 1
    unknown = {name: single for name in _PER_LABEL} | {"pairwise_a": single[:, None] | single}
    unknown |= {name: single.any() for name in _OVER_LABELS}
    result = {}
    for name, (low, high) in ends.items():
        hidden = unknown.get(name, np.False_) | (low == high)
        result[name] = np.where(hidden, np.nan, low), np.where(hidden, np.nan, high)
    return result
