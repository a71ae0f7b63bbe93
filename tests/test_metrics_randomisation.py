"""Approximate randomisation: the swaps are exact, p and interval go together, and small cases are counted by hand."""

from itertools import product

import numpy as np
import pytest

from core.metrics import expression, randomisation, ranking
from core.metrics.randomisation import (
    normal_swap_test,
    swap_effects_on_m,
    swap_test,
    swapped_differences,
    swapped_sums,
)
from tests.test_metrics_ranking import softmax_faces


def two(n=40, c=4, *, steps=None):
    truth, a = softmax_faces(n, c, steps=steps, seed=1)
    _, b = softmax_faces(n, c, steps=steps, seed=2)
    return truth, a, b[np.argsort(np.argsort(np.random.default_rng(0).random(n)))]


@pytest.mark.parametrize("steps", [None, 4])
def test_a_swap_turns_the_sign_of_a_faces_part_in_m_exactly(steps):
    truth, a, b = two(steps=steps)
    effects, rng = swap_effects_on_m(truth, (a, b)), np.random.default_rng(3)
    assert effects.sum() == pytest.approx(
        ranking.m_measure(truth, b) - ranking.m_measure(truth, a), abs=1e-12
    )
    for _ in range(10):
        swapped = rng.random(len(truth)) < 0.5
        one, other = np.where(swapped[:, None], b, a), np.where(swapped[:, None], a, b)
        difference = ranking.m_measure(truth, other) - ranking.m_measure(truth, one)
        assert (np.where(swapped, -1, 1) * effects).sum() == pytest.approx(difference, abs=1e-12)


def test_effects_on_m_of_a_single_label_and_of_equal_networks():
    truth, a, b = two()
    assert np.isnan(swap_effects_on_m(np.zeros(40, int), (a, b))).all()
    np.testing.assert_allclose(swap_effects_on_m(truth, (a, a)), 0, atol=1e-15)


def test_swapped_macro_f1_has_the_values_and_shares_of_all_swaps():
    # 3 faces whose answers differ and 4 whose do not: 8 swaps.
    truth, a, b = (
        np.array([0, 0, 0, 1, 1, 2, 2]),
        np.array([0, 1, 0, 1, 0, 2, 2]),
        np.array([0, 0, 2, 1, 1, 2, 2]),
    )
    every = []
    for swaps in product([False, True], repeat=7):
        one, other = np.where(swaps, b, a), np.where(swaps, a, b)
        numbers = [expression.macro_f1(expression.confusion_matrix(truth, each, 3)) for each in (one, other)]
        every.append(numbers[1] - numbers[0])
    counts = np.bincount((truth * 3 + a) * 3 + b, minlength=27).reshape(3, 3, 3)
    drawn = swapped_differences(counts, expression.macro_f1, 20_000, np.random.default_rng(0))
    np.testing.assert_allclose(np.unique(drawn.round(9)), np.unique(np.round(every, 9)))
    for value in np.unique(np.round(every, 9)):
        expected = np.mean(np.isclose(every, value))
        assert np.mean(np.isclose(drawn, value)) == pytest.approx(expected, abs=0.015)


def test_p_and_interval_by_hand():
    # 39 swaps: 0.01, 0.02, ... 0.39. Of them 30 are at least 0.10: p = 31/40. Two of 40 may be refused: the observed
    # one and the largest, so the interval reaches as far as the largest swap: p of that distance is 2/40.
    swapped = np.arange(1, 40) / 100 * np.resize([1, -1], 39)
    low, high, p = swap_test(0.1, swapped)
    assert p == pytest.approx(31 / 40) and (low, high) == pytest.approx((0.1 - 0.39, 0.1 + 0.39))
    assert swap_test(0.395, swapped)[::2] == pytest.approx((0.005, 1 / 40))
    assert swap_test(-0.1, swapped) == pytest.approx((-high, -low, p))


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_leaves_zero_out_if_and_only_if_p_is_small(seed):
    rng = np.random.default_rng(seed)
    low, high, p = swap_test(rng.normal(0, 2), rng.standard_normal(999).round(1))
    assert (p < 0.05) == (low > 0 or high < 0)


def test_no_interval_where_no_swap_differs_or_swaps_are_too_few():
    assert swap_test(0.0, np.zeros(99))[2] == 1 and np.isnan(swap_test(0.0, np.zeros(99))[:2]).all()
    assert np.isnan(swap_test(0.5, np.ones(10) / 10)[:2]).all()
    assert np.isnan(swap_test(np.nan, np.ones(99))).all()
    assert normal_swap_test(np.zeros(5))[2] == 1 and np.isnan(normal_swap_test(np.full(5, np.nan))).all()


def test_the_normal_limit_is_that_of_many_swaps(monkeypatch):
    effects = np.random.default_rng(0).standard_normal(3000) / 1000 + 2e-5
    monkeypatch.setattr(randomisation, "_AT_ONCE", 10_000)
    swapped = swapped_sums(effects, 4000, np.random.default_rng(1))
    assert swapped.mean() == pytest.approx(0, abs=4 * swapped.std() / 63)
    ours, limit = swap_test(float(effects.sum()), swapped), normal_swap_test(effects)
    assert ours == pytest.approx(limit, abs=0.06 * (limit[1] - limit[0]))
