"""Rank statistics in one pass: their values, their errors by hand and against redrawn faces, and Newcombe's interval."""

import numpy as np
import pytest
from scipy.stats import norm

from core.metrics import ranking
from core.metrics.rank_errors import compute_rank_scores, logit_interval, newcombe_interval, placement_sums
from tests.test_metrics_ranking import softmax_faces


@pytest.mark.parametrize("steps", [None, 5])
def test_the_values_are_those_of_ranking(steps):
    truth, probabilities = softmax_faces(500, 5, steps=steps)
    here = truth != 3
    for faces in ((truth, probabilities), (truth[here], probabilities[here])):
        scores, expected = compute_rank_scores(*faces), ranking.hand_till(*faces)
        assert scores.ranks.m == pytest.approx(expected.m, abs=1e-12)
        for name in ("pairwise", "directional", "present"):
            np.testing.assert_allclose(getattr(scores.ranks, name), getattr(expected, name), atol=1e-12)
        areas = ranking.one_vs_rest_from_directional(expected.directional, np.bincount(faces[0], minlength=5))
        np.testing.assert_allclose(scores.auc, areas, atol=1e-12)
        np.testing.assert_allclose(scores.average_precision, ranking.average_precision(*faces), atol=1e-12)


def test_delongs_variance_by_hand():
    # Positives .8 .4, negatives .6 .2: placements 1, 1/2 and 1/2, 1, each with variance 1/8 over 2 faces.
    p = np.array([0.8, 0.4, 0.6, 0.2])
    scores = compute_rank_scores(np.array([0, 0, 1, 1]), np.column_stack([p, 1 - p]))
    expected = np.sqrt(1 / 16 + 1 / 16)
    assert scores.m_error == pytest.approx(expected)
    assert scores.pairwise_error[0, 1] == scores.pairwise_error[1, 0] == pytest.approx(expected)
    np.testing.assert_allclose(scores.auc_error, expected)


def test_the_error_of_an_average_precision_by_hand():
    # A positive, one other, a positive: precision 1 and 2/3, mean 5/6. One more of the first changes the sum by
    # 1 - 5/6 + 1/9, of the second by 2/3 - 5/6 + 1/9, of the other face by -2/9: 5/18, -1/18, -4/18, which sum to 0.
    p = np.array([0.9, 0.5, 0.1])
    faces = np.array([0, 1, 0]), np.column_stack([p, 1 - p])
    assert compute_rank_scores(*faces).average_precision_error[0] == pytest.approx(
        np.sqrt(3 / 2 * 42) / 18 / 2
    )
    # Within labels the other face is fixed, and the two positives are 1/3 apart: (1/3)^2 / 2, twice, over 2 positives.
    fixed = compute_rank_scores(*faces, fixed_counts=True)
    assert fixed.average_precision_error[0] == pytest.approx(1 / 6)


@pytest.mark.parametrize("fixed_counts", [True, False])
@pytest.mark.parametrize("steps", [None, 9])
def test_the_errors_are_those_of_redrawn_faces(steps, fixed_counts):
    truth, probabilities = softmax_faces(600, 3, steps=steps)
    rng, drawn = np.random.default_rng(0), {"m": [], "pair": [], "auc": [], "precision": []}
    for _ in range(500):
        parts = [np.flatnonzero(truth == i) for i in range(3)] if fixed_counts else [np.arange(600)]
        rows = np.concatenate([rng.choice(part, len(part)) for part in parts])
        ranks = ranking.hand_till(truth[rows], probabilities[rows])
        drawn["m"].append(ranks.m)
        drawn["pair"].append(ranks.pairwise[0, 1])
        drawn["auc"].append(ranking.one_vs_rest_from_directional(ranks.directional, np.bincount(truth[rows])))
        drawn["precision"].append(ranking.average_precision(truth[rows], probabilities[rows]))
    scores = compute_rank_scores(truth, probabilities, fixed_counts=fixed_counts)
    found = {
        "m": scores.m_error,
        "pair": scores.pairwise_error[0, 1],
        "auc": scores.auc_error,
        "precision": scores.average_precision_error,
    }
    for name, values in drawn.items():
        np.testing.assert_allclose(found[name], np.std(values, axis=0), rtol=0.13, err_msg=name)


def test_placements_sum_to_m():
    truth, probabilities = softmax_faces(200, 4, steps=6)
    sums = placement_sums(truth, probabilities)
    total = sum(sums[truth == i].mean() for i in range(4)) / 2 / 6
    assert total == pytest.approx(ranking.m_measure(truth, probabilities), abs=1e-12)


def test_newcombes_interval_fulfils_its_equation_and_has_a_width_at_0_and_1():
    # Newcombe (2006), method 5: |A - area| = z sqrt(V), with (m + n) / 2 - 1 for both m - 1 and n - 1 of Hanley & McNeil.
    m, n, area, z = 12, 40, 0.8, norm.ppf(0.975)
    for end in newcombe_interval(area, m, n, 0.95):
        star = (m + n) / 2 - 1
        variance = end * (1 - end) / (m * n) * (1 + star * (1 - end) / (2 - end) + star * end / (1 + end))
        assert abs(area - end) == pytest.approx(z * np.sqrt(variance), abs=1e-9)
    low, high = newcombe_interval(1.0, m, n, 0.95)
    assert 0.7 < low < 1 == high
    assert newcombe_interval(0.0, m, n, 0.95) == pytest.approx((0, 1 - low), abs=1e-9)
    # With one face of each kind A is a share of one: Wilson's interval.
    assert newcombe_interval(1.0, 1, 1, 0.95) == pytest.approx((1 / (1 + z**2), 1.0))
    assert (
        np.isnan(newcombe_interval(np.nan, 3, 3, 0.95)).all()
        and np.isnan(newcombe_interval(0.5, 0, 3, 0.95)).all()
    )


def test_the_logit_interval_by_hand():
    low, high = logit_interval(0.8, 0.04, 0.95)
    half = 1.959963984540054 * 0.04 / 0.16
    assert (low, high) == pytest.approx((1 / (1 + np.exp(half) / 4), 1 / (1 + np.exp(-half) / 4)))


def test_the_freedom_of_an_error_by_hand_and_where_it_tells():
    # Two labels, of 2 faces each, with equal variances: (v + v)^2 / (v^2 + v^2) = 2, of which t is 4.3027.
    p = np.array([0.8, 0.4, 0.6, 0.2])
    scores = compute_rank_scores(np.array([0, 0, 1, 1]), np.column_stack([p, 1 - p]))
    assert scores.m_freedom == pytest.approx(2)
    low, _ = logit_interval(0.75, 0.05, 0.95, freedom=2)
    assert low == pytest.approx(1 / (1 + np.exp(4.302653 * 0.05 / 0.1875) / 3), abs=1e-6)
    truth, probabilities = softmax_faces(2000, 4)
    keep = (truth != 3) | (np.cumsum(truth == 3) <= 5)
    assert 4 <= compute_rank_scores(truth[keep], probabilities[keep]).m_freedom < 10
