"""The sample of training faces, distances from it, the calibration, and abstention by both."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.analysis.calibration.fitting import draw_rows, fit_calibration
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.metrics.calibration import apply_temperature
from core.metrics.embeddings import distances_to, l2_normalize
from core.photos.face_classifier import MIN_CONFIDENCE
from core.photos.predictor import Predictor
from core.photos.results import NOT_SURE, TOO_SMALL, UNLIKE
from core.runs.catalogue import open_run
from core.runs.training_sample import TrainingSample
from core.runtime.console import Console
from core.upgrade import UpgradeOptions, upgrade
from tests.trained import small_config

# The sample


def test_a_sample_is_stratified_seeded_and_small():
    expression = np.repeat([0, 1, 2, 3], [6000, 3000, 990, 10])
    rows = draw_rows(expression, seed=3, most=100)
    assert len(rows) <= 100 and len(set(rows)) == len(rows)
    counts = np.bincount(expression[rows])
    assert counts[3] >= 1
    np.testing.assert_allclose(counts[:3] / len(rows), [0.6, 0.3, 0.1], atol=0.02)
    assert np.array_equal(rows, draw_rows(expression, seed=3, most=100))
    assert not np.array_equal(rows, draw_rows(expression, seed=4, most=100))
    assert np.array_equal(draw_rows(expression[:50], seed=0, most=100), np.arange(50))


def test_a_sample_comes_back_from_its_file(tmp_path):
    embeddings = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float16)
    sample = TrainingSample(("a", "b", "c"), ("happy", "sad", "happy"), embeddings, {"b": b"webp"})
    sample.save(tmp_path / "sample.parquet")
    again = TrainingSample.load(tmp_path / "sample.parquet")
    assert (again.references, again.expressions, again.thumbnails) == (
        sample.references, sample.expressions, sample.thumbnails,
    )  # fmt: skip
    assert again.embeddings.dtype == np.float16
    assert np.array_equal(again.embeddings, embeddings)
    assert [path.name for path in tmp_path.iterdir()] == ["sample.parquet"]


# Distances


def test_the_distance_is_that_to_the_kth_nearest():
    """Worked by hand: at 0, 60 and 90 degrees the cosine distances are 0, 1/2 and 1."""
    angles = np.radians([0, 60, 90])
    sample = l2_normalize(np.stack([np.cos(angles), np.sin(angles)], axis=1) * [[1], [5], [9]])
    face = np.array([[3.0, 0.0]])
    for neighbours, distance in ((1, 0.0), (2, 0.5), (3, 1.0), (10, 1.0)):
        assert distances_to(sample, face, neighbours) == pytest.approx([distance], abs=1e-6)


def test_distances_ignore_length_and_are_those_of_scikit_learn():
    from sklearn.neighbors import NearestNeighbors

    random = np.random.default_rng(1)
    sample, faces = random.normal(size=(300, 6)), random.normal(size=(40, 6))
    ours = distances_to(l2_normalize(sample), faces, 7)
    theirs = NearestNeighbors(n_neighbors=7, metric="cosine").fit(sample).kneighbors(faces)[0][:, 6]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)
    np.testing.assert_allclose(distances_to(l2_normalize(sample * 9), faces * 0.1, 7), ours, atol=1e-5)
    assert np.isfinite(distances_to(l2_normalize(sample), np.zeros((1, 6)), 7)).all()


def test_the_calibration_is_of_the_faces_it_is_given():
    random = np.random.default_rng(2)
    logits = random.normal(0, 1.5, (4000, 5))
    odds = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (odds.cumsum(axis=1) > random.random((4000, 1))).argmax(axis=1)
    too_sure = apply_temperature(odds, 0.5)
    embeddings = random.normal(size=(4000, 8))
    calibration = fit_calibration(truth, too_sure, embeddings, random.normal(size=(500, 8)))
    assert calibration.temperature == pytest.approx(2.0, rel=0.1)
    assert calibration.validation_ece_after < 0.3 * calibration.validation_ece_before
    fresh = distances_to(l2_normalize(random.normal(size=(500, 8))), random.normal(size=(4000, 8)))
    assert np.mean(fresh > calibration.distance_limit) == pytest.approx(0.01, abs=0.01)


# In a run


def test_training_leaves_a_calibration_and_a_sample(trained_run, drawn_tree):
    calibration = trained_run.info["calibration"]
    assert set(calibration) == {
        "temperature", "validation_ece_before", "validation_ece_after", "distance_limit", "neighbours",
    }  # fmt: skip
    assert 0.05 <= calibration["temperature"] <= 20
    assert 0 <= calibration["distance_limit"] <= 2
    sample = trained_run.training_sample()
    table = load_training_data(small_config(drawn_tree), Console()).part("train")[0]
    assert sample.references == tuple(table.faces["reference"])  # fewer than SAMPLE_FACES: all of them
    assert set(sample.expressions) <= set(trained_run.labels)
    assert sample.embeddings.shape == (len(table), 16)
    assert set(sample.thumbnails) == set(sample.references), "drawn faces may be passed on"
    assert Image.open(io.BytesIO(next(iter(sample.thumbnails.values())))).size == (48, 48)
    assert not set(sample.references) & set(trained_run.predictions().frame["reference"])


def test_data_that_may_not_be_passed_on_leaves_no_pictures(folders_run):
    assert not folders_run.info["data"]["redistributable"]
    assert folders_run.training_sample().thumbnails == {}
    assert len(folders_run.training_sample()) > 30


def test_a_finished_run_is_calibrated_as_its_training_would_have(trained_run, drawn_tree, tmp_path):
    bare = shutil.copytree(trained_run.path, tmp_path / "bare")
    (bare / "training_sample.parquet").unlink()
    info = json.loads((bare / "run.json").read_text())
    del info["calibration"], info["network"]["sha256"]
    (bare / "run.json").write_text(json.dumps(info))
    upgrade(UpgradeOptions(run=str(bare), data=drawn_tree))
    info = open_run(bare).info
    assert info.pop("renewed") > info["created"] and info == trained_run.info
    ours, theirs = open_run(bare).training_sample(), trained_run.training_sample()
    assert (ours.references, ours.expressions, ours.thumbnails) == (
        theirs.references, theirs.expressions, theirs.thumbnails,
    )  # fmt: skip
    assert np.array_equal(ours.embeddings, theirs.embeddings)
    for name in ("model.keras", "predictions.parquet", "scores.json"):
        assert (bare / name).read_bytes() == (trained_run.path / name).read_bytes()


def test_other_data_does_not_calibrate_a_run(trained_run, drawn_tree, tmp_path):
    bare = shutil.copytree(trained_run.path, tmp_path / "bare")
    info = json.loads((bare / "run.json").read_text())
    info["config"]["seed"], info["config"]["validation_share"] = 1, 0.3
    (bare / "run.json").write_text(json.dumps(info))
    before = {path.name: path.read_bytes() for path in bare.iterdir() if path.is_file()}
    with pytest.raises(
        AffectoscopeError, match="differ from the training data .* pass the data of the training"
    ):
        upgrade(UpgradeOptions(run=str(bare), data=drawn_tree))
    assert {path.name: path.read_bytes() for path in bare.iterdir() if path.is_file()} == before


# Abstention


@pytest.fixture(scope="module")
def predictor(trained_run) -> Predictor:
    return Predictor.load(trained_run.path)


@pytest.fixture(scope="module")
def crops(drawn_tree) -> np.ndarray:
    """Test faces as the network sees them."""
    return load_training_data(small_config(drawn_tree), Console()).part("test")[1][:][..., 0]


def with_calibration(predictor: Predictor, **changes) -> Predictor:
    """The same run, had it been calibrated otherwise."""
    run = predictor.run
    return Predictor(replace(run, info=run.info | {"calibration": run.info["calibration"] | changes}))


def answer(predictor, crop, **options):
    (face,) = predictor.predict(crop, crops=True, **options).faces
    return face


def test_probabilities_stay_the_plain_softmax(predictor, trained_run, crops):
    predictions = trained_run.predictions().probabilities
    for place in range(5):
        face = answer(predictor, crops[place])
        np.testing.assert_allclose(list(face.probabilities.values()), predictions[place], atol=1e-5)
        scaled = apply_temperature(predictions[place : place + 1], predictor.network.calibration.temperature)
        assert face.confidence == pytest.approx(scaled.max(), abs=1e-5)


def test_confidence_is_what_decides_whether_it_is_sure(predictor, crops):
    predictor = with_calibration(predictor, temperature=20.0, distance_limit=2.0)
    face = answer(predictor, crops[0])
    assert face.confidence < MIN_CONFIDENCE
    assert (face.abstained, face.reason) == (
        NOT_SURE, f"its confidence is {face.confidence:.0%}, at least 40% is required",
    )  # fmt: skip
    predictor = with_calibration(predictor, temperature=0.05, distance_limit=2.0)
    face = answer(predictor, crops[0])
    assert (face.abstained, face.reason) == ("", "")
    assert face.confidence >= MIN_CONFIDENCE


def test_a_face_beyond_the_limit_is_unlike_the_training_faces(predictor, crops):
    distance = answer(predictor, crops[0], neighbours=1).distance
    predictor = with_calibration(predictor, temperature=0.05, distance_limit=distance * 1.01 + 1e-6)
    assert answer(predictor, crops[0]).abstained == ""
    predictor = with_calibration(predictor, temperature=0.05, distance_limit=distance * 0.99 - 1e-6)
    face = answer(predictor, crops[0])
    assert face.abstained == UNLIKE
    assert face.distance == pytest.approx(distance, abs=1e-5)
    assert face.reason.startswith(
        f"its distance from the training faces is {distance:.3f}, above the limit of"
    )
    assert face.label == max(face.probabilities, key=face.probabilities.get), (
        "its label is there all the same"
    )


def test_a_small_face_is_too_small_whatever_else_it_is(predictor, crops):
    predictor = with_calibration(predictor, temperature=20.0, distance_limit=0.0)
    assert answer(predictor, crops[0][:20, :20]).abstained == TOO_SMALL


def test_neighbours_come_nearest_first_and_only_when_asked_for(predictor, trained_run, crops):
    assert (answer(predictor, crops[0]).neighbours, answer(predictor, crops[0]).distance) == ((), None)
    face = answer(predictor, crops[0], neighbours=12)
    distances = [one.distance for one in face.neighbours]
    assert len(distances) == 12 and distances == sorted(distances)
    assert face.distance == distances[9]
    sample = trained_run.training_sample()
    for one in face.neighbours:
        assert one.expression == sample.expressions[sample.references.index(one.reference)]
        assert one.thumbnail == sample.thumbnails[one.reference]


def test_a_training_face_is_its_own_nearest_neighbour(predictor, trained_run, drawn_tree):
    table, pack = load_training_data(small_config(drawn_tree), Console()).part("train")
    face = answer(predictor, pack[:1][0, ..., 0], neighbours=1)
    assert face.neighbours[0].reference == table.faces["reference"].iloc[0]
    assert face.neighbours[0].distance == pytest.approx(0, abs=2e-3)
