"""Detectors by name: another one is registered, recorded by a run, and used for its photos."""

import json

import numpy as np
import pytest
from PIL import Image

from core.config import TrainConfig
from core.data.detectors import detector as detectors
from core.data.detectors.detector import DetectedFace, Detector, get_detector, register_detector
from core.data.detectors.mtcnn import Mtcnn
from core.data.preprocessing import crop_face
from core.data.readers.spec import dataset_spec
from core.data.training_data import load_faces
from core.errors import AffectoscopeError
from core.photos.predictor import Predictor
from core.runs.catalogue import open_run
from core.runtime.console import Console
from core.runtime.files import write_json
from core.train import train
from tests.photo_fixtures import make_standin
from tests.trained import small_config
from tests.trees import fer2013_folders


class Halves:
    """Two faces in every photo: its left and its right half."""

    def detect(self, image: Image.Image) -> list[DetectedFace]:
        width, height = image.width / 2, float(image.height)
        return [DetectedFace(left, 0.0, width, height, 1.0, ()) for left in (0.0, width)]


@pytest.fixture
def halves(monkeypatch) -> Detector:
    monkeypatch.setattr(detectors, "_DETECTORS", dict(detectors._DETECTORS))
    register_detector("halves", Halves())
    return get_detector("halves")


@pytest.fixture
def folder(tmp_path):
    return make_standin(tmp_path, "run", affect=False, created="2026-01-01T00:00:00+00:00").path


def record(folder, name: str) -> None:
    info = json.loads((folder / "run.json").read_text())
    write_json(folder / "run.json", info | {"detector": name})


def test_a_run_that_names_no_detector_has_mtcnn(folder):
    assert open_run(folder).detector == "mtcnn"
    assert Predictor.load(folder).detector is get_detector("mtcnn")
    assert isinstance(get_detector("mtcnn"), Mtcnn)


def test_photos_are_searched_by_the_recorded_detector(folder, halves):
    record(folder, "halves")
    predictor = Predictor.load(folder)
    photo = Image.effect_noise((200, 120), 60).convert("RGB")
    faces = predictor.predict(photo).faces
    assert [face.box for face in faces] == [(0.0, 0.0, 100.0, 120.0), (100.0, 0.0, 100.0, 120.0)]
    for face in faces:
        assert np.array_equal(face.crop, crop_face(photo, face.box, predictor.preprocessing, detected=True))


def test_training_records_the_detector(drawn_tree, halves, tmp_path):
    config = small_config(drawn_tree, name="run", detector="halves", epochs=1)
    run = train(config, folder=tmp_path)
    assert json.loads((run.path / "run.json").read_text())["detector"] == "halves"
    assert open_run(run.path).detector == "halves"


def test_a_run_with_a_detector_that_is_not_here_is_refused_with_those_that_are(folder, tmp_path):
    record(folder, "halves")
    with pytest.raises(AffectoscopeError, match="no detector 'halves'; expected one of mtcnn"):
        Predictor.load(folder)
    with pytest.raises(AffectoscopeError, match="no detector 'halves'"):
        load_faces(TrainConfig(data=tmp_path / "not-read", detector="halves"), Console())


def test_the_frame_margin_is_that_of_the_detector(halves, tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    faces = fer2013_folders(tmp_path / "data")
    margins = {
        name: load_faces(TrainConfig(data=faces, detector=name), Console()).preprocessing.frame_margin
        for name in ("mtcnn", "halves")
    }
    assert margins == {"mtcnn": dataset_spec("fer2013").frame_margins["mtcnn"], "halves": 0.0}


def test_a_name_is_taken_once(halves):
    with pytest.raises(ValueError, match="'halves' is registered already"):
        register_detector("halves", Halves())
