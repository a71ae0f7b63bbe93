"""The method of every interval in words, also of documents of earlier versions; which data has fixed counts."""

import pytest

from core.data.readers.spec import dataset_spec
from core.metrics.predictions import Predictions
from core.metrics.scoring import score, scores_from_dict
from core.report import wording
from core.report.score_tables import headlines
from tests.test_metrics_ranking import softmax_faces


@pytest.fixture(scope="module")
def predictions():
    truth, probabilities = softmax_faces(300, 7)
    labels = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger")
    return Predictions.from_arrays(labels=labels, truth=truth, probabilities=probabilities)


def test_the_note_names_methods_and_how_labels_were_drawn(predictions):
    note = wording.interval_note(score(predictions, resamples=50))
    assert "Wilson for accuracy;" in note and "bootstrap of 50 resamples for" in note and "DeLong" in note
    assert "with random numbers of faces per expression" in note
    note = wording.interval_note(score(predictions, resamples=50, fixed_counts=True), wording.CLASS_TITLES)
    assert (
        "Wilson for recall" in note.replace("precision, recall", "recall")
        and "AUC" in note
        and "fixed" in note
    )


def test_a_metric_without_interval_says_why(predictions):
    few = predictions.filter(predictions.predicted != 2)
    scores = score(few, resamples=50)
    reason = "a label is predicted for fewer than 10 faces"
    assert wording.interval_method(scores, "macro_precision") == f"none: {reason}"
    assert f"Macro precision has no interval: {reason}." in wording.interval_note(scores)
    assert headlines(scores).set_index("name").loc["macro_precision", "method"] == f"none: {reason}"


def test_a_document_of_an_earlier_version_is_shown_with_the_method_that_it_names(predictions):
    document = score(predictions, resamples=50).as_dict()
    document["interval"] = {"method": "stratified bootstrap", "resamples": 1000, "level": 0.95, "seed": 0}
    scores = scores_from_dict(document)
    assert wording.interval_note(scores) == "95% intervals for the 300 test faces, by stratified bootstrap."
    assert wording.interval_method(scores, "accuracy") == ""


@pytest.mark.parametrize(
    ("name", "splits", "fixed"),
    [
        ("affectnet-2017", ["test"], True),
        ("affectnet-2021", ["test"], True),
        ("affectnet-2017", ["train"], False),
        ("affectnet-2017", ["test", "train"], False),
        ("drawn", ["train", "test"], True),
        ("fer2013", ["test"], False),
        ("rafdb", ["test"], False),
        ("unheard of", ["test"], False),
        ("drawn", [], False),
    ],
)
def test_which_splits_have_fixed_counts(name, splits, fixed):
    import core.data.readers  # noqa: F401  registers the data sets

    assert dataset_spec(name).has_fixed_counts(splits) is fixed
