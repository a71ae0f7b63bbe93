"""Which networks a predictor loads: a run's own, with the labels and the preprocessing that it was tested with."""

import json
import shutil
import zipfile

import numpy as np
import pytest

from core.errors import AffectoscopeError
from core.photos.predictor import Predictor
from core.runs.catalogue import open_run
from core.runtime.files import write_json


@pytest.fixture
def folder(trained_run, tmp_path):
    """A copy of a whole run, to be damaged."""
    return shutil.copytree(trained_run.path, tmp_path / "copy")


def change(folder, **entries) -> None:
    write_json(folder / "run.json", json.loads((folder / "run.json").read_text()) | entries)


def resave(folder, network) -> None:
    """Put another network in the place of a run that is from before digests."""
    network.save(folder / "model.keras")
    info = json.loads((folder / "run.json").read_text())
    info["network"].pop("sha256", None)
    write_json(folder / "run.json", info)


def refused(folder, message: str) -> None:
    with pytest.raises(AffectoscopeError, match=message):
        Predictor.load(folder)


def test_a_trained_run_names_the_digest_of_its_network(trained_run):
    assert len(trained_run.info["network"]["sha256"]) == 64
    assert Predictor.load(trained_run.path).run.labels == trained_run.labels


def test_a_network_put_in_its_place_is_refused_unopened(folder, monkeypatch):
    import keras

    network = open_run(folder).load_model()
    network.get_layer("logits").bias.assign(np.arange(8.0))
    network.save(folder / "model.keras")
    monkeypatch.setattr(keras.saving, "load_model", None)
    refused(folder, "cannot be loaded: its SHA-256 differs .* restore the original file")


def test_a_run_from_before_digests_is_loaded(folder):
    info = json.loads((folder / "run.json").read_text())
    del info["network"]["sha256"]
    del info["calibration"]
    write_json(folder / "run.json", info)
    (folder / "training_sample.parquet").unlink()
    predictor = Predictor.load(folder)
    (face,) = predictor.predict(np.zeros((24, 24), np.uint8), crops=True, neighbours=3).faces
    assert face.confidence == pytest.approx(max(face.probabilities.values()))
    assert (face.distance, face.neighbours) == (None, ())


def test_labels_in_another_order_are_refused(folder):
    info = json.loads((folder / "run.json").read_text())
    info["data"]["labels"][1:3] = reversed(info["data"]["labels"][1:3])
    write_json(folder / "run.json", info)
    refused(folder, "has the labels neutral, sad, happy.* but its predictions have neutral, happy, sad")


@pytest.mark.parametrize(
    "preprocessing", [{"size": 24, "colour": "sepia"}, {"size": 24, "tilt": 3}, {"size": 9}]
)
def test_a_preprocessing_that_is_none_is_refused(folder, preprocessing):
    change(folder, preprocessing=preprocessing)
    refused(folder, "The preprocessing in run.json of 'copy' is invalid .* train the run again")


def test_another_number_of_classes_or_outputs_is_refused(folder):
    import keras

    network = open_run(folder).load_model()
    embedding = network.get_layer("embedding").output
    seven = keras.layers.Dense(7, activation="softmax")(embedding)
    resave(folder, keras.Model(network.input, {"expression": seven}))
    refused(folder, "expected .* and 8 expression probabilities")
    affect = keras.layers.Dense(3)(embedding)
    resave(folder, keras.Model(network.input, {**network.output, "affect": affect}))
    refused(folder, "expected .* and 8 expression probabilities")
    resave(folder, keras.Model(network.input, network.output["expression"]))
    refused(folder, "unnamed outputs")


def test_a_network_with_code_in_it_is_refused(folder):
    """Keras's safe mode: a lambda layer would run what somebody else wrote."""
    import keras

    network = open_run(folder).load_model()
    cooked = keras.layers.Lambda(lambda x: x)(network.output["expression"])
    resave(folder, keras.Model(network.input, {"expression": cooked}))
    refused(folder, "model.keras of run 'copy' cannot be loaded")


def test_only_the_folder_of_a_run_is_loaded(trained_run, tmp_path):
    """A file, whatever it holds, is no run; nor is a folder with a model alone."""
    model = tmp_path / "model.keras"
    shutil.copy(trained_run.path / "model.keras", model)
    with zipfile.ZipFile(tmp_path / "run.zip", "w") as archive:
        archive.write(model, "model.keras")
    for path in (model, tmp_path / "run.zip"):
        refused(path, "not found")
    refused(tmp_path, "is incomplete, run.json")


@pytest.mark.parametrize(
    "calibration",
    [{"temperature": 0}, {"temperature": "warm"}, {"temperature": 1, "distance_limit": float("inf")},
     {"temperature": 1.0, "neighbours": 0}, {"colour": 1}],
)  # fmt: skip
def test_a_damaged_calibration_is_refused(folder, calibration):
    info = json.loads((folder / "run.json").read_text()) | {"calibration": calibration}
    (folder / "run.json").write_text(json.dumps(info))
    refused(folder, "The calibration in run.json of 'copy' is damaged .* core.upgrade")


def test_a_training_sample_of_another_network_is_refused(folder):
    from core.runs.training_sample import TrainingSample

    TrainingSample(("a",), ("happy",), np.zeros((1, 5), np.float16), {}).save(
        folder / "training_sample.parquet"
    )
    refused(folder, "has 1 embeddings of dimension 5, which does not match its network")
    (folder / "training_sample.parquet").write_bytes(b"PAR1 damaged")
    refused(folder, "training_sample.parquet of 'copy' cannot be read .* or delete it")
