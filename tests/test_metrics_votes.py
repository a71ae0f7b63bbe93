"""Votes: distributions, agreement of the annotators, and a network against them, by hand and by second implementations."""

import math
from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import spearmanr

from core.metrics import bootstrap
from core.metrics.large_samples import rank_correlation_interval
from core.metrics.vote_scores import VOTE_METRICS, score_votes
from core.metrics.votes import (
    are_counts,
    entropies,
    human_agreements,
    kl_divergences,
    krippendorff_alpha,
    majorities,
    vote_cross_entropies,
    vote_shares,
)


def random_votes(seed: int, *, faces: int = 200, labels: int = 5, annotators: int = 7) -> np.ndarray:
    """Between none and `annotators` votes per face, around a label of each."""
    rng = np.random.default_rng(seed)
    centre = np.eye(labels)[rng.integers(0, labels, faces)] * 0.6 + 0.4 / labels
    return np.array([rng.multinomial(rng.integers(0, annotators + 1), p) for p in centre])


def test_shares_entropies_and_majorities_by_hand():
    votes = np.array([[5, 5, 0], [8, 1, 1], [0, 0, 0], [0, 0, 3]])
    np.testing.assert_allclose(vote_shares(votes), [[0.5, 0.5, 0], [0.8, 0.1, 0.1], [0, 0, 0], [0, 0, 1]])
    mixed = -0.8 * math.log(0.8) - 0.2 * math.log(0.1)
    np.testing.assert_allclose(entropies(vote_shares(votes)), [math.log(2), mixed, 0, 0])
    np.testing.assert_array_equal(majorities(votes), [-1, 0, -1, 2])
    assert are_counts(votes) and not are_counts(vote_shares(votes)) and not are_counts(np.eye(3))


def test_cross_entropy_and_divergence_by_hand():
    shares, probabilities = np.array([[0.5, 0.5, 0.0]]), np.array([[0.25, 0.5, 0.25]])
    # -(ln 1/4 + ln 1/2) / 2 = 1.5 ln 2; less the entropy ln 2
    assert vote_cross_entropies(shares, probabilities)[0] == pytest.approx(1.5 * math.log(2))
    assert kl_divergences(shares, probabilities)[0] == pytest.approx(0.5 * math.log(2))
    assert kl_divergences(shares, shares)[0] == 0.0
    impossible = np.array([[0.0, 1.0, 0.0]], np.float32)
    assert vote_cross_entropies(shares, impossible)[0] == pytest.approx(
        -0.5 * math.log(np.finfo(np.float32).eps)
    )


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ([4, 1, 0], 4 / 5),  # the odd one out never agrees, the others always do
        ([3, 2, 0], 3 / 5 * 1 / 2),  # one of the three leaves 2 against 2; one of the two faces 3 against 1
        ([1, 1, 0], 0.0),
        ([2, 0, 0], 1.0),
        ([2, 2, 2], 0.0),  # 1 against 2 and 2: never of the majority
        ([1, 0, 0], math.nan),
        ([0, 0, 0], math.nan),
    ],
)
def test_one_annotator_against_the_others_by_hand(votes, expected):
    assert human_agreements(np.array([votes]))[0] == pytest.approx(expected, nan_ok=True)


def test_one_annotator_against_the_others_by_enumeration():
    for row, found in zip(
        random_votes(1, faces=60), human_agreements(random_votes(1, faces=60)), strict=True
    ):
        annotators = [label for label, count in enumerate(row) for _ in range(count)]
        if len(annotators) < 2:
            assert math.isnan(found)
            continue
        agreements = []
        for place, label in enumerate(annotators):
            others = Counter(annotators[:place] + annotators[place + 1 :])
            tied = [name for name, count in others.items() if count == max(others.values())]
            agreements.append((label in tied) / len(tied))
        assert found == pytest.approx(np.mean(agreements))


