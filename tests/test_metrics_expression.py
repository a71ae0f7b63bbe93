"""Numbers from a confusion matrix: worked by hand, and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from core.metrics import expression

#: Cohen (1960), table 1: two judges sort 200 patients into three diagnoses.
COHEN = np.array([[88, 14, 18], [10, 40, 10], [2, 6, 12]])


def test_kappa_of_cohens_own_table():
    # p_o = 140 / 200 = 0.70; p_e = 0.6 x 0.5 + 0.3 x 0.3 + 0.1 x 0.2 = 0.41; kappa = 0.29 / 0.59
    assert expression.cohen_kappa(COHEN) == pytest.approx(0.29 / 0.59, abs=1e-12)


def test_precision_recall_and_f1_by_hand():
    assert expression.accuracy(COHEN) == pytest.approx(0.7)
    assert expression.recall(COHEN) == pytest.approx([88 / 120, 40 / 60, 12 / 20])
    assert expression.precision(COHEN) == pytest.approx([88 / 100, 40 / 60, 12 / 40])
    assert expression.f1(COHEN) == pytest.approx([0.8, 2 / 3, 0.4])
    assert expression.balanced_accuracy(COHEN) == pytest.approx((88 / 120 + 40 / 60 + 0.6) / 3)
    assert expression.macro_f1(COHEN) == pytest.approx((0.8 + 2 / 3 + 0.4) / 3)
    assert expression.weighted_f1(COHEN) == pytest.approx((0.8 * 120 + 2 / 3 * 60 + 0.4 * 20) / 200)


def test_absent_and_never_predicted_labels():
    # Label 1 is never predicted, label 2 absent but predicted, label 3 neither here nor there.
    confusion = np.array([[3, 0, 1, 0], [2, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    nan = np.nan
    np.testing.assert_array_equal(expression.present_labels(confusion), [True, True, False, False])
    np.testing.assert_allclose(expression.recall(confusion), [0.75, 0, nan, nan])
    np.testing.assert_allclose(expression.precision(confusion), [0.6, nan, 0, nan])
    np.testing.assert_allclose(expression.f1(confusion), [2 / 3, 0, nan, nan])
    assert expression.macro_precision(confusion) == pytest.approx(0.3)
    assert expression.macro_f1(confusion) == pytest.approx(1 / 3)
    assert expression.macro_recall(confusion) == pytest.approx(0.375)


def test_kappa_where_chance_explains_everything_is_unknown():
    assert np.isnan(expression.cohen_kappa(np.array([[7, 0], [0, 0]])))
    assert expression.cohen_kappa(np.array([[0, 7], [0, 0]])) == 0


def test_no_faces_give_nan():
    for metric in (expression.accuracy, expression.macro_f1, expression.weighted_f1, expression.cohen_kappa):
        assert np.isnan(metric(np.zeros((3, 3))))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60))
def test_against_scikit_learn(pairs):
    truth, predicted = np.array(pairs).T
    confusion = expression.confusion_matrix(truth, predicted, 5)
    np.testing.assert_array_equal(confusion, sk.confusion_matrix(truth, predicted, labels=range(5)))
    present = np.unique(truth)
    macro, weighted = (
        sk.precision_recall_fscore_support(truth, predicted, labels=present, average=average, zero_division=0)
        for average in ("macro", "weighted")
    )
    for ours, number in zip(
        (expression.macro_precision, expression.macro_recall, expression.macro_f1), macro
    ):
        assert ours(confusion) == pytest.approx(number, abs=1e-12), ours
    assert expression.weighted_f1(confusion) == pytest.approx(weighted[2], abs=1e-12)
    recalls = sk.recall_score(truth, predicted, labels=present, average=None)
    assert expression.balanced_accuracy(confusion) == pytest.approx(recalls.mean(), abs=1e-12)
    assert expression.accuracy(confusion) == pytest.approx(sk.accuracy_score(truth, predicted), abs=1e-12)
    if len(set(truth) | set(predicted)) > 1:
        kappa = sk.cohen_kappa_score(truth, predicted)
        assert expression.cohen_kappa(confusion) == pytest.approx(kappa, abs=1e-12)


def test_a_stack_of_matrices_gives_one_number_each():
    stack = np.random.default_rng(0).integers(0, 9, (4, 5, 3, 3))
    for name in ("accuracy", "macro_precision", "macro_f1", "weighted_f1", "cohen_kappa", "recall", "f1"):
        metric = getattr(expression, name)
        np.testing.assert_allclose(metric(stack)[2, 3], metric(stack[2, 3]), err_msg=name)


def test_weights_count_instead_of_faces():
    confusion = expression.confusion_matrix(np.array([0, 1]), np.array([0, 0]), 2, weights=np.array([2.5, 1]))
    np.testing.assert_array_equal(confusion, [[2.5, 0], [1, 0]])


def test_shapes_and_positions_are_checked():
    with pytest.raises(
        ValueError, match=r"truth \(2,\) and predicted \(3,\) must be one-dimensional and equally"
    ):
        expression.confusion_matrix(np.zeros(2, int), np.zeros(3, int), 2)
    with pytest.raises(ValueError, match="predicted holds positions 0 to 2; expected 0 to 1"):
        expression.confusion_matrix(np.zeros(2, int), np.array([0, 2]), 2)
