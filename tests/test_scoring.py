"""From Predictions to Scores and their JSON document, with every kind of gap in the data."""

import json

import numpy as np
import pytest
from sklearn import metrics as sk

from core.errors import AffectoscopeError
from core.labels import LABEL_SETS
from core.metrics import calibration
from core.metrics.estimate import Estimate
from core.metrics.headline import HEADLINES
from core.metrics.intervals import intervals
from core.metrics.predictions import Predictions
from core.metrics.scoring import SCHEMA_VERSION, score, scores_from_dict
from tests.test_metrics_ranking import softmax_faces

LABELS = LABEL_SETS[7].labels


def made(n=300, *, keep=None, affect=True, seed=0):
    truth, probabilities = softmax_faces(n, 7, seed=seed)
    rng = np.random.default_rng(seed)
    valence = rng.uniform(-1, 1, n)
    numbers = {
        "valence": valence,
        "arousal": valence**2,
        "predicted_valence": 0.5 * valence + rng.normal(0, 0.2, n),
    }
    numbers["predicted_arousal"] = np.full(n, 0.2)
    predictions = Predictions.from_arrays(
        labels=LABELS, truth=truth, probabilities=probabilities, **(numbers if affect else {})
    )
    return predictions if keep is None else predictions.filter(np.isin(truth, keep))


def test_headline_numbers_against_scikit_learn():
    predictions = made(400)
    scores = score(predictions, resamples=50)
    truth, predicted, p = predictions.truth, predictions.predicted, predictions.probabilities
    exact = p.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)  # scikit-learn refuses the rounding of float32
    expected = {
        "accuracy": sk.accuracy_score(truth, predicted),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, predicted),
        "macro_precision": sk.precision_score(truth, predicted, average="macro", zero_division=0),
        "macro_recall": sk.recall_score(truth, predicted, average="macro"),
        "macro_f1": sk.f1_score(truth, predicted, average="macro"),
        "weighted_f1": sk.f1_score(truth, predicted, average="weighted"),
        "kappa": sk.cohen_kappa_score(truth, predicted),
        "m_measure": sk.roc_auc_score(truth, exact, multi_class="ovo"),
        "expected_calibration_error": calibration.expected_calibration_error(truth, p),
        "brier": np.mean(np.sum((p.astype(float) - np.eye(7)[truth]) ** 2, axis=1)),
        "negative_log_likelihood": sk.log_loss(truth, exact),
    }
    assert list(expected) == list(HEADLINES)
    for name, value in expected.items():
        estimate = scores.headline[name]
        assert estimate.value == pytest.approx(value, abs=1e-7), name
        assert estimate.low <= estimate.value <= estimate.high, name
    np.testing.assert_array_equal(scores.confusion, sk.confusion_matrix(truth, predicted))
    areas = sk.roc_auc_score(truth, p, multi_class="ovr", average=None)
    precisions = sk.average_precision_score(np.eye(7)[truth], p, average=None)
    for i, label in enumerate(LABELS):
        row = scores.per_class[label]
        assert row.support == (truth == i).sum() and row.predicted == (predicted == i).sum()
        assert row.auc.value == pytest.approx(areas[i], abs=1e-9)
        assert row.average_precision.value == pytest.approx(precisions[i], abs=1e-9)
        for estimate in (row.precision, row.recall, row.f1, row.auc, row.average_precision):
            assert estimate.low <= estimate.value <= estimate.high, label
    assert (scores.faces, scores.present_labels, scores.absent_labels) == (400, LABELS, ())
    assert scores.interval["resamples"] == 50 and scores.interval["level"] == 0.95


