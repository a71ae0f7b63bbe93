"""Comparing two networks: published and hand-worked tests, second implementations, and what must not matter."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.metrics import affect, bootstrap, calibration, comparison, expression, ranking
from core.metrics.calibration_difference import calibration_difference, gap_columns
from core.metrics.calibration_interval import Gaps, shrinking
from core.metrics.comparison import compare_predictions, holm
from core.metrics.proportions import compare_shares
from tests.test_metrics_ranking import softmax_faces

METHODS = {
    "accuracy": comparison.MCNEMAR,
    "macro_f1": comparison.RANDOMISATION,
    "m_measure": comparison.RANDOMISATION,
    "expected_calibration_error": comparison.TEST_INVERSION,
}
NAMES = ("accuracy", "macro_f1", "m_measure", "expected_calibration_error", "valence_ccc", "arousal_ccc")


def two_networks(n=400, c=4, *, better=0.0, sharper=1.0, seed=0):
    """Truth and two networks with half of their noise in common; B knows more by `better`."""
    rng = np.random.default_rng(seed)
    truth, shared = rng.integers(0, c, n), rng.standard_normal((n, c))
    both = []
    for strength, sharpness in ((1.5, 1.5), (1.5 + better, 1.5 * sharper)):
        logits = np.sqrt(0.5) * (shared + rng.standard_normal((n, c)))
        logits[np.arange(n), truth] += strength
        exponentials = np.exp(sharpness * logits)
        both.append(exponentials / exponentials.sum(axis=1, keepdims=True))
    return truth, *both


def two_affects(n=400, seed=0):
    rng = np.random.default_rng(seed)
    valence = rng.uniform(-1, 1, n)
    valence[:50] = np.nan
    return (
        {name: (valence, 0.6 * valence + rng.normal(0, 0.3, n)) for name in ("valence", "arousal")}
        for _ in range(2)
    )


def by_name(rows):
    return {row.name: row for row in rows}


def test_holm_by_hand():
    # In order .005 .01 .03 .04, times 4 3 2 1: .02 .03 .06 .04, and none below the one before it.
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.5, 0.6]), [1, 1])
    np.testing.assert_allclose(holm([0.02, np.nan, 0.04]), [0.04, np.nan, 0.04])
    assert np.isnan(holm([np.nan])).all() and holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.floats(0.001, 0.999))
def test_holm_rejects_what_the_sequential_procedure_does(p_values, level):
    # Holm (1979), section 3: from the smallest p on, reject while p (m - rank) <= level.
    rejected = np.zeros(len(p_values), bool)
    for rank, at in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[at] * (len(p_values) - rank) > level:
            break
        rejected[at] = True
    np.testing.assert_array_equal(holm(p_values) <= level, rejected)


@pytest.mark.parametrize("limit", [20_000, 0], ids=["redrawn", "analytic"])
def test_every_row_gives_both_numbers_and_their_difference(limit, monkeypatch):
    monkeypatch.setattr(comparison, "MOST_FACES_REDRAWN", limit)
    truth, *both = two_networks(better=0.3)
    of_a, of_b = two_affects()
    rows = compare_predictions(truth, *both, affect_a=of_a, affect_b=of_b, resamples=200)
    assert tuple(row.name for row in rows) == NAMES
    confusions = [expression.confusion_matrix(truth, each.argmax(axis=1), 4) for each in both]
    expected = {
        "accuracy": [expression.accuracy(each) for each in confusions],
        "macro_f1": [expression.macro_f1(each) for each in confusions],
        "m_measure": [ranking.m_measure(truth, each) for each in both],
        "expected_calibration_error": [calibration.expected_calibration_error(truth, each) for each in both],
        "valence_ccc": [affect.affect_scores(*each["valence"]).ccc for each in (of_a, of_b)],
        "arousal_ccc": [affect.affect_scores(*each["arousal"]).ccc for each in (of_a, of_b)],
    }
    for row in rows:
        assert (row.a, row.b) == pytest.approx(expected[row.name], abs=1e-12), row.name
        assert row.difference == pytest.approx(row.b - row.a, abs=1e-15)
        assert row.low <= row.difference <= row.high, row.name
        assert 0 < row.p <= row.p_corrected <= 1
        assert row.metric.higher_is_better == (row.name != "expected_calibration_error")
        assert row.method == METHODS.get(row.name, comparison.BOOTSTRAP)
    np.testing.assert_allclose([row.p_corrected for row in rows], holm([row.p for row in rows]))


def test_accuracy_is_tested_on_the_faces_that_one_of_both_recognises():
    truth, a, b = two_networks(better=0.3)
    a_is_right, b_is_right = a.argmax(axis=1) == truth, b.argmax(axis=1) == truth
    only_a, only_b = (a_is_right & ~b_is_right).sum(), (b_is_right & ~a_is_right).sum()
    row = by_name(compare_predictions(truth, a, b, resamples=50))["accuracy"]
    assert (row.low, row.high, row.p) == astuple(compare_shares(int(only_a), int(only_b), len(truth)))


def test_the_bootstrap_is_paired_and_its_p_value_goes_with_its_interval():
    truth, a, b = two_networks()
    of_a, of_b = two_affects()
    rows = compare_predictions(truth, a, b, affect_a=of_a, affect_b=of_b, resamples=999, seed=4)
    row = by_name(rows)["valence_ccc"]
    rng, weights, drawn = np.random.default_rng(4), [], []
    for resamples in [125] * 7 + [124]:
        weights.append(bootstrap.draw_weights(np.array([400]), resamples, rng).astype(int))
    for weight in np.concatenate(weights, axis=1).T:
        redrawn = np.repeat(np.arange(400), weight)
        a_ccc, b_ccc = (
            affect.affect_scores(*(part[redrawn] for part in of["valence"])).ccc for of in (of_a, of_b)
        )
        drawn.append(b_ccc - a_ccc)
    differences = np.sort(drawn)  # number 25 and 975 of 999
    assert (row.low, row.high) == pytest.approx((differences[24], differences[974]), abs=1e-6)
    beyond = min((differences <= 0).sum(), (differences >= 0).sum())
    assert row.p == pytest.approx(2 * (beyond + 1) / 1000)
    assert (row.p <= 0.05) == (row.low > 0 or row.high < 0)


@pytest.mark.parametrize("seed", range(8))
def test_p_is_small_when_the_interval_leaves_zero_out(seed):
    truth, *both = two_networks(better=0.12, sharper=1.3, seed=seed)
    for row in compare_predictions(truth, *both, resamples=999):
        agrees = (row.p < 0.05) == (row.low > 0 or row.high < 0)
        assert agrees or (row.method == comparison.TEST_INVERSION and abs(row.p - 0.05) < 0.01), row


def test_both_sides_of_the_limit_agree(monkeypatch):
    truth, *both = two_networks(4000, better=0.05, sharper=1.2)
    of_a, of_b = two_affects(4000)
    redrawn = by_name(compare_predictions(truth, *both, affect_a=of_a, affect_b=of_b))
    monkeypatch.setattr(comparison, "MOST_FACES_REDRAWN", 100)
    analytic = by_name(compare_predictions(truth, *both, affect_a=of_a, affect_b=of_b))
    for name, row in redrawn.items():
        tolerance = 0.12 * (row.high - row.low)
        other = analytic[name]
        assert (other.low, other.high) == pytest.approx((row.low, row.high), abs=tolerance), name
        assert other.p == pytest.approx(row.p, abs=0.1), name


@pytest.mark.parametrize("limit", [20_000, 0], ids=["redrawn", "analytic"])
def test_swapping_the_networks_turns_the_signs_around_and_keeps_the_p_values(limit, monkeypatch):
    monkeypatch.setattr(comparison, "MOST_FACES_REDRAWN", limit)
    truth, a, b = two_networks(better=0.1, sharper=1.2)
    of_a, of_b = two_affects()
    rows = compare_predictions(truth, a, b, affect_a=of_a, affect_b=of_b)
    swapped = compare_predictions(truth, b, a, affect_a=of_b, affect_b=of_a)
    for row, other in zip(rows, swapped, strict=True):
        # Redrawn faces and swaps are the same ones; normal draws are other ones.
        exact = bool(limit) or row.name in ("accuracy", "macro_f1", "m_measure")
        exactness = 1e-6 if exact else 0.1 * (row.high - row.low)
        assert (other.a, other.b, other.difference) == (row.b, row.a, -row.difference)
        assert (other.low, other.high) == pytest.approx((-row.high, -row.low), abs=exactness), row.name
        assert other.p == pytest.approx(row.p, abs=1e-9 if exact else 0.05), row.name


@pytest.mark.parametrize("change", ["order of the faces", "names of the labels"])
def test_what_must_not_matter(change):
    truth, a, b = two_networks(600, better=0.15, sharper=1.3)
    rows = compare_predictions(truth, a, b)
    rng = np.random.default_rng(0)
    if change == "order of the faces":
        order = rng.permutation(len(truth))
        others = compare_predictions(truth[order], a[order], b[order])
    else:
        order = np.array([2, 0, 3, 1])
        others = compare_predictions(np.argsort(order)[truth], a[:, order], b[:, order])
    for row, other in zip(rows, others, strict=True):
        assert (other.a, other.b) == pytest.approx((row.a, row.b), abs=1e-12)
        assert (other.low, other.high) == pytest.approx((row.low, row.high), abs=0.1 * (row.high - row.low))
        assert other.p == pytest.approx(row.p, abs=0.05), row.name


def test_the_seed_decides():
    faces = two_networks(better=0.1)
    assert compare_predictions(*faces, seed=1) == compare_predictions(*faces, seed=1)
    assert compare_predictions(*faces, seed=1) != compare_predictions(*faces, seed=2)


@pytest.mark.parametrize("limit", [20_000, 0], ids=["redrawn", "analytic"])
def test_a_network_does_not_differ_from_itself(limit, monkeypatch):
    monkeypatch.setattr(comparison, "MOST_FACES_REDRAWN", limit)
    truth, a, _ = two_networks()
    of_a, _ = two_affects()
    for row in compare_predictions(truth, a, a, affect_a=of_a, affect_b=of_a, resamples=100):
        assert (row.difference, row.p, row.p_corrected) == (0, 1, 1), row.name
        if row.name == "accuracy":  # no face of 400 changed: -+ z^2 / (n + z^2)
            assert row.high == -row.low == pytest.approx(3.8415 / 403.8415, abs=1e-6)
        else:
            assert np.isnan(row.low) and np.isnan(row.high), row.name


def test_a_clearly_better_network_is_called_better():
    truth, *both = two_networks(1000, better=1.0)
    rows = by_name(compare_predictions(truth, *both))
    for name in ("accuracy", "macro_f1", "m_measure"):
        assert rows[name].low > 0 and rows[name].p_corrected < 0.01, name


def test_a_boastful_network_is_called_worse_calibrated_although_noise_raises_the_error_of_the_other():
    truth, *both = two_networks(1000, sharper=1.6)
    row = by_name(compare_predictions(truth, *both))["expected_calibration_error"]
    assert row.difference > 0 and row.p_corrected < 0.05 and not row.metric.higher_is_better
    # A is calibrated, so its estimate is all noise: the true difference is larger than the estimated one.
    assert row.high - row.difference > row.difference - row.low


@pytest.mark.parametrize("ends", [(0.01, 0.05), (-0.05, -0.01)])
def test_nothing_is_claimed_of_calibration_errors_whose_estimates_differ_the_other_way(ends, monkeypatch):
    monkeypatch.setattr(comparison, "calibration_difference", lambda *_, **__: (*ends, 0.001))
    truth, *both = two_networks(1000, sharper=1.3)
    if ends[0] > 0:
        both.reverse()
    row = by_name(compare_predictions(truth, *both, resamples=20))["expected_calibration_error"]
    assert row.low < 0 < row.high and row.difference in (row.low, row.high) and row.p == 1


def test_the_face_of_a_label_that_has_one_decides_neither_macro_f1_nor_m():
    truth, a, _ = two_networks()
    keep = (truth != 3) | (np.cumsum(truth == 3) == 1)
    truth, a = truth[keep], a[keep]
    b, own = a.copy(), np.flatnonzero(truth == 3)[0]
    a[own], b[own] = [0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.1, 0.7]
    rows = by_name(compare_predictions(truth, a, b, resamples=200))
    for name in ("macro_f1", "m_measure"):
        # Its two swaps give the same difference, so that nothing is significant and the interval reaches 0.
        assert (
            rows[name].difference > 0 and rows[name].p == 1 and rows[name].low == pytest.approx(0, abs=1e-9)
        ), name


def test_one_label_has_no_m_and_few_faces_no_calibration():
    truth, a, b = two_networks()
    rows = by_name(compare_predictions(truth[truth == 1], a[truth == 1], b[truth == 1], resamples=50))
    assert np.isnan([rows["m_measure"].difference, rows["m_measure"].p]).all()
    assert not np.isnan(rows["accuracy"].low)
    rows = by_name(compare_predictions(truth[:12], a[:12], b[:12], resamples=50))
    assert np.isnan([rows["expected_calibration_error"].low, rows["expected_calibration_error"].p]).all()
    assert not np.isnan(rows["expected_calibration_error"].difference)


def test_a_difference_of_all_faces_is_significant():
    truth = np.repeat([0, 1], 20)
    right = np.where(np.arange(2) == truth[:, None], 0.8, 0.2)
    rows = by_name(compare_predictions(truth, 1 - right, right, resamples=200))
    assert rows["macro_f1"].difference == 1 and rows["macro_f1"].p == pytest.approx(1 / 201)
    assert rows["macro_f1"].low > 0
    assert rows["accuracy"].p == pytest.approx(1 / 2**40) and rows["accuracy"].high == 1


def test_ccc_only_where_both_have_it_and_on_faces_known_in_both():
    truth, a, b = two_networks(200)
    of_a, of_b = two_affects(200)
    names = {row.name for row in compare_predictions(truth, a, b, affect_a=of_a, resamples=20)}
    assert names == set(NAMES[:4])
    of_b = {"valence": of_b["valence"]}
    of_b["valence"][1][150:] = np.nan
    rows = by_name(compare_predictions(truth, a, b, affect_a=of_a, affect_b=of_b, resamples=20))
    assert set(rows) == set(NAMES[:5])
    assert rows["valence_ccc"].a == pytest.approx(
        affect.affect_scores(*(each[:150] for each in of_a["valence"])).ccc
    )


def test_gap_columns_have_the_gaps_as_means_and_share_ties():
    truth, probabilities = softmax_faces(330, 4)
    for each in (probabilities, np.round(probabilities, 1)):
        table = calibration.reliability_bins(truth, each)
        columns = gap_columns(truth, each)
        np.testing.assert_allclose(columns.mean(axis=0), table.accuracy - table.confidence, atol=1e-12)
        order = np.random.default_rng(0).permutation(330)
        np.testing.assert_allclose(gap_columns(truth[order], each[order]), columns[order], atol=1e-12)


def test_gap_columns_spread_like_the_gaps_of_new_faces():
    gaps = []
    for seed in range(300):
        faces = softmax_faces(600, 3, seed=seed)
        table = calibration.reliability_bins(*faces)
        gaps.append(table.accuracy - table.confidence)
    columns = [gap_columns(*softmax_faces(600, 3, seed=1000 + k)) for k in range(20)]
    expected = np.mean([each.var(axis=0) / 600 for each in columns], axis=0)
    np.testing.assert_allclose(np.var(gaps, axis=0).mean(), expected.mean(), rtol=0.12)


def test_gaps_shrink_to_the_error_asked_for_small_ones_first():
    gaps = np.r_[np.full(5, 0.1), np.full(5, -0.01), np.full(5, 0.1)]
    calibration_gaps = shrinking(gaps, np.full(15, 1e-4))
    for error in (0.0, 0.01, 0.03, 0.05, 0.2):
        assert np.abs(calibration_gaps(error)).mean() == pytest.approx(error, abs=1e-6)
    half = np.abs(calibration_gaps(0.05))
    assert half[0] > 0.08 and half[7] < 0.005
    np.testing.assert_allclose(shrinking(np.zeros(15), np.ones(15))(0.02), 0.02)


def test_gaps_that_noise_hides_and_gaps_that_it_does_not():
    faces = 100.0
    hidden, plain = np.resize([0.03, -0.03], 15), np.full(15, 0.3)
    confidence, variance = np.full(15, 0.5), np.full(15, 0.25)
    noise = np.random.default_rng(0).standard_normal((2, 4000, 15))
    calibrated, other = (
        Gaps(each, confidence, variance, np.full(15, 0.125), faces) for each in (hidden, plain)
    )
    np.testing.assert_allclose(calibrated.spread(np.zeros(15)), 0.05)
    np.testing.assert_allclose(other.spread(plain), np.sqrt(0.8 * 0.2 / faces))
    # The skewness of a binomial share of 0.8: (1 - 2 p) / sqrt(n p (1 - p)).
    np.testing.assert_allclose(other.skewness(plain), -0.6 / np.sqrt(faces * 0.16))
    # Half a normal distribution of deviation 0.05 has the mean 0.04: more than was observed.
    assert calibrated.drawn(0.0, noise[0]).mean() == pytest.approx(0.05 * np.sqrt(2 / np.pi), rel=0.02)
    assert other.drawn(0.3, noise[1]).mean() == pytest.approx(0.3, abs=2e-3)
    low, high, p = calibration_difference((calibrated, other), noise)
    # The estimates differ by 0.27, but 0.03 of A's is noise, so 0.3 is what goes with them.
    assert 0.26 < low < 0.3 < high < 0.34 and p == pytest.approx(2 / 4001)
    low, high, p = calibration_difference((calibrated, calibrated), noise)
    assert low == pytest.approx(-high, abs=0.01) and high > 0.03 and p > 0.9


def test_nonsense_is_refused():
    truth, a, b = two_networks(20)
    with pytest.raises(
        ValueError, match=r"probabilities of A \(20, 4\) and of B \(20, 5\) must be of the same labels"
    ):
        compare_predictions(truth, a, np.column_stack([b, b[:, 0]]))
    with pytest.raises(ValueError, match="must be \\(n,\\) and \\(n, c\\)"):
        compare_predictions(truth, a, b[:10])
    with pytest.raises(ValueError, match="0 faces and 2000 resamples; expected 1 or more of both"):
        compare_predictions(truth[:0], a[:0], b[:0])
    with pytest.raises(ValueError, match="20 faces and 0 resamples"):
        compare_predictions(truth, a, b, resamples=0)