def test_weights_have_no_annotators():
    with pytest.raises(ValueError, match="whole numbers"):
        human_agreements(np.array([[0.5, 0.5]]))


def test_alpha_of_krippendorffs_published_example():
    """Four observers, twelve units, with missing values: alpha is 0.743 (Krippendorff 2011, example C)."""
    observers = ("123321412...", "1233224125.3", ".3332342251.", "12332441251.")
    votes = np.zeros((12, 5), int)
    for row in observers:
        for unit, mark in enumerate(row):
            if mark != ".":
                votes[unit, int(mark) - 1] += 1
    assert krippendorff_alpha(votes) == pytest.approx(0.743, abs=5e-4)


def brute_alpha(votes: np.ndarray) -> float:
    """Alpha by all ordered pairs of votes, within the faces and in all."""
    faces = [[label for label, count in enumerate(row) for _ in range(count)] for row in votes]
    faces = [face for face in faces if len(face) > 1]
    everything = [label for face in faces for label in face]
    observed = sum(sum(a != b for a, b in permutations(face, 2)) / (len(face) - 1) for face in faces) / len(
        everything
    )
    pairs = list(permutations(everything, 2))
    return 1 - observed / (sum(a != b for a, b in pairs) / len(pairs))


def test_alpha_by_all_pairs():
    for seed in range(3):
        votes = random_votes(seed, faces=40)
        assert krippendorff_alpha(votes) == pytest.approx(brute_alpha(votes), abs=1e-12)


def test_alpha_of_agreement_and_of_one_label():
    assert krippendorff_alpha(np.array([[3, 0], [0, 4]])) == 1.0
    assert math.isnan(krippendorff_alpha(np.array([[3, 0], [4, 0]])))
    assert math.isnan(krippendorff_alpha(np.array([[1, 0], [0, 1]])))


def test_rank_correlations_of_resamples_are_those_of_repeated_faces():
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 6, 80) / 7, rng.normal(size=80)
    weights = rng.integers(0, 4, (80, 5)).astype(np.float32)
    found = bootstrap.rank_correlation(x, y + x)(weights)
    for column, correlation in zip(weights.T.astype(int), found, strict=True):
        expected = spearmanr(np.repeat(x, column), np.repeat(y + x, column)).statistic
        assert correlation == pytest.approx(expected, abs=1e-12)
    assert np.isnan(bootstrap.rank_correlation(np.ones(80), y)(weights)).all()


def test_the_interval_of_many_pairs_holds_the_correlation_and_shrinks():
    low, high = rank_correlation_interval(0.5, 103, 0.95)
    # Fisher's z: atanh(0.5) -+ 1.96 sqrt(1.125 / 100)
    assert (low, high) == pytest.approx((np.tanh(0.54931 - 0.20789), np.tanh(0.54931 + 0.20789)), abs=1e-4)
    assert np.isnan(rank_correlation_interval(1.0, 103, 0.95)).all()


#: Votes for four labels, of which the network has the first three; its probabilities; annotated labels.
VOTES = np.array(
    [[9, 1, 0, 0], [4, 4, 2, 0], [0, 6, 4, 0], [1, 2, 0, 7], [0, 0, 0, 0], [0, 3, 7, 0]], np.float32
)
PROBABILITIES = np.array(
    [[0.8, 0.1, 0.1], [0.3, 0.3, 0.4], [0.1, 0.4, 0.5], [0.2, 0.5, 0.3], [1, 0, 0], [0.1, 0.2, 0.7]],
    np.float32,
)
TRUTH = np.array([0, 0, 1, 1, 0, 2])


