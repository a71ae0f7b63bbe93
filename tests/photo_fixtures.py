"""A stand-in network, a drawn scene and what the detector finds in it, for the tests of prediction.

A test module asks for these fixtures with `pytest_plugins = ("tests.photo_fixtures",)`. PYTEST_DONT_REWRITE:
it asserts nothing.
"""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.detectors.detector import DetectedFace
from core.data.detectors.mtcnn import Mtcnn
from core.data.drawn.dataset import draw_scene
from core.labels import LABEL_SETS
from core.photos.predictor import Predictor
from core.runs.run import Run
from tests.made_runs import make_run

LABELS = LABEL_SETS[8].labels


def make_standin(folder: Path, name: str, *, affect: bool, created: str) -> Run:
    """A run with a network that knows nothing: seeded weights, never sure, another output for every crop."""
    import keras
    from keras import layers

    run = make_run(folder, name, label_set=8, affect=affect, created=created)
    keras.utils.set_random_seed(7)
    faces = keras.Input((48, 48, 1), dtype="uint8")
    x = layers.AveragePooling2D(8)(layers.Rescaling(1 / 127.5, offset=-1.0)(faces))
    x = layers.Dense(8, name="embedding")(layers.Flatten()(x))
    small = keras.initializers.RandomNormal(stddev=0.05, seed=1)
    outputs = {"expression": layers.Dense(len(LABELS), activation="softmax", kernel_initializer=small)(x)}
    if affect:
        outputs["affect"] = layers.Dense(2, activation="tanh", kernel_initializer=small)(x)
    network = keras.Model(faces, outputs)
    network.save(run.path / "model.keras")
    return run


@pytest.fixture(scope="session")
def drawn() -> tuple:
    return draw_scene(np.random.default_rng(1), faces=3, size=(600, 400))


@pytest.fixture(scope="session")
def scene(drawn) -> Image.Image:
    return drawn[0]


@pytest.fixture(scope="session")
def boxes(drawn) -> list[tuple]:
    return drawn[1]


@pytest.fixture(scope="session")
def detected(scene) -> list[DetectedFace]:
    """What the detector really finds in the scene, looked for once."""
    return Mtcnn().detect(scene)


@pytest.fixture
def known(detected, monkeypatch):
    """The detector's finds without its time: the scene's faces, and none in a picture without contrast."""
    monkeypatch.setattr(
        Mtcnn, "detect", lambda self, image: detected if np.ptp(np.asarray(image)) > 100 else []
    )


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    """A folder of runs: 'older' without and 'standin' with an affect head."""
    folder = tmp_path_factory.mktemp("artifacts")
    make_standin(folder, "older", affect=False, created="2026-01-01T00:00:00+00:00")
    make_standin(folder, "standin", affect=True, created="2026-02-01T00:00:00+00:00")
    return folder


@pytest.fixture(scope="session")
def predictor(runs) -> Predictor:
    return Predictor.load(runs / "standin")


@pytest.fixture
def found(monkeypatch):
    """Sets what the detector finds, for tests that are about what follows it."""

    def find(*faces: tuple[float, float, float, float, float]) -> None:
        detected = [DetectedFace(*face, points=((0.0, 0.0),) * 5) for face in faces]
        monkeypatch.setattr(Mtcnn, "detect", lambda self, image: detected)

    return find


def jpeg(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


@pytest.fixture
def photos(tmp_path, scene, runs, known, monkeypatch):
    """Two scenes, one photo without a face; artifacts/ holds the stand-ins."""
    for module in ("core.predict", "core.runs.catalogue"):
        monkeypatch.setattr(f"{module}.ARTIFACTS_FOLDER", runs)
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    scene.save(folder / "a.png")
    scene.save(folder / "deeper" / "b.PNG")
    Image.new("RGB", (300, 200), "white").save(folder / "empty.jpg")
    (folder / ".hidden.jpg").write_bytes(b"not looked at")
    (folder / "notes.txt").write_text("not looked at")
    return folder
