import io
import os
import pickle
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from tests.trees import (
    AUTOMATIC,
    HEADER,
    LANDMARKS,
    TRAINING,
    VALIDATION,
    affectnet_2017,
    image_bytes,
    list_row,
    write,
)

USED = [row.split(",")[0].replace("\\", "/") for row, reason in TRAINING if not reason]
REJECTED = Counter(reason for _, reason in TRAINING if reason) + Counter({"duplicate row": 1})

LAYOUTS = {
    "as released": {},
    "nested": {"images": "Manually_Annotated/Manually_Annotated/Manually_Annotated_Images"},
    "lists at the root": {"lists": "", "automatic_lists": ""},
    "all at the root": {"lists": "", "images": "", "automatic_lists": ""},
    "renamed": {
        "lists": "tables/manual",
        "images": "photos",
        "automatic_lists": "Automatically_Annotated_file_lists",
    },
    "no header": {"header": ""},
    "Windows line ends": {"header": HEADER + "\r\n", "end": "\r\n"},
    "byte order mark": {"header": "\xef\xbb\xbf" + HEADER + "\n"},
    "quoted": {"quote": '"'},
    "one image folder": {"images": "images", "automatic_images": "images"},
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_every_oddity_in_every_layout(tmp_path, layout):
    table = open_dataset(affectnet_2017(tmp_path / "data", **layout))
    faces = table.faces
    assert list(faces["reference"][faces["split"] == "train"]) == USED
    assert list(faces["reference"][faces["split"] == "test"]) == ["5/v0.jpg", "5/v1.jpg", "5/in-both.jpg"]
    assert table.ledger.read == len(TRAINING) + 1 + len(VALIDATION)
    assert table.ledger.rejected == REJECTED
    assert table.ledger.used == len(table)
    assert table.name == "affectnet-2017" and "validation set" in table.note and not table.redistributable


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return open_dataset(affectnet_2017(tmp_path_factory.mktemp("affectnet") / "data"))


def face(table, reference):
    return table.faces[table.faces["reference"] == reference].iloc[0]


def test_columns(table):
    row = face(table, "2/c.jpeg")
    assert row["expression"] == 7
    assert (row["valence"], row["arousal"]) == (np.float32(-0.65331), np.float32(0.65331))
    assert list(row[["box_x", "box_y", "box_width", "box_height"]]) == [10, 12, 40, 40]
    assert table.faces["reference"].is_unique
    assert {str(dtype) for dtype in table.faces.dtypes} == {"str", "int8", "float32"}


def test_minus_two_is_missing_but_none_keeps_its_values(table):
    for reference in ("3/uncertain.jpg", "3/no-face.jpg"):
        assert np.isnan(face(table, reference)["valence"]) and np.isnan(face(table, reference)["arousal"])
    assert face(table, "3/none.jpg")["valence"] == np.float32(0.1)
    odd = face(table, "3/odd-valence.jpg")
    assert np.isnan(odd["valence"]) and odd["arousal"] == np.float32(-0.25)


def test_landmarks(table):
    assert table.landmarks.shape == (len(table), 68, 2) and table.landmarks.dtype == np.float32
    missing = np.isnan(table.landmarks).all(axis=(1, 2))
    odd = ["3/few-landmarks.jpg", "3/no-landmarks.jpg", "3/odd-landmarks.jpg"]
    assert list(table.faces["reference"][missing]) == odd
    np.testing.assert_allclose(
        table.landmarks[~missing], LANDMARKS[None].repeat((~missing).sum(), 0), atol=0.01
    )


def test_a_duplicate_keeps_the_first_row(table):
    assert face(table, "1/a.jpg")["expression"] == 1


def test_examples_name_the_rows(table):
    assert table.ledger.examples["no face box (NULL)"] == ["315/null.jpg"]
    assert table.ledger.examples["unreadable row"][0].startswith("training.csv: 3/short.jpg")
    assert "../outside.jpg" in table.ledger.examples["path outside the data set"]


def test_images_are_read_also_by_a_worker(table):
    reader = pickle.loads(pickle.dumps(table.read_image))  # noqa: S301
    for reference in table.faces["reference"]:
        if "undecodable" not in reference:
            assert Image.open(io.BytesIO(reader(reference))).size == (48, 48)
    with pytest.raises(OSError):
        reader("9/missing.jpg")
    with pytest.raises(OSError):
        reader("../outside.jpg")
    with pytest.raises(OSError):
        reader("1/\0.jpg")


def test_automatic_list_joins_when_asked(tmp_path):
    path = affectnet_2017(tmp_path / "data")
    table = open_dataset(path, automatic=True)
    automatic = table.faces[table.faces["reference"].str.startswith("7/")]
    assert list(automatic["reference"]) == ["7/x.jpg", "7/y.jpg"] and set(automatic["split"]) == {"train"}
    assert table.ledger.rejected["duplicate row"] == REJECTED["duplicate row"] + 2
    assert "automatic" in table.title
    assert Image.open(io.BytesIO(table.read_image("7/x.jpg"))).size == (48, 48)
    assert Image.open(io.BytesIO(table.read_image("1/a.jpg"))).size == (48, 48)


def test_automatic_list_alone(tmp_path):
    path = affectnet_2017(tmp_path / "data", names=("automatically_annotated.csv",))
    table = open_dataset(path)
    assert len(table) == 2 and set(table.faces["split"]) == {"train"} and table.note == ""
    assert table.ledger.read == len(AUTOMATIC)


def test_list_of_unknown_name_is_left_unsplit(tmp_path):
    write(tmp_path / "everything.csv", f"{HEADER}\n{list_row('1/a.jpg')}\n")
    write(tmp_path / "1/a.jpg", image_bytes(0))
    assert list(open_dataset(tmp_path).faces["split"]) == [""]


def test_columns_in_another_order_and_more_of_them(tmp_path):
    names, values = HEADER.split(","), list_row("1/a.jpg").split(",")
    write(tmp_path / "training.csv", "\n".join(",".join(["7", *line[::-1]]) for line in (names, values)))
    write(tmp_path / "1/a.jpg", image_bytes(0))
    row = open_dataset(tmp_path).faces.iloc[0]
    assert row["reference"] == "1/a.jpg" and row["expression"] == 1 and row["box_y"] == 12


def test_progress_reaches_the_end(tmp_path):
    calls = []
    open_dataset(affectnet_2017(tmp_path / "data"), progress=lambda done, total: calls.append((done, total)))
    assert calls and all(0 < done <= total for done, total in calls)


def test_a_thousand_bad_rows_and_an_unclosed_quote_cost_only_themselves(tmp_path):
    rows = [list_row(f"1/{number}.jpg") for number in range(3)]
    bad = ['"1/open.jpg,1,1'] + ["\x00\xff,,"] * 1000 + [""]
    write(tmp_path / "training.csv", "\n".join([HEADER, rows[0], *bad, *rows[1:]]).encode("latin-1"))
    for number in range(3):
        write(tmp_path / f"1/{number}.jpg", image_bytes(number))
    table = open_dataset(tmp_path)
    assert len(table) == 3 and table.ledger.rejected == {"unreadable row": 1001}


@pytest.mark.parametrize("text", [HEADER, HEADER + "\n", HEADER + "\n" + list_row("1/absent.jpg") + "\n"])
def test_no_usable_row(tmp_path, text):
    write(tmp_path / "training.csv", text)
    with pytest.raises(
        AffectoscopeError, match=r"no usable face: . rows read.*training.csv.*Pass the folder"
    ):
        open_dataset(tmp_path)


def test_a_list_alone_asks_for_its_folder(tmp_path):
    with pytest.raises(AffectoscopeError, match="pass the folder that holds the lists"):
        open_dataset(write(tmp_path / "training.csv", HEADER + "\n"))


def test_format_without_a_list(tmp_path):
    write(tmp_path / "notes.csv", "a,b\n1,2\n")
    with pytest.raises(AffectoscopeError, match=r"no AffectNet list.*subDirectory_filePath"):
        open_dataset(tmp_path, format="affectnet-2017")


def test_folders_are_listed_not_every_file_asked_about(tmp_path, monkeypatch):
    path = affectnet_2017(tmp_path / "data")
    asked = Counter()
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda *args, **kinds: asked.update(["stat"]) or stat(*args, **kinds))
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda *args: asked.update([str(args[0])]) or scandir(*args))
    open_dataset(path)
    third = str(path / "Manually_Annotated/Manually_Annotated_Images/3")
    assert asked[third] == 1
