"""The detector: which faces it finds in photos, and where its weights come from."""

import threading

import numpy as np
import pytest
from PIL import Image

from core.data.detectors import mtcnn
from core.data.detectors.detector import DetectedFace
from core.data.detectors.mtcnn import Mtcnn

pytest_plugins = ("tests.photo_fixtures",)


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
    monkeypatch.setattr(mtcnn, "LONGEST_SIDE", 500)  # 1280 would take a second
    wide = scene.resize((scene.width * 3, scene.height * 3))
    small, large = detected[0], Mtcnn().detect(wide)[0]
    assert np.allclose(np.array(large.box) / 3, small.box, atol=0.15 * small.width)


def test_a_tiny_photo_is_enlarged(scene, boxes):
    x, y, width, height = boxes[0]
    face = scene.crop((x - 20, y - 20, x + width + 20, y + height + 20)).resize((64, 64))
    (detected,) = Mtcnn().detect(face)
    assert 20 < detected.height < 64


@pytest.mark.parametrize("size", [(1, 1), (11, 11), (1, 5000), (5000, 1), (30, 200), (150, 100)])
def test_nothing_is_found_where_nothing_is(size):
    assert Mtcnn().detect(Image.new("L", size, "white")) == []


def test_the_lowest_score_is_obeyed(scene, detected):
    scores = sorted(face.score for face in detected)
    assert len(Mtcnn((scores[0] + scores[1]) / 2).detect(scene)) == 2


def test_threads_take_turns(scene):
    results: list = [None] * 2
    face = scene.resize((300, 200))

    def detect(place: int) -> None:
        results[place] = [one.box for one in Mtcnn().detect(face)]

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
    mtcnn._cascade.cache_clear()
    assert Mtcnn().detect(Image.new("RGB", (64, 64))) == []
