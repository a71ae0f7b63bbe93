"""Faces in YOLO format: a made tree with every oddity, and AffectNet's mirror where it is there."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.face_pack import pack_faces
from core.data.preprocessing import PreprocessingConfig
from core.data.readers import open_dataset
from core.data.readers.yolo import class_names
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from tests.trees import SHAPES, image_bytes, in_shape, write, zipped

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "affectnet-yolo.zip"
NAMES = 'names: ["Anger", "Contempt", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"]\n'

#: Label file of each training image, of 40x20 pixels, and what becomes of its lines.
TRAIN = {
    "image0000001": ("0 0.5 0.5 1 1\n", [("anger", (0, 0, 40, 20))]),
    "image0000002": ("1 0.499 0.499 0.999 0.999", [("contempt", (-0.02, -0.01, 39.96, 19.98))]),
    "image0000003": ("\r\n2 0.25 0.5 0.5 1\r\n4 .75 .5 .5 1\r\n", [("disgust", (0, 0, 20, 20)), ("happy", (20, 0, 20, 20))]),
    "image0000004": ("7.0  0.5 0.5 0.5 0.5", [("surprise", (10, 5, 20, 10))]),
    "ffhq_00001": ("5 0.5 0.5 1 1\n9 0.5 0.5 1 1\n", [("neutral", (0, 0, 40, 20)), "unknown label"]),
    "ffhq_00002": ("", ["missing annotation"]),
    "ffhq_00003": ("0 0.5 0.5 1\nhappy 0 0 1 1", ["unreadable row", "unreadable row"]),
    "ffhq_00004": ("0 0.5 0.5 0 1\n0 nan 0 1 1", ["box without area", "box without area"]),
    "ffhq_00005": ("3 1.5 0.5 1 1", ["box outside the image"]),
    "image0000005": ("6 0.5 0.5 1 1", ["unreadable image"]),
}  # fmt: skip


def oblong(*, orientation: int | None = None) -> bytes:
    file, exif = io.BytesIO(), Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.fromarray(np.zeros((20, 40), np.uint8)).save(file, "JPEG", exif=exif)
    return file.getvalue()


def tree(root, *, yaml=NAMES):
    write(root / "data.yaml", "train: ./train/images\nnc: 8\n" + yaml)
    for image, (text, _) in TRAIN.items():
        write(root / f"train/images/{image}.jpg", b"none" if image == "image0000005" else oblong())
        write(root / f"train/labels/{image}.txt", text)
    write(root / "train/labels/image0000009.txt", "0 0.5 0.5 1 1")
    write(root / "train/images/ffhq_00009.png", image_bytes(1))
    write(root / "valid/images/image0000001.jpg", oblong(orientation=6))
    write(root / "valid/labels/image0000001.txt", "6 0.25 0.5 0.5 1")
    write(root / "valid/labels.cache", b"")
    return root


@pytest.mark.parametrize("shape", SHAPES)
def test_the_mirror_label_by_label(tmp_path, shape):
    root = tree(tmp_path / "data" / "YOLO_format")
    table = open_dataset(in_shape(root, shape))
    expected, rejected = {}, {"missing file": 1, "missing annotation": 1}
    for image, (_, rows) in TRAIN.items():
        for number, row in enumerate(rows):
            if isinstance(row, str):
                rejected[row] = rejected.get(row, 0) + 1
            else:
                expected[f"train/images/{image}.jpg" + f"#{number}" * (number > 0)] = (*row, "train")
    expected["valid/images/image0000001.jpg"] = ("sad", (0, 0, 10, 40), "validation")  # upright: 20x40
    faces = table.faces.set_index("reference")
    assert set(faces.index) == set(expected)
    for reference, (label, box, split) in expected.items():
        face = faces.loc[reference]
        assert (EXPRESSIONS[face["expression"]], face["split"]) == (label, split)
        assert list(face[["box_x", "box_y", "box_width", "box_height"]]) == pytest.approx(box, abs=1e-5)
        read = pickle.loads(pickle.dumps(table.read_image))  # noqa: S301
        assert Image.open(io.BytesIO(read(reference))).size == (40, 20)
    assert table.ledger.rejected == rejected and table.name == "affectnet-yolo"


def test_a_changed_zip_is_packed_again(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    small = PreprocessingConfig("grey", 16, 0.0)
    write(tmp_path / "a/data.yaml", NAMES)
    write(tmp_path / "a/train/images/1.png", image_bytes(1))
    write(tmp_path / "a/train/labels/1.txt", "0 0.5 0.5 1 1\n1 0.5 0.5 1 1")
    first = pack_faces(open_dataset(zipped(tmp_path / "a", tmp_path / "a.zip")), small)[1]
    write(tmp_path / "a/train/images/1.png", image_bytes(2))
    again = pack_faces(open_dataset(zipped(tmp_path / "a", tmp_path / "a.zip")), small)[1]
    assert len(first) == len(again) == 2 and not np.array_equal(first[:2], again[:2])


@pytest.mark.parametrize(
    "yaml",
    [
        "names: ['a', b]",
        "names: [ \n 'a',\n b ] # two\nnc: 2",
        "names:\n- a\n- 'b'\nnc: 2",
        "names:\n  - a\n\n  - b # second\ntrain: x",
        "names:\n  1: b\n  0: 'a'\nother: {2: c}",
        "nc: 2\nnames: {0: a, 1: \"b\"}\n",
    ],
)  # fmt: skip
def test_names_of_a_data_yaml(yaml):
    assert class_names(yaml) == {0: "a", 1: "b"}


def test_no_names():
    assert class_names("nc: 8\ntrain: names\n") == {}


def test_the_names_decide_and_other_data_is_not_called_affectnet(tmp_path):
    table = open_dataset(tree(tmp_path, yaml="names:\n  0: sad\n  1: happy\n  2: smirk\n  4: angry\n"))
    found = [EXPRESSIONS[code] for code in table.faces["expression"]]
    assert table.name == "yolo" and found == ["sad", "happy", "anger"]
    assert table.ledger.rejected["unknown label"] == 7


def test_images_above_splits_and_objects_that_are_no_expressions(tmp_path):
    write(tmp_path / "a/data.yml", "names: [happy]")
    write(tmp_path / "a/images/test/1.png", image_bytes(1))
    write(tmp_path / "a/labels/test/1.txt", "0 0.5 0.5 1 1")
    table = open_dataset(tmp_path / "a")
    assert table.counts() == {"test": {"happy": 1}}
    tree(tmp_path / "b", yaml="names: [cat, dog]")
    with pytest.raises(AffectoscopeError):
        open_dataset(tmp_path / "b", format="yolo")


@pytest.mark.skipif(not REAL.exists(), reason=f"{REAL.name} is not beside the project")
def test_the_real_mirror():
    table = open_dataset(REAL)
    counts = table.counts()
    assert table.name == "affectnet-yolo" and table.ledger.rejected == {}
    assert {split: sum(row.values()) for split, row in counts.items()} == {
        "train": 12_167,
        "validation": 3_546,
    }
    assert counts["train"] == {
        "neutral": 744, "happy": 327, "sad": 1582, "surprise": 2248, "fear": 1922, "disgust": 1865, "anger": 2026,
        "contempt": 1453,
    }  # fmt: skip
    boxes = table.faces[["box_x", "box_y", "box_width", "box_height"]].drop_duplicates()
    assert boxes.to_numpy().tolist() == [pytest.approx([-0.048, -0.048, 95.904, 95.904], abs=1e-4)]
