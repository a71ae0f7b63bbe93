"""Shares: Wilson's interval, that of F1, and McNemar's mid-p with Tango's interval, against published and second ones."""

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

from core.metrics.proportions import compare_shares, f1_interval, mcnemar_mid_p, tango_interval, wilson

Z = 1.959963984540054


def test_wilson_as_published_and_at_both_ends():
    # Newcombe (1998), Statistics in Medicine 17(8), 857-872, table I, method 3.
    for (hits, of), ends in {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }.items():
        np.testing.assert_allclose(wilson(hits, of), ends, atol=5e-5)
    assert wilson(20, 20) == pytest.approx((1 - 0.1611, 1.0), abs=5e-5)
    assert np.isnan(wilson(0, 0)).all()


@given(st.integers(1, 500), st.data())
def test_wilson_against_statsmodels(trials, data):
    hits = data.draw(st.integers(0, trials))
    np.testing.assert_allclose(
        wilson(hits, trials), proportion_confint(hits, trials, method="wilson"), atol=1e-12
    )


def test_wilson_of_arrays_is_that_of_each():
    hits, trials = np.array([0, 3, 10, 0]), np.array([10, 10, 10, 0])
    low, high = wilson(hits, trials)
    for at in range(4):
        np.testing.assert_equal((low[at], high[at]), wilson(hits[at], trials[at]))


def test_the_interval_of_f1_is_that_of_the_faces_named_by_either():
    # 6 hits, 3 false positives, 1 false negative: J = 6/10 with Wilson's (0.3127, 0.8318), F1 = 2 J / (1 + J) = 12/16.
    low, high = f1_interval(6, 10)
    assert (low, high) == pytest.approx((2 * 0.3127 / 1.3127, 2 * 0.8318 / 1.8318), abs=1e-4)
    assert low < 12 / 16 < high
    assert f1_interval(5, 5)[1] == 1 and f1_interval(0, 5)[0] == 0 and np.isnan(f1_interval(0, 0)).all()


def test_mid_p_as_published():
    # Fagerland, Lydersen & Laake (2013), table 1: 21 children before and after a stem cell transplantation, after
    # Bentur et al. (2009); 1 and 7 of them changed: 2 (1 + 8) / 2^8 less 8 / 2^8.
    assert mcnemar_mid_p(1, 7) == mcnemar_mid_p(7, 1) == pytest.approx(0.0390625, abs=1e-15)
    assert mcnemar_mid_p(0, 0) == mcnemar_mid_p(3, 3) == 1
    assert mcnemar_mid_p(0, 5) == pytest.approx(1 / 32)


@given(st.integers(0, 2000), st.integers(0, 2000))
def test_mid_p_is_statsmodels_exact_p_less_the_probability_of_what_was_observed(only_a, only_b):
    if only_a != only_b:
        exact = mcnemar([[0, only_a], [only_b, 0]], exact=True).pvalue
        expected = exact - binom.pmf(min(only_a, only_b), only_a + only_b, 0.5)
        assert mcnemar_mid_p(only_a, only_b) == pytest.approx(expected, rel=1e-7, abs=1e-12)


def test_mid_p_in_whole_numbers_where_floats_say_zero():
    exact = Fraction(2 * sum(comb(1075, fewer) for fewer in range(10)) + comb(1075, 10), 2**1075)
    assert mcnemar_mid_p(10, 1065) == pytest.approx(float(exact), rel=1e-9, abs=0)


@pytest.mark.parametrize(
    ("only_a", "only_b", "faces", "ends"),
    [
        # Fagerland, Lydersen & Laake (2014), Statistics in Medicine 33, tables 1 and 2: Bentur et al., Cavo et al.
        (7, 1, 21, (-0.517, -0.026)),
        (16, 6, 161, (-0.124, -0.005)),
        # None of 50 changed: -+ z^2 / (50 + z^2).
        (0, 0, 50, (-(Z**2) / (50 + Z**2), Z**2 / (50 + Z**2))),
    ],
)
def test_tango_as_published_and_by_hand(only_a, only_b, faces, ends):
    assert tango_interval(only_a, only_b, faces, Z) == pytest.approx(ends, abs=6e-4)


@pytest.mark.parametrize(("only_a", "only_b", "faces"), [(3, 9, 40), (0, 4, 25), (30, 12, 300), (5, 5, 11)])
def test_at_tangos_ends_the_score_statistic_is_z(only_a, only_b, faces):
    """The variance from a numeric maximum of the likelihood under the difference instead of the closed form."""

    def likelihood(share, difference):
        cells = np.array([share, share + difference, 1 - 2 * share - difference])
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where([only_a, only_b, faces - only_a - only_b], np.log(cells), 0.0)
        return -float(np.nan_to_num(np.dot([only_a, only_b, faces - only_a - only_b], logs), nan=-1e9))

    for end in tango_interval(only_a, only_b, faces, Z):
        limits = max(0.0, -end) + 1e-12, (1 - end) / 2 - 1e-12
        share = minimize_scalar(
            likelihood, bounds=limits, args=(end,), method="bounded", options={"xatol": 1e-10}
        ).x
        variance = faces * (2 * share + end * (1 - end))
        assert abs(only_b - only_a - faces * end) / np.sqrt(variance) == pytest.approx(Z, abs=1e-3)


def test_the_interval_leaves_zero_out_if_and_only_if_p_is_small():
    for changed in (*range(12), 21, 26, 31, 75, 104):
        for only_a in range(changed + 1):
            found = compare_shares(only_a, changed - only_a, 400)
            assert (found.p < 0.05) == (found.low > 0 or found.high < 0), (only_a, changed)
            assert found.low <= (changed - 2 * only_a) / 400 <= found.high


def test_exchanging_the_networks_turns_the_signs_around():
    there, back = compare_shares(12, 30, 500), compare_shares(30, 12, 500)
    assert (back.low, back.high, back.p) == pytest.approx((-there.high, -there.low, there.p), abs=1e-9)
    assert compare_shares(0, 10, 10).high == 1 and compare_shares(10, 0, 10).low == -1
