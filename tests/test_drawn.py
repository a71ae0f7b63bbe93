"""Drawn faces: what is written, that it is repeatable, and that faces do what their labels say."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.drawn import dataset
from core.data.drawn.dataset import (
    draw_face,
    draw_scene,
    drawn_faces_folder,
    training_counts,
    write_drawn_faces,
)
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS

TRAINING, PER_LABEL = 40, 2


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_drawn_faces(
        tmp_path_factory.mktemp("drawn") / "faces",
        training=TRAINING,
        validation_per_label=PER_LABEL,
        workers=1,
    )


def rows_of(tree: Path, split: str) -> list[dict[str, str]]:
    with open(tree / "Manually_Annotated_file_lists" / f"{split}.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def all_rows(tree: Path) -> list[dict[str, str]]:
    return rows_of(tree, "training") + rows_of(tree, "validation")


def files_of(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_same_seed_same_bytes_whatever_the_workers(tree: Path, tmp_path: Path) -> None:
    again = write_drawn_faces(tmp_path / "two", training=TRAINING, validation_per_label=PER_LABEL, workers=2)
    assert files_of(again) == files_of(tree)


def test_another_seed_draws_other_faces(tree: Path, tmp_path: Path) -> None:
    other = write_drawn_faces(tmp_path / "other", training=11, validation_per_label=1, seed=1, workers=1)
    assert not set(files_of(tree).values()) & set(files_of(other).values())


def test_layout_and_header_are_affectnets(tree: Path) -> None:
    assert sorted(path.name for path in tree.iterdir()) == [
        "Manually_Annotated",
        "Manually_Annotated_file_lists",
        dataset.MARKER,
    ]
    for split in ("training", "validation"):
        text = (tree / "Manually_Annotated_file_lists" / f"{split}.csv").read_text(encoding="utf-8")
        assert text.splitlines()[0] == (
            "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
        )
    images = tree / "Manually_Annotated" / "Manually_Annotated_Images"
    listed = [row["subDirectory_filePath"] for row in all_rows(tree)]
    assert len(set(listed)) == len(listed)
    assert {path.relative_to(images).as_posix() for path in images.rglob("*.jpg")} == set(listed)


def test_every_column_is_in_range(tree: Path) -> None:
    images = tree / "Manually_Annotated" / "Manually_Annotated_Images"
    for row in all_rows(tree):
        with Image.open(images / row["subDirectory_filePath"]) as image:
            assert (image.format, image.mode) == ("JPEG", "RGB")
            width, height = image.size
        x, y, w, h = (int(row[name]) for name in ("face_x", "face_y", "face_width", "face_height"))
        assert w == h > 0 and x >= 0 and y >= 0 and x + w <= width and y + h <= height
        marks = np.array([float(value) for value in row["facial_landmarks"].split(";")])
        assert marks.shape == (136,)
        assert marks.min() >= 0 and marks[0::2].max() < width and marks[1::2].max() < height
        affect = float(row["valence"]), float(row["arousal"])
        if EXPRESSIONS[int(row["expression"])] in ("uncertain", "no-face"):
            assert affect == (-2, -2)
        else:
            assert np.hypot(*affect) <= 1 + 1e-5


def test_validation_is_balanced_and_training_is_as_documented(tree: Path) -> None:
    def codes(split: str) -> np.ndarray:
        return np.bincount([int(row["expression"]) for row in rows_of(tree, split)], minlength=11)

    assert codes("validation").tolist() == [PER_LABEL] * 11
    assert codes("training").tolist() == list(training_counts(TRAINING).values())


def test_imbalance_is_the_root_of_affectnets() -> None:
    counts = training_counts(6000)
    assert sum(counts.values()) == 6000
    # sqrt(134,415 / 3,750) = 5.99: happy outnumbers contempt 36 to 1 in AffectNet, 6 to 1 here.
    assert counts["happy"] / counts["contempt"] == pytest.approx(5.99, rel=0.02)
    order = sorted(counts, key=lambda label: -counts[label])
    assert order[:3] == ["happy", "no-face", "neutral"] and order[-2:] == ["disgust", "contempt"]
    assert min(training_counts(11).values()) == 1


def mean_landmarks(expression: str, seeds: int = 12) -> np.ndarray:
    """(68, 2) mean shape at full intensity, eye centres and distance normalised away; y down."""
    shapes = []
    for seed in range(seeds):
        marks = draw_face(expression, np.random.default_rng(seed), intensity=1.0, size=96).landmarks
        left, right = marks[[36, 39]].mean(0), marks[[42, 45]].mean(0)
        turn = right - left
        rotation = np.array([[turn[0], -turn[1]], [turn[1], turn[0]]]) / (turn @ turn)
        shapes.append((marks - (left + right) / 2) @ rotation)
    return np.mean(shapes, axis=0)


@pytest.fixture(scope="module")
def shapes() -> dict[str, np.ndarray]:
    return {name: mean_landmarks(name) for name in ("neutral", "happy", "sad", "surprise", "anger", "fear")}


def corner_lift(marks: np.ndarray) -> float:
    """How far the mouth's corners lie above its middle."""
    return marks[[62, 66], 1].mean() - marks[[48, 54], 1].mean()


def brow_height(marks: np.ndarray) -> float:
    return -marks[17:27, 1].mean()


