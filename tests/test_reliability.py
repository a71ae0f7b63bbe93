"""Calibration of a run: bins with intervals, each label against the rest, the temperature, and what is said of it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from core.analysis.calibration.reliability import (
    classwise_error,
    confidence_histogram,
    label_table,
    mean_with_interval,
    reliability_table,
)
from core.analysis.calibration.review import compute_calibration, compute_reliability, with_temperature
from core.analysis.calibration.wording import calibration_findings
from core.errors import AffectoscopeError
from core.metrics import bootstrap, calibration
from core.metrics.predictions import Predictions
from core.metrics.scoring import score
from core.metrics.thresholds import wilson_interval
from core.runs.calibration import load_temperature
from core.runs.catalogue import open_run
from tests.conftest import ROOT
from tests.made_runs import make_predictions
from tests.test_metrics_ranking import softmax_faces

SHIPPED = [path for path in sorted((ROOT / "artifacts").glob("*")) if (path / "predictions.parquet").exists()]


def run_with(temperature=None, *, labels=("neutral", "happy", "sad"), validation=None, **errors):
    """As much of a run as a calibration needs."""
    kept = {} if temperature is None else {"calibration": {"temperature": temperature} | errors}
    counts = {"test": {}} | ({"validation": validation} if validation else {})
    return SimpleNamespace(
        name="made",
        labels=labels,
        has_network=True,
        info={"data": {"counts": counts}} | kept,
        has_fixed_counts=lambda predictions: False,
    )


def calibrated(faces, *, c=3, sharpness=1.0, seed=0):
    """Faces whose truth is drawn from their softmax, which is then sharpened: calibrated at a sharpness of 1."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.standard_normal((faces, c))
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (rng.random((faces, 1)) > softmax.cumsum(axis=1)).sum(axis=1).clip(0, c - 1)
    probabilities = softmax**sharpness
    return truth, probabilities / probabilities.sum(axis=1, keepdims=True)


def predictions_of(truth, probabilities, labels=("neutral", "happy", "sad")):
    return Predictions.from_arrays(labels=labels, truth=truth, probabilities=probabilities)


def test_bins_have_the_wilson_interval_of_their_faces():
    truth, probabilities = softmax_faces(300, 3)
    table = reliability_table(truth, probabilities, bins=6)
    by_confidence = np.argsort(probabilities.max(axis=1)).reshape(6, 50)
    correct = (probabilities.argmax(axis=1) == truth)[by_confidence]
    assert table["faces"].tolist() == [50] * 6
    np.testing.assert_allclose(table["accuracy"], correct.mean(axis=1))
    np.testing.assert_allclose(table["confidence"], probabilities.max(axis=1)[by_confidence].mean(axis=1))
    for (_, row), right in zip(table.iterrows(), correct.sum(axis=1), strict=True):
        theirs = binomtest(int(right), 50).proportion_ci(method="wilson")
        assert (row["low"], row["high"]) == pytest.approx((theirs.low, theirs.high))


def test_an_expression_against_the_rest_by_hand():
    # Probabilities of label 0: .1 (not it), .2 (it) | .6 (it), .7 (it).
    column = np.array([0.6, 0.1, 0.7, 0.2])
    truth = np.array([0, 1, 0, 0])
    table = reliability_table(truth, np.column_stack([column, 1 - column]), label=0, bins=2)
    np.testing.assert_allclose(table["confidence"], [0.15, 0.65])
    np.testing.assert_allclose(table["accuracy"], [0.5, 1.0])
    np.testing.assert_allclose(table[["lowest", "highest"]], [[0.1, 0.2], [0.6, 0.7]])
    assert table["high"].tolist()[1] == 1.0  # exactly, although its mass is a sum of floats


@pytest.mark.parametrize(("faces", "bins", "digits"), [(7, 5, 9), (20, 15, 9), (100, 7, 1), (60, 4, 0)])
def test_the_interval_of_shared_faces_is_at_least_as_wide_as_that_of_their_effective_number(
    faces, bins, digits
):
    """Kish's effective number (sum w)^2 / sum w^2, from the weights themselves."""
    rng = np.random.default_rng(faces)
    confidence = np.round(rng.uniform(0.5, 1, faces), digits)
    truth = (rng.random(faces) > confidence).astype(int)
    probabilities = np.column_stack([confidence, 1 - confidence])
    table = reliability_table(truth, probabilities, label=0, bins=bins)
    weights, begun = np.zeros((bins, faces)), 0
    for value in np.unique(confidence):
        group = np.flatnonzero(confidence == value)
        for b in range(bins):
            inside = min(begun + len(group), (b + 1) * faces / bins) - max(begun, b * faces / bins)
            weights[b, group] = max(inside, 0) / len(group)
        begun += len(group)
    np.testing.assert_allclose(weights.sum(axis=1), table["faces"])
    np.testing.assert_allclose((weights * (truth == 0)).sum(axis=1) / weights.sum(axis=1), table["accuracy"])
    effective = weights.sum(axis=1) ** 2 / (weights**2).sum(axis=1)
    for number, (_, row) in zip(effective, table.iterrows(), strict=True):
        narrower = wilson_interval(row["accuracy"] * number, number)
        assert row["low"] <= narrower[0] + 1e-9 and narrower[1] <= row["high"] + 1e-9


