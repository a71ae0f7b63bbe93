"""Intervals: the resampling is exact, the analytic ones agree with it, and 95% means 95%."""

import numpy as np
import pytest

from core.metrics import bootstrap, calibration, intervals
from core.metrics.rank_errors import logit_interval, newcombe_interval
from tests.test_metrics_ranking import softmax_faces


def test_weighted_means_are_those_of_the_redrawn_faces():
    truth, probabilities = softmax_faces(120, 4)
    by_label = np.argsort(truth, kind="stable")
    losses = calibration.brier_losses(truth, probabilities)
    for fixed_counts, faces in ((True, np.bincount(truth)), (False, np.array([120]))):
        strata = bootstrap.strata_of(truth, fixed_counts=fixed_counts)
        (means,) = bootstrap.resample_faces(
            strata, [bootstrap.means(losses[:, None])], 20, np.random.default_rng(5)
        )
        weights = bootstrap.draw_weights(faces, 20, np.random.default_rng(5)).astype(int)
        for r in range(20):
            drawn = np.repeat(by_label if fixed_counts else np.arange(120), weights[:, r])
            assert len(drawn) == 120
            if fixed_counts:
                np.testing.assert_array_equal(np.bincount(truth[drawn]), np.bincount(truth))
            assert means[r, 0] == pytest.approx(losses[drawn].mean(), abs=1e-6)


def test_confusion_resamples_keep_each_labels_faces_where_they_are_fixed_and_have_multinomial_spread():
    confusion = np.array([[80, 15, 5], [0, 0, 0], [10, 10, 30]])
    drawn = bootstrap.resample_confusion(confusion, 20_000, np.random.default_rng(0), fixed_counts=True)
    assert (drawn.sum(axis=2) == [100, 0, 50]).all()
    np.testing.assert_allclose(drawn.mean(axis=0), confusion, atol=0.15)
    assert drawn[:, 0, 0].var() == pytest.approx(100 * 0.8 * 0.2, rel=0.05)
    drawn = bootstrap.resample_confusion(confusion, 20_000, np.random.default_rng(0))
    assert (drawn.sum(axis=(1, 2)) == 150).all()
    np.testing.assert_allclose(drawn.mean(axis=0), confusion, atol=0.15)
    assert drawn[:, 0].sum(axis=1).var() == pytest.approx(150 * 2 / 3 * 1 / 3, rel=0.05)
    assert drawn[:, 0, 0].var() == pytest.approx(150 * 8 / 15 * 7 / 15, rel=0.05)


@pytest.mark.parametrize("fixed_counts", [True, False])
def test_a_scarce_label_is_drawn_from_the_dirichlet_distribution(fixed_counts):
    confusion = np.array([[60, 30, 10], [2, 4, 0], [0, 0, 0]])
    drawn = bootstrap.resample_confusion(
        confusion, 40_000, np.random.default_rng(0), fixed_counts=fixed_counts
    )
    of_label = drawn[:, 1].sum(axis=1)
    assert of_label.mean() == pytest.approx(6, abs=0.05)
    assert of_label.var() == pytest.approx(0 if fixed_counts else 6, abs=0.25)
    shares = drawn[:, 1] / of_label[:, None]
    prior = np.array([2.25, 4.5, 0.25])  # they sum to 7
    np.testing.assert_allclose(shares.mean(axis=0), prior / 7, atol=0.005)
    np.testing.assert_allclose(shares.var(axis=0), prior * (7 - prior) / 49 / 8, rtol=0.04)
    assert (drawn[:, 0].sum(axis=1) == 100).all() and not drawn[:, 2].any()


def test_labels_drawn_at_random_add_their_variance_to_numbers_that_depend_on_their_frequencies():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], [300, 100])
    p = np.where(rng.random(400) < np.where(truth == 0, 0.95, 0.4), 0.8, 0.2)  # of the true label
    probabilities = np.where(np.arange(2) == truth[:, None], p[:, None], 1 - p[:, None])
    random, fixed = (
        intervals.intervals(truth, probabilities, fixed_counts=each).ends for each in (False, True)
    )
    for name in ("brier", "negative_log_likelihood", "weighted_f1"):
        widths = [np.ptp(ends[name]) for ends in (random, fixed)]
        assert widths[0] > 1.08 * widths[1], name
    for name in ("m_measure", "accuracy"):
        assert random[name] == fixed[name], name


