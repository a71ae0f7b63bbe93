"""Face packs: same pixels as live use, bad rows in the ledger, resume, rebuild."""

import copy
import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from core.data import face_pack
from core.data.face_pack import pack_faces
from core.data.images import read_upright
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.runtime.cache import cache_folder

PREPROCESSING = PreprocessingConfig(colour="grey", size=24, margin=0.1)


@dataclass
class CountingReader:
    """Reads like `reader`, remembers what was asked for, and can be told to stop after so many."""

    reader: object
    stop_after: int | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def roots(self):
        return self.reader.roots

    def __call__(self, reference: str) -> bytes:
        if self.stop_after is not None and len(self.asked) >= self.stop_after:
            raise KeyboardInterrupt
        self.asked.append(reference)
        return self.reader(reference)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def table(drawn_tree):
    table = open_dataset(drawn_tree)
    return replace(table, read_image=CountingReader(table.read_image))


@pytest.mark.parametrize(
    "preprocessing", [PREPROCESSING, PreprocessingConfig(colour="rgb", size=32, margin=-0.05)]
)
def test_a_packed_face_is_the_face_of_live_use(table, preprocessing):
    packed, pack = pack_faces(table, preprocessing, workers=1)
    assert len(packed) == len(pack) == len(table)
    for row in (0, 7, len(table) - 1):
        face = table.faces.iloc[row]
        image = read_upright(table.read_image(face["reference"]))
        box = tuple(face[["box_x", "box_y", "box_width", "box_height"]])
        np.testing.assert_array_equal(pack[np.array([row])][0], crop_face(image, box, preprocessing))


def test_several_processes_pack_the_same(drawn_tree, tmp_path, monkeypatch):
    monkeypatch.setattr(face_pack, "SERIAL_ROWS", 0)
    table = open_dataset(drawn_tree)
    _, alone = pack_faces(table, PREPROCESSING, workers=1)
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "other"))
    _, together = pack_faces(table, PREPROCESSING, workers=2)
    np.testing.assert_array_equal(alone[:], together[:])


def test_a_second_time_nothing_is_decoded(table):
    _, first = pack_faces(table, PREPROCESSING)
    table.read_image.asked.clear()
    _, second = pack_faces(table, PREPROCESSING)
    assert table.read_image.asked == []
    np.testing.assert_array_equal(first[:], second[:])


def test_interrupted_packing_resumes_where_it_stopped(table, monkeypatch):
    monkeypatch.setattr(face_pack, "CHUNK", 50)
    table.read_image.stop_after = 120
    with pytest.raises(KeyboardInterrupt):
        pack_faces(table, PREPROCESSING, workers=1)
    assert len(table.read_image.asked) == 120
    table.read_image.asked.clear()
    table.read_image.stop_after = None
    _, pack = pack_faces(table, PREPROCESSING, workers=1)
    assert len(table.read_image.asked) == len(table) - 100  # two whole chunks were kept
    assert len(pack) == len(table) and pack[:].std() > 0


