"""AffectNet in other people's layouts: class folders with labels.csv, and AffectNet+ as JSON files."""

import json

import numpy as np
import pytest

from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from tests.trees import SHAPES, image_bytes, in_shape, write

#: Rows of labels.csv, and the label or the reason that they are rejected.
ROWS = {
    "0,anger/image0000006.jpg,surprise,0.873": "surprise",  # the folder says anger
    "1,anger/image0000007.jpg,anger,0.9": "anger",
    "2,./happy/image0000008.jpg,Happy,0.8": "happy",
    '3,"contempt\\image0000009.png",contempt,0.7': "contempt",
    "4,sad/image0000010.jpg,sad,0.7": "sad",
    "5,happy/image0000008.jpg,sad,0.8": "duplicate row",
    "6,happy/image0000011.jpg,calm,0.8": "unknown label",
    "7,happy/image0000012.jpg,happy,0.8": "missing file",
    "8,../happy/image0000008.jpg,happy,0.8": "path outside the data set",
    "9": "unreadable row",
}


def mirror(root, *, splits=("", ""), header=",pth,label,relFCs"):
    write(root / "labels.csv", "\n".join([header, *ROWS, ""]))
    for number, row in enumerate(ROWS):
        name = row.split(",")[1].strip('"').replace("\\", "/") if "," in row else ""
        if name and "12" not in name and ".." not in name:
            write(root / splits[number % 2] / name, image_bytes(number))
    write(root / splits[0] / "fear/image0000099.jpg", image_bytes(99))
    return root


@pytest.mark.parametrize("shape", SHAPES)
def test_the_table_decides_and_disagreements_are_counted(tmp_path, shape):
    root = mirror(tmp_path / "data" / "AffectNet")
    table = open_dataset(in_shape(root, shape))
    found = dict(zip(table.faces["reference"], table.faces["expression"].map(EXPRESSIONS.__getitem__)))
    assert found == {
        "anger/image0000006.jpg": "surprise",
        "anger/image0000007.jpg": "anger",
        "happy/image0000008.jpg": "happy",
        "contempt/image0000009.png": "contempt",
        "sad/image0000010.jpg": "sad",
    }
    reasons = {reason: 1 for reason in ROWS.values() if reason not in EXPRESSIONS}
    assert table.ledger.rejected == reasons | {"not in labels.csv": 1}
    assert table.name == "affectnet-csv" and "1 of 5 faces lie in the folder of another label" in table.note
    assert set(table.faces["split"]) == {""}
    assert all(map(table.read_image, found))


def test_folders_of_splits_above_the_classes(tmp_path):
    table = open_dataset(mirror(tmp_path, splits=("Train", "Test")))
    assert table.faces.set_index("reference")["split"].to_dict() == {
        "Train/anger/image0000006.jpg": "train",
        "Test/anger/image0000007.jpg": "test",
        "Test/contempt/image0000009.png": "test",
        "Train/sad/image0000010.jpg": "train",
    }
    assert table.ledger.rejected["several images of that name"] == 2  # happy/image0000008.jpg, in both


def test_numbers_in_the_table_are_never_guessed(tmp_path):
    write(tmp_path / "labels.csv", "pth,label\na/0.png,0\na/1.png,1\n")
    for number in range(2):
        write(tmp_path / f"a/{number}.png", image_bytes(number))
    with pytest.raises(AffectoscopeError, match=r"labels in labels\.csv numbered 0, 1.*1 neutral, 1 happy"):
        open_dataset(tmp_path)
    table = open_dataset(tmp_path, label_order="affectnet")
    assert list(table.faces["expression"]) == [0, 1]


SOFT = [0.1, 0.6, 0, 0.2, 0, 0, 0, 0.1]


def annotation(**changes) -> str:
    metadata = {
        "age": 31,
        "gender": "female",
        "race": "asian",
        "pose": {"yaw": 3.5, "roll": -1},
        "FLD": [1, 2],
    }
    content = {"Human-Label": 1, "Soft-Label": SOFT, "Subset": 0, "Metadata": metadata} | changes
    return json.dumps({key: value for key, value in content.items() if value is not ...})


