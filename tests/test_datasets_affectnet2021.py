import io
import os
import pickle

import numpy as np
import pytest
from PIL import Image

from core.data.readers import affectnet2021, open_dataset
from core.errors import AffectoscopeError
from tests.trees import LANDMARKS, REJECTED_2021, affectnet_2021, annotate, image_bytes, npy, write

TRAIN = [f"train_set/images/{name}" for name in ("0.jpg", "3.jpg", "10.jpg", "200.jpg", "201.jpg", "202.jpg")]
TRAIN += ["train_set/images/203.PNG", "train_set/images/204.jpg"]
VAL = ["val_set/images/0.jpg", "val_set/images/3.jpg"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def path(tmp_path):
    return affectnet_2021(tmp_path / "data")


@pytest.mark.parametrize("times_opened", [1, 2])
def test_every_oddity_read_and_from_the_cache(path, times_opened):
    for _ in range(times_opened):
        table = open_dataset(path)
    faces = table.faces
    assert list(faces["reference"][faces["split"] == "train"]) == TRAIN
    assert list(faces["reference"][faces["split"] == "test"]) == VAL
    assert list(faces["expression"]) == [5, 0, 1, 7, 2, 1, 1, 1, 1, 6]
    assert table.ledger.rejected == REJECTED_2021
    assert table.ledger.read == len(table) + sum(REJECTED_2021.values())
    assert table.ledger.examples["unreadable annotation"][0] == "train_set/images/303.jpg"
    assert "validation set" in table.note and table.name == "affectnet-2021" and not table.redistributable
    assert faces[["box_x", "box_y", "box_width", "box_height"]].isna().all(axis=None)
    train = faces[faces["split"] == "train"]
    np.testing.assert_array_equal(train["valence"], [0.5, -0.5, 0.25, np.nan, 0.5, 0.5, 0.5, 0.5])
    np.testing.assert_array_equal(train["arousal"], [-0.25, 1, -0.25, np.nan, -0.25, -0.25, -0.25, -0.25])
    missing = np.isnan(table.landmarks).all(axis=(1, 2))
    assert [name[-7:] for name in faces["reference"][missing]] == ["201.jpg", "202.jpg"]
    assert table.landmarks.shape == (10, 68, 2) and table.landmarks.dtype == np.float32
    np.testing.assert_allclose(table.landmarks[~missing], LANDMARKS[None].repeat(8, 0), rtol=1e-6)


def test_images_are_read_also_by_a_worker(path):
    table = open_dataset(path)
    reader = pickle.loads(pickle.dumps(table.read_image))  # noqa: S301
    for reference in table.faces["reference"]:
        if "204" not in reference:
            assert Image.open(io.BytesIO(reader(reference))).size == (32, 32)


@pytest.mark.parametrize("below", ["", "AffectNet/AffectNet"])
def test_nested_and_one_set_alone(tmp_path, below):
    root = affectnet_2021(tmp_path / "data" / below, outside=tmp_path)
    assert len(open_dataset(tmp_path / "data")) == 10
    alone = open_dataset(root / "val_set")
    assert list(alone.faces["reference"]) == VAL and set(alone.faces["split"]) == {"test"}
    assert Image.open(io.BytesIO(alone.read_image(VAL[0]))).size == (32, 32)


def test_the_cache_spares_the_files_until_one_comes(path, monkeypatch):
    first = open_dataset(path)
    read, opened = affectnet2021.read_npy, []
    monkeypatch.setattr(affectnet2021, "read_npy", lambda file: opened.append(file) or read(file))
    assert open_dataset(path).faces.equals(first.faces) and not opened
    annotate(path / "val_set", "4", image=image_bytes(1))
    assert len(open_dataset(path)) == 11
    assert opened and all("val_set" in file for file in opened)


@pytest.mark.parametrize("damage", [b"", b"PAR1 no table"])
def test_a_damaged_cache_is_made_anew(path, cache, damage):
    first = open_dataset(path)
    for file in cache.iterdir():
        file.write_bytes(damage)
    assert open_dataset(path).faces.equals(first.faces)
    assert not [file for file in cache.iterdir() if file.suffix != ".parquet"]


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "sprung"),))

    file = io.BytesIO()
    np.save(file, np.array(Trap(), object), allow_pickle=True)
    for number, content in enumerate((file.getvalue(), pickle.dumps(Trap()))):
        with pytest.raises(ValueError):
            affectnet2021.read_npy(str(write(tmp_path / f"{number}.npy", content)))
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "value",
    [3, 3.0, "3", b"3", np.float16(3), np.int8(3), [3], [[3]], np.array(3, ">f8"), np.array(3, ">U4")],
)
def test_npy_of_any_kind(tmp_path, value):
    path = str(write(tmp_path / "a.npy", npy(value)))
    expected = np.load(path, allow_pickle=False).astype(float)
    assert affectnet2021.read_npy(path).item() == expected.item() == 3


def test_npy_of_a_later_version(tmp_path):
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, np.arange(3.0), version=(2, 0))
    assert list(affectnet2021.read_npy(str(tmp_path / "a.npy"))) == [0, 1, 2]


def test_no_usable_face(tmp_path):
    annotate(tmp_path / "train_set", "0")
    (tmp_path / "train_set/images").mkdir()
    with pytest.raises(
        AffectoscopeError, match=r"no usable face: 1 rows read, 0 used, 1 rejected .1 missing file"
    ):
        open_dataset(tmp_path)


def test_format_without_sets(tmp_path):
    with pytest.raises(AffectoscopeError, match=r"no AffectNet 2021 set.*train_set and val_set"):
        open_dataset(tmp_path, format="affectnet-2021")


def test_progress(path):
    calls = []
    open_dataset(path, progress=lambda done, total: calls.append((done, total)))
    assert calls and all(done == total for done, total in calls)
