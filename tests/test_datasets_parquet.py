"""Parquet files of images, as Hugging Face's data sets have them: names, numbers without names, RAF-DB, damage."""

import io
import json
import pickle

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from core.data.face_pack import pack_faces
from core.data.preprocessing import PreprocessingConfig
from core.data.readers import open_dataset
from core.data.readers.parquet import ParquetImages
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from tests.trees import image_bytes, write, zipped

NAMES = ["angry", "Happiness", "calm", "neutral"]


def parquet(
    path, labels, *, names=None, paths=None, group=2, statistics=True, features=None, images=None, **columns
):
    """A file of images whose bytes are those of their row number, but for those in `images`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    every = [{"bytes": image_bytes(row), "path": paths[row] if paths else None} for row in range(len(labels))]
    images = [(images or {}).get(row, image) for row, image in enumerate(every)]
    fields = {"image": images, "label": labels} | columns
    table = pa.table({name: pa.array(values) for name, values in fields.items()})
    features = (features or {}) | {"image": {"_type": "Image"}}
    if names:
        features["label"] = {"names": names, "_type": "ClassLabel"}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    statistics = statistics or ["label"]
    pq.write_table(
        table.replace_schema_metadata(metadata), path, row_group_size=group, write_statistics=statistics
    )
    return path


def labels_of(table) -> list[str]:
    return [EXPRESSIONS[code] for code in table.faces["expression"]]


def test_names_of_the_metadata_splits_of_the_file_names_and_every_image(tmp_path):
    data = tmp_path / "set" / "data"
    parquet(data / "train-00000-of-00002.parquet", [0, 1, 2, None, 3], names=NAMES)
    parquet(data / "train-00001-of-00002.parquet", [1, 4], names=NAMES, paths=["x/a.png", "b\\c.png"])
    parquet(data / "validation-00000-of-00001.parquet", [0], names=NAMES)
    parquet(data / "test.parquet", [3], names=NAMES)
    write(tmp_path / "set/README.md", "words")
    write(data / "broken.parquet", b"PAR1")
    table = open_dataset(tmp_path / "set")
    first = "data/train-00000-of-00002.parquet"
    assert list(table.faces["reference"]) == [
        "data/test.parquet/0", f"{first}/0", f"{first}/1", f"{first}/4",
        "data/train-00001-of-00002.parquet/0/a.png", "data/validation-00000-of-00001.parquet/0",
    ]  # fmt: skip
    assert labels_of(table) == ["neutral", "anger", "happy", "neutral", "happy", "anger"]
    assert list(table.faces["split"]) == ["test", "train", "train", "train", "train", "validation"]
    assert table.ledger.rejected == {"unknown label": 3} and table.ledger.read == 9
    read = pickle.loads(pickle.dumps(table.read_image))  # noqa: S301
    for reference in table.faces["reference"]:
        assert read(reference) == image_bytes(int(reference.split(".parquet/")[1].split("/")[0]))
    assert Image.open(io.BytesIO(read(f"{first}/4"))).size == (48, 48)
    assert table.name == "parquet" and table.title == "set (parquet)" and table.attributes is None


@pytest.mark.parametrize("statistics", [True, False])
def test_rows_without_an_image(tmp_path, statistics):
    missing = {1: None, 2: {"bytes": None, "path": "gone.png"}}
    path = parquet(
        tmp_path / "a.parquet", [0, 1, 3, 3, 0], names=NAMES, statistics=statistics, images=missing
    )
    found = open_dataset(path)
    assert labels_of(found) == ["anger", "neutral", "anger"] and set(found.faces["split"]) == {""}
    assert found.ledger.rejected == {"no image in the row": 2}
    assert found.read_image("a.parquet/4") == image_bytes(4)


def test_numbers_without_names_are_never_guessed(tmp_path):
    path = parquet(tmp_path / "train.parquet", [0, 6, 6, 3])
    with pytest.raises(AffectoscopeError) as caught:
        open_dataset(path)
    assert "labels without names, numbered 0, 3, 6" in str(caught.value)
    assert "as AffectNet: 2 anger, 1 neutral, 1 surprise; as RAF-DB: 2 neutral, 1 surprise, 1 happy" in str(
        caught.value
    )
    assert labels_of(open_dataset(path, label_order="rafdb")) == ["surprise", "neutral", "neutral", "happy"]
    assert labels_of(open_dataset(path, label_order="fer2013")) == ["anger", "neutral", "neutral", "happy"]


def test_rafdb_by_its_file_names_with_its_attributes(tmp_path):
    paths = [f"{split}_0000{row}_aligned.jpg" for row, split in enumerate(["train"] * 7)]
    path = parquet(
        tmp_path / "rafdb/train.parquet",
        [1, 2, 3, 4, 5, 6, 7],
        paths=paths,
        gender=[0, 1, 1, 0, 1, None, 0],
        age_group=["4-19", "20-39", "20-39", "70+", None, "4-19", "4-19"],
        id=[f"face {row}" for row in range(7)],
        same=[1] * 7,
        box=[[0, 1]] * 7,
        features={"gender": {"names": ["male", "female"], "_type": "ClassLabel"}},
    )
    table = open_dataset(path.parent)
    assert table.name == "rafdb" and table.title == "RAF-DB (parquet)"
    assert labels_of(table) == ["surprise", "fear", "disgust", "happy", "sad", "anger", "neutral"]
    assert "1 surprise, 2 fear, 3 disgust" in table.note
    assert list(table.attributes) == ["gender", "age_group", "id"]
    gender = table.attributes["gender"].fillna("").tolist()
    assert gender == ["male", "female", "female", "male", "female", "", "male"]
    assert table.faces["reference"].iloc[3] == "train.parquet/3/train_00003_aligned.jpg"


def test_files_of_different_data_sets(tmp_path):
    parquet(tmp_path / "a.parquet", [0], names=NAMES)
    parquet(tmp_path / "b.parquet", [0], names=NAMES[::-1])
    with pytest.raises(
        AffectoscopeError, match=r"b\.parquet has other columns or class names than a\.parquet"
    ):
        open_dataset(tmp_path)


def test_files_outside_the_folder_and_references_that_leave_it(tmp_path):
    outside = parquet(tmp_path / "outside.parquet", [0], names=NAMES)
    root = parquet(tmp_path / "set/a.parquet", [1], names=NAMES).parent
    (root / "b.parquet").symlink_to(outside)
    table = open_dataset(root)
    assert table.ledger.rejected == {"path outside the data set": 1} and len(table) == 1
    (root / "a.parquet").unlink()
    with pytest.raises(
        AffectoscopeError, match="no usable row: 1 rows read, 0 used, 1 rejected .1 path outside"
    ):
        open_dataset(root)
    for reference in ("../outside.parquet/0", "a.parquet/7", "a.parquet/x", "c.parquet/0", "/a.parquet/0"):
        with pytest.raises(OSError):
            ParquetImages(root, ("a.parquet",), "image")(reference)


def test_a_changed_file_is_packed_again(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    path = parquet(tmp_path / "a.parquet", [0, 1], names=NAMES, images={1: {"bytes": b"none", "path": None}})
    table, pack = pack_faces(open_dataset(path), PreprocessingConfig("grey", 16, 0.0))
    assert len(pack) == 1 and table.ledger.rejected == {"undecodable image": 1}
    parquet(path, [0, 1], names=NAMES, group=1)
    assert len(pack_faces(open_dataset(path), PreprocessingConfig("grey", 16, 0.0))[1]) == 2


def test_other_tables_and_zips_are_no_images(tmp_path):
    pq.write_table(pa.table({"label": [1], "text": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(AffectoscopeError, match=r"found a\.parquet"):
        open_dataset(tmp_path)
    parquet(tmp_path / "b/train.parquet", [1], names=NAMES)
    with pytest.raises(AffectoscopeError, match="unpack this one and pass the folder"):
        open_dataset(zipped(tmp_path / "b", tmp_path / "b.zip"))
    parquet(tmp_path / "c/train.parquet", [2], names=NAMES)
    with pytest.raises(AffectoscopeError, match="no usable row: 1 rows read, 0 used, 1 rejected"):
        open_dataset(tmp_path / "c")
