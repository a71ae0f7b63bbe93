"""95% intervals of every number, and which method gives which.

======================================  ==============================================================================
number                                  method
======================================  ==============================================================================
accuracy, recall, precision, SAGR       Wilson's (core.metrics.proportions), of F1 made from that of TP / (TP + FP + FN)
averages over labels, kappa             percentile bootstrap of the confusion matrix, with Dirichlet draws for labels with
                                        fewer than bootstrap.SCARCE faces
M                                       DeLong's variance, logit scale (core.metrics.rank_errors)
A(i, j), one-versus-rest AUC            the same; Newcombe's where a label has fewer than FEW_RANKED faces
average precision                       jackknife variance, logit scale
Brier, log loss, RMSE, Pearson          percentile bootstrap of faces; beyond MOST_FACES_REDRAWN normal limit of means
CCC                                     Lin's z with the jackknife's variance
calibration error                       test inversion (core.metrics.calibration_interval)
======================================  ==============================================================================

Labels are drawn at random with the faces, unless `fixed_counts` says that the numbers of faces per label were fixed when
the test set was made, as AffectNet's 500 of each: the interval then answers "what if other faces of these labels had been
collected?", else "what if other faces had been?".

Ranks of a label with a single face, and averages in which every label has the same weight while one has a single face,
have NaN ends, as a single face does not show how it could vary. So have a number that no resample changes, because an
interval of no width would claim certainty, and macro precision where a label is predicted for fewer than
FEWEST_PREDICTED faces: `Bounds.reasons` says why.
"""

from dataclasses import dataclass, field

import numpy as np

from core.metrics import bootstrap, expression, large_samples, proportions
from core.metrics.affect import (
    affect_scores,
    concordance_error,
    concordance_interval,
    known_moments,
    scores_from_known_moments,
)
from core.metrics.calibration_interval import calibration_interval
from core.metrics.headline import HEADLINES, headlines_by
from core.metrics.rank_errors import RankScores, compute_rank_scores, logit_interval, newcombe_interval
from core.metrics.ranking import checked

LEVEL = 0.95

#: Up to this many faces every face is redrawn; beyond, means have their normal limit.
MOST_FACES_REDRAWN = 20_000

#: Areas of a label with fewer faces, or others, have Newcombe's interval.
FEW_RANKED = 100

#: Macro precision has no interval where a present label is predicted for fewer faces.
FEWEST_PREDICTED = 10

#: Methods by their names in scores.json.
WILSON = "Wilson"
TEST_INVERSION = "test inversion"
LINS_Z = "Lin's z"
DELONG = "DeLong, logit scale"
AREAS = f"Newcombe below {FEW_RANKED} faces of a label, else DeLong, logit scale"
JACKKNIFE = "jackknife, logit scale"
NORMAL = "normal limit"
BOOTSTRAP = "bootstrap"

_RANKS_PER_LABEL = ("auc", "average_precision")

Ends = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Bounds:
    """Intervals by the name of their number.

    Attributes:
        ends: lower and upper ends, shaped like the number itself; empty without resamples.
        methods: how they were computed.
        reasons: why a headline number that can be computed has none.
        rank_scores: the rank statistics that were computed on the way; None where they were left out.
    """

    ends: dict[str, Ends] = field(default_factory=dict)
    methods: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    rank_scores: RankScores | None = None