def test_landmarks_follow_the_ibug_order(shapes: dict[str, np.ndarray]) -> None:
    marks = shapes["neutral"]
    assert np.argmax(marks[:17, 1]) == 8  # the chin
    assert (np.diff(marks[:17, 0]) > 0).all() and (np.diff(marks[17:27, 0]) > 0).all()
    assert marks[36:42, 0].argmin() == 0 and marks[36:42, 0].argmax() == 3
    assert marks[42:48, 0].argmin() == 0 and marks[42:48, 0].argmax() == 3
    assert (np.diff(marks[27:31, 1]) > 0).all() and (np.diff(marks[31:36, 0]) > 0).all()
    assert marks[48:60, 0].argmin() == 0 and marks[48:60, 0].argmax() == 6
    assert marks[51, 1] < marks[62, 1] <= marks[66, 1] < marks[57, 1] < marks[8, 1]


def test_surprise_opens_the_mouth_and_raises_the_brows(shapes: dict[str, np.ndarray]) -> None:
    def opening(marks: np.ndarray) -> float:
        return marks[66, 1] - marks[62, 1]

    assert opening(shapes["surprise"]) > opening(shapes["neutral"]) + 0.08
    assert brow_height(shapes["surprise"]) > brow_height(shapes["neutral"]) + 0.05
    assert shapes["surprise"][8, 1] > shapes["neutral"][8, 1] + 0.05


def test_happy_raises_and_sad_lowers_the_corners(shapes: dict[str, np.ndarray]) -> None:
    assert corner_lift(shapes["happy"]) > corner_lift(shapes["neutral"]) + 0.05
    assert corner_lift(shapes["sad"]) < corner_lift(shapes["neutral"]) - 0.05


def test_anger_lowers_the_brows_and_fear_stretches_the_lips(shapes: dict[str, np.ndarray]) -> None:
    def width(marks: np.ndarray) -> float:
        return marks[54, 0] - marks[48, 0]

    assert brow_height(shapes["anger"]) < brow_height(shapes["neutral"]) - 0.03
    assert width(shapes["fear"]) > width(shapes["neutral"]) + 0.05


def test_same_generator_seed_draws_the_same_person() -> None:
    neutral, happy = (draw_face(name, np.random.default_rng(5)).parameters for name in ("neutral", "happy"))
    assert (neutral["person"], neutral["pose"]) == (happy["person"], happy["pose"])


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_label_can_be_drawn_at_any_size(expression: str) -> None:
    face = draw_face(expression, np.random.default_rng(3), size=240)
    assert face.image.size == (240, 240) and face.landmarks.shape == (68, 2)
    assert (face.valence == -2) == (expression in ("uncertain", "no-face"))


def test_affect_agrees_with_the_expression() -> None:
    mean = {
        name: np.mean([(f.valence, f.arousal) for f in (draw_face(name, np.random.default_rng(s), size=32) for s in range(20))], 0)
        for name in ("happy", "sad", "surprise", "anger")
    }  # fmt: skip
    assert mean["happy"][0] > 0.3 and mean["sad"][0] < -0.2 and mean["anger"][0] < -0.2
    assert mean["surprise"][1] > 0.3 and mean["anger"][1] > 0.2 and mean["sad"][1] < 0


def test_brightness_does_not_betray_the_label() -> None:
    labels = EXPRESSIONS[:8]
    light = np.array(
        [[np.asarray(draw_face(label, np.random.default_rng((9, k)), size=64).image).mean() for k in range(10)]
         for label in labels]
    )  # fmt: skip
    assert np.ptp(light.mean(1)) < 0.5 * light.std(1).mean()


def test_unknown_expression_is_refused() -> None:
    with pytest.raises(ValueError, match="'bored'"):
        draw_face("bored", np.random.default_rng(0))


def test_interrupted_drawing_leaves_nothing(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_drawn_faces(tmp_path / "faces", training=11, validation_per_label=1, workers=1, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_progress_ends_at_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    (tmp_path / "faces").mkdir()  # an empty folder may be drawn into
    write_drawn_faces(
        tmp_path / "faces",
        training=52,
        validation_per_label=1,
        workers=1,
        progress=lambda *step: seen.append(step),
    )
    assert seen == [(50, 63), (52, 63), (63, 63)]
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_full_folders_and_tiny_sets_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(AffectoscopeError, match="is not empty"):
        write_drawn_faces(tmp_path)
    with pytest.raises(AffectoscopeError, match="at least 11 training faces"):
        write_drawn_faces(tmp_path / "new", training=10)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_cached_set_is_drawn_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    folder = drawn_faces_folder(training=11, validation_per_label=1, seed=4)
    assert folder.parent == tmp_path / "cache" and f"v{dataset.DRAWING_VERSION}-11-1-seed4" in folder.name
    monkeypatch.setattr(dataset, "write_drawn_faces", None)  # drawing again would fail
    assert drawn_faces_folder(training=11, validation_per_label=1, seed=4) == folder


def test_scene_holds_every_face() -> None:
    for faces in (1, 3, 7):
        image, boxes, labels = draw_scene(np.random.default_rng(faces), faces=faces)
        assert image.size == (900, 600) and len(boxes) == len(labels) == faces
        assert len(set(labels)) == min(faces, 8)
        assert all(x >= 0 and y >= 0 and x + w <= 900 and y + h <= 600 for x, y, w, h in boxes)
        assert boxes == sorted(boxes, key=lambda box: box[0])
