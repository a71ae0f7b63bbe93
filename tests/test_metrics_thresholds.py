"""One label by a threshold: worked by hand and against scikit-learn, ties and missing labels included."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from core.metrics import thresholds
from tests.test_metrics_ranking import softmax_faces

#: Six faces; label 0 has .9 .6 .3, the others .6 .6 .1.
TRUTH = np.array([0, 0, 0, 1, 1, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.6, 0.4], [0.6, 0.4], [0.1, 0.9]])


def four(counts) -> list:
    return [
        np.asarray(part).tolist()
        for part in (
            counts.true_positives, counts.false_positives, counts.false_negatives, counts.true_negatives,
        )
    ]  # fmt: skip


def test_counts_by_hand_with_a_tie_across_labels():
    points = thresholds.threshold_points(TRUTH, PROBABILITIES, 0)
    assert points.thresholds.tolist() == [0.9, 0.6, 0.3, 0.1]
    assert points.hits.tolist() == [1, 2, 3, 3] and points.reached.tolist() == [1, 4, 5, 6]
    # At .6 two of three faces of the label and two of three others count as it.
    counts = thresholds.counts_at(points, 0.6)
    assert four(counts) == [2, 2, 1, 1]
    assert (counts.precision, counts.recall, counts.f1) == (1 / 2, 2 / 3, pytest.approx(4 / 7))
    assert (counts.false_positive_rate, counts.specificity) == (2 / 3, 1 / 3)
    assert four(thresholds.counts_at(points, np.array([0.0, 0.61, 1.0]))) == [
        [3, 1, 0], [3, 0, 0], [0, 2, 3], [0, 3, 3],
    ]  # fmt: skip


def test_the_best_f1_is_found_and_of_equals_the_highest_threshold_taken():
    # F1 by falling threshold: 2/4, 4/7, 6/8, 6/9.
    assert thresholds.threshold_points(TRUTH, PROBABILITIES, 0).best_f1 == (0.3, 0.75)
    truth, column = np.array([0, 1, 0, 1]), np.array([0.9, 0.8, 0.7, 0.1])
    probabilities = np.column_stack([column, 1 - column])
    assert thresholds.threshold_points(truth, probabilities, 0).best_f1 == (0.7, pytest.approx(0.8))
    # 2/3 at .9 (one of two found, none wrong) and again at .6 (both found, two wrong).
    column = np.array([0.9, 0.8, 0.6, 0.7])
    same = thresholds.threshold_points(np.array([0, 1, 0, 1]), np.column_stack([column, 1 - column]), 0)
    assert same.best_f1 == (0.9, pytest.approx(2 / 3))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([None, 2, 5]), st.floats(0, 1))
def test_every_threshold_against_scikit_learn(seed, steps, threshold):
    truth, probabilities = softmax_faces(80, 4, seed=seed, steps=steps)
    points = thresholds.threshold_points(truth, probabilities, 1)
    precision, recall, at = sk.precision_recall_curve(truth == 1, probabilities[:, 1])
    counts = thresholds.counts_at(points, at)
    np.testing.assert_array_equal(points.thresholds, at[::-1])
    np.testing.assert_allclose(counts.precision, precision[:-1], atol=1e-12)
    np.testing.assert_allclose(counts.recall, recall[:-1], atol=1e-12)
    chosen = thresholds.counts_at(points, threshold)
    theirs = sk.confusion_matrix(truth == 1, probabilities[:, 1] >= threshold, labels=[True, False])
    assert four(chosen) == [theirs[0, 0], theirs[1, 0], theirs[0, 1], theirs[1, 1]]
    f1 = sk.f1_score(truth == 1, probabilities[:, 1] >= threshold, zero_division=0)
    assert chosen.f1 == pytest.approx(f1) and points.best_f1[1] >= chosen.f1 - 1e-12


def test_a_float32_probability_reaches_the_same_number_typed_as_a_decimal():
    probabilities = np.array([[0.7, 0.3], [0.3, 0.7]], np.float32)
    points = thresholds.threshold_points(np.array([0, 1]), probabilities, 0)
    assert four(thresholds.counts_at(points, 0.7)) == [1, 0, 0, 1]


def test_what_has_nothing_to_divide_by_is_nan():
    only = thresholds.threshold_points(np.zeros(3, int), np.full((3, 2), 0.5), 0)
    counts = thresholds.counts_at(only, 0.6)
    assert np.isnan([counts.precision, counts.false_positive_rate, counts.specificity]).all()
    assert (counts.recall, counts.f1) == (0, 0)
    absent = thresholds.threshold_points(np.zeros(3, int), np.full((3, 2), 0.5), 1)
    counts = thresholds.counts_at(absent, 0.5)
    assert np.isnan([counts.recall, counts.f1, *absent.best_f1]).all()
    assert (counts.precision, counts.false_positive_rate) == (0, 1)
    empty = thresholds.threshold_points(np.zeros(0, int), np.zeros((0, 2)), 0)
    assert four(thresholds.counts_at(empty, 0.5)) == [0, 0, 0, 0]


def test_wilson_intervals_are_the_published_ones():
    # Newcombe (1998), "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17,
    # table I, method 3.
    for successes, trials, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ):
        assert thresholds.wilson_interval(successes, trials) == pytest.approx((low, high), abs=6e-5)
    low, high = thresholds.wilson_interval(0, 20)
    assert (low, high) == (0.0, pytest.approx(0.1611, abs=6e-5))
    assert thresholds.wilson_interval(20, 20) == (pytest.approx(1 - high), 1.0)
    assert np.isnan(thresholds.wilson_interval(0, 0)).all()