@pytest.mark.parametrize("damage", ["truncated faces", "foreign state", "no state"])
def test_a_damaged_pack_is_made_again(table, damage):
    _, sound = pack_faces(table, PREPROCESSING)
    expected = np.array(sound[:])
    folder = next((cache_folder() / "packs").iterdir())
    if damage == "truncated faces":
        content = (folder / "faces.npy").read_bytes()
        (folder / "faces.npy").write_bytes(content[: len(content) // 2])
    elif damage == "foreign state":
        (folder / "state.npy").write_bytes(b"something else")
    else:
        (folder / "state.npy").unlink()
    _, again = pack_faces(table, PREPROCESSING)
    np.testing.assert_array_equal(again[:], expected)


def test_another_contract_or_a_changed_source_is_another_pack(table, drawn_tree, tmp_path):
    pack_faces(table, PREPROCESSING)
    pack_faces(table, replace(PREPROCESSING, margin=0.2))
    assert len(list((cache_folder() / "packs").iterdir())) == 2
    copy = shutil.copytree(drawn_tree, tmp_path / "copy")
    pack_faces(open_dataset(copy), PREPROCESSING)
    assert len(list((cache_folder() / "packs").iterdir())) == 3


def test_what_cannot_be_packed_is_refused_with_its_reason(drawn_tree, tmp_path):
    tree = shutil.copytree(drawn_tree, tmp_path / "tree")
    table = open_dataset(tree)
    root = Path(table.read_image.roots[0])
    missing, broken, outside = table.faces["reference"].iloc[[3, 5, 8]]
    (root / missing).unlink()
    (root / broken).write_bytes((root / broken).read_bytes()[:300])
    table.faces.loc[8, ["box_x", "box_y"]] = 5000
    packed, pack = pack_faces(table, PREPROCESSING)
    assert packed.ledger.rejected == {"missing file": 1, "undecodable image": 1, "box outside the image": 1}
    assert packed.ledger.examples["undecodable image"] == [broken]
    assert len(packed) == len(pack) == len(table) - 3
    assert not set(packed.faces["reference"]) & {missing, broken, outside}
    # Row for row, faces and table still belong together.
    face = packed.faces.iloc[6]
    box = tuple(face[["box_x", "box_y", "box_width", "box_height"]])
    image = read_upright(packed.read_image(face["reference"]))
    np.testing.assert_array_equal(pack[np.array([6])][0], crop_face(image, box, PREPROCESSING))


def test_packing_leaves_the_ledger_of_the_table_as_it_was(drawn_tree, tmp_path):
    tree = shutil.copytree(drawn_tree, tmp_path / "tree")
    table = open_dataset(tree)
    gone = table.faces["reference"].iloc[[3, 150]]
    for reference in gone:
        (Path(table.read_image.roots[0]) / reference).unlink()
    first, second = np.arange(100), np.arange(100, len(table))
    part, _ = pack_faces(table.select(first), PREPROCESSING)
    assert part.ledger.rejected == {"missing file": 1} and part.ledger.read == table.ledger.read
    assert pack_faces(table.select(first), PREPROCESSING)[0].ledger == part.ledger
    other, _ = pack_faces(replace(table.select(second), ledger=part.ledger), PREPROCESSING)
    assert other.ledger.rejected == {"missing file": 2}
    assert other.ledger.examples == {"missing file": list(gone)}
    assert table.ledger.rejected == {} and table.ledger.examples == {}


def test_nothing_readable_is_an_empty_pack_where_that_is_allowed(drawn_tree, tmp_path):
    tree = shutil.copytree(drawn_tree, tmp_path / "tree")
    table = open_dataset(tree).select(np.arange(3))
    for reference in table.faces["reference"]:
        (Path(table.read_image.roots[0]) / reference).unlink()
    packed, pack = pack_faces(table, PREPROCESSING, allow_empty=True)
    assert len(packed) == len(pack) == 0 and packed.ledger.rejected == {"missing file": 3}


def test_a_data_set_without_one_readable_image_ends_with_an_error(drawn_tree, tmp_path):
    tree = shutil.copytree(drawn_tree, tmp_path / "tree")
    table = open_dataset(tree)
    for image in tree.rglob("*.jpg"):
        image.write_bytes(b"no image")
    with pytest.raises(AffectoscopeError, match="None of the 205 faces .* could be read.*undecodable image"):
        pack_faces(table, PREPROCESSING)


def test_progress_counts_rows_to_the_end(table):
    told = []
    pack_faces(table, PREPROCESSING, workers=1, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (205, 205)


def test_a_full_disk_is_said_and_packing_goes_on_when_there_is_room(table, monkeypatch):
    monkeypatch.setattr(face_pack, "CHUNK", 50)
    monkeypatch.setattr(face_pack, "SETTLED_BYTES", 0)
    synced, fsync = [], os.fsync

    def full(file):
        synced.append(file)
        if len(synced) > 2:
            raise OSError(28, "No space left on device")
        fsync(file)

    with monkeypatch.context() as patched:
        patched.setattr(face_pack.os, "fsync", full)
        with pytest.raises(
            AffectoscopeError, match=r"cannot be written \(No space left on device\); make room"
        ):
            pack_faces(table, PREPROCESSING, workers=1)
    table.read_image.asked.clear()
    _, pack = pack_faces(table, PREPROCESSING, workers=1)
    assert len(table.read_image.asked) == len(table) - 100
    assert len(pack) == len(table)


def test_a_pack_travels_as_the_path_of_its_file(table):
    _, pack = pack_faces(table, PREPROCESSING)
    part = pack.select(np.arange(20, 60))
    assert set(part.__getstate__()) == {"path", "positions"}  # and not its pixels
    again = copy.copy(part)  # as pickling does it
    np.testing.assert_array_equal(again[:], part[:])