def test_the_spread_counts_every_face_once():
    _, probabilities = softmax_faces(200, 4)
    for label in (None, 2):
        column = probabilities.max(axis=1) if label is None else probabilities[:, label]
        table = confidence_histogram(probabilities, label=label)
        assert table["faces"].sum() == 200 and len(table) == 20
        inside = (column >= 0.3) & (column < 0.35)
        assert table.loc[table["from"] == 0.3, "faces"].item() == inside.sum()


def test_labels_against_plain_bins():
    truth, probabilities = softmax_faces(1500, 4)
    table = label_table(("a", "b", "c", "d"), truth, probabilities)
    for label, row in table.iterrows():
        column, own = probabilities[:, label], truth == label
        plain = np.mean([abs(own[b].mean() - column[b].mean()) for b in np.split(np.argsort(column), 15)])
        assert row["error"] == pytest.approx(plain, abs=1e-9)
        assert row["excess"] == pytest.approx(column.mean() - own.mean())
        assert row["excess_low"] < row["excess"] < row["excess_high"]
        assert (row["faces"], row["share"]) == (own.sum(), own.mean())
    assert table["excess"].sum() == pytest.approx(0, abs=1e-12)  # probabilities and shares both sum to 1
    assert classwise_error(table) == pytest.approx(table["error"].mean())


def test_neither_the_order_of_faces_nor_of_labels_matters():
    truth, probabilities = softmax_faces(90, 3, steps=4)
    labels = ("a", "b", "c")
    table = label_table(labels, truth, probabilities).set_index("expression")
    order = np.random.default_rng(1).permutation(90)
    shuffled = label_table(labels, truth[order], probabilities[order]).set_index("expression")
    pd.testing.assert_frame_equal(table, shuffled)
    swapped = label_table(("c", "a", "b"), (truth + 1) % 3, probabilities[:, [2, 0, 1]])
    pd.testing.assert_frame_equal(swapped.set_index("expression").loc[list(labels)], table)


def test_absent_labels_take_no_part_in_the_classwise_error():
    truth, probabilities = softmax_faces(90, 2)
    wider = np.column_stack([0.9 * probabilities, np.full(90, 0.1)])
    table = label_table(("a", "b", "c"), truth, wider).set_index("expression")
    assert table.loc["c", "faces"] == 0 and table.loc["c", "error"] == pytest.approx(0.1)
    assert classwise_error(table) == pytest.approx(table.loc[["a", "b"], "error"].mean())


def test_a_calibrated_network_stays_under_what_chance_gives_in_95_percent_of_test_sets():
    above = [
        (table["error"] > table["by_chance"]).mean()
        for table in (label_table(("a", "b", "c"), *calibrated(600, seed=seed)) for seed in range(120))
    ]
    assert 0.01 < np.mean(above) < 0.09
    miscalibrated = label_table(("a", "b", "c"), *calibrated(600, sharpness=3.0))
    assert (miscalibrated["error"] > miscalibrated["by_chance"]).all()


def test_the_interval_of_a_mean_by_hand_and_against_the_bootstrap():
    one_label = mean_with_interval(np.zeros(4, int), np.array([0.0, 1.0, 1.0, 2.0]))
    half = 1.959963985 * np.sqrt((2 / 3) / 4)  # sample variance 2/3
    assert (one_label.value, one_label.low) == pytest.approx((1.0, 1.0 - half))
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1, 2], [200, 50, 20])
    values = rng.standard_normal(270) + truth
    ours = mean_with_interval(truth, values)
    drawn = bootstrap.draw_weights(np.bincount(truth), 4000, rng).T @ values / 270
    assert (ours.low, ours.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.015)


@pytest.mark.parametrize("sharpness", [1.0, 0.4])
def test_the_interval_of_an_excess_covers_it_in_95_percent_of_test_sets(sharpness):
    truth, probabilities = calibrated(400_000, sharpness=sharpness, seed=10_000)
    true = (probabilities - np.eye(3)[truth]).mean(axis=0)
    covered = []
    for seed in range(150):
        table = label_table(("a", "b", "c"), *calibrated(250, sharpness=sharpness, seed=seed))
        covered.append((table["excess_low"] <= true) & (true <= table["excess_high"]))
    assert 0.92 < np.mean(covered) < 0.98


