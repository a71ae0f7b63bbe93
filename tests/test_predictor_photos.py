"""A photo in, an answer out: the predictor on a stand-in network and drawn people."""

import socket
import sys
import weakref

import numpy as np
import pytest
from PIL import Image

from core.data.detectors import mtcnn
from core.data.detectors.mtcnn import Mtcnn
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.errors import AffectoscopeError
from core.photos import predictor as predictor_module
from core.photos.predictor import Predictor
from core.photos.results import as_rows
from tests.photo_fixtures import LABELS, jpeg

pytest_plugins = ("tests.photo_fixtures",)


def test_all_faces_of_a_photo_in_one_prediction(predictor, scene, detected, known):
    prediction = predictor.predict(scene)
    assert (prediction.width, prediction.height, prediction.reason) == (*scene.size, "")
    assert [face.number for face in prediction.faces] == [1, 2, 3]
    for face, one in zip(prediction.faces, detected, strict=True):
        assert face.box == one.box
        assert tuple(face.probabilities) == LABELS
        assert sum(face.probabilities.values()) == pytest.approx(1)
        assert face.label == max(face.probabilities, key=face.probabilities.get)
        assert -1 <= face.valence <= 1
        assert -1 <= face.arousal <= 1
        assert np.array_equal(face.crop, crop_face(scene, one.box, predictor.preprocessing, detected=True))


def test_a_batch_predicts_what_single_faces_do(predictor, scene, known):
    """The stand-in's outputs depend on the crop, so mixed-up rows would show."""
    model = predictor.run.load_model()
    faces = predictor.predict(scene).faces
    assert len({face.valence for face in faces}) == 3
    for face in faces:
        outputs = model.predict_on_batch(face.crop[None])
        assert np.allclose(list(face.probabilities.values()), outputs["expression"][0], atol=1e-5)
        assert np.allclose((face.valence, face.arousal), outputs["affect"][0], atol=1e-5)


def test_a_run_without_affect_head_gives_none(runs, scene, known):
    faces = Predictor.load(runs / "older").predict(scene).faces
    assert [(face.valence, face.arousal) for face in faces] == [(None, None)] * 3


def test_bytes_path_pixels_and_image_are_the_same_photo(predictor, scene, known, tmp_path):
    path = tmp_path / "photo.png"
    scene.save(path)
    ways = (path, path.read_bytes(), np.asarray(scene), scene)
    crops = [np.stack([face.crop for face in predictor.predict(way).faces]) for way in ways]
    assert all(np.array_equal(crops[0], other) for other in crops[1:])
    assert len(crops[0]) == 3


def test_a_photo_on_its_side_is_turned_upright(predictor, scene):
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = jpeg(scene.transpose(Image.Transpose.ROTATE_90), exif=exif)
    prediction = predictor.predict(lying)
    assert (prediction.width, prediction.height) == scene.size
    assert len(prediction.faces) >= 2


def test_no_face_is_a_result_with_a_reason(predictor):
    prediction = predictor.predict(Image.new("RGB", (120, 110), "white"))
    assert (prediction.faces, prediction.reason) == ((), "no face found")


def test_a_cropped_face_is_predicted_as_training_saw_it(predictor, monkeypatch):
    monkeypatch.setattr(Mtcnn, "detect", None)  # must not be asked
    face = Image.effect_noise((48, 48), 60)
    (one,) = predictor.predict(face, crops=True).faces
    assert np.array_equal(one.crop, crop_face(face, None, predictor.preprocessing))
    assert (one.box, one.score, one.number) == (None, None, 1)


@pytest.mark.parametrize(
    ("side", "abstained"), [(predictor_module.SMALLEST_FACE - 1, "too small"), (40, "not sure")]
)
def test_abstention_names_its_reason(predictor, found, side, abstained):
    found((10, 10, side / 2, side, 0.95))  # the stand-in is never sure
    (face,) = predictor.predict(Image.new("RGB", (200, 100), "grey")).faces
    assert face.abstained == abstained
    assert face.label in LABELS


def test_a_sure_prediction_is_not_abstained_from(predictor, found, monkeypatch):
    certain = np.eye(len(LABELS), dtype=np.float32)[[3]]
    monkeypatch.setattr(predictor.network, "_outputs", lambda batch: {"expression": certain})
    found((10, 10, 60, 60, 0.95))
    (face,) = predictor.predict(Image.new("RGB", (200, 100))).faces
    assert (face.label, face.abstained, face.probabilities[LABELS[3]]) == (LABELS[3], "", 1.0)


