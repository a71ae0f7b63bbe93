"""Hand & Till's M, areas and curves: worked by hand, by the definition, and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from core.metrics import ranking

#: Six faces, two of each of three labels, with ties inside and between labels.
TRUTH = np.array([0, 0, 1, 1, 2, 2])
PROBABILITIES = np.array(
    [[0.6, 0.2, 0.2], [0.3, 0.4, 0.3], [0.3, 0.5, 0.2], [0.1, 0.5, 0.4], [0.3, 0.1, 0.6], [0.2, 0.5, 0.3]]
)


def softmax_faces(n, c, *, seed=0, steps=None):
    """Random truth and probabilities; with `steps`, on a grid so coarse that ties abound."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, c, n)
    logits = rng.standard_normal((n, c))
    logits[np.arange(n), truth] += 1.0
    probabilities = np.exp(logits)
    if steps:
        probabilities = np.ceil(steps * probabilities / probabilities.max(axis=1, keepdims=True))
    return truth, probabilities / probabilities.sum(axis=1, keepdims=True)


def a_by_definition(truth, probabilities, i, j):
    """A(i|j) pair of faces by pair of faces."""
    of_i, of_j = probabilities[truth == i, i][:, None], probabilities[truth == j, i][None, :]
    return ((of_i > of_j) + 0.5 * (of_i == of_j)).mean()


def test_hand_and_till_by_hand():
    # By p(0), label 0 has .6 .3, label 1 has .3 .1: 2 + (1/2 + 1) of 4 pairs, so A(0|1) = 7/8.
    # By p(1), label 1 has .5 .5, label 0 has .2 .4: all 4 pairs, so A(1|0) = 1.
    # Likewise A(0|2) = A(2|0) = 7/8, A(1|2) = (3/2 + 3/2) / 4 and A(2|1) = (2 + 1) / 4.
    result = ranking.hand_till(TRUTH, PROBABILITIES)
    nan = np.nan
    np.testing.assert_allclose(
        result.directional, [[nan, 7 / 8, 7 / 8], [1, nan, 3 / 4], [7 / 8, 3 / 4, nan]]
    )
    np.testing.assert_allclose(
        result.pairwise, [[nan, 15 / 16, 7 / 8], [15 / 16, nan, 3 / 4], [7 / 8, 3 / 4, nan]]
    )
    assert result.m == pytest.approx((15 / 16 + 7 / 8 + 3 / 4) / 3, abs=1e-15)


def test_two_labels_give_the_ordinary_area():
    # Positives .8 .4, negatives .6 .2: three of four pairs in order.
    p = np.array([0.8, 0.4, 0.6, 0.2])
    assert ranking.m_measure(np.array([0, 0, 1, 1]), np.column_stack([p, 1 - p])) == 0.75


@pytest.mark.parametrize("steps", [None, 3])
def test_every_pair_follows_the_definition(steps):
    truth, probabilities = softmax_faces(150, 4, steps=steps)
    directional = ranking.directional_auc(truth, probabilities)
    for i in range(4):
        for j in range(4):
            if i != j:
                assert directional[i, j] == pytest.approx(
                    a_by_definition(truth, probabilities, i, j), abs=1e-13
                )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 6), st.sampled_from([None, 2, 5]))
def test_m_and_areas_against_scikit_learn(seed, c, steps):
    truth, probabilities = softmax_faces(80, c, seed=seed, steps=steps)
    truth[:c] = np.arange(c)
    ours = ranking.m_measure(truth, probabilities)
    assert ours == pytest.approx(sk.roc_auc_score(truth, probabilities, multi_class="ovo"), abs=1e-12)
    theirs = sk.roc_auc_score(truth, probabilities, multi_class="ovr", average=None)
    areas = ranking.one_vs_rest_from_directional(
        ranking.directional_auc(truth, probabilities), np.bincount(truth, minlength=c)
    )
    np.testing.assert_allclose(areas, theirs, rtol=0, atol=1e-12)
    theirs = sk.average_precision_score(np.eye(c)[truth], probabilities, average=None)
    np.testing.assert_allclose(ranking.average_precision(truth, probabilities), theirs, rtol=0, atol=1e-12)


def test_float32_ties_are_ties():
    truth, probabilities = softmax_faces(3000, 5, seed=3)
    narrow = np.round(probabilities, 2).astype(np.float32)
    assert ranking.m_measure(truth, narrow) == ranking.m_measure(truth, narrow.astype(np.float64))