def test_what_cannot_vary_has_no_interval():
    assert np.isnan(mean_with_interval(np.array([0]), np.array([0.3])).low)
    assert np.isnan(mean_with_interval(np.array([0, 0, 1]), np.array([0.3, 0.3, 0.9])).low)


@pytest.mark.parametrize("sharpness", [1.0, 2.0])
def test_the_interval_of_overconfidence_covers_it_in_95_percent_of_test_sets(sharpness):
    def gaps(faces, seed):
        truth, probabilities = calibrated(faces, sharpness=sharpness, seed=seed)
        return truth, probabilities.max(axis=1) - (probabilities.argmax(axis=1) == truth)

    true = gaps(400_000, 10_000)[1].mean()
    intervals = [mean_with_interval(*gaps(250, seed)) for seed in range(400)]
    covered = np.mean([estimate.low <= true <= estimate.high for estimate in intervals])
    assert 0.92 < covered < 0.98


def test_before_is_what_scoring_says():
    predictions = make_predictions(faces=160)
    review = compute_calibration(run_with(1.4, labels=predictions.labels), predictions)
    scores = score(predictions)
    for name in ("expected_calibration_error", "brier", "negative_log_likelihood"):
        assert getattr(review.uncalibrated, name) == scores.headline[name], name
    assert review.uncalibrated.m_measure == scores.headline["m_measure"].value
    assert review.uncalibrated.accuracy == pytest.approx(scores.headline["accuracy"].value)


def test_after_is_the_temperature_and_the_predicted_labels_stay():
    predictions = make_predictions(faces=300)
    run = run_with(0.5, labels=predictions.labels)
    review = compute_calibration(run, predictions)
    scaled = calibration.apply_temperature(predictions.probabilities, 0.5)
    error = calibration.expected_calibration_error(predictions.truth, scaled)
    assert review.calibrated.expected_calibration_error.value == pytest.approx(error, abs=1e-6)
    assert review.calibrated.accuracy == review.uncalibrated.accuracy
    assert (
        review.calibrated.m_measure != review.uncalibrated.m_measure
    )  # more than two labels: faces swap places
    for name in ("brier", "negative_log_likelihood"):
        after, before = getattr(review.calibrated, name), getattr(review.uncalibrated, name)
        assert review.change[name].value == pytest.approx(after.value - before.value)
        # Paired: narrower than the difference of two independent numbers.
        assert review.change[name].high - review.change[name].low < after.high - after.low
    tables = compute_reliability(run, predictions, expression="fear", bins=8)
    assert tables.bins.groupby("reading").size().to_dict() == {"uncalibrated": 8, "calibrated": 8}
    label = predictions.labels.index("fear")
    expected = reliability_table(
        predictions.truth, with_temperature(predictions.probabilities, 0.5), label=label, bins=8
    )
    after = tables.bins[tables.bins["reading"] == "calibrated"].drop(columns="reading").reset_index(drop=True)
    pd.testing.assert_frame_equal(after, expected)


def test_two_labels_keep_their_m():
    truth, probabilities = softmax_faces(200, 2)
    review = compute_calibration(
        run_with(2.0, labels=("happy", "sad")), predictions_of(truth, probabilities, ("happy", "sad"))
    )
    assert review.calibrated.m_measure == pytest.approx(review.uncalibrated.m_measure, abs=1e-6)


def test_a_temperature_of_one_changes_nothing():
    predictions = predictions_of(*softmax_faces(100, 3))
    review = compute_calibration(run_with(1.0), predictions)
    for name in ("brier", "negative_log_likelihood"):
        assert review.change[name].value == pytest.approx(0, abs=1e-6)
    assert review.calibrated.expected_calibration_error.value == pytest.approx(
        review.uncalibrated.expected_calibration_error.value, abs=1e-6
    )


def test_a_hopeless_probability_costs_as_much_with_a_temperature():
    """float64 would let the same face cost more than float32 can tell."""
    probabilities = np.array([[1.0, 1e-12, 0.0], [0.2, 0.7, 0.1]], np.float32)
    review = compute_calibration(run_with(0.9), predictions_of(np.array([1, 1]), probabilities))
    losses = calibration.log_losses(np.array([1, 1]), probabilities)
    scaled = calibration.log_losses(np.array([1, 1]), with_temperature(probabilities, 0.9))
    assert losses[0] == scaled[0] == pytest.approx(-np.log(np.finfo(np.float32).eps))
    assert review.change["negative_log_likelihood"].value == pytest.approx((scaled - losses).mean())


