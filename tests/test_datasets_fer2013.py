import io
import multiprocessing
import pickle
import struct
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.readers import open_dataset, storage
from core.errors import AffectoscopeError
from core.labels import expression_code
from tests.trees import FER_FACES, fer2013_csv, fer2013_folders, fer_pixels, image_bytes, write, zipped

REAL = Path(__file__).resolve().parents[1] / "../shared/data/fer2013.zip"
SPLITS = {"Training": "train", "PublicTest": "test", "PrivateTest": "private_test"}


def as_csv(folder):
    return fer2013_csv(folder / "fer2013.csv")


def as_icml_csv(folder):
    write(folder / "train.csv", "emotion,pixels\n0,1 2 3\n")
    write(folder / "test.csv", "pixels\n1 2 3\n")
    fer2013_csv(folder / "icml_face_data.csv", header="emotion, Usage, pixels")
    return folder


def as_zip(folder, below=""):
    return zipped(fer2013_folders(folder / "unpacked"), folder / "archive.zip", below=below)


def as_lone_zip(folder):
    as_zip(folder)
    for file in (folder / "unpacked").rglob("*.jpg"):
        file.unlink()
    return folder


SHAPES = {
    "table": as_csv,
    "folder of the table": lambda folder: as_csv(folder / "x").parent.parent,
    "Kaggle's contest tables": as_icml_csv,
    "quoted table": lambda folder: write(
        folder / "q.csv", as_csv(folder).read_text().replace(",", '","').replace("\n", '"\r\n"').strip('"')
    ),
    "folders": fer2013_folders,
    "nested folders": lambda folder: fer2013_folders(folder / "archive").parent,
    "zip": as_zip,
    "nested zip": lambda folder: as_zip(folder, "fer2013/"),
    "folder of the zip": as_lone_zip,
}


def faces(table):
    """(label, split) -> pixels of every face."""
    found = {}
    for row in table.faces.itertuples():
        pixels = np.array(Image.open(io.BytesIO(table.read_image(row.reference))))
        found[row.expression, row.split] = pixels
    return found


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_every_shape_gives_the_same_faces(tmp_path, shape):
    table = open_dataset(shape(tmp_path))
    expected = {(expression_code(emotion), SPLITS[usage]): seed for emotion, usage, seed in FER_FACES}
    found = faces(table)
    assert found.keys() == expected.keys() and len(table) == len(FER_FACES)
    for key, pixels in found.items():
        np.testing.assert_array_equal(pixels, fer_pixels(expected[key]))
    assert table.name == "fer2013" and table.ledger.rejected == {} and table.ledger.read == len(FER_FACES)
    assert "PublicTest" in table.note and not table.redistributable and not table.has_affect
    assert (
        table.faces[["valence", "arousal", "box_x", "box_y", "box_width", "box_height"]].isna().all(axis=None)
    )
    assert table.landmarks is None and table.faces["reference"].is_unique


def test_references(tmp_path):
    assert open_dataset(as_csv(tmp_path)).faces["reference"].iloc[1] == "row-1"
    plain = open_dataset(as_zip(tmp_path / "a")).faces
    nested = open_dataset(as_zip(tmp_path / "b", "fer2013/")).faces
    assert plain.equals(nested) and "train/angry/Training_0.jpg" in set(plain["reference"])


@pytest.mark.parametrize("shape", [as_csv, as_zip, fer2013_folders])
def test_images_are_read_by_threads_and_by_other_processes(tmp_path, shape):
    table = open_dataset(shape(tmp_path))
    references = list(table.faces["reference"]) * 5
    expected = [table.read_image(reference) for reference in references]
    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(table.read_image, references)) == expected
    again = pickle.loads(pickle.dumps(table.read_image))  # noqa: S301
    assert [again(reference) for reference in references] == expected
    with multiprocessing.get_context("fork").Pool(2) as processes:  # inherits open handles
        assert processes.map(table.read_image, references) == expected


def test_a_process_forked_while_another_thread_reads_does_not_wait_for_it(tmp_path):
    table = open_dataset(as_zip(tmp_path))
    reference = table.faces["reference"].iloc[0]
    table.read_image(reference)
    with table.read_image._lock:
        child = multiprocessing.get_context("fork").Process(target=table.read_image, args=(reference,))
        child.start()
        child.join(20)
    child.kill()
    assert child.exitcode == 0


def test_bad_rows_of_a_table(tmp_path):
    bad = ("0,1 2 3,Training", "7," + "0 " * 2304 + ",Training", ",,", "3", "x,y,z", "")
    bad += (
        "0," + "0 " * 2304 + ",Holdout",
        "6," + "900 " * 2304 + ",Training",
        "6," + "x " * 2304 + ",Training",
    )
    table = open_dataset(fer2013_csv(tmp_path / "fer.csv", bad_rows=bad))
    assert table.ledger.rejected == {
        "wrong number of pixels": 1,
        "unknown label": 3,
        "unreadable row": 1,
        "unknown split": 1,
    }
    assert table.ledger.read == len(FER_FACES) + 8
    for reference in table.faces["reference"][-2:]:  # its numbers are read when the face is
        with pytest.raises(OSError, match=r"range|invalid literal"):
            table.read_image(reference)
    for reference in ("row-99999", "row--99999", "train/angry/1.jpg"):
        with pytest.raises(OSError):
            table.read_image(reference)