def test_scores_of_a_network_by_hand():
    scores = score_votes(VOTES, (0, 1, 2), TRUTH, PROBABILITIES, accepted_share=0.3, resamples=200)
    assert (scores.faces, scores.with_majority, scores.counts, scores.annotators) == (5, 3, True, 10.0)
    numbers = {name: estimate.value for name, estimate in scores.numbers.items()}
    assert list(numbers) == list(VOTE_METRICS)
    # Majorities 0, tie, 1, the fourth label, 2; predictions 0, 2, 2, 1, 2.
    assert numbers["majority_accuracy"] == pytest.approx(2 / 3)
    # Shares of the predictions: 0.9, 0.2, 0.4, 0.2, 0.7.
    assert numbers["accepted_accuracy"] == pytest.approx(3 / 5)
    assert numbers["human_ceiling"] == pytest.approx(np.mean([0.9, 0.0, 0.6, 0.7, 0.7]))
    assert numbers["human_ceiling_decided"] == pytest.approx(np.mean([0.9, 0.6, 0.7]))
    q = [[0.9, 0.1, 0], [0.4, 0.4, 0.2], [0, 0.6, 0.4], [1 / 3, 2 / 3, 0], [0, 0.3, 0.7]]
    expected = -np.mean((np.array(q) * np.log(PROBABILITIES[[0, 1, 2, 3, 5]])).sum(axis=1))
    assert numbers["vote_cross_entropy"] == pytest.approx(expected, rel=1e-6)
    assert numbers["vote_kl"] == pytest.approx(expected - entropies(np.array(q)).mean(), rel=1e-6)
    assert numbers["krippendorff_alpha"] == pytest.approx(brute_alpha(VOTES.astype(int)))
    unsure = spearmanr(
        entropies(vote_shares(VOTES[[0, 1, 2, 3, 5]])), entropies(PROBABILITIES[[0, 1, 2, 3, 5]])
    )
    assert numbers["entropy_correlation"] == pytest.approx(unsure.statistic)


def test_intervals_hold_their_numbers_and_soft_labels_have_no_annotators():
    votes = random_votes(5, faces=300)
    probabilities = (0.8 * vote_shares(votes + 0.01) + 0.04).astype(np.float32)
    truth = votes.argmax(axis=1)
    scores = score_votes(votes, (0, 1, 2, 3, 4), truth, probabilities, resamples=200)
    for name, estimate in scores.numbers.items():
        assert estimate.low < estimate.value < estimate.high or math.isnan(estimate.low), name
    assert scores.numbers["entropy_correlation"].low > 0
    assert scores == score_votes(votes, (0, 1, 2, 3, 4), truth, probabilities, resamples=200)
    soft = score_votes(vote_shares(votes), (0, 1, 2, 3, 4), truth, probabilities, resamples=50)
    assert not soft.counts and math.isnan(soft.annotators)
    assert math.isnan(soft.numbers["human_ceiling"].value)
    assert math.isnan(soft.numbers["krippendorff_alpha"].value)
    assert soft.numbers["vote_kl"].value == pytest.approx(scores.numbers["vote_kl"].value)


def test_many_faces_have_intervals_of_about_the_same_width(monkeypatch):
    votes = random_votes(6, faces=400)
    truth, probabilities = votes.argmax(axis=1), vote_shares(votes + 1).astype(np.float32)
    drawn = score_votes(votes, (0, 1, 2, 3, 4), truth, probabilities, resamples=1000).numbers
    monkeypatch.setattr("core.metrics.vote_scores.MOST_FACES_REDRAWN", 100)
    limit = score_votes(votes, (0, 1, 2, 3, 4), truth, probabilities, resamples=1000).numbers
    for name in ("vote_kl", "human_ceiling", "krippendorff_alpha"):
        width = drawn[name].high - drawn[name].low
        assert limit[name].high - limit[name].low == pytest.approx(width, rel=0.15), name
        assert limit[name].value == drawn[name].value


def test_faces_without_any_vote_cannot_be_scored():
    with pytest.raises(ValueError, match="No face has votes"):
        score_votes(np.zeros((3, 4)), (0, 1, 2), np.zeros(3, int), PROBABILITIES[:3])
