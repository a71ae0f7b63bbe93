"""The detector, the predictor and `python -m core.predict`, on a stand-in network and drawn people."""

import io
import json
import os
import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core import artifacts, detector, predict
from core import predictor as predictor_module
from core.datasets.drawn import draw_scene
from core.detector import DetectedFace, detect_faces
from core.errors import AffectoscopeError
from core.faces import PreprocessingContract, crop_face
from core.labels import LABEL_SETS
from core.predict import main
from core.predictor import Predictor, as_rows
from tests.made_runs import make_run

LABELS = LABEL_SETS[8].labels


def make_standin(folder: Path, name: str, *, affect: bool, created: str) -> artifacts.Run:
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


@pytest.fixture(scope="module")
def drawn() -> tuple:
    return draw_scene(np.random.default_rng(1), faces=3, size=(600, 400))


@pytest.fixture(scope="module")
def scene(drawn) -> Image.Image:
    return drawn[0]


@pytest.fixture(scope="module")
def boxes(drawn) -> list[tuple]:
    return drawn[1]


@pytest.fixture(scope="module")
def detected(scene) -> list[DetectedFace]:
    """What the detector really finds in the scene, looked for once."""
    return detect_faces(scene)


@pytest.fixture
def known(detected, monkeypatch):
    """The detector's finds without its time: the scene's faces, and none in a picture without contrast."""
    monkeypatch.setattr(
        predictor_module, "detect_faces", lambda image: detected if np.ptp(np.asarray(image)) > 100 else []
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A folder of runs: 'older' without and 'standin' with an affect head."""
    folder = tmp_path_factory.mktemp("artifacts")
    make_standin(folder, "older", affect=False, created="2026-01-01T00:00:00+00:00")
    make_standin(folder, "standin", affect=True, created="2026-02-01T00:00:00+00:00")
    return folder


@pytest.fixture(scope="module")
def predictor(runs) -> Predictor:
    return Predictor.load(runs / "standin")


@pytest.fixture
def found(monkeypatch):
    """Sets what the detector finds, for tests that are about what follows it."""

    def find(*faces: tuple[float, float, float, float, float]) -> None:
        detected = [DetectedFace(*face, points=((0.0, 0.0),) * 5) for face in faces]
        monkeypatch.setattr(predictor_module, "detect_faces", lambda image: detected)

    return find


def jpeg(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


# The detector


def overlap(face: DetectedFace, box: tuple) -> float:
    """Intersection over union."""
    width = min(face.x + face.width, box[0] + box[2]) - max(face.x, box[0])
    height = min(face.y + face.height, box[1] + box[3]) - max(face.y, box[1])
    shared = max(width, 0) * max(height, 0)
    return shared / (face.width * face.height + box[2] * box[3] - shared)


def test_every_face_is_found_from_left_to_right(detected, boxes):
    faces = detected
    assert len(faces) == 3
    assert [face.x for face in faces] == sorted(face.x for face in faces)
    for face, box in zip(faces, boxes, strict=True):
        assert overlap(face, box) > 0.4
        assert 0.9 <= face.score <= 1
        left_eye, right_eye, nose, *_ = face.points
        assert left_eye[0] < nose[0] < right_eye[0] < face.x + face.width
        assert left_eye[1] < nose[1]


def test_boxes_of_a_large_photo_are_in_its_own_pixels(scene, detected, monkeypatch):
    monkeypatch.setattr(detector, "LONGEST_SIDE", 500)  # 1280 would take a second
    wide = scene.resize((scene.width * 3, scene.height * 3))
    small, large = detected[0], detect_faces(wide)[0]
    assert np.allclose(np.array(large.box) / 3, small.box, atol=0.15 * small.width)


def test_a_tiny_photo_is_enlarged(scene, boxes):
    x, y, width, height = boxes[0]
    face = scene.crop((x - 20, y - 20, x + width + 20, y + height + 20)).resize((64, 64))
    (detected,) = detect_faces(face)
    assert 20 < detected.height < 64


@pytest.mark.parametrize("size", [(1, 1), (11, 11), (1, 5000), (5000, 1), (30, 200), (150, 100)])
def test_nothing_is_found_where_nothing_is(size):
    assert detect_faces(Image.new("L", size, "white")) == []


def test_the_lowest_score_is_obeyed(scene, detected):
    scores = sorted(face.score for face in detected)
    assert len(detect_faces(scene, min_score=(scores[0] + scores[1]) / 2)) == 2


def test_threads_take_turns(scene):
    results: list = [None] * 2
    face = scene.resize((300, 200))

    def detect(place: int) -> None:
        results[place] = [one.box for one in detect_faces(face)]

    threads = [threading.Thread(target=detect, args=(place,)) for place in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results[0] == results[1]
    assert results[0]


def test_weights_come_from_the_package_and_never_from_the_working_folder(tmp_path, monkeypatch):
    for stage in ("pnet", "rnet", "onet"):
        (tmp_path / f"{stage}.lz4").write_bytes(b"would be unpickled")
    monkeypatch.chdir(tmp_path)
    detector._cascade.cache_clear()
    assert detect_faces(Image.new("RGB", (64, 64))) == []


# The predictor


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
        assert np.array_equal(face.crop, crop_face(scene, one.box, predictor.contract, detected=True))


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
    monkeypatch.setattr(predictor_module, "detect_faces", None)  # must not be asked
    face = Image.effect_noise((48, 48), 60)
    (one,) = predictor.predict(face, crops=True).faces
    assert np.array_equal(one.crop, crop_face(face, None, predictor.contract))
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
    monkeypatch.setattr(predictor, "_outputs", lambda batch: {"expression": certain})
    found((10, 10, 60, 60, 0.95))
    (face,) = predictor.predict(Image.new("RGB", (200, 100))).faces
    assert (face.label, face.abstained, face.probabilities[LABELS[3]]) == (LABELS[3], "", 1.0)


def test_at_most_fifty_faces_the_surest_ones(predictor, found):
    found(*((10.0 * place, 20, 30, 30, 0.91 + 0.001 * (place % 53)) for place in range(53)))
    prediction = predictor.predict(Image.new("RGB", (600, 100)))
    assert len(prediction.faces) == 50
    assert [face.box[0] for face in prediction.faces] == [10.0 * place for place in range(3, 53)]
    assert prediction.reason == "53 faces found; only the 50 surest are scored"


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
        outputs = predictor._outputs(np.zeros((faces, *predictor.contract.shape), np.uint8))
        assert outputs["expression"].shape == (faces, len(LABELS))
    graph = next(cell.cell_contents for cell in predictor._outputs.__closure__ if hasattr(cell.cell_contents, "experimental_get_tracing_count"))  # fmt: skip
    assert graph.experimental_get_tracing_count() == 1


def test_predicting_opens_no_connection(predictor, scene, monkeypatch):
    def refuse(*arguments):
        raise AssertionError(f"a connection to {arguments[1:]} was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    detector._cascade.cache_clear()
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


# The command line


@pytest.fixture
def photos(tmp_path, scene, runs, known, monkeypatch):
    """Two scenes, one photo without a face; artifacts/ holds the stand-ins."""
    monkeypatch.setattr(artifacts, "ARTIFACTS_FOLDER", runs)
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    scene.save(folder / "a.png")
    scene.save(folder / "deeper" / "b.PNG")
    Image.new("RGB", (300, 200), "white").save(folder / "empty.jpg")
    (folder / ".hidden.jpg").write_bytes(b"not looked at")
    (folder / "notes.txt").write_text("not looked at")
    return folder


COLUMNS = [
    "photo", "face", "box_x", "box_y", "box_width", "box_height", "score", "label",
    *(f"p_{label}" for label in LABELS), "valence", "arousal", "abstained",
]  # fmt: skip

READERS = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}


@pytest.mark.parametrize("suffix", READERS)
def test_a_folder_becomes_one_row_per_face(photos, tmp_path, suffix, capsys):
    out = tmp_path / f"faces.{suffix}"
    assert main([str(photos), "--out", str(out)]) == 0
    table = READERS[suffix](out)
    assert list(table.columns) == COLUMNS
    names = [os.path.relpath(photo, photos) for photo in table["photo"]]
    assert names == ["a.png"] * 3 + ["deeper/b.PNG"] * 3 + ["empty.jpg"]
    assert table["face"].tolist()[:6] == [1, 2, 3, 1, 2, 3]
    faceless = table.iloc[6]
    assert pd.isna(faceless["face"])
    assert pd.isna(faceless["box_x"])
    assert pd.isna(faceless["label"])
    assert faceless["abstained"] == "no face found"
    probabilities = table.loc[:5, [f"p_{label}" for label in LABELS]].to_numpy(float)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert list(tmp_path.glob(".*")) == [], "a partial file was left"
    assert "3 photos read, 6 faces" in capsys.readouterr().err


def test_the_command_line_with_the_real_detector(tmp_path, scene, runs, capsys):
    scene.save(tmp_path / "a.png")
    assert main([str(tmp_path / "a.png"), "--run", str(runs / "standin")]) == 0
    assert capsys.readouterr().out.count("a.png: face") == 3


def test_json_is_strict(photos, tmp_path):
    out = tmp_path / "faces.json"
    main([str(photos / "empty.jpg"), "--out", str(out)])
    (row,) = json.loads(out.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert row["box_x"] is None


def test_bad_files_are_reported_at_the_end_and_cost_status_1(photos, tmp_path, capsys):
    (photos / "0-bad.jpg").write_bytes(b"<html>")
    out = tmp_path / "faces.csv"
    assert main([str(photos), "/nowhere/gone.jpg", "--out", str(out)]) == 1
    assert len(pd.read_csv(out)) == 7
    error = capsys.readouterr().err
    assert "2 could not be read" in error
    assert "0-bad.jpg: The file cannot be read as an image" in error
    assert "gone.jpg: The file cannot be read (No such file or directory)" in error


def test_status_2_and_no_file_when_nothing_could_be_read(photos, tmp_path, capsys):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    out = tmp_path / "faces.csv"
    out.write_text("what was there before")
    assert main([str(bad), "--out", str(out)]) == 2
    assert out.read_text() == "what was there before"
    assert "0 bytes" in capsys.readouterr().err


def test_the_terminal_gets_a_line_per_face(photos, capsys):
    assert main([str(photos / "a.png"), str(photos / "empty.jpg"), "--run", "older"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "a.png: face" in line]) == 3
    assert any(line.endswith("empty.jpg: no face found") for line in lines)


def test_the_newest_run_is_the_default(photos, capsys):
    main([str(photos / "a.png")])
    assert "valence" in capsys.readouterr().out
    main([str(photos / "a.png"), "--run", "older"])
    assert "valence" not in capsys.readouterr().out


def test_crops_are_not_searched(photos, capsys):
    assert main([str(photos / "empty.jpg"), "--crops"]) == 0
    assert "empty.jpg: face 1, " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "faces.xlsx"], "expected a name ending in .csv, .json, .parquet"),
        (["--out", "/nowhere/faces.csv"], "its folder does not exist"),
        (["--run", "gone"], "There is no run 'gone'"),
    ],
)
def test_wrong_options_fail_before_the_work(photos, capsys, arguments, message, monkeypatch):
    monkeypatch.setattr(predict, "predict_photos", None)
    assert main([str(photos), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_no_photo_and_no_run_are_explained(photos, tmp_path, capsys, monkeypatch):
    (tmp_path / "none").mkdir()
    assert main([str(tmp_path / "none")]) == 2
    assert "There is no photo in" in capsys.readouterr().err
    monkeypatch.setattr(artifacts, "ARTIFACTS_FOLDER", tmp_path / "none")
    assert main([str(photos)]) == 2
    assert "There is no run under artifacts/ yet" in capsys.readouterr().err


def test_an_out_file_is_whole_or_not_there(photos, tmp_path, monkeypatch, capsys):
    def fail(self, path, **options):
        with open(path, "w") as file:
            file.write("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    assert main([str(photos / "empty.jpg"), "--out", str(tmp_path / "faces.csv")]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


def test_the_same_photo_twice_is_read_once(photos, capsys):
    main([str(photos / "a.png"), str(photos / "a.png"), str(photos)])
    assert "3 photos read, 6 faces" in capsys.readouterr().err


def test_rows_of_a_crowd_keep_the_reason_out_of_the_faces(predictor, found):
    found((10, 10, 60, 60, 0.95))
    (row,) = as_rows("p.jpg", predictor.predict(Image.new("RGB", (200, 100))), LABELS)
    assert (row["photo"], row["face"], row["box_x"], row["abstained"]) == ("p.jpg", 1, 10, "not sure")


def test_the_contract_is_the_runs_own(predictor):
    assert predictor.contract == PreprocessingContract(**predictor.run.info["preprocessing"])
