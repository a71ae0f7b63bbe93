"""Intervals: the resampling is exact, the analytic ones agree with it, and 95% means 95%."""

import numpy as np
import pytest

from core.metrics import bootstrap, calibration, expression, intervals, large_samples, ranking
from tests.test_metrics_ranking import softmax_faces


@pytest.mark.parametrize("steps", [None, 3])
def test_weighted_scores_are_those_of_the_redrawn_faces(steps):
    truth, probabilities = softmax_faces(120, 4, steps=steps)
    by_label = np.argsort(truth, kind="stable")
    losses, predicted = calibration.brier_losses(truth, probabilities), probabilities.argmax(axis=1)
    statistics = [
        bootstrap.directional(truth, probabilities),
        bootstrap.average_precisions(truth, probabilities),
        bootstrap.confusions(truth, predicted, 4),
        bootstrap.means(losses[:, None]),
    ]
    resampled = bootstrap.resample_faces(truth, statistics, 20, np.random.default_rng(5))
    weights = bootstrap.draw_weights(np.bincount(truth), 20, np.random.default_rng(5)).astype(int)
    for r in range(20):
        drawn = np.repeat(by_label, weights[:, r])
        np.testing.assert_array_equal(np.bincount(truth[drawn]), np.bincount(truth))
        areas, precisions, confusions, means = (each[r] for each in resampled)
        faces = truth[drawn], probabilities[drawn]
        np.testing.assert_allclose(areas, ranking.directional_auc(*faces), atol=1e-6)
        np.testing.assert_allclose(precisions, ranking.average_precision(*faces), atol=1e-6)
        expected = expression.confusion_matrix(truth[drawn], predicted[drawn], 4)
        np.testing.assert_array_equal(confusions, expected)
        assert means[0] == pytest.approx(losses[drawn].mean(), abs=1e-6)


def test_absent_labels_have_no_resampled_ranks():
    truth, probabilities = softmax_faces(60, 4)
    here = truth != 2
    truth, probabilities = truth[here], probabilities[here]
    statistics = [
        bootstrap.average_precisions(truth, probabilities),
        bootstrap.confusions(truth, probabilities.argmax(axis=1), 4),
    ]
    precisions, confusions = bootstrap.resample_faces(truth, statistics, 3, np.random.default_rng(0))
    np.testing.assert_array_equal(np.isnan(precisions), [[False, False, True, False]] * 3)
    assert (confusions[:, 2] == 0).all() and (confusions.sum(axis=(1, 2)) == len(truth)).all()


def test_confusion_resamples_keep_each_labels_faces_and_have_multinomial_spread():
    confusion = np.array([[80, 15, 5], [0, 0, 0], [10, 10, 30]])
    drawn = bootstrap.resample_confusion(confusion, 20_000, np.random.default_rng(0))
    assert (drawn.sum(axis=2) == [100, 0, 50]).all()
    np.testing.assert_allclose(drawn.mean(axis=0), confusion, atol=0.15)
    assert drawn[:, 0, 0].var() == pytest.approx(100 * 0.8 * 0.2, rel=0.05)


def test_delongs_variance_by_hand():
    # Positives .8 .4, negatives .6 .2: placements 1, 1/2 and 1/2, 1, each with variance 1/8 over 2 faces.
    p = np.array([0.8, 0.4, 0.6, 0.2])
    errors = large_samples.delong_errors(np.array([0, 0, 1, 1]), np.column_stack([p, 1 - p]))
    expected = np.sqrt(1 / 16 + 1 / 16)
    assert errors.m == pytest.approx(expected)
    assert errors.pairwise[0, 1] == errors.pairwise[1, 0] == pytest.approx(expected)
    np.testing.assert_allclose(errors.auc, expected)


def test_the_error_of_an_average_precision_by_hand():
    # A positive, one other, a positive: precision 1 and 2/3. One more of the first changes the mean by 1 + 1/9 of
    # its half, of the second by 2/3 + 1/9; the other face is its label's only one and counts as fixed. The error is
    # that of the mean of two numbers 1/3 apart, (1/3)^2 / 2 / 2, times 2 faces, over 2 positives.
    p = np.array([0.9, 0.5, 0.1])
    errors = large_samples.average_precision_errors(np.array([0, 1, 0]), np.column_stack([p, 1 - p]))
    assert errors[0] == pytest.approx(1 / 6)
    assert np.isnan(errors[1])


