"""RAF-DB: its release with every oddity planted, and Kaggle's copy, label by label."""

import io
from collections import Counter

import pytest
from PIL import Image

from core.config import TrainConfig
from core.data.readers import open_dataset
from core.data.readers.spec import dataset_spec
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.runtime.console import Console
from tests.trees import SHAPES, image_bytes, in_shape, write, zipped

#: Lines of the list, and what must become of each: "" or the reason it is rejected.
LINES = {
    "train_00001.jpg 1": "",
    "train_00002.jpg  2": "",
    "train_00003.jpg\t3": "",
    " train_00004.jpg 4 ": "",
    "train_00005.jpg 5": "",
    "train_00006.jpg 6": "",
    "train_00007.jpg 7": "",
    "test_0001.jpg 4": "",
    "test_0002.jpg 7": "",
    "": "",
    "train_00008.jpg 0": "unknown label",
    "train_00009.jpg 8": "unknown label",
    "train_00010.jpg happy": "unknown label",
    "train_00011.jpg": "unreadable row",
    "other_00012.jpg 1": "unknown split",
    "train_00004.jpg 5": "duplicate row",
    "train_12272.jpg 4": "missing file",  # one row more than images
}
EXPECTED = {
    "train_00001": ("surprise", "male", "Caucasian", "0 to 3"),
    "train_00002": ("fear", "female", "African-American", "4 to 19"),
    "train_00003": ("disgust", "unsure", "Asian", "20 to 39"),
    "train_00004": ("happy", "male", "Caucasian", "40 to 69"),
    "train_00005": ("sad", "female", "African-American", "70 and above"),
    "train_00006": ("anger", None, None, None),  # cut short
    "train_00007": ("neutral", None, None, None),  # no annotation
    "test_0001": ("happy", "female", "Asian", None),  # an age group of later releases
    "test_0002": ("neutral", "unsure", "Caucasian", "0 to 3"),
}
LANDMARKS = "".join(f"{x}.5\t{x + 1}.25\n" for x in range(5))
MANUAL = {
    "train_00001": "0\n0\n0",
    "train_00002": "1\n1\n1",
    "train_00003": "2\n2\n2",
    "train_00004": "0\n0\n3",
    "train_00005": "1\n1\n4\n",
    "train_00006": "1",
    "test_0001": "1\n2\n9",
    "test_0002": "2\n0\n0",
}


def official(root, *, name="list_patition_label.txt"):
    write(root / "EmoLabel" / name, "\r\n".join(LINES))
    for number, line in enumerate(LINES):
        face = line.strip().partition(".")[0]
        if face and face != "train_12272":
            write(root / f"Image/aligned/{face}_aligned.jpg", image_bytes(number, format="JPEG", mode="RGB"))
            write(root / f"Image/original/{face}.jpg", image_bytes(99, size=80, format="JPEG"))
    for face, numbers in MANUAL.items():
        write(root / f"Annotation/manual/{face}_manu_attri.txt", LANDMARKS + numbers)
    return root


@pytest.mark.parametrize("shape", SHAPES)
def test_the_release_label_by_label(tmp_path, shape):
    root = official(tmp_path / "data" / "basic")
    table = open_dataset(in_shape(root, shape))
    faces = table.faces
    names = [f"Image/aligned/{face}_aligned.jpg" for face in EXPECTED]
    assert list(faces["reference"]) == names
    assert [EXPRESSIONS[code] for code in faces["expression"]] == [row[0] for row in EXPECTED.values()]
    assert list(faces["split"]) == ["train"] * 7 + ["test"] * 2
    attributes = table.attributes.astype(object).where(table.attributes.notna(), None)
    assert list(attributes.itertuples(index=False, name=None)) == [row[1:] for row in EXPECTED.values()]
    assert list(attributes) == ["gender", "race", "age_group"]
    assert table.ledger.rejected == Counter(reason for reason in LINES.values() if reason)
    assert table.ledger.read == len(LINES) - 1 and table.name == "rafdb"
    assert Image.open(io.BytesIO(table.read_image(names[3]))).size == (48, 48)


def test_the_list_under_its_right_name_and_no_annotations(tmp_path):
    root = official(tmp_path, name="list_partition_label.txt")
    (root / "Annotation").rename(tmp_path / ".away")
    table = open_dataset(tmp_path)
    assert len(table) == len(EXPECTED) and table.attributes is None


def test_aligned_images_that_are_still_in_their_zip(tmp_path):
    write(tmp_path / "EmoLabel/list_patition_label.txt", "train_00001.jpg 5\n")
    images = write(tmp_path / ".images/aligned/train_00001_aligned.jpg", image_bytes(1)).parent.parent
    (tmp_path / "Image").mkdir()
    zipped(images, tmp_path / "Image/aligned.zip")
    with pytest.raises(AffectoscopeError, match=r"1 missing file.*unpack aligned\.zip"):
        open_dataset(tmp_path)


@pytest.mark.parametrize("shape", SHAPES)
def test_kaggles_copy_is_not_read_as_affectnets_codes(tmp_path, shape):
    root = tmp_path / "kaggle" / "DATASET"
    for number in range(1, 8):
        for split, count in (("train", number), ("test", 1)):
            for face in range(count):
                write(root / f"{split}/{number}/{split}_{number}{face}_aligned.jpg", image_bytes(face))
    write(root.parent / "train_labels.csv", "image,label\ntrain_10_aligned.jpg,1\n")
    write(root / "train/1/stray.jpg", image_bytes(1))
    write(root / "train/8/train_80_aligned.jpg", image_bytes(1))
    table = open_dataset(in_shape(root, shape))
    counts = dict(surprise=1, fear=2, disgust=3, happy=4, sad=5, anger=6, neutral=7)
    assert table.counts() == {"train": counts, "test": dict.fromkeys(counts, 1)}
    assert table.name == "rafdb" and "train/4/train_43_aligned.jpg" in set(table.faces["reference"])
    assert table.ledger.rejected == {"unknown label": 1, "no face of RAF-DB by its name": 1}


def test_the_aligned_names_say_whose_numbers_they_are_without_all_seven(tmp_path):
    write(tmp_path / "4/train_00001_aligned.jpg", image_bytes(1))
    write(tmp_path / "1/test_0001_aligned.jpg", image_bytes(2))
    assert open_dataset(tmp_path).counts() == {"train": {"happy": 1}, "test": {"surprise": 1}}


def test_attributes_stay_with_their_faces_in_a_training(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    root = official(tmp_path / "basic")
    write(root / "Image/aligned/train_00002_aligned.jpg", b"none")
    data = load_training_data(TrainConfig(data=root, size=16), Console())
    faces = data.table.faces["reference"].str.extract(r"/(\w+)_aligned")[0]
    assert len(data.table) == len(EXPECTED) - 1 and data.table.ledger.rejected["undecodable image"] == 1
    expected = [EXPECTED[face][1] for face in faces]
    assert data.table.attributes["gender"].fillna("none").tolist() == [each or "none" for each in expected]


def test_what_was_published():
    assert dataset_spec("rafdb").published == {"train": 12_271, "test": 3_068}
