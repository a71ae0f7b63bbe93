"""Risk and coverage: by hand, against every order of ties, against scikit-learn and a binomial table, and invariances."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from core.metrics.abstention import (
    aurc,
    aurcs,
    auroc,
    best_aurcs,
    e_aurc,
    risk_coverage,
)
from core.metrics.abstention_intervals import CELLS, abstention_intervals

#: Five faces, two of them equally sure, of which one is wrong.
CONFIDENCE = np.array([0.9, 0.8, 0.8, 0.5, 0.3])
CORRECT = np.array([True, True, False, True, False])


def faces(n: int, seed: int, *, steps: int | None = None):
    """Confidences, rounded to `steps` where given, and answers that are right as often as they say."""
    random = np.random.default_rng(seed)
    confidence = random.uniform(0.2, 1, n)
    if steps:
        confidence = np.round(confidence * steps) / steps
    return confidence, random.random(n) < confidence


def aurc_of_order(correct: np.ndarray) -> float:
    """Geifman, Uziel & El-Yaniv (2019), section 2, of faces in one order without ties."""
    return float(np.mean(np.cumsum(~correct) / np.arange(1, len(correct) + 1)))


def test_a_curve_by_hand():
    curve = risk_coverage(CONFIDENCE, CORRECT)
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.5, 0.3]
    assert curve.coverage.tolist() == [0.2, 0.6, 0.8, 1.0]
    assert curve.risk.tolist() == [0, 1 / 3, 1 / 4, 2 / 5]
    assert curve.at_threshold(0.95) == (0, 0) and curve.at_threshold(0.8) == (3, 1)
    assert curve.at_threshold(0.6) == (3, 1) and curve.at_threshold(0) == (5, 2)
    # Half of the faces cannot be had without the other of the two equally sure ones.
    assert [curve.at_coverage(share) for share in (0.2, 0.5, 0.6, 0.61, 1.0)] == [0, 1, 1, 2, 3]
    assert [curve.at_risk(risk) for risk in (0, 0.25, 0.3, 0.4)] == [0, 2, 2, 3]


def test_the_area_by_hand():
    # The error of the pair comes second or third: risks 0, 1/4 on average, 1/3, 1/4, 2/5.
    assert aurc(risk_coverage(CONFIDENCE, CORRECT)) == pytest.approx((0 + 1 / 4 + 1 / 3 + 1 / 4 + 2 / 5) / 5)
    # The best order is right, right, right, wrong, wrong: risks 0, 0, 0, 1/4, 2/5.
    assert best_aurcs(np.array([2]), 5)[0] == pytest.approx((1 / 4 + 2 / 5) / 5)
    assert e_aurc(risk_coverage(CONFIDENCE, CORRECT)) == pytest.approx((1 / 4 + 1 / 3) / 5)


def test_the_best_area_is_near_the_published_limit():
    # Geifman, Uziel & El-Yaniv (2019), equation 3: r + (1 - r) ln(1 - r) for many faces.
    for risk in (0.05, 0.2, 0.5):
        expected = risk + (1 - risk) * np.log(1 - risk)
        assert best_aurcs(np.array([int(risk * 100_000)]), 100_000)[0] == pytest.approx(expected, abs=1e-5)
    assert best_aurcs(np.array([0, 7]), 7).tolist() == pytest.approx([0, 1])


@pytest.mark.parametrize("seed", range(4))
def test_the_area_is_the_mean_over_every_order_of_equal_confidences(seed):
    confidence, correct = faces(6, seed, steps=3)
    orders = [
        aurc_of_order(correct[list(order)])
        for order in permutations(range(6))
        if np.all(np.diff(confidence[list(order)]) <= 0)
    ]
    assert len(orders) > 1
    assert aurc(risk_coverage(confidence, correct)) == pytest.approx(np.mean(orders))


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 10**6), st.sampled_from([None, 2, 7]))
def test_neither_order_nor_scale_of_the_confidences_matters(n, seed, steps):
    confidence, correct = faces(n, seed, steps=steps)
    curve = risk_coverage(confidence, correct)
    order = np.random.default_rng(seed).permutation(n)
    shuffled, bent = risk_coverage(confidence[order], correct[order]), risk_coverage(confidence**3, correct)
    for other in (shuffled, bent):
        np.testing.assert_array_equal(other.accepted, curve.accepted)
        np.testing.assert_array_equal(other.errors, curve.errors)
        assert aurc(other) == pytest.approx(aurc(curve), abs=1e-12)
    assert -1e-12 <= e_aurc(curve) <= aurc(curve) + 1e-12
    assert curve.risk[-1] == pytest.approx(1 - correct.mean())


def test_without_ties_the_area_is_the_definition():
    confidence, correct = faces(500, 1)
    order = np.argsort(-confidence)
    assert aurc(risk_coverage(confidence, correct)) == pytest.approx(aurc_of_order(correct[order]))


def test_a_confidence_that_says_nothing_has_the_risk_as_its_area():
    correct = faces(400, 2)[1]
    assert aurc(risk_coverage(np.full(400, 0.5), correct)) == pytest.approx(1 - correct.mean())


def test_empty_cells_do_not_change_an_area():
    curve = risk_coverage(CONFIDENCE, CORRECT)
    accepted, errors = np.repeat(curve.accepted, 2)[None], np.repeat(curve.errors, 2)[None]
    assert aurcs(accepted, errors)[0] == pytest.approx(aurc(curve))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 80), st.integers(0, 10**6), st.sampled_from([None, 2, 5]))
def test_separation_against_scikit_learn(n, seed, steps):
    confidence, correct = faces(n, seed, steps=steps)
    apart = auroc(confidence[correct], confidence[~correct])
    if correct.all() or not correct.any():
        assert np.isnan(apart)
    else:
        assert apart == pytest.approx(roc_auc_score(correct, confidence))
        assert auroc(confidence[~correct], confidence[correct]) == pytest.approx(1 - apart)


def test_a_guarantee_by_hand():
    # No error among the 50 surest of 100 faces, and nothing but errors after: the search looks at 51 faces, 76, 63, ...
    curve = risk_coverage(np.linspace(1, 0, 100), np.arange(100) < 50)
    place = curve.guaranteed(0.16)
    faces_taken, errors = curve.accepted[place], curve.errors[place]
    assert faces_taken >= 51 and errors == faces_taken - 50
    # 7 looks at most: so few errors at a risk of 16% have a chance under 5% / 7, and with one face more they have not.
    assert binom.cdf(errors, faces_taken, 0.16) <= 0.05 / 7 < binom.cdf(errors + 1, faces_taken + 1, 0.16)
    assert curve.guaranteed(0.01) is None and curve.guaranteed(1.0) == 99


def test_a_guarantee_holds_as_often_as_it_says():
    random, broken, given_out = np.random.default_rng(0), 0, 0
    for _ in range(300):
        confidence = random.uniform(0, 1, 2000)
        correct = random.random(2000) < confidence
        curve = risk_coverage(confidence, correct)
        place = curve.guaranteed(0.2)
        if place is not None:
            given_out += 1
            # Above t, uniform confidences c with errors 1 - c: the risk is (1 - t) / 2.
            broken += (1 - curve.thresholds[place]) / 2 > 0.2
    assert given_out > 290 and broken <= 0.05 * given_out


def test_what_cannot_be_a_curve_is_refused():
    for confidence, correct in ((np.empty(0), []), (np.ones(2), [True]), (np.ones((2, 2)), np.ones((2, 2)))):
        with pytest.raises(ValueError, match="must both be"):
            risk_coverage(confidence, correct)
    with pytest.raises(ValueError, match="NaN"):
        risk_coverage(np.array([np.nan, 1.0]), [True, False])


def bounds(n=300, m=120, *, seed=0, steps=None, resamples=300, groups=((0,), (0, 1))):
    confidence, correct = faces(n, seed, steps=steps)
    out_of_set = np.random.default_rng(seed + 1).uniform(0.1, 0.8, m)
    label, out_of_set_label = np.arange(n) % 5, np.arange(m) % 2
    found = abstention_intervals(
        confidence, correct, label, out_of_set, out_of_set_label, groups, resamples=resamples, seed=3
    )
    return (confidence, correct, out_of_set, out_of_set_label), found


def test_intervals_hold_their_numbers_and_are_seeded():
    (confidence, correct, out_of_set, out_of_set_label), found = bounds()
    curve = risk_coverage(confidence, correct)
    everyone = risk_coverage(np.r_[confidence, out_of_set], np.r_[correct, np.zeros(len(out_of_set), bool)])
    for (low, high), value in (
        (found.aurc, aurc(curve)),
        (found.e_aurc, e_aurc(curve)),
        (found.failure_auroc, auroc(confidence[correct], confidence[~correct])),
        (found.out_of_set[0], auroc(confidence, out_of_set[out_of_set_label == 0])),
        (found.out_of_set[1], auroc(confidence, out_of_set)),
        (found.aurc_with_out_of_set, aurc(everyone)),
    ):
        assert low < value < high and high - low < 0.2
    assert bounds()[1] == found != bounds(seed=1)[1]


def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    # Errors 1 - c at confidences uniform on 0.2 to 1; the area and separation of very many faces stand for the truth.
    confidence, correct = faces(400_000, 99)
    curve = risk_coverage(confidence, correct)
    truths = aurc(curve), e_aurc(curve), auroc(confidence[correct], confidence[~correct])
    hits = np.zeros(3)
    for seed in range(120):
        found = bounds(150, 2, seed=seed, resamples=200, groups=())[1]
        ends = (found.aurc, found.e_aurc, found.failure_auroc)
        hits += [low <= truth <= high for (low, high), truth in zip(ends, truths, strict=True)]
    assert (hits / 120 >= 0.86).all()


def test_cells_of_many_faces_give_the_same_intervals():
    confidence, correct = faces(3 * CELLS, 5)
    label = np.zeros(len(confidence), int)
    arguments = (correct, label, np.empty(0), np.empty(0, int))
    cut = abstention_intervals(confidence, *arguments, resamples=200, seed=1)
    rounded = abstention_intervals(np.round(confidence * 500) / 500, *arguments, resamples=200, seed=2)
    for name in ("aurc", "e_aurc", "failure_auroc"):
        assert getattr(cut, name) == pytest.approx(getattr(rounded, name), abs=0.004)


def test_what_no_resample_changes_has_no_interval():
    confidence, correct = np.array([0.9, 0.8]), np.array([True, True])
    found = abstention_intervals(
        confidence, correct, np.array([0, 1]), np.empty(0), np.empty(0, int), resamples=50
    )
    assert np.isnan([*found.aurc, *found.failure_auroc, *found.e_aurc]).all() and found.out_of_set == ()