def test_the_faces_it_was_fitted_on_are_those_of_the_runs_labels():
    run = run_with(
        1.2, validation={"happy": 30, "sad": 12, "uncertain": 99},
        validation_ece_before=0.05, validation_ece_after=0.04,
    )  # fmt: skip
    fitted = load_temperature(run)
    assert (fitted.temperature, fitted.faces) == (1.2, 42)
    assert (fitted.error_uncalibrated, fitted.error_calibrated) == (0.05, 0.04)
    assert load_temperature(run_with()) is None
    assert load_temperature(SimpleNamespace(info={"calibration": None}, has_network=True)) is None


@pytest.mark.parametrize("kept", ["hot", {"temperature": "hot"}, {"temperature": -1}, {"temperature": float("nan")},
                                  {"temperature": 0}, {"temperature": 1.0, "validation_ece_after": "low"}])  # fmt: skip
def test_a_damaged_calibration_is_refused_with_what_to_do(kept):
    run = run_with()
    run.info["calibration"] = kept
    with pytest.raises(
        AffectoscopeError, match="run.json of 'made' is damaged .* core.upgrade --run made --data"
    ):
        load_temperature(run)


def said(truth, probabilities, temperature=None, **errors):
    run = run_with(temperature, validation={"happy": 500}, **errors)
    return calibration_findings(compute_calibration(run, predictions_of(truth, probabilities)))


def test_over_and_under_confidence_are_told_with_their_sign():
    sharp, soft, exact = (said(*calibrated(2000, sharpness=sharpness))[0] for sharpness in (2.5, 0.4, 1.0))
    assert sharp.startswith("Over-confident by ") and soft.startswith("Under-confident by ")
    assert exact.startswith("On average neither over- nor under-confident")
    low, high = (float(end) for end in soft.split("(95% ")[1].split(")")[0].split(" to "))
    assert 0 < low < float(soft.split()[2]) < high


def test_bins_beyond_their_interval_are_counted():
    miscalibrated = said(*calibrated(3000, sharpness=3.0))[1]
    assert "beyond a bin's own interval it is over-confident in" in miscalibrated
    assert "calibrated network may show as much" in said(*calibrated(3000))[1]


def test_a_temperature_that_helps_and_one_that_harms():
    faces = calibrated(3000, sharpness=2.5)
    helps, harms = said(*faces, 2.5)[2], said(*faces, 0.8)[2]
    assert "softens the probabilities. On the scored faces it lowers the log loss" in helps
    assert "sharpens the probabilities. On the scored faces it raises the log loss" in harms
    assert "fitted on 500 validation faces" in helps and "validation faces themselves" not in helps
    vain = said(*calibrated(300), 1.01)[2]
    assert "it does not measurably change the log loss" in vain


def test_a_temperature_that_raises_the_validation_error_is_told():
    faces = calibrated(300)
    rose = said(*faces, 1.1, validation_ece_before=0.042, validation_ece_after=0.049)[2]
    assert "rose with it, from 0.042 to 0.049" in rose
    fell = said(*faces, 1.1, validation_ece_before=0.049, validation_ece_after=0.042)[2]
    assert "rose" not in fell


def test_labels_out_of_proportion_are_named():
    truth, probabilities = calibrated(2000)
    assert len(said(truth, probabilities)) == 2
    moved = probabilities * [1, 1, 0.3]
    last = said(truth, moved / moved.sum(axis=1, keepdims=True))[-1]
    assert last.startswith("Of all expressions the network gives ") and "sad too little" in last
    only = np.full(len(truth), 1)
    assert not any("Of all expressions" in finding for finding in said(only, probabilities))


def test_one_face_is_not_judged():
    findings = said(np.array([0]), np.array([[0.7, 0.2, 0.1]]), 1.5)
    assert findings[0].startswith("These faces do not tell whether")
    assert findings[1].endswith("these faces do not tell how much of it is chance.")
    assert "does not measurably change" in findings[2] and "nan" not in " ".join(findings)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_findings_of_a_shipped_run_are_its_numbers(path):
    run = open_run(path)
    review = compute_calibration(run, run.predictions())
    kept, told = run.info["calibration"], " ".join(calibration_findings(review))
    assert review.fitted.temperature == kept["temperature"]
    worse = kept["validation_ece_after"] > kept["validation_ece_before"]
    assert ("validation faces themselves rose" in told) == worse
    assert f"{review.calibrated.expected_calibration_error.value:.3f}" in told
    change = review.change["negative_log_likelihood"]
    assert ("lowers the log loss" in told) == (change.high < 0)
