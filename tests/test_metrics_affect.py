"""Valence and arousal: RMSE, Lin's concordance, Pearson and sign agreement."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import root_mean_squared_error

from core.metrics.affect import affect_scores, concordance_error, concordance_interval


def test_lins_concordance_by_hand():
    # Variances 1/6 and 1/24, covariance 1/12, equal means: 2/12 / (1/6 + 1/24) = 0.8
    scores = affect_scores(np.array([0.0, 0.5, 1.0]), np.array([0.25, 0.5, 0.75]))
    assert scores.ccc == pytest.approx(0.8, abs=1e-14)
    assert scores.pearson == pytest.approx(1.0, abs=1e-14)
    assert scores.rmse == pytest.approx(np.sqrt(1 / 24))
    assert scores.sagr == pytest.approx(2 / 3)  # 0 and 0.25 differ in sign
    assert scores.faces == 3


def test_a_shift_lowers_concordance_and_not_correlation():
    # 2/6 / (2/6 + 0.5^2) = 4/7
    truth = np.array([0.0, 0.5, 1.0])
    scores = affect_scores(truth, truth + 0.5)
    assert scores.ccc == pytest.approx(4 / 7, abs=1e-14)
    assert scores.pearson == pytest.approx(1.0)


def test_random_cases_against_scipy_and_scikit_learn():
    rng = np.random.default_rng(1)
    truth, predicted = rng.uniform(-1, 1, (2, 500))
    predicted = 0.6 * truth + 0.4 * predicted
    scores = affect_scores(truth, predicted)
    assert scores.pearson == pytest.approx(pearsonr(truth, predicted).statistic, abs=1e-12)
    assert scores.rmse == pytest.approx(root_mean_squared_error(truth, predicted), abs=1e-12)
    covariance = np.cov(truth, predicted, bias=True)
    ccc = 2 * covariance[0, 1] / (np.trace(covariance) + (truth.mean() - predicted.mean()) ** 2)
    assert scores.ccc == pytest.approx(ccc, abs=1e-12)
    assert scores.sagr == np.mean((truth > 0) == (predicted > 0))


def test_unknown_rows_do_not_count():
    truth, predicted = np.array([0.1, np.nan, 0.5, -0.2]), np.array([0.2, 0.3, np.nan, -0.4])
    assert affect_scores(truth, predicted) == affect_scores(truth[[0, 3]], predicted[[0, 3]])
    assert affect_scores(truth, predicted).faces == 2


def test_constants():
    varying, constant = np.array([0.1, 0.4, -0.7]), np.full(3, 0.1)
    flat_truth = affect_scores(constant, varying)
    assert np.isnan(flat_truth.ccc) and np.isnan(flat_truth.pearson) and flat_truth.rmse > 0
    flat_prediction = affect_scores(varying, constant)
    assert flat_prediction.ccc == 0 and np.isnan(flat_prediction.pearson)


def test_no_known_row_gives_nan():
    scores = affect_scores(np.array([np.nan, 0.1]), np.array([0.1, np.nan]))
    assert scores.faces == 0
    assert np.isnan([scores.rmse, scores.ccc, scores.pearson, scores.sagr]).all()


def test_lengths_are_checked():
    with pytest.raises(
        ValueError, match=r"truth \(2,\) and predicted \(3,\) must be one-dimensional and equally"
    ):
        affect_scores(np.zeros(2), np.zeros(3))


def lins_error(ccc, r, u, n):
    """Lin (1989), with the corrections of (2000) in Biometrics 56(1): standard error of the CCC of n normal pairs."""
    variance = (1 - r**2) * ccc**2 * (1 - ccc**2) / r**2
    variance += 2 * ccc**3 * (1 - ccc) * u**2 / r - ccc**4 * u**4 / (2 * r**2)
    return np.sqrt(variance / (n - 2))


@pytest.mark.parametrize(("shift", "scale"), [(0.0, 1.0), (0.4, 1.0), (0.3, 0.6)])
def test_the_error_of_the_ccc_is_lins_where_values_are_normal(shift, scale):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(40_000)
    y = scale * (0.7 * x + np.sqrt(1 - 0.49) * rng.standard_normal(40_000)) + shift
    scores = affect_scores(x, y)
    u = (x.mean() - y.mean()) / np.sqrt(x.std() * y.std())
    expected = lins_error(scores.ccc, scores.pearson, u, 40_000)
    assert concordance_error(x, y, np.zeros(40_000, int)) == pytest.approx(expected, rel=0.03)


def test_the_error_of_the_ccc_is_that_of_the_jackknife_and_less_within_strata():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, 300)
    y = np.where(rng.random(300) < 0.1, 0.0, 0.6 * x + rng.normal(0, 0.2, 300))
    x[:5] = np.nan
    left_out = [affect_scores(np.delete(x, i), np.delete(y, i)).ccc for i in range(5, 300)]
    jackknife = np.sqrt(294 / 295 * ((left_out - np.mean(left_out)) ** 2).sum())
    assert concordance_error(x, y, np.zeros(300, int)) == pytest.approx(jackknife, rel=0.01)
    strata = np.digitize(np.nan_to_num(x), [-0.5, 0, 0.5])
    assert concordance_error(x, y, strata) < jackknife


def test_lins_z_by_hand_and_without_an_error():
    # atanh(0.6) = ln 2, and 1.96 times 0.064 / (1 - 0.36) is 0.196.
    low, high = concordance_interval(0.6, 0.064, 0.95)
    assert (low, high) == pytest.approx((np.tanh(np.log(2) - 0.196), np.tanh(np.log(2) + 0.196)), abs=1e-5)
    for ccc, error in ((1.0, 0.1), (-1.0, 0.1), (np.nan, 0.1), (0.5, 0.0), (0.5, np.nan)):
        assert np.isnan(concordance_interval(ccc, error, 0.95)).all()
    assert np.isnan(concordance_error(np.ones(9), np.arange(9.0), np.zeros(9, int)))