def test_at_most_fifty_faces_the_surest_ones(predictor, found):
    found(*((10.0 * place, 20, 30, 30, 0.91 + 0.001 * (place % 53)) for place in range(53)))
    prediction = predictor.predict(Image.new("RGB", (600, 100)))
    assert len(prediction.faces) == 50
    assert [face.box[0] for face in prediction.faces] == [10.0 * place for place in range(3, 53)]
    assert prediction.reason == "53 faces found; only the 50 with the highest scores are used"


@pytest.mark.parametrize(
    "image",
    [b"", b"<html>", np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9), float), np.zeros((0, 9), np.uint8),
     "/nowhere/photo.jpg"],
)  # fmt: skip
def test_what_is_no_photo_raises_a_sentence(predictor, image):
    with pytest.raises(AffectoscopeError, match=r"expected|cannot be read"):
        predictor.predict(image)


def test_batches_of_any_size_take_one_trace(runs):
    predictor = Predictor.load(runs / "standin")
    for faces in (1, 2, 7, 50):
        outputs = predictor.network._outputs(np.zeros((faces, *predictor.preprocessing.shape), np.uint8))
        assert outputs["expression"].shape == (faces, len(LABELS))
    graph = next(cell.cell_contents for cell in predictor.network._outputs.__closure__ if hasattr(cell.cell_contents, "experimental_get_tracing_count"))  # fmt: skip
    assert graph.experimental_get_tracing_count() == 1


def test_predicting_opens_no_connection(predictor, scene, monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection to {arguments[1:]} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    mtcnn._cascade.cache_clear()
    assert len(predictor.predict(scene).faces) == 3


def test_predicting_writes_no_file(predictor, scene, monkeypatch):
    written = []

    def note(event: str, arguments: tuple) -> None:
        if watching and event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
            written.append(arguments[0])

    watching = True
    sys.addaudithook(note)  # cannot be taken off again, hence the switch
    try:
        predictor.predict(jpeg(scene))
    finally:
        watching = False
    assert written == []


def test_rows_of_a_crowd_keep_the_reason_out_of_the_faces(predictor, found):
    found((10, 10, 60, 60, 0.95))
    (row,) = as_rows("p.jpg", predictor.predict(Image.new("RGB", (200, 100))), LABELS)
    assert (row["photo"], row["face"], row["box_x"], row["abstained"]) == ("p.jpg", 1, 10, "not sure")


def test_the_contract_is_the_runs_own(predictor):
    assert predictor.preprocessing == PreprocessingConfig(**predictor.run.info["preprocessing"])


def test_many_photos_come_in_order_with_the_bad_ones_between(predictor, scene, known):
    empty = Image.new("RGB", (60, 60))
    results = list(predictor.predict_many([scene, b"", empty, np.zeros((3, 3), int), scene]))
    assert [type(one).__name__ for one in results] == [
        "PhotoPrediction", "AffectoscopeError", "PhotoPrediction", "AffectoscopeError", "PhotoPrediction",
    ]  # fmt: skip
    assert [len(results[place].faces) for place in (0, 2, 4)] == [3, 0, 3]


def test_many_crops_are_predicted_as_one_by_one(predictor):
    random = np.random.default_rng(0)
    crops = [random.integers(0, 256, (48, 48), np.uint8) for _ in range(predictor_module.BATCH + 5)]
    crops[3] = np.zeros((2, 2), np.float32)
    crops[4] = crops[4][..., None]
    many = list(predictor.predict_many(iter(crops), crops=True))
    assert isinstance(many[3], AffectoscopeError)
    assert len(many) == len(crops)
    for place in (0, 4, predictor_module.BATCH, len(crops) - 1):
        (alone,) = predictor.predict(crops[place], crops=True).faces
        (face,) = many[place].faces
        assert np.array_equal(face.crop, alone.crop)
        assert np.allclose(list(face.probabilities.values()), list(alone.probabilities.values()), atol=1e-5)


def test_photos_are_read_only_a_little_ahead(predictor, scene, known):
    """So memory does not grow with the number of photos."""
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield scene

    results = predictor.predict_many(endless())
    for done in range(1, 6):
        next(results)
        assert len(taken) <= done + 3
    results.close()


def test_of_many_large_crops_one_is_held_at_a_time(predictor, monkeypatch):
    """A thousand photos of twelve megapixels, decoded together, would take 36 GB."""
    held, most = [], []

    def read(image):
        large = Image.new("RGB", (60, 60))
        held.append(weakref.ref(large))
        most.append(sum(one() is not None for one in held))
        return large

    monkeypatch.setattr(predictor_module, "read_photo", read)
    assert len(list(predictor.predict_many(range(600), crops=True))) == 600
    assert max(most) <= 4