def test_both_sides_of_the_limit_give_the_same_intervals(monkeypatch):
    truth, probabilities = softmax_faces(4000, 4)
    rng = np.random.default_rng(2)
    valence = rng.uniform(-1, 1, 4000)
    valence[:500] = np.nan
    pair = {"valence": (valence, 0.5 * valence + rng.normal(0, 0.3, 4000))}
    redrawn = intervals.intervals(truth, probabilities, affect=pair)
    monkeypatch.setattr(intervals, "MOST_FACES_REDRAWN", 100)
    analytic = intervals.intervals(truth, probabilities, affect=pair)
    assert {name for name in redrawn.methods if redrawn.methods[name] != analytic.methods[name]} == {
        "brier", "negative_log_likelihood", "valence_rmse", "valence_pearson",
    }  # fmt: skip
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
    assert first.ends["macro_f1"] != other.ends["macro_f1"]


def test_single_faces_and_zero_widths_have_no_interval():
    truth = np.array([0] * 20 + [1] * 20 + [2])
    probabilities = np.full((41, 3), 0.2)
    probabilities[np.arange(41), truth] = 0.6
    probabilities[:5] = [0.3, 0.6, 0.1]
    ends = intervals.intervals(truth, probabilities, resamples=200).ends
    for name in ("balanced_accuracy", "macro_f1", "m_measure"):
        assert np.isnan(ends[name]).all(), name
    assert np.isnan(ends["auc"][0][2]) and np.isnan(ends["pairwise_a"][0][0, 2])
    assert (ends["recall"][0][1], ends["recall"][1][1]) == pytest.approx(
        (0.8389, 1), abs=1e-4
    )  # Wilson's of 20 of 20
    assert ends["recall"][0][0] < 0.75 < ends["recall"][1][0]
    assert ends["accuracy"][0] < 36 / 41 < ends["accuracy"][1]


def test_macro_precision_has_no_interval_where_a_label_is_hardly_predicted():
    truth = np.repeat([0, 1, 2], 40)
    probabilities = np.full((120, 3), 0.2)
    probabilities[np.arange(120), truth] = 0.6
    probabilities[80 + 9 :] = [0.6, 0.2, 0.2]  # 9 faces are predicted as the third label
    found = intervals.intervals(truth, probabilities, resamples=200)
    assert np.isnan(found.ends["macro_precision"]).all() and not np.isnan(found.ends["macro_f1"]).any()
    assert found.reasons == {"macro_precision": "a label is predicted for fewer than 10 faces"}
    probabilities[80 + 9] = [0.2, 0.2, 0.6]
    found = intervals.intervals(truth, probabilities, resamples=200)
    assert found.reasons == {} and not np.isnan(found.ends["macro_precision"]).any()


def test_areas_of_few_faces_have_newcombes_interval_and_others_delongs():
    truth, probabilities = softmax_faces(1000, 3)
    keep = (truth != 2) | (np.cumsum(truth == 2) <= 20)
    truth, probabilities = truth[keep], probabilities[keep]
    found = intervals.intervals(truth, probabilities, resamples=50)
    scores, faces = found.rank_scores, np.bincount(truth)
    expected = newcombe_interval(scores.auc[2], 20, int(faces[:2].sum()), 0.95)
    assert (found.ends["auc"][0][2], found.ends["auc"][1][2]) == pytest.approx(expected)
    expected = logit_interval(scores.auc[0], scores.auc_error[0], 0.95)
    assert (found.ends["auc"][0][0], found.ends["auc"][1][0]) == pytest.approx(expected)
    pair = newcombe_interval(scores.ranks.pairwise[1, 2], int(faces[1]), 20, 0.95)
    assert (found.ends["pairwise_a"][0][1, 2], found.ends["pairwise_a"][1][2, 1]) == pytest.approx(pair)


def test_every_number_names_its_method():
    truth, probabilities = softmax_faces(300, 3)
    valence = np.random.default_rng(0).uniform(-1, 1, 300)
    found = intervals.intervals(
        truth, probabilities, resamples=50, affect={"valence": (valence, valence / 2)}
    )
    assert found.methods.keys() == found.ends.keys()
    assert found.methods["accuracy"] == found.methods["f1"] == found.methods["valence_sagr"] == "Wilson"
    assert found.methods["macro_f1"] == found.methods["brier"] == "bootstrap"
    assert (found.methods["m_measure"], found.methods["valence_ccc"]) == ("DeLong, logit scale", "Lin's z")


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
