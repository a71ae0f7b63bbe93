"""Valence and arousal: RMSE, Lin's concordance, Pearson and sign agreement."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import root_mean_squared_error

from core.metrics.affect import affect_scores


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
