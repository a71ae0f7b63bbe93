"""Shares of faces: Wilson's interval, that of F1 made from it, and the difference of two networks' shares on the same faces.

Counts are whole numbers, or arrays of them. All intervals stay within their range and have a width where every face
is right, or none.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import bdtr, ndtri

LEVEL = 0.95

Ends = tuple[np.ndarray, np.ndarray]


def wilson(successes: np.ndarray, trials: np.ndarray, *, level: float = LEVEL) -> Ends:
    """Ends of the score interval of shares, 0 to 1; NaN without trials.

    Wilson (1927), "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22(158).
    """
    successes, trials = np.asarray(successes, np.float64), np.asarray(trials, np.float64)
    z = ndtri((1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = successes / trials
        middle = share + z**2 / (2 * trials)
        half = z * np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2))
        low, high = ((middle + end * half) / (1 + z**2 / trials) for end in (-1, 1))
    # Rounding leaves the outer ends a hair away from 0 and 1.
    low, high = np.where(successes == 0, 0.0, low), np.where(successes == trials, 1.0, high)
    known = trials > 0
    return np.where(known, low, np.nan)[()], np.where(known, high, np.nan)[()]


def f1_interval(hits: np.ndarray, named: np.ndarray, *, level: float = LEVEL) -> Ends:
    """Ends of the interval of F1, 0 to 1, from TP (`hits`) and TP + FP + FN (`named`); NaN where that is 0.

    The second are the faces that are annotated or predicted as the label; the share J of the first among them
    (Jaccard's) is one of independent faces, so that Wilson's interval applies, and F1 = 2 J / (1 + J) rises with J.
    """
    low, high = (2 * end / (1 + end) for end in wilson(hits, named, level=level))
    return low, high


@dataclass(frozen=True)
class PairedShares:
    """Shares of the same faces that two networks recognise: B's less A's.

    Attributes:
        low, high: ends of the interval of the difference, -1 to 1.
        p: two-sided; below 1 - level if and only if the interval leaves 0 out.
    """

    low: float
    high: float
    p: float


def compare_shares(only_a: int, only_b: int, faces: int, *, level: float = LEVEL) -> PairedShares:
    """Test and interval of the difference in accuracy of two networks, (only_b - only_a) / faces.

    `only_a` and `only_b` are the faces that only A and only B recognises. The p-value is `mcnemar_mid_p`, the interval
    Tango's, with the critical value of `_critical_value`, so that both agree.
    """
    z = _critical_value(only_a + only_b, level)
    low, high = tango_interval(only_a, only_b, faces, z)
    return PairedShares(low, high, mcnemar_mid_p(only_a, only_b))


def mcnemar_mid_p(only_a: int, only_b: int) -> float:
    """Two-sided mid-p of the faces that only A and that only B recognises; 1 when there are as many of both.

    If both are equally good each such face is A's or B's with a probability of 1/2: the binomial test, in which what
    was observed counts half. McNemar (1947), "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12(2); mid-p: Fagerland, Lydersen & Laake (2013), "The McNemar test for
    binary matched-pairs data: mid-p and asymptotic are better than exact conditional", BMC Medical Research
    Methodology 13.
    """
    return float(_mid_p(np.array(min(only_a, only_b)), only_a + only_b))


def tango_interval(only_a: int, only_b: int, faces: int, z: float) -> tuple[float, float]:
    """Ends of the score interval of the difference of two paired shares, -1 to 1.

    The differences whose score statistic, with the share of faces that only A recognises at its most likely value
    under the difference, is at most `z`: Tango (1998), "Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design", Statistics in Medicine 17(8).
    """

    def statistic(difference: float) -> float:
        linear = (2 * faces + only_a - only_b) * difference - only_a - only_b
        constant = -only_a * difference * (1 - difference)
        share = (np.sqrt(max(linear**2 - 8 * faces * constant, 0.0)) - linear) / (4 * faces)
        variance = faces * (2 * share + difference * (1 - difference))
        distance = only_b - only_a - faces * difference
        return float(distance / np.sqrt(max(variance, 1e-18)))

    observed, edge = (only_b - only_a) / faces, 1 - 1e-12
    low = -1.0 if observed == -1 else brentq(lambda d: statistic(d) - z, -edge, observed)
    high = 1.0 if observed == 1 else brentq(lambda d: statistic(d) + z, observed, edge)
    return float(low), float(high)


def _mid_p(few: np.ndarray, changed: int) -> np.ndarray:
    """Two-sided mid-p of `few` of `changed` tosses of a coin, at most half of them."""
    below = np.where(few > 0, bdtr(np.maximum(few - 1, 0), changed, 0.5), 0.0)
    return np.where(2 * few == changed, 1.0, below + bdtr(few, changed, 0.5))


def _critical_value(changed: int, level: float) -> float:
    """The critical value of Tango's statistic with which it refuses equality if and only if the mid-p test does.

    With `changed` faces that one network alone recognises, the statistic of equality is |only_b - only_a| /
    sqrt(changed), in steps of 2 / sqrt(changed). The normal quantile nearly always lies between the largest that the
    mid-p test accepts and the smallest that it refuses; for some numbers, such as 21, the nearest value between both
    is taken.
    """
    z = float(ndtri((1 + level) / 2))
    if not changed:
        return z
    refused = _mid_p(np.arange(changed // 2 + 1), changed) < 1 - level
    apart = changed - 2 * (int(refused.sum()) - 1)  # the smallest difference that is refused
    accepted, beyond = (apart - 2) / np.sqrt(changed), apart / np.sqrt(changed)
    return float(np.clip(z, accepted * (1 + 1e-6), beyond * (1 - 1e-6)))
