"""Intervals: the resampling is exact, the analytic ones agree with it, and 95 % means 95 %."""

import numpy as np
import pytest

from core.metrics import bootstrap, calibration, expression, intervals, large_samples, ranking
from tests.test_metrics_ranking import softmax_faces


def population(faces_per_label, seed, *, sharpness=1.5):
    """Faces of three labels; sharpness 1.5 is calibrated when the labels are equally frequent."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(3), faces_per_label)
    logits = rng.standard_normal((len(truth), 3))
    logits[np.arange(len(truth)), truth] += 1.5
    probabilities = np.exp(sharpness * logits)
    return truth, probabilities / probabilities.sum(axis=1, keepdims=True)


#: Which entry of an array of ends belongs to the numbers of `headline`.
POSITION = {"recall": 1, "precision": 1, "auc": 1, "pairwise_a": (0, 1)}


def headline(truth, probabilities):
    confusion = expression.confusion_matrix(truth, probabilities.argmax(axis=1), 3)
    ranks = ranking.hand_till(truth, probabilities)
    return {
        "accuracy": expression.accuracy(confusion),
        "macro_f1": expression.macro_f1(confusion),
        "kappa": expression.cohen_kappa(confusion),
        "recall": expression.recall(confusion)[1],
        "precision": expression.precision(confusion)[1],
        "m_measure": ranks.m,
        "pairwise_a": ranks.pairwise[0, 1],
        "auc": ranking.one_vs_rest_auc(truth, probabilities)[1],
        "brier": calibration.brier_score(truth, probabilities),
        "expected_calibration_error": calibration.expected_calibration_error(truth, probabilities),
    }


@pytest.mark.parametrize("steps", [None, 3])
def test_weighted_scores_are_those_of_the_redrawn_faces(steps):
    truth, probabilities = softmax_faces(120, 4, steps=steps)
    by_label = np.argsort(truth, kind="stable")
    losses = calibration.brier_losses(truth, probabilities)
    resampled = bootstrap.resample_faces(truth, probabilities, losses[:, None], 20, np.random.default_rng(5))
    weights = bootstrap.draw_weights(np.bincount(truth), 20, np.random.default_rng(5)).astype(int)
    for r in range(20):
        drawn = np.repeat(by_label, weights[:, r])
        np.testing.assert_array_equal(np.bincount(truth[drawn]), np.bincount(truth))
        faces = truth[drawn], probabilities[drawn]
        np.testing.assert_allclose(resampled.directional[r], ranking.directional_auc(*faces), atol=1e-6)
        error = calibration.expected_calibration_error(*faces)
        assert resampled.calibration_error[r] == pytest.approx(error, abs=1e-6)
        assert resampled.means[r, 0] == pytest.approx(losses[drawn].mean(), abs=1e-6)


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


def test_delong_agrees_with_the_bootstrap():
    truth, probabilities = softmax_faces(3000, 4)
    resampled = bootstrap.resample_faces(
        truth, probabilities, np.zeros((3000, 1)), 1500, np.random.default_rng(0)
    ).directional
    errors = large_samples.delong_errors(truth, probabilities)
    pairwise = (resampled + resampled.transpose(0, 2, 1)) / 2
    upper = np.triu_indices(4, 1)
    np.testing.assert_allclose(errors.pairwise[upper], pairwise.std(axis=0)[upper], rtol=0.1)
    assert errors.m == pytest.approx(pairwise[:, *upper].mean(axis=1).std(), rel=0.08)
    areas = ranking.one_vs_rest_from_directional(resampled, np.bincount(truth))
    np.testing.assert_allclose(errors.auc, areas.std(axis=0), rtol=0.1)


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


def test_ninety_five_percent_means_ninety_five_percent():
    """Nominal 95 % intervals of 1,000 samples of 300 faces hold the population's value 95 % of the time."""
    true_values = headline(*population(200_000, seed=10**6))
    samples, held = 1000, dict.fromkeys(true_values, 0)
    for seed in range(samples):
        ends = intervals.intervals(*population(100, seed), resamples=199, seed=seed + 10_000).ends
        for name, value in true_values.items():
            low, high = (end[POSITION.get(name, ())] for end in ends[name])
            held[name] += low <= value <= high
    coverage = {name: count / samples for name, count in held.items()}
    calibration_error = coverage.pop("expected_calibration_error")
    assert 0.93 <= np.mean(list(coverage.values())) <= 0.97, coverage
    assert all(0.92 <= share <= 0.98 for share in coverage.values()), coverage
    assert 0.9 <= calibration_error <= 1.0


def test_a_calibrated_network_may_be_calibrated_and_a_boastful_one_not():
    low, _ = intervals.intervals(*population(500, 1)).ends["expected_calibration_error"]
    assert low == 0
    low, _ = intervals.intervals(*population(500, 1, sharpness=3)).ends["expected_calibration_error"]
    assert low > 0.03


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


def test_the_bias_of_the_calibration_error_is_taken_off():
    # 199 resamples from 0.10 to 0.14: ends number 5 and 195; the estimate 0.11 lies 0.01 under their mean.
    errors = np.linspace(0.10, 0.14, 199)
    step = 0.04 / 198
    low, high = intervals._calibration_ends(errors, 0.11, if_calibrated=np.full(99, 0.05))
    assert low == pytest.approx(2 * 0.11 - (0.10 + 194 * step))
    assert high == pytest.approx(0.10 + 194 * step - 0.01)
    low, _ = intervals._calibration_ends(errors, 0.11, if_calibrated=np.full(99, 0.12))
    assert low == 0
