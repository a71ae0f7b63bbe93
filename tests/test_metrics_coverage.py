"""95% means 95%: test sets drawn from faces that are the whole population, whose numbers are therefore known.

The simulations are seeded and small; `python benchmarks/coverage.py` runs the large ones.
"""

import numpy as np
import pytest
from scipy.stats import binom
from threadpoolctl import threadpool_limits

from core.metrics import affect, calibration, comparison, expression, intervals, ranking
from core.metrics.calibration_interval import calibration_interval


@pytest.fixture(autouse=True)
def one_thread():
    """Thousands of small products are several times as fast without threads."""
    with threadpool_limits(1):
        yield


#: Everybody: so many faces of each label.
EVERYBODY = 20_000


def everybody(labels, *, sharpness=1.5, strength=1.5, networks=1, seed=0):
    """Truth and what each network says; sharpness = strength is calibrated. Half of the networks' noise is shared."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(labels), EVERYBODY)
    signal = strength * np.eye(labels)[truth]
    shared = rng.standard_normal((len(truth), labels))
    every = []
    for _ in range(networks):
        noise = np.sqrt(0.5) * (shared + rng.standard_normal((len(truth), labels)))
        exponentials = np.exp(sharpness * (signal + noise))
        every.append(exponentials / exponentials.sum(axis=1, keepdims=True))
    return truth, *every


def draw(labels, faces_per_label, rng):
    """Rows of a test set: the numbers of faces per label are fixed."""
    starts = EVERYBODY * np.arange(labels)[:, None]
    return (starts + rng.integers(0, EVERYBODY, (labels, faces_per_label))).ravel()


def plausible(share, repetitions, *, low=0.93, high=0.97):
    """Whether a share of the repetitions may come from a true one between `low` and `high`: 999 in 1,000 do."""
    count = round(share * repetitions)
    return binom.ppf(0.0005, repetitions, low) <= count <= binom.ppf(0.9995, repetitions, high)


def values(truth, probabilities, valence):
    confusion = expression.confusion_matrix(truth, probabilities.argmax(axis=1), 3)
    ranks = ranking.hand_till(truth, probabilities)
    numbers = {name: getattr(expression, name)(confusion) for name in (
        "accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1", "weighted_f1", "precision",
        "recall", "f1",
    )}  # fmt: skip
    of_affect = affect.affect_scores(*valence)
    return numbers | {
        "kappa": expression.cohen_kappa(confusion),
        "m_measure": ranks.m,
        "pairwise_a": ranks.pairwise,
        "auc": ranking.one_vs_rest_from_directional(
            ranking.directional_auc(truth, probabilities), np.bincount(truth, minlength=3)
        ),
        "average_precision": ranking.average_precision(truth, probabilities),
        "brier": calibration.brier_losses(truth, probabilities).mean(),
        "negative_log_likelihood": calibration.log_losses(truth, probabilities).mean(),
        "expected_calibration_error": calibration.expected_calibration_error(truth, probabilities),
        **{f"valence_{name}": getattr(of_affect, name) for name in ("rmse", "ccc", "pearson", "sagr")},
    }


#: Which entry of the arrays of ends is looked at.
POSITION = {name: 1 for name in ("precision", "recall", "f1", "auc", "average_precision")} | {
    "pairwise_a": (0, 1)
}


@pytest.mark.parametrize("limit", [20_000, 0], ids=["redrawn", "analytic"])
def test_every_interval_holds_its_number_in_95_of_100_test_sets(limit, monkeypatch):
    monkeypatch.setattr(intervals, "MOST_FACES_REDRAWN", limit)
    truth, probabilities = everybody(3)
    rng = np.random.default_rng(1)
    valence = np.tanh(rng.standard_normal(len(truth)) + truth - 1)
    predicted = 0.6 * valence + rng.normal(0, 0.3, len(truth))
    known = values(truth, probabilities, (valence, predicted))
    repetitions, held = 400, dict.fromkeys(known, 0)
    for seed in range(repetitions):
        rows = draw(3, 200, rng)
        pair = {"valence": (valence[rows], predicted[rows])}
        ends = intervals.intervals(
            truth[rows], probabilities[rows], resamples=199, seed=seed, affect=pair, fixed_counts=True
        ).ends
        assert ends.keys() == known.keys()
        for name, value in known.items():
            at = POSITION.get(name, ())
            low, high = (end[at] for end in ends[name])
            held[name] += low <= np.asarray(value)[at] <= high
    coverage = {name: count / repetitions for name, count in held.items()}
    assert all(plausible(share, repetitions) for share in coverage.values()), coverage
    assert 0.93 <= np.mean(list(coverage.values())) <= 0.97, coverage


@pytest.mark.parametrize("faces_per_label", [125, 500])
@pytest.mark.parametrize(
    "sharpness", [2.0, 2.15, 2.6, 1.6], ids=["calibrated", "slightly off", "over", "under"]
)
def test_the_interval_of_the_calibration_error_holds_it(sharpness, faces_per_label):
    truth, probabilities = everybody(8, sharpness=sharpness, strength=2.0)
    known = calibration.expected_calibration_error(truth, probabilities)
    rng, repetitions, held = np.random.default_rng(2), 200, 0
    for _ in range(repetitions):
        rows = draw(8, faces_per_label, rng)
        low, high = calibration_interval(truth[rows], probabilities[rows], 199, rng)
        assert low <= calibration.expected_calibration_error(truth[rows], probabilities[rows]) <= high
        held += low <= known <= high
    # Where miscalibration is no larger than noise its shape is anybody's guess and the interval a little too wide.
    assert plausible(held / repetitions, repetitions, high=0.98), held / repetitions


@pytest.mark.parametrize("limit", [20_000, 0], ids=["redrawn", "analytic"])
def test_two_equally_good_networks_are_called_different_in_5_of_100_test_sets(limit, monkeypatch):
    """Equally good because each face's two answers are A's and B's by a coin's toss."""
    monkeypatch.setattr(comparison, "MOST_FACES_REDRAWN", limit)
    truth, *both = everybody(3, sharpness=2.0, networks=2)
    rng = np.random.default_rng(3)
    valence = np.tanh(rng.standard_normal(len(truth)) + truth - 1)
    predicted = [0.6 * valence + rng.normal(0, 0.3, len(truth)) for _ in both]
    repetitions, called = 300, {}
    for seed in range(repetitions):
        rows = draw(3, 200, rng)
        swapped = rng.random(len(rows)) < 0.5
        a, b = both[0][rows], both[1][rows]
        a, b = np.where(swapped[:, None], b, a), np.where(swapped[:, None], a, b)
        v, w = predicted[0][rows], predicted[1][rows]
        v, w = np.where(swapped, w, v), np.where(swapped, v, w)
        of_a, of_b = ({"valence": (valence[rows], each)} for each in (v, w))
        for row in comparison.compare_predictions(
            truth[rows], a, b, affect_a=of_a, affect_b=of_b, resamples=199, seed=seed, fixed_counts=True
        ):
            called[row.name] = called.get(row.name, 0) + (row.p <= 0.05)
    assert len(called) == 5
    shares = {name: count / repetitions for name, count in called.items()}
    assert all(plausible(share, repetitions, low=0.03, high=0.07) for share in shares.values()), shares
    assert 0.03 <= np.mean(list(shares.values())) <= 0.07, shares


def test_intervals_of_differences_hold_them():
    truth, a, b = everybody(3, sharpness=2.0, networks=2)
    b = calibration.apply_temperature(b, 0.7)
    known = {row.name: row.difference for row in comparison.compare_predictions(truth, a, b, resamples=1)}
    rng, repetitions, held = np.random.default_rng(4), 200, dict.fromkeys(known, 0)
    for seed in range(repetitions):
        rows = draw(3, 200, rng)
        for row in comparison.compare_predictions(
            truth[rows], a[rows], b[rows], resamples=199, seed=seed, fixed_counts=True
        ):
            held[row.name] += row.low <= known[row.name] <= row.high
    coverage = {name: count / repetitions for name, count in held.items()}
    assert all(plausible(share, repetitions) for share in coverage.values()), coverage
