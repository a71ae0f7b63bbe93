"""Approximate randomisation: what would differ if the answers of two networks to each face had been swapped at random.

If two networks are equally good, each face's two answers could as well be those of A and of B by a coin's toss. The
difference is computed for many such swaps; p is the share of them, counting what was observed as one more, that differ
at least as much as was observed: Yeh (2000), "More accurate tests for the statistical significance of result
differences", COLING; Noreen (1989), "Computer-Intensive Methods for Testing Hypotheses". It holds for few faces and rare
labels, too, as it does not suppose a distribution.

The interval inverts the test: it has the differences d with which the observed less d would not have been refused. It
leaves 0 out if and only if p is below 1 - level.
"""

from collections.abc import Callable

import numpy as np
from scipy.special import ndtr, ndtri

from core.metrics.rank_errors import placement_sums

_NAN = float("nan")

#: Low and high end of the interval of a difference, and p.
Test = tuple[float, float, float]

#: Values of a swapped difference below this are no difference but rounding.
_ROUNDING = 1e-9

#: Faces worked on at once.
_AT_ONCE = 2**22


def swap_test(difference: float, swapped: np.ndarray, *, level: float = 0.95) -> Test:
    """Interval and p of an observed difference from those of swapped answers, (swaps,).

    Without an interval where no swap makes a difference, or where they are too few to refuse any difference.
    """
    if np.isnan(difference):
        return _NAN, _NAN, _NAN
    sizes = np.sort(np.abs(swapped))[::-1]
    p = float(1 + (sizes >= abs(difference) - _ROUNDING).sum()) / (len(sizes) + 1)
    # The largest distance from the observed difference with 1 + #{sizes >= it} at least (1 - level) (swaps + 1).
    place = int(np.ceil((1 - level) * (len(sizes) + 1) - 1e-9)) - 1
    if place < 1 or sizes[0] < _ROUNDING:
        return _NAN, _NAN, p
    half = float(sizes[place - 1])
    return difference - half, difference + half, p


def swapped_differences(
    counts: np.ndarray, number: Callable[[np.ndarray], np.ndarray], swaps: int, rng: np.random.Generator
) -> np.ndarray:
    """Differences of swapped answers, (swaps,), in a `number` of confusion matrices, (..., c, c) -> (...).

    `counts` (c, c, c) are the faces by true label, A's and B's prediction. Of the n faces of a label to which one network
    answers x and the other y, as many as a draw from the binomial distribution with n and 1/2 have A's answer x: exactly
    what swapping each of them gives. Exchanging A and B gives the same draws.
    """
    a, b = (np.repeat(counts.sum(axis=axis)[None].astype(np.float64), swaps, axis=0) for axis in (2, 1))
    a[:] = b[:] = (a + b) / 2
    between = np.triu(counts + counts.transpose(0, 2, 1), 1)
    for label, x, y in np.argwhere(between):
        faces = between[label, x, y]
        more = rng.binomial(faces, 0.5, size=swaps) - faces / 2
        for matrices, sign in ((a, 1), (b, -1)):
            matrices[:, label, x] += sign * more
            matrices[:, label, y] -= sign * more
    return number(b) - number(a)


def swap_effects_on_m(truth: np.ndarray, both: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Each face's part in M of B less M of A, (n,): swapping its answers turns the sign of its part, exactly.

    A pair of faces adds h(x, y) to A(i|j), 1, 1/2 or 0, and each of the two has an answer of A and one of B. In the
    difference of both networks, what the two swaps do together cancels out; what is left is the difference of the
    face's placements by B's answer and by A's, each among both answers of all other faces.
    """
    truth_twice, answers = np.concatenate([truth, truth]), np.concatenate(both)
    sums = placement_sums(truth_twice, answers)
    faces = np.bincount(truth)
    present = int((faces > 0).sum())
    pairs = present * (present - 1) / 2
    if not pairs:
        return np.full(len(truth), np.nan)
    return (sums[len(truth) :] - sums[: len(truth)]) / faces[truth] / pairs


def swapped_sums(effects: np.ndarray, swaps: int, rng: np.random.Generator) -> np.ndarray:
    """Sums of `effects` (n,) with random signs, (swaps,)."""
    sums = np.empty(swaps)
    at_once = max(1, _AT_ONCE // max(len(effects), 1))
    for start in range(0, swaps, at_once):
        size = min(at_once, swaps - start)
        signs = rng.integers(0, 2, size=(size, len(effects)), dtype=np.int8)
        sums[start : start + size] = effects @ (2.0 * signs.T - 1.0)
    return sums


def normal_swap_test(effects: np.ndarray, *, level: float = 0.95) -> Test:
    """As `swap_test` of the sum of `effects` (n,), for very many faces: its swaps are then normal, with mean 0."""
    difference, error = float(effects.sum()), float(np.sqrt((effects**2).sum()))
    if not error > _ROUNDING:
        return _NAN, _NAN, _NAN if np.isnan(error) else 1.0
    half = float(ndtri((1 + level) / 2)) * error
    return difference - half, difference + half, float(2 * ndtr(-abs(difference) / error))
