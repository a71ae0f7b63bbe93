"""Is network B better than network A on the same faces? Paired differences, their 95% intervals, p-values.

Both networks answered the same faces, so what is hard for both cancels out, and far smaller differences show than
two separate intervals would let on. Which test gives which number:

====================  =========================================  ==================================================
number                up to 20,000 faces                         more faces
====================  =========================================  ==================================================
accuracy              p: McNemar's exact test; interval as for   the same
                      macro-F1
macro-F1              paired bootstrap: both networks under the  the same, of the counts of (true, A's, B's) labels:
                      same weights of the faces                  multinomial per true label, not an approximation
M                     the same                                   normal, with DeLong's variance of the difference
CCC                   the same                                   normal limit of the means it is made of
calibration error     test inversion, with the noise of the      with the normal limit of that noise
                      paired bootstrap: calibration_difference
====================  =========================================  ==================================================

A bootstrap's p-value is twice the share of resamples on the other side of 0 (or at it), counting what was observed as
one more: the level at which the percentile interval just reaches 0, so that p < 0.05 when and only when the interval
leaves 0 out; a calibration error's is that of its test. Davison & Hinkley (1997), "Bootstrap Methods and their
Application", sections 4.4 and 5.6; Efron & Tibshirani (1993), "An Introduction to the Bootstrap", section 15.4.

In simulations (benchmarks/coverage.py --repetitions 1000) two equally good networks are called different in 3.6 to 5.5%
of test sets, by their calibration error in 2.6 to 4.2%, and in any number, corrected, in 1.9 to 2.8%; the intervals of
two that differ hold the difference in 93.3 to 96.9%.

Noise raises a calibration error, and the more the better calibrated the network is, so the difference of the estimates
is biased. The interval is of the difference without that bias, and reaches to the estimated one; should the two have
opposite signs, p is 1.

As for intervals, the numbers of faces per label are held fixed; where a label has a single face, macro-F1 and M have
neither interval nor p-value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import bdtr, ndtr, ndtri

from core.metrics import bootstrap, expression, large_samples
from core.metrics.affect import KNOWN_MOMENTS, known_moments, scores_from_known_moments
from core.metrics.calibration import BINS
from core.metrics.calibration_difference import calibration_difference, gap_columns
from core.metrics.calibration_interval import calibration_gaps
from core.metrics.headline import CCC, Metric, compared_metrics, headlines_by
from core.metrics.intervals import LEVEL, MOST_FACES_REDRAWN, percentiles
from core.metrics.ranking import checked, directional_auc

AffectPairs = dict[str, tuple[np.ndarray, np.ndarray]]

Both = tuple[np.ndarray, np.ndarray]

#: Dimensions of affect whose CCC is compared.
_AFFECT = ("valence", "arousal")

BOOTSTRAP = "paired bootstrap"
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
    method: str  # 'McNemar exact' or 'paired bootstrap'

    @property
    def metric(self) -> Metric:
        return compared_metrics()[self.name]


def mcnemar_exact(only_a: int, only_b: int) -> float:
    """Two-sided p of the faces that only A and that only B recognises; 1 when there are none.

    If both are equally good each such face is A's or B's by a coin's toss. McNemar (1947), "Note on the sampling error
    of the difference between correlated proportions or percentages", Psychometrika 12(2); exact and conditional:
    Fagerland, Lydersen & Laake (2013), BMC Medical Research Methodology 13.
    """
    return float(min(1.0, 2 * bdtr(min(only_a, only_b), only_a + only_b, 0.5)))


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
) -> tuple[Difference, ...]:
    """Every number that two networks are compared on, on faces that both answered.

    `truth` is (n,), `probabilities_a` and `probabilities_b` (n, c). `affect_a` and `affect_b` map valence and arousal to
    (truth, prediction), each (n,) with NaN where unknown; a CCC is compared where both have it, on the faces known in
    both. Swapping A and B turns the signs around, up to the chance of the draws. The same seed gives the same result.

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
    draw = _redrawn if len(truth) <= MOST_FACES_REDRAWN else _from_limits
    drawn = draw(truth, both, columns, resamples, np.random.default_rng(seed))
    found = [
        *_from_confusions(truth, both, drawn.confusions),
        *_from_pairs(truth, both, drawn.pairwise),
        *_calibration_errors(truth, both, drawn.means),
        *_means(losses, drawn.means[:, columns.shape[1] - 2 * len(losses) :]),
        *_cccs(affect, drawn.means[:, 2 * BINS :]),
    ]
    order = list(compared_metrics())
    rows = sorted(found, key=lambda row: order.index(row.name))
    corrected = holm([row.p for row in rows])
    return tuple(replace(row, p_corrected=float(p)) for row, p in zip(rows, corrected, strict=True))


