"""Perceptual hashes are ImageHash's, and kept beside a pack."""

import imagehash
import numpy as np
import pytest
from PIL import Image

from core.data import perceptual_hashes as hashing
from core.data.face_pack import FacePack
from core.data.perceptual_hashes import HASHES_FILE, pack_hashes, perceptual_hashes


def smooth_faces(count, side, channels, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (count, 6, 6, channels), np.uint8)
    faces = [
        np.asarray(Image.fromarray(face.squeeze()).resize((side, side), Image.Resampling.BICUBIC))
        for face in noise
    ]
    return np.stack(faces).reshape(count, side, side, channels)


@pytest.mark.parametrize("side", [32, 48, 75, 112, 224])
@pytest.mark.parametrize("channels", [1, 3])
def test_hashes_are_imagehash_phash_of_the_face_or_its_mirror_image(side, channels):
    noise = np.random.default_rng(1).integers(0, 256, (10, side, side, channels), np.uint8)
    faces = np.concatenate([smooth_faces(10, side, channels), noise])
    for face, found in zip(faces, perceptual_hashes(faces), strict=True):
        both = [imagehash.phash(Image.fromarray(each.squeeze())) for each in (face, face[:, ::-1])]
        assert int(found) == min(int(str(each), 16) for each in both)


def test_a_mirror_image_has_the_same_hash_and_another_face_has_not():
    faces = smooth_faces(40, 48, 3)
    hashes = perceptual_hashes(faces)
    assert hashes.dtype == np.uint64 and hashes.shape == (40,)
    np.testing.assert_array_equal(hashes, perceptual_hashes(faces[:, :, ::-1]))
    assert np.unique(hashes).size == 40
    upside_down = perceptual_hashes(faces[:, ::-1])
    assert (hashes != upside_down).mean() > 0.9


def test_hashes_hardly_change_with_brightness():
    faces = smooth_faces(40, 48, 1) // 2
    distance = np.bitwise_count(perceptual_hashes(faces) ^ perceptual_hashes(faces + 20))
    assert np.median(distance) <= 2


def test_hashes_of_nothing_and_of_blank_faces():
    assert perceptual_hashes(np.zeros((0, 48, 48, 1), np.uint8)).shape == (0,)
    blank = np.full((3, 48, 48, 3), [[[[0]]], [[[128]]], [[[255]]]], np.uint8)
    assert np.array_equal(perceptual_hashes(blank), perceptual_hashes(blank[:, :, ::-1]))


@pytest.fixture
def pack(tmp_path):
    faces = np.lib.format.open_memmap(tmp_path / "faces.npy", "w+", np.uint8, (60, 32, 32, 1))
    faces[:] = smooth_faces(60, 32, 1)
    faces.flush()
    return FacePack(np.lib.format.open_memmap(tmp_path / "faces.npy", "r"), np.arange(5, 55))


def test_hashes_are_kept_beside_the_pack(pack, tmp_path, monkeypatch):
    seen = []
    hashes = pack_hashes(pack, progress=lambda *done: seen.append(done))
    np.testing.assert_array_equal(hashes, perceptual_hashes(pack[np.arange(50)]))
    assert seen[-1] == (60, 60)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces.npy", HASHES_FILE]
    monkeypatch.setattr(hashing, "perceptual_hashes", None)  # not called again
    np.testing.assert_array_equal(pack_hashes(pack), hashes)
    np.testing.assert_array_equal(pack_hashes(pack.select(np.array([3, 1]))), hashes[[3, 1]])


@pytest.mark.parametrize("damage", ["cut", "other rows", "other type", "pickled"])
def test_kept_hashes_that_are_no_such_are_made_again(pack, tmp_path, damage):
    hashes, kept = pack_hashes(pack), tmp_path / HASHES_FILE
    if damage == "cut":
        kept.write_bytes(kept.read_bytes()[:-9])
    else:
        wrong = {
            "other rows": np.zeros(59, np.uint64),
            "other type": np.zeros(60, np.int64),
            "pickled": np.array([None] * 60),
        }[damage]
        np.save(kept, wrong, allow_pickle=True)
    np.testing.assert_array_equal(pack_hashes(pack), hashes)
    np.testing.assert_array_equal(np.load(kept)[5:55], hashes)


def test_where_nothing_can_be_kept_hashes_are_made_all_the_same(pack, tmp_path):
    (tmp_path / HASHES_FILE).mkdir()  # a folder of that name: it can be neither read nor replaced
    np.testing.assert_array_equal(pack_hashes(pack), perceptual_hashes(pack[np.arange(50)]))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces.npy", HASHES_FILE]


def test_workers_and_pieces_make_the_same_hashes(pack, tmp_path, monkeypatch):
    monkeypatch.setattr(hashing, "_SERIAL_FACES", 10)
    parallel = pack_hashes(pack, workers=2)
    (tmp_path / HASHES_FILE).unlink()
    monkeypatch.setattr(hashing, "_PIECE", 7)
    np.testing.assert_array_equal(pack_hashes(pack, workers=1), parallel)