def test_table_without_usage_is_left_unsplit(tmp_path):
    table = open_dataset(fer2013_csv(tmp_path / "train.csv", header="emotion,pixels"))
    assert set(table.faces["split"]) == {""} and table.note == ""


def test_files_that_do_not_belong(tmp_path):
    folder = fer2013_folders(tmp_path / "fer")
    write(folder / "train/angry/augmented_1.jpg", image_bytes(1))
    write(folder / "train/calm/Training_1.jpg", image_bytes(1))
    write(folder / "train/angry/.DS_Store", b"")
    write(folder / "README.txt", b"")
    write(tmp_path / "Training_7.jpg", image_bytes(1))
    (folder / "train/angry/Training_7.jpg").symlink_to(tmp_path / "Training_7.jpg")
    table = open_dataset(folder)
    assert table.ledger.rejected == {
        "no official split in the file name": 1,
        "unknown label": 1,
        "path outside the data set": 1,
    }
    assert len(table) == len(FER_FACES)


def edit_flags(path: Path, name: str, flag: int) -> None:
    """Set a flag bit of one member, in its local header and in the directory."""
    content = bytearray(path.read_bytes())
    for signature, flags, lengths, name_at in ((b"PK\3\4", 6, 26, 30), (b"PK\1\2", 8, 28, 46)):
        at = content.find(signature)
        while at >= 0:
            length = struct.unpack_from("<H", content, at + lengths)[0]
            if content[at + name_at : at + name_at + length] == name.encode():
                content[at + flags] |= flag
            at = content.find(signature, at + 4)
    path.write_bytes(bytes(content))


def test_odd_members_of_a_zip(tmp_path):
    path = as_zip(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../train/angry/Training_8.jpg", image_bytes(1))
        archive.writestr("/train/angry/Training_9.jpg", image_bytes(1))
        archive.writestr("__MACOSX/train/angry/._Training_8.jpg", b"")
        archive.writestr("train/angry/Training_10.jpg", image_bytes(1))
        with pytest.warns(UserWarning, match="Duplicate name"):
            archive.writestr("train/angry/Training_10.jpg", image_bytes(2))
    edit_flags(path, "train/angry/Training_0.jpg", 0x1)
    before = set(tmp_path.rglob("*"))
    table = open_dataset(path)
    reasons = {"path outside the data set": 2, "duplicate row": 1, "encrypted zip member": 1}
    assert table.ledger.rejected == reasons
    assert len(table) == len(FER_FACES)
    with pytest.raises(OSError, match="encrypted"):
        table.read_image("train/angry/Training_0.jpg")
    with pytest.raises(OSError, match="no item named"):
        table.read_image("train/angry/Training_absent.jpg")
    table.read_image(table.faces["reference"].iloc[-1])
    assert set(tmp_path.rglob("*")) == before


def test_a_member_that_swells_is_not_read_whole(tmp_path, monkeypatch):
    table = open_dataset(as_zip(tmp_path))
    monkeypatch.setattr(storage, "LARGEST_IMAGE", 1000)
    with pytest.raises(OSError, match="larger than"):
        table.read_image(table.faces["reference"].iloc[0])


def test_a_damaged_member_is_an_oserror(tmp_path):
    path = as_zip(tmp_path)
    content = bytearray(path.read_bytes())
    content[60:900] = bytes(840)
    path.write_bytes(bytes(content))
    table = open_dataset(path)
    with zipfile.ZipFile(path) as archive:
        first = archive.namelist()[0]
    with pytest.raises(OSError):
        table.read_image(first)


def test_no_usable_row(tmp_path):
    with pytest.raises(AffectoscopeError, match=r"no usable row: 1 rows read, 0 used.*2,304 pixels"):
        open_dataset(write(tmp_path / "fer2013.csv", "emotion,pixels,Usage\n0,1 2 3,Training\n"))
    write(tmp_path / "calm/train/calm/Training_1.jpg", image_bytes(1))
    with pytest.raises(AffectoscopeError, match=r"no FER2013 face: 1 rows.*train/angry/Training_123.jpg"):
        open_dataset(tmp_path / "calm", format="fer2013-folders")


def test_the_real_data_set():
    if not REAL.exists():
        pytest.skip("the FER2013 zip is not on this machine")
    table = open_dataset(REAL)
    assert table.ledger.as_dict() == {"read": 32147, "used": 32147, "refused": {}, "examples": {}}
    assert table.counts()["train"] == {
        "neutral": 4931,
        "happy": 7185,
        "sad": 4797,
        "surprise": 3161,
        "fear": 4079,
        "disgust": 435,
        "anger": 3970,
    }
    assert Counter(table.faces["split"]) == {
        "train": 28558,
        "test": 3589,
    }  # 151 of the published 28,709 are missing
    for reference in table.faces["reference"][::4000]:
        image = Image.open(io.BytesIO(table.read_image(reference)))
        assert image.size == (48, 48) and image.mode == "L"