def intervals(
    truth: np.ndarray,
    probabilities: np.ndarray,
    *,
    resamples: int = 1000,
    seed: int = 0,
    affect: dict[str, tuple[np.ndarray, np.ndarray]] | None = None,
    ranks: bool = True,
    fixed_counts: bool = False,
) -> Bounds:
    """Intervals of all headline numbers, of the numbers per label (c,) and of pairwise_a (c, c).

    `truth` is (n,), `probabilities` (n, c). `affect` maps a name such as "valence" to (truth, prediction),
    each (n,) with NaN where unknown, and adds valence_rmse, valence_ccc, valence_pearson and valence_sagr.
    `ranks` off leaves out M, A(i, j) and the areas, which take longest where there are very many faces.
    `fixed_counts`: the numbers of faces per label were fixed by design. The same seed gives the same ends. Ends are NaN
    where no interval can be computed.

    Raises:
        ValueError: shapes do not fit together, there are no faces, or `resamples` is negative.
    """
    truth, probabilities = checked(truth, probabilities)
    if not len(truth) or resamples < 0:
        raise ValueError(f"{len(truth)} faces and {resamples} resamples; expected 1 or more and 0 or more.")
    if resamples == 0:
        return Bounds()
    rng = np.random.default_rng(seed)
    affect = affect or {}
    confusion = expression.confusion_matrix(truth, probabilities.argmax(axis=1), probabilities.shape[1])
    strata = bootstrap.strata_of(truth, fixed_counts=fixed_counts)
    rank_scores = compute_rank_scores(truth, probabilities, fixed_counts=fixed_counts) if ranks else None
    of_confusion = confusion_intervals(confusion, resamples, rng, fixed_counts=fixed_counts)
    ends, methods = dict(of_confusion.ends), dict(of_confusion.methods)
    of_means, method = _ends_of_means(truth, probabilities, affect, strata, resamples, rng)
    ends |= of_means
    methods |= dict.fromkeys(of_means, method)
    for name, pair in affect.items():
        of_affect = _ends_of_affect(*pair, strata)
        ends |= {f"{name}_{number}": each for number, each in of_affect.items()}
        methods |= {f"{name}_ccc": LINS_Z, f"{name}_sagr": WILSON}
    of_calibration = calibration_interval(truth, probabilities, resamples, rng, level=LEVEL)
    for metric in headlines_by("calibration"):
        ends[metric.name] = np.array(of_calibration[0]), np.array(of_calibration[1])
        methods[metric.name] = TEST_INVERSION
    if rank_scores:
        ends |= _ends_of_ranks(rank_scores, confusion.sum(axis=1))
        methods |= {"m_measure": DELONG, "average_precision": JACKKNIFE}
        methods |= {name: AREAS for name in ("pairwise_a", "auc")}
    ends, reasons = _without_false_certainty(ends, confusion)
    return Bounds(ends, methods, reasons | of_confusion.reasons, rank_scores)


def confusion_intervals(
    confusion: np.ndarray, resamples: int, rng: np.random.Generator, *, fixed_counts: bool = False
) -> Bounds:
    """Intervals of the headline numbers and the numbers per label that a confusion matrix (c, c) alone decides."""
    ends, methods = _ends_of_shares(confusion)
    redrawn = bootstrap.resample_confusion(confusion, resamples, rng, fixed_counts=fixed_counts)
    for metric in headlines_by("confusion"):
        value, (low, high) = metric.function(confusion), percentiles(metric.function(redrawn))
        # Draws from a prior need not reach what was observed.
        ends[metric.name] = np.minimum(low, value), np.maximum(high, value)
        methods[metric.name] = BOOTSTRAP
    ends, reasons = _without_false_certainty(ends, confusion)
    return Bounds(ends, methods, reasons)


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