def plus(root):
    """AffectNet+ with every oddity planted."""
    good = {"gender": "male", "pose": {"yaw": 0}, "age": "40"}
    faces = {
        "train_set/{}/1": annotation(),
        "train_set/{}/2": annotation(**{"Human-Label": "7", "Subset": 2, "Metadata": good}),
        "train_set/{}/3": annotation(**{"Human-Label": 0, "Soft-Label": SOFT[:7], "Metadata": None}),
        "train_set/{}/4": annotation(
            **{"Human-Label": 9, "Soft-Label": ..., "Valence": -0.5, "Arousal": "0.25"}
        ),
        "val_set/{}/1": annotation(**{"Human-Label": 6, "Valence": -2, "Arousal": 0.5}),
        "train_set/{}/5": annotation(**{"Human-Label": 11}),
        "train_set/{}/6": annotation(**{"Human-Label": "happy"}),
        "train_set/{}/7": "{cut short",
        "train_set/{}/8": annotation(),
    }
    for number, (name, text) in enumerate(faces.items()):
        write(root / (name.format("annotations") + ".json"), text)
        if not name.endswith("8"):
            write(root / (name.format("images") + ".jpg"), image_bytes(number, format="JPEG"))
    write(root / "about.json", '{"name": "AffectNet+"}')
    return root


@pytest.mark.parametrize("shape", SHAPES)
def test_affectnet_plus_face_by_face(tmp_path, shape):
    root = plus(tmp_path / "data" / "plus")
    table = open_dataset(in_shape(root, shape))
    order = table.faces.sort_values("reference").index
    table = table.select(order.to_numpy())
    faces = table.faces
    assert list(faces["reference"]) == [
        *(f"train_set/images/{number}.jpg" for number in (1, 2, 3, 4)), "val_set/images/1.jpg",
    ]  # fmt: skip
    assert list(faces["expression"]) == [1, 7, 0, 9, 6] and list(faces["split"]) == ["train"] * 4 + ["test"]
    np.testing.assert_array_equal(faces["valence"], np.array([np.nan] * 3 + [-0.5, np.nan], np.float32))
    np.testing.assert_array_equal(faces["arousal"], np.array([np.nan] * 3 + [0.25, 0.5], np.float32))
    soft = np.array([*SOFT, 0, 0, 0], np.float32)
    np.testing.assert_array_equal(table.votes, [soft, soft, 0 * soft, 0 * soft, soft])
    attributes = table.attributes
    assert attributes["subset"].tolist() == [0, 2, 0, 0, 0]
    assert attributes["gender"].fillna("").tolist() == ["female", "male", "", "female", "female"]
    assert attributes["age"].fillna("").tolist() == ["31", "40", "", "31", "31"]
    assert attributes["pose_yaw"].fillna(-9).tolist() == [3.5, 0, -9, 3.5, 3.5]
    assert set(attributes) == {"subset", "gender", "age", "pose_yaw"}  # of race and roll, one value is known
    assert table.ledger.rejected == {"unknown label": 2, "unreadable annotation": 1, "missing file": 1}
    assert table.name == "affectnet-plus" and all(map(table.read_image, faces["reference"]))


def test_one_set_alone_and_annotations_beside_their_images(tmp_path):
    plus(tmp_path)
    assert "val_set/images/1.jpg" in set(open_dataset(tmp_path).faces["reference"])
    write(tmp_path / "b/9.json", annotation())
    write(tmp_path / "b/9.png", image_bytes(9))
    table = open_dataset(tmp_path / "b")
    assert list(table.faces["reference"]) == ["9.png"] and table.note == ""
    (tmp_path / "b/9.png").unlink()
    with pytest.raises(AffectoscopeError, match="no usable face: 1 rows read, 0 used"):
        open_dataset(tmp_path / "b")