def test_every_estimate_has_the_ends_of_its_own_number():
    predictions = made()
    scores = score(predictions, resamples=60, seed=4)
    pairs = {n: (predictions.frame[n], predictions.frame[f"predicted_{n}"]) for n in ("valence", "arousal")}
    ends = intervals(predictions.truth, predictions.probabilities, resamples=60, seed=4, affect=pairs).ends
    for name in HEADLINES:
        estimate = scores.headline[name]
        assert (estimate.low, estimate.high) == ends[name], name
    for i, label in enumerate(LABELS):
        for name in ("precision", "recall", "f1", "auc", "average_precision"):
            estimate = getattr(scores.per_class[label], name)
            assert (estimate.low, estimate.high) == (ends[name][0][i], ends[name][1][i]), (label, name)
    for name in ("rmse", "ccc", "pearson", "sagr"):
        estimate = scores.affect["valence"][name]
        assert (estimate.low, estimate.high) == tuple(end[()] for end in ends[f"valence_{name}"]), name
    np.testing.assert_array_equal((scores.pairwise_a_low, scores.pairwise_a_high), ends["pairwise_a"])


def test_affect_has_its_numbers_and_intervals():
    scores = score(made(), resamples=200)
    valence = scores.affect["valence"]
    assert valence["faces"] == 300
    assert all(
        valence[n].low < valence[n].value < valence[n].high for n in ("rmse", "ccc", "pearson", "sagr")
    )
    assert scores.affect["arousal"]["ccc"].value == 0  # a constant prediction
    assert np.isnan(scores.affect["arousal"]["pearson"].value)
    assert score(made(affect=False), resamples=0).affect is None


@pytest.mark.parametrize(
    "predictions",
    [
        made(),
        made(keep=[0, 1, 5]),
        made(keep=[3]),
        made().filter(np.array([4])),
        made(12),
        made(affect=False),
    ],
    ids=["all", "absent", "one label", "one face", "few", "no affect"],
)
def test_the_document_is_strict_json_and_reads_back(predictions):
    scores = score(predictions, resamples=40)
    text = json.dumps(scores.as_dict(), allow_nan=False)
    again = scores_from_dict(json.loads(text))
    assert again.as_dict() == scores.as_dict()
    assert again.confusion.dtype == np.int64 and again.pairwise_a.shape == (7, 7)
    np.testing.assert_array_equal(again.pairwise_a_low, scores.pairwise_a_low)
    assert list(again.per_class) == list(LABELS)


def test_the_keys_of_the_document():
    document = score(made(), resamples=20, seed=3).as_dict()
    assert set(document) == {
        "schema_version", "faces", "labels", "present_labels", "absent_labels", *HEADLINES, "per_class",
        "confusion", "pairwise_a", "pairwise_a_low", "pairwise_a_high", "affect", "interval",
    }  # fmt: skip
    assert set(document["accuracy"]) == {"value", "low", "high"}
    assert set(document["per_class"]["happy"]) == {
        "support", "predicted", "precision", "recall", "f1", "auc", "average_precision",
    }  # fmt: skip
    assert document["pairwise_a"][0][0] is None
    about = document["interval"]
    assert set(about) == {"resamples", "level", "seed", "label_counts", "methods", "reasons"}
    assert (about["resamples"], about["level"], about["seed"], about["label_counts"]) == (
        20,
        0.95,
        3,
        "random",
    )
    assert about["methods"].keys() >= {*HEADLINES, "recall", "auc", "pairwise_a", "valence_ccc"}
    assert score(made(), resamples=20, fixed_counts=True).interval["label_counts"] == "fixed"


def test_absent_labels_are_named_and_take_no_part():
    scores = score(made(keep=[0, 1, 5]), resamples=40)
    assert scores.present_labels == ("neutral", "happy", "disgust")
    assert scores.absent_labels == ("sad", "surprise", "fear", "anger")
    assert np.isnan(scores.per_class["sad"].recall.value) and np.isnan(scores.per_class["sad"].auc.value)
    recalls = [scores.per_class[label].recall.value for label in scores.present_labels]
    assert scores.headline["balanced_accuracy"].value == pytest.approx(np.mean(recalls))
    assert (
        scores.headline["m_measure"].low
        < scores.headline["m_measure"].value
        < scores.headline["m_measure"].high
    )