def _ends_of_shares(confusion: np.ndarray) -> tuple[dict[str, Ends], dict[str, str]]:
    """Ends of the shares of a confusion matrix, by Wilson's interval, and their methods."""
    hits, named, faces = np.diagonal(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    shares = {"recall": (hits, faces), "precision": (hits, named)}
    shares |= {metric.name: (hits.sum(), faces.sum()) for metric in headlines_by("share")}
    ends = {name: proportions.wilson(*share, level=LEVEL) for name, share in shares.items()}
    low, high = proportions.f1_interval(hits, named + faces - hits, level=LEVEL)
    ends["f1"] = np.where(faces > 0, low, np.nan), np.where(faces > 0, high, np.nan)
    return ends, dict.fromkeys(ends, WILSON)


def _ends_of_means(
    truth: np.ndarray,
    probabilities: np.ndarray,
    affect: dict[str, tuple[np.ndarray, np.ndarray]],
    strata: np.ndarray,
    resamples: int,
    rng: np.random.Generator,
) -> tuple[dict[str, Ends], str]:
    """Ends of the numbers that are made of means, and their method."""
    metrics = headlines_by("mean")
    losses = [each.function(truth, probabilities) for each in metrics]
    columns = np.vstack([*losses, *(known_moments(*pair).T for pair in affect.values())]).T
    if len(truth) <= MOST_FACES_REDRAWN:
        (means,), method = (
            bootstrap.resample_faces(strata, [bootstrap.means(columns)], resamples, rng),
            BOOTSTRAP,
        )
    else:
        means, method = large_samples.draw_means(strata, columns, resamples, rng), NORMAL
    ends = {each.name: percentiles(means[:, column]) for column, each in enumerate(metrics)}
    of_affect = np.split(means[:, len(metrics) :], len(affect), axis=1) if affect else []
    for name, own in zip(affect, of_affect, strict=True):
        rmse, _, pearson, _ = scores_from_known_moments(own)
        ends |= {f"{name}_rmse": percentiles(rmse), f"{name}_pearson": percentiles(pearson)}
    return ends, method


def _ends_of_affect(truth: np.ndarray, predicted: np.ndarray, strata: np.ndarray) -> dict[str, Ends]:
    """Ends of the CCC and the sign agreement of (n,) annotations and predictions, NaN where unknown."""
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    scores = affect_scores(truth, predicted)
    error = concordance_error(truth, predicted, strata)
    agreed = round(scores.sagr * scores.faces) if scores.faces else 0
    found = {
        "ccc": concordance_interval(float(scores.ccc), error, LEVEL),
        "sagr": proportions.wilson(agreed, scores.faces, level=LEVEL),
    }
    return {name: (np.array(low), np.array(high)) for name, (low, high) in found.items()}


def _ends_of_ranks(scores: RankScores, faces: np.ndarray) -> dict[str, Ends]:
    """Ends of M, A(i, j), areas and average precisions; `faces` (c,) of each label."""
    rest = faces.sum() - faces
    return {
        "m_measure": logit_interval(scores.ranks.m, scores.m_error, LEVEL, freedom=scores.m_freedom),
        "pairwise_a": _ends_of_areas(scores.ranks.pairwise, scores.pairwise_error, faces[:, None], faces),
        "auc": _ends_of_areas(scores.auc, scores.auc_error, faces, rest),
        "average_precision": logit_interval(
            scores.average_precision, scores.average_precision_error, LEVEL, freedom=np.maximum(faces - 1, 1)
        ),
    }


def _ends_of_areas(areas: np.ndarray, errors: np.ndarray, m: np.ndarray, n: np.ndarray) -> Ends:
    """Ends of areas of any shape, of `m` against `n` faces."""
    low, high = logit_interval(areas, errors, LEVEL)
    m, n = np.broadcast_arrays(m, n, areas)[:2]
    for at in np.argwhere((np.minimum(m, n) < FEW_RANKED) | (areas <= 0) | (areas >= 1)):
        at = tuple(at)
        low[at], high[at] = newcombe_interval(float(areas[at]), int(m[at]), int(n[at]), LEVEL)
    return low, high


def _without_false_certainty(
    ends: dict[str, Ends], confusion: np.ndarray
) -> tuple[dict[str, Ends], dict[str, str]]:
    """The ends, NaN as the module's top says, and why by headline metric."""
    faces, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    single = faces == 1
    unknown = {name: single for name in _RANKS_PER_LABEL} | {"pairwise_a": single[:, None] | single}
    reasons = {}
    for name, metric in HEADLINES.items():
        if metric.equal_labels and single.any():
            reasons[name] = "a label has a single face"
    if (predicted[faces > 0] < FEWEST_PREDICTED).any():
        reasons.setdefault("macro_precision", f"a label is predicted for fewer than {FEWEST_PREDICTED} faces")
    result = {}
    for name, (low, high) in ends.items():
        hidden = unknown.get(name, np.False_) | (name in reasons) | (low == high)
        if name in HEADLINES and np.all(low == high):
            reasons.setdefault(name, "no resample changes it")
        result[name] = np.where(hidden, np.nan, low), np.where(hidden, np.nan, high)
    return result, {name: reasons[name] for name in HEADLINES if name in reasons and name in ends}