@dataclass(frozen=True)
class _Drawn:
    """Metrics of both networks on the resamples, A first."""

    confusions: Both  # (resamples, c, c)
    pairwise: Both | None  # (resamples, c, c), A(i, j); None where the normal limit of M is used
    means: np.ndarray  # (resamples, q) of the columns


def _redrawn(
    truth: np.ndarray, both: Both, columns: np.ndarray, resamples: int, rng: np.random.Generator
) -> _Drawn:
    c = both[0].shape[1]
    statistics = [bootstrap.means(columns)]
    statistics += [bootstrap.confusions(truth, each.argmax(axis=1), c) for each in both]
    statistics += [bootstrap.directional(truth, each) for each in both]
    means, *confusions_and_areas = bootstrap.resample_faces(truth, statistics, resamples, rng)
    pairwise = [(each + each.transpose(0, 2, 1)) / 2 for each in confusions_and_areas[2:]]
    return _Drawn(tuple(confusions_and_areas[:2]), tuple(pairwise), means)


def _from_limits(
    truth: np.ndarray, both: Both, columns: np.ndarray, resamples: int, rng: np.random.Generator
) -> _Drawn:
    c = both[0].shape[1]
    cells = (truth.astype(np.int64) * c + both[0].argmax(axis=1)) * c + both[1].argmax(axis=1)
    counts = np.bincount(cells, minlength=c**3).reshape(c, c * c)
    counts = bootstrap.resample_confusion(counts, resamples, rng).reshape(resamples, c, c, c)
    means = large_samples.draw_means(truth, columns, resamples, rng)
    return _Drawn((counts.sum(axis=3), counts.sum(axis=2)), None, means)


def _from_confusions(truth: np.ndarray, both: Both, confusions: Both) -> list[Difference]:
    predicted = [each.argmax(axis=1) for each in both]
    observed = [expression.confusion_matrix(truth, each, both[0].shape[1]) for each in predicted]
    rows = []
    for metric in headlines_by("confusion", compared=True):
        a, b = (float(metric.function(each)) for each in observed)
        drawn_a, drawn_b = (metric.function(each) for each in confusions)
        row = _bootstrapped(metric.name, a, b, drawn_b - drawn_a)
        if metric.name == "accuracy":
            row = replace(row, p=_mcnemar(truth, *predicted), method="McNemar exact")
        rows.append(_unless_single(row, truth) if metric.equal_labels else row)
    return rows


def _mcnemar(truth: np.ndarray, predicted_a: np.ndarray, predicted_b: np.ndarray) -> float:
    a_is_right, b_is_right = predicted_a == truth, predicted_b == truth
    return mcnemar_exact(int((a_is_right & ~b_is_right).sum()), int((b_is_right & ~a_is_right).sum()))


def _from_pairs(truth: np.ndarray, both: Both, drawn: Both | None) -> list[Difference]:
    directional = [directional_auc(truth, each) for each in both]
    pairwise = [(each + each.T) / 2 for each in directional]
    rows = []
    for metric in headlines_by("pairs", compared=True):
        a, b = (float(metric.function(each)) for each in pairwise)
        if drawn is not None:
            drawn_a, drawn_b = (metric.function(each) for each in drawn)
            rows.append(_unless_single(_bootstrapped(metric.name, a, b, drawn_b - drawn_a), truth))
        else:
            rows.append(_delong(metric, a, b, large_samples.delong_difference(truth, *both)))
    return rows


def _delong(metric: Metric, a: float, b: float, error: float) -> Difference:
    """The row of M from the standard error of its difference; of another metric of pairs without interval and p-value."""
    row = Difference(metric.name, a, b, b - a, _NAN, _NAN, _NAN, _NAN, BOOTSTRAP)
    if metric.name != "m_measure":
        return row
    half = float(ndtri((1 + LEVEL) / 2) * error) or _NAN
    p = float(2 * ndtr(-abs(b - a) / error)) if error else 1.0
    return replace(row, low=b - a - half, high=b - a + half, p=p)


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
    row = Difference(metric.name, a, b, b - a, _NAN, _NAN, _NAN, _NAN, BOOTSTRAP)
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


def _unless_single(row: Difference, truth: np.ndarray) -> Difference:
    """Without interval and p-value where a label has a single face, which no resample varies."""
    return replace(row, low=_NAN, high=_NAN, p=_NAN) if (np.bincount(truth) == 1).any() else row