def test_absent_labels_take_no_part_and_are_named():
    truth, probabilities = softmax_faces(200, 5)
    here = (truth != 1) & (truth != 4)
    result = ranking.hand_till(truth[here], probabilities[here])
    np.testing.assert_array_equal(result.present, [True, False, True, True, False])
    assert np.isnan(result.pairwise[[1, 4]]).all() and np.isnan(result.pairwise[:, [1, 4]]).all()
    assert np.isnan(result.pairwise).sum() == 25 - 6
    pairs = [result.pairwise[i, j] for i, j in ((0, 2), (0, 3), (2, 3))]
    assert result.m == pytest.approx(np.mean(pairs))
    assert np.isnan(ranking.average_precision(truth[here], probabilities[here])[[1, 4]]).all()


def test_one_label_only_has_no_m():
    result = ranking.hand_till(np.ones(4, int), np.full((4, 3), 1 / 3))
    assert np.isnan(result.m) and np.isnan(result.pairwise).all()
    assert np.isnan(ranking.one_vs_rest_from_directional(np.full((3, 3), np.nan), np.array([0, 4, 0]))).all()


def test_constant_probabilities_rank_at_chance():
    assert ranking.m_measure(TRUTH, np.full((6, 3), 1 / 3)) == 0.5


def test_temperature_changes_m_with_more_than_two_labels():
    truth, probabilities = softmax_faces(500, 4)
    sharper = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    assert ranking.m_measure(truth, probabilities) != ranking.m_measure(truth, sharper)


@pytest.mark.parametrize("steps", [None, 3])
def test_roc_curve_against_scikit_learn(steps):
    truth, probabilities = softmax_faces(300, 4, steps=steps)
    curve = ranking.roc_curve(truth, probabilities, 2, points=None)
    x, y, thresholds = sk.roc_curve(truth == 2, probabilities[:, 2], drop_intermediate=False)
    np.testing.assert_allclose(curve.x, x)
    np.testing.assert_allclose(curve.y, y)
    np.testing.assert_allclose(curve.thresholds, thresholds)
    assert curve.area == pytest.approx(sk.roc_auc_score(truth == 2, probabilities[:, 2]), abs=1e-12)


@pytest.mark.parametrize("steps", [None, 3])
def test_precision_recall_curve_against_scikit_learn(steps):
    truth, probabilities = softmax_faces(300, 4, steps=steps)
    curve = ranking.precision_recall_curve(truth, probabilities, 2, points=None)
    precision, recall, thresholds = sk.precision_recall_curve(truth == 2, probabilities[:, 2])
    np.testing.assert_allclose(curve.x, recall[::-1])
    np.testing.assert_allclose(curve.y, precision[::-1])
    np.testing.assert_allclose(curve.thresholds[1:], thresholds[::-1])
    theirs = sk.average_precision_score(truth == 2, probabilities[:, 2])
    assert curve.area == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("draw", [ranking.roc_curve, ranking.precision_recall_curve])
def test_thinned_curves_keep_ends_and_area(draw):
    truth, probabilities = softmax_faces(20_000, 3)
    full, thin = draw(truth, probabilities, 0, points=None), draw(truth, probabilities, 0, points=200)
    assert len(thin.x) <= 200 < len(full.x)
    assert thin.area == full.area
    assert (thin.x[0], thin.y[0], thin.x[-1], thin.y[-1]) == (full.x[0], full.y[0], full.x[-1], full.y[-1])
    assert np.trapezoid(thin.y, thin.x) == pytest.approx(np.trapezoid(full.y, full.x), abs=1e-3)
    assert (np.diff(thin.x) >= 0).all()


def test_curves_without_faces_of_the_label_are_nan():
    assert np.isnan(ranking.roc_curve(TRUTH[:4], PROBABILITIES[:4], 2).area)
    assert np.isnan(ranking.precision_recall_curve(TRUTH[:4], PROBABILITIES[:4], 2).area)


def test_shapes_and_positions_are_checked():
    with pytest.raises(
        ValueError, match=r"truth \(5,\) and probabilities \(6, 3\) must be \(n,\) and \(n, c\)"
    ):
        ranking.hand_till(TRUTH[:5], PROBABILITIES)
    with pytest.raises(ValueError, match="truth holds positions 0 to 3; expected 0 to 2"):
        ranking.hand_till(np.array([0, 0, 1, 1, 2, 3]), PROBABILITIES)