def test_one_label_has_accuracy_but_no_m():
    scores = score(made(keep=[3]), resamples=40)
    assert (
        scores.headline["accuracy"].low < scores.headline["accuracy"].value < scores.headline["accuracy"].high
    )
    assert np.isnan(scores.headline["m_measure"].value) and scores.as_dict()["m_measure"]["value"] is None


def test_one_face_has_values_but_no_interval():
    scores = score(made().filter(np.array([4])), resamples=40)
    assert scores.headline["accuracy"].value in (0, 1)
    for name in HEADLINES:
        if name != "accuracy":  # Wilson's, of one face
            assert np.isnan(scores.headline[name].low) and np.isnan(scores.headline[name].high), name


def test_without_resamples_there_are_values_only():
    scores = score(made(), resamples=0)
    assert scores.interval["methods"] == {}
    assert all(np.isnan(scores.headline[name].low) for name in HEADLINES)
    assert np.isnan(scores.pairwise_a_low).all() and not np.isnan(scores.headline["macro_f1"].value)


def test_the_seed_decides_the_intervals():
    predictions = made()
    assert (
        score(predictions, resamples=40, seed=1).as_dict()
        == score(predictions, resamples=40, seed=1).as_dict()
    )
    assert (
        score(predictions, resamples=40, seed=1).headline["macro_f1"]
        != score(predictions, resamples=40, seed=2).headline["macro_f1"]
    )


def test_no_faces_cannot_be_scored():
    with pytest.raises(AffectoscopeError, match="There are no faces to score: the selection is empty"):
        score(made().filter(np.zeros(300, bool)))


def test_documents_that_are_no_scores_are_refused():
    document = score(made(), resamples=0).as_dict()
    with pytest.raises(
        AffectoscopeError, match="schema version 2; this Affectoscope reads up to 1: update it"
    ):
        scores_from_dict(document | {"schema_version": SCHEMA_VERSION + 1})
    lacking = {name: value for name, value in document.items() if name != "confusion"}
    damaged = (lacking, document | {"kappa": 0.5}, document | {"per_class": []}, {"accuracy": 1}, [])
    for wrong in damaged:
        with pytest.raises(
            AffectoscopeError, match=r"damaged or were not written by Affectoscope .* score the run again"
        ):
            scores_from_dict(wrong)


def test_documents_from_before_average_precision_had_an_interval_still_read():
    document = score(made(), resamples=20).as_dict()
    for row in document["per_class"].values():
        row["average_precision"] |= {"low": None, "high": None}
    again = scores_from_dict(document)
    for label in LABELS:
        estimate = again.per_class[label].average_precision
        assert 0 < estimate.value < 1 and np.isnan(estimate.low) and np.isnan(estimate.high)
    assert again.as_dict() == document


def test_a_document_from_before_a_headline_metric_leaves_it_unknown():
    document = score(made(), resamples=20).as_dict()
    again = scores_from_dict({name: value for name, value in document.items() if name != "kappa"})
    assert np.isnan(again.headline["kappa"].value) and list(again.headline) == list(HEADLINES)
    assert again.as_dict() == document | {"kappa": {"value": None, "low": None, "high": None}}


def test_every_number_has_an_interval():
    document = score(made(800), resamples=60).as_dict()
    estimates = [document[name] for name in HEADLINES]
    estimates += [
        each for row in document["per_class"].values() for each in row.values() if isinstance(each, dict)
    ]
    estimates += [each for each in document["affect"]["valence"].values() if isinstance(each, dict)]
    assert len(estimates) == 11 + 7 * 5 + 4
    assert all(each["low"] <= each["value"] <= each["high"] for each in estimates)


def test_an_estimate_without_ends():
    assert Estimate(0.5).as_dict() == {"value": 0.5, "low": None, "high": None}