@pytest.mark.parametrize("steps", [None, 9])
def test_analytic_errors_agree_with_the_bootstrap(steps):
    truth, probabilities = softmax_faces(3000, 4, steps=steps)
    statistics = [
        bootstrap.directional(truth, probabilities),
        bootstrap.average_precisions(truth, probabilities),
    ]
    resampled, precisions = bootstrap.resample_faces(truth, statistics, 1500, np.random.default_rng(0))
    errors = large_samples.delong_errors(truth, probabilities)
    pairwise = (resampled + resampled.transpose(0, 2, 1)) / 2
    upper = np.triu_indices(4, 1)
    np.testing.assert_allclose(errors.pairwise[upper], pairwise.std(axis=0)[upper], rtol=0.1)
    assert errors.m == pytest.approx(pairwise[:, *upper].mean(axis=1).std(), rel=0.08)
    areas = ranking.one_vs_rest_from_directional(resampled, np.bincount(truth))
    np.testing.assert_allclose(errors.auc, areas.std(axis=0), rtol=0.1)
    errors = large_samples.average_precision_errors(truth, probabilities)
    np.testing.assert_allclose(errors, precisions.std(axis=0), rtol=0.1)


def test_both_sides_of_the_limit_give_the_same_intervals(monkeypatch):
    truth, probabilities = softmax_faces(4000, 4)
    rng = np.random.default_rng(2)
    valence = rng.uniform(-1, 1, 4000)
    valence[:500] = np.nan
    pair = {"valence": (valence, 0.5 * valence + rng.normal(0, 0.3, 4000))}
    redrawn = intervals.intervals(truth, probabilities, affect=pair)
    monkeypatch.setattr(intervals, "MOST_FACES_REDRAWN", 100)
    analytic = intervals.intervals(truth, probabilities, affect=pair)
    assert redrawn.method != analytic.method
    assert redrawn.ends.keys() == analytic.ends.keys()
    for name, (low, high) in redrawn.ends.items():
        tolerance = 0.25 * np.nanmax(high - low)
        for ours, theirs in zip((low, high), analytic.ends[name], strict=True):
            np.testing.assert_allclose(ours, theirs, atol=tolerance, err_msg=name)


def test_the_seed_decides():
    faces = softmax_faces(200, 3)
    first, again = intervals.intervals(*faces, seed=1), intervals.intervals(*faces, seed=1)
    other = intervals.intervals(*faces, seed=2)
    for name, ends in first.ends.items():
        np.testing.assert_array_equal(ends, again.ends[name], err_msg=name)
    assert first.ends["m_measure"] != other.ends["m_measure"]


def test_single_faces_and_zero_widths_have_no_interval():
    truth = np.array([0] * 20 + [1] * 20 + [2])
    probabilities = np.full((41, 3), 0.2)
    probabilities[np.arange(41), truth] = 0.6
    probabilities[:5] = [0.3, 0.6, 0.1]
    ends = intervals.intervals(truth, probabilities, resamples=200).ends
    for name in ("balanced_accuracy", "macro_f1", "m_measure"):
        assert np.isnan(ends[name]).all(), name
    assert np.isnan(ends["f1"][0][2]) and np.isnan(ends["pairwise_a"][0][0, 2])
    assert np.isnan(ends["recall"][0][1])  # always recognised: no resample differs
    assert ends["recall"][0][0] < 0.75 < ends["recall"][1][0]
    assert ends["accuracy"][0] < 36 / 41 < ends["accuracy"][1]


def test_percentiles_against_numpy_with_and_without_nan():
    values = np.random.default_rng(0).standard_normal((101, 3))
    values[:30, 1], values[:, 2] = np.nan, np.nan
    low, high = intervals.percentiles(values)
    np.testing.assert_allclose(low[:2], np.nanquantile(values[:, :2], 0.025, axis=0, method="weibull"))
    np.testing.assert_allclose(high[:2], np.nanquantile(values[:, :2], 0.975, axis=0, method="weibull"))
    assert np.isnan(low[2]) and np.isnan(high[2])


def test_no_resamples_no_intervals_and_nonsense_is_refused():
    assert intervals.intervals(*softmax_faces(10, 3), resamples=0).ends == {}
    with pytest.raises(ValueError, match="0 faces and 1000 resamples; expected 1 or more and 0 or more"):
        intervals.intervals(np.zeros(0, int), np.zeros((0, 3)))
    with pytest.raises(ValueError, match="10 faces and -1 resamples"):
        intervals.intervals(*softmax_faces(10, 3), resamples=-1)
