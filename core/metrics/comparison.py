"""Is network B better than network A on the same faces? Paired differences, their 95% intervals, p-values.

Both networks answered the same faces, so what is hard for both cancels out, and far smaller differences show than
two separate intervals would let on. Which test gives which number:

====================  ===================================================================================================
number                method
====================  ===================================================================================================
accuracy              McNemar's mid-p, and Tango's interval made to agree with it (core.metrics.proportions)
macro-F1, M           approximate randomisation, and the interval that inverts it (core.metrics.randomisation); M beyond
                      MOST_FACES_REDRAWN faces with the normal limit of its swaps
CCC                   paired bootstrap: both networks under the same weights of the faces; beyond MOST_FACES_REDRAWN
                      faces the normal limit of the means that it is made of
calibration error     test inversion, with the noise of the paired bootstrap: calibration_difference
====================  ===================================================================================================

A bootstrap's p-value is twice the share of resamples on the other side of 0 (or at it), counting what was observed as
one more: the level at which the percentile interval just reaches 0. So p < 0.05 when and only when the interval leaves 0
out, here as in the other tests. Davison & Hinkley (1997), "Bootstrap Methods and their Application", sections 4.4 and
5.6; Efron & Tibshirani (1993), "An Introduction to the Bootstrap", section 15.4.

Noise raises a calibration error, and the more the better calibrated the network is, so the difference of the estimates
is biased. The interval is of the difference without that bias, and reaches to the estimated one; should the two have
opposite signs, p is 1.

Faces are redrawn as for the intervals of one network (core.metrics.intervals).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from core.metrics import bootstrap, large_samples, randomisation
from core.metrics.affect import KNOWN_MOMENTS, known_moments, scores_from_known_moments
from core.metrics.calibration import BINS
from core.metrics.calibration_difference import calibration_difference, gap_columns
from core.metrics.calibration_interval import calibration_gaps
from core.metrics.headline import CCC, Metric, compared_metrics, headlines_by
from core.metrics.intervals import LEVEL, MOST_FACES_REDRAWN, percentiles
from core.metrics.proportions import compare_shares
from core.metrics.ranking import checked, hand_till

AffectPairs = dict[str, tuple[np.ndarray, np.ndarray]]

Both = tuple[np.ndarray, np.ndarray]

#: Dimensions of affect whose CCC is compared.
_AFFECT = ("valence", "arousal")

MCNEMAR = "McNemar mid-p, Tango's interval"
RANDOMISATION = "approximate randomisation"
BOOTSTRAP = "paired bootstrap"
TEST_INVERSION = "test inversion"
_NAN = float("nan")


@dataclass(frozen=True)
class Difference:
    """One number of both networks on the same faces, and how sure it is that they differ."""

    name: str  # of a metric that is compared, see core.metrics.headline
    a: float
    b: float
    difference: float  # b - a
    low: float  # ends of the 95% interval of the difference; NaN where there is none
    high: float
    p: float  # two-sided
    p_corrected: float  # by Holm over all numbers that have one
    method: str  # MCNEMAR, RANDOMISATION, BOOTSTRAP or TEST_INVERSION

    @property
    def metric(self) -> Metric:
        return compared_metrics()[self.name]


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Step-down adjusted p-values in the given order; NaN stays NaN and is not counted.

    Holm (1979), "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6(2).
    """
    adjusted = np.array(p_values, np.float64)
    order = np.argsort(adjusted, kind="stable")[: np.count_nonzero(~np.isnan(adjusted))]  # NaN goes last
    steps = adjusted[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def compare_predictions(
    truth: np.ndarray,
    probabilities_a: np.ndarray,
    probabilities_b: np.ndarray,
    *,
    affect_a: AffectPairs | None = None,
    affect_b: AffectPairs | None = None,
    resamples: int = 2000,
    seed: int = 0,
    fixed_counts: bool = False,
) -> tuple[Difference, ...]:
    """Every number that two networks are compared on, on faces that both answered.

    `truth` is (n,), `probabilities_a` and `probabilities_b` (n, c). `affect_a` and `affect_b` map valence and arousal to
    (truth, prediction), each (n,) with NaN where unknown; a CCC is compared where both have it, on the faces known in
    both. `resamples` are those of the bootstrap and the swaps of the randomisation; `fixed_counts`: the numbers of faces per
    label were fixed by design. Exchanging A and B turns the signs around, up to the chance of the draws. The same seed
    gives the same result.

    Raises:
        ValueError: shapes do not fit together, there are no faces, or `resamples` is not positive.
    """
    truth, probabilities_a = checked(truth, probabilities_a)
    _, probabilities_b = checked(truth, probabilities_b)
    if probabilities_a.shape != probabilities_b.shape:
        raise ValueError(
            f"probabilities of A {probabilities_a.shape} and of B {probabilities_b.shape} must be of the same labels."
        )
    if not len(truth) or resamples < 1:
        raise ValueError(f"{len(truth)} faces and {resamples} resamples; expected 1 or more of both.")
    both = probabilities_a, probabilities_b
    affect = _known_in_both(affect_a or {}, affect_b or {})
    losses = [
        [each.function(truth, one) for one in both] for each in headlines_by("mean", compared=True)
    ]  # per metric A's and B's, (n,)
    columns = np.column_stack(
        [*(gap_columns(truth, each) for each in both)]
        + [known_moments(*pair) for pairs in affect.values() for pair in pairs]
        + [column for pair in losses for column in pair]
    )
    strata, rng = bootstrap.strata_of(truth, fixed_counts=fixed_counts), np.random.default_rng(seed)
    if len(truth) <= MOST_FACES_REDRAWN:
        (means,) = bootstrap.resample_faces(strata, [bootstrap.means(columns)], resamples, rng)
    else:
        means = large_samples.draw_means(strata, columns, resamples, rng)
    found = [
        *_from_confusions(truth, both, resamples, rng),
        *_from_pairs(truth, both, resamples, rng),
        *_calibration_errors(truth, both, means),
        *_means(losses, means[:, columns.shape[1] - 2 * len(losses) :]),
        *_cccs(affect, means[:, 2 * BINS :]),
    ]
    order = list(compared_metrics())
    rows = sorted(found, key=lambda row: order.index(row.name))
    corrected = holm([row.p for row in rows])
    return tuple(replace(row, p_corrected=float(p)) for row, p in zip(rows, corrected, strict=True))


def _from_confusions(truth: np.ndarray, both: Both, swaps: int, rng: np.random.Generator) -> list[Difference]:
    """The rows of accuracy and macro-F1."""
    c, predicted = both[0].shape[1], [each.argmax(axis=1) for each in both]
    cells = (truth.astype(np.int64) * c + predicted[0]) * c + predicted[1]
    counts = np.bincount(cells, minlength=c**3).reshape(c, c, c)
    observed = counts.sum(axis=2), counts.sum(axis=1)
    rows = []
    for metric in headlines_by("share", compared=True):
        a_is_right, b_is_right = (each == truth for each in predicted)
        changed = int((a_is_right & ~b_is_right).sum()), int((b_is_right & ~a_is_right).sum())
        shares = compare_shares(*changed, len(truth), level=LEVEL)
        rows.append(_row(metric, observed, (shares.low, shares.high, shares.p), MCNEMAR))
    for metric in headlines_by("confusion", compared=True):
        swapped = randomisation.swapped_differences(counts, metric.function, swaps, rng)
        difference = float(metric.function(observed[1]) - metric.function(observed[0]))
        test = randomisation.swap_test(difference, swapped, level=LEVEL)
        rows.append(_row(metric, observed, test, RANDOMISATION))
    return rows


def _from_pairs(truth: np.ndarray, both: Both, swaps: int, rng: np.random.Generator) -> list[Difference]:
    """The row of M; another metric of pairs has neither interval nor p-value."""
    pairwise = tuple(hand_till(truth, each).pairwise for each in both)
    rows = []
    for metric in headlines_by("pairs", compared=True):
        test = (_NAN, _NAN, _NAN)
        if metric.name == "m_measure":
            effects = randomisation.swap_effects_on_m(truth, both)
            if len(truth) <= MOST_FACES_REDRAWN:
                swapped = randomisation.swapped_sums(effects, swaps, rng)
                test = randomisation.swap_test(float(effects.sum()), swapped, level=LEVEL)
            else:
                test = randomisation.normal_swap_test(effects, level=LEVEL)
        rows.append(_row(metric, pairwise, test, RANDOMISATION))
    return rows


def _row(metric: Metric, inputs: Both, test: tuple[float, float, float], method: str) -> Difference:
    """The row of a metric of A's and B's inputs, from the ends of its interval and p; not yet corrected."""
    a, b = (float(metric.function(each)) for each in inputs)
    return Difference(metric.name, a, b, b - a, *test, _NAN, method)


def _means(losses: list[list[np.ndarray]], drawn: np.ndarray) -> list[Difference]:
    """`drawn` (resamples, q) are the means of A's and B's values per face, metric by metric."""
    return [
        _bootstrapped(
            metric.name, float(a.mean()), float(b.mean()), drawn[:, 2 * place + 1] - drawn[:, 2 * place]
        )
        for place, (metric, (a, b)) in enumerate(
            zip(headlines_by("mean", compared=True), losses, strict=True)
        )
    ]


def _calibration_errors(truth: np.ndarray, both: Both, drawn: np.ndarray) -> list[Difference]:
    return [
        _calibration_error(metric, truth, both, drawn)
        for metric in headlines_by("calibration", compared=True)
    ]


def _calibration_error(metric: Metric, truth: np.ndarray, both: Both, drawn: np.ndarray) -> Difference:
    """`drawn` (resamples, q) begins with the gaps per bin of A and of B."""
    a, b = (float(metric.function(truth, each)) for each in both)
    row = Difference(metric.name, a, b, b - a, _NAN, _NAN, _NAN, _NAN, TEST_INVERSION)
    if len(truth) < BINS:
        return row
    drawn = np.stack(np.split(drawn[:, : 2 * BINS], 2, axis=1))
    if np.allclose(*drawn, atol=1e-7):  # they never differ
        return replace(row, p=1.0)
    low, high, p = calibration_difference(
        tuple(calibration_gaps(truth, each) for each in both), drawn, level=LEVEL
    )
    turned_around = low > 0 > b - a or high < 0 < b - a
    return replace(row, low=min(low, b - a), high=max(high, b - a), p=1.0 if turned_around else p)


def _known_in_both(affect_a: AffectPairs, affect_b: AffectPairs) -> dict[str, tuple[tuple, tuple]]:
    """By dimension (truth, prediction) of A and of B, NaN on the faces that are not known in both."""
    result = {}
    for name in (name for name in _AFFECT if name in affect_a and name in affect_b):
        pairs = [np.array(pair, np.float64) for pair in (affect_a[name], affect_b[name])]
        unknown = np.isnan(pairs).any(axis=(0, 1))
        for pair in pairs:
            pair[:, unknown] = np.nan
        result[name] = tuple(pairs)
    return result


def _cccs(affect: dict[str, tuple[tuple, tuple]], drawn: np.ndarray) -> list[Difference]:
    """`drawn` (resamples, q) begins with the means of the known moments of A and B, dimension by dimension."""
    rows = []
    for name, pairs in affect.items():
        own, drawn = np.split(drawn, [2 * KNOWN_MOMENTS], axis=1)
        metric = CCC[f"{name}_ccc"]
        a, b = (metric.function(*pair) for pair in pairs)
        drawn_a, drawn_b = (scores_from_known_moments(each)[1] for each in np.split(own, 2, axis=1))
        rows.append(_bootstrapped(metric.name, a, b, drawn_b - drawn_a))
    return rows


def _bootstrapped(name: str, a: float, b: float, drawn: np.ndarray) -> Difference:
    """The row of a number from its differences on the resamples, (resamples,); not yet corrected."""
    drawn = np.round(drawn[~np.isnan(drawn)], 7)  # what rounding leaves is no difference
    unknown = Difference(name, a, b, b - a, _NAN, _NAN, _NAN, _NAN, BOOTSTRAP)
    if not len(drawn) or np.isnan(b - a):
        return unknown
    low, high = (float(end) for end in percentiles(drawn))
    if low == high:  # no width would claim certainty, see core.metrics.intervals
        return replace(unknown, p=1.0) if low == 0 else unknown
    beyond = min((drawn <= 0).sum(), (drawn >= 0).sum())
    p = min(1.0, 2 * float(beyond + 1) / (len(drawn) + 1))
    return replace(unknown, low=low, high=high, p=p)
