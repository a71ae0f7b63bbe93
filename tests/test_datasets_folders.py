import io
import pickle

import pytest
from PIL import Image

from core.data.readers import open_dataset
from core.data.readers.spec import formats
from core.errors import AffectoscopeError
from tests.trees import (
    affectnet_2017,
    affectnet_2021,
    class_folders,
    fer2013_folders,
    image_bytes,
    write,
    zipped,
)

SPLIT = {"train/happy": 2, "train/Angry": 1, "valid/sadness": 1, "test/no_face": 1, "test/Neutral/more": 1}


def rows(table):
    return sorted(table.faces[["reference", "expression", "split"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("below", ["", "data/", "a/b/"])
@pytest.mark.parametrize("as_zip", [False, True])
def test_split_and_class_folders(tmp_path, below, as_zip):
    path = class_folders(tmp_path / "mine", {below + folder: count for folder, count in SPLIT.items()})
    table = open_dataset(zipped(path, tmp_path / "mine.zip") if as_zip else path)
    assert rows(table) == [
        ("test/Neutral/more/0.png", 0, "test"),
        ("test/no_face/0.png", 10, "test"),
        ("train/Angry/0.png", 6, "train"),
        ("train/happy/0.png", 1, "train"),
        ("train/happy/1.png", 1, "train"),
        ("valid/sadness/0.png", 2, "validation"),
    ]
    assert table.name == "folders" and table.title.startswith("mine (") and not table.redistributable
    assert table.ledger.read == table.ledger.used == 6 and table.note == ""
    reader = pickle.loads(pickle.dumps(table.read_image))  # noqa: S301
    for reference in table.faces["reference"]:
        assert Image.open(io.BytesIO(reader(reference))).size == (48, 48)


@pytest.mark.parametrize(
    "name, split", [("val", "validation"), ("Validation", "validation"), ("TEST", "test")]
)
def test_names_of_splits(tmp_path, name, split):
    table = open_dataset(class_folders(tmp_path, {"Training/joy": 1, f"{name}/joy": 1}))
    assert set(table.faces["split"]) == {"train", split}


def test_a_stray_image_does_not_change_the_references(tmp_path):
    write(class_folders(tmp_path, {"data/happy": 1}) / "stray.png", image_bytes(1))
    table = open_dataset(tmp_path)
    assert list(table.faces["reference"]) == ["happy/0.png"] and table.read_image("happy/0.png")


def test_class_folders_alone(tmp_path):
    table = open_dataset(class_folders(tmp_path, {"happy": 1, "fear": 2}))
    assert set(table.faces["split"]) == {""} and sorted(table.faces["expression"]) == [1, 4, 4]


def test_numbered_folders_are_read_in_the_order_that_the_user_gives(tmp_path):
    path = class_folders(tmp_path, {"train/0": 1, "train/6": 2, "train/calm": 3, "train/Angry": 4})
    for order, codes in {"affectnet": {0: 1, 6: 4 + 2}, "fer2013": {6: 1 + 4, 0: 2}}.items():
        table = open_dataset(path, label_order=order)
        assert table.faces["expression"].value_counts().to_dict() == codes
        assert table.ledger.rejected == {"unknown label": 3} and "0 " in table.note
    assert set(open_dataset(path, label_order="6=fear").faces["expression"]) == {4, 6}


def test_numbered_folders_are_never_guessed(tmp_path):
    path = class_folders(tmp_path, {f"train/{number}": 2 + number for number in range(7)})
    message = refusal(path)
    assert (
        "as AffectNet: 8 anger, 7 disgust, 6 fear and others; as RAF-DB: 8 neutral, 7 anger, 6 sad" in message
    )
    assert (
        "as FER2013: 8 neutral, 7 surprise, 6 sad" in message and "--label-order affectnet, rafdb" in message
    )
    eight = class_folders(path, {"train/7": 1})
    assert "RAF-DB" not in refusal(eight) and "alphabetical: 8 sad, 7 neutral, 6 happy" in refusal(eight)


def test_one_to_seven_without_zero_are_rafdbs(tmp_path):
    path = class_folders(tmp_path / "a", {f"train/{number}": number for number in range(1, 8)})
    table = open_dataset(path)
    assert table.counts() == {
        "train": {"neutral": 7, "happy": 4, "sad": 5, "surprise": 1, "fear": 2, "disgust": 3, "anger": 6}
    }
    assert "1 surprise, 2 fear, 3 disgust, 4 happy, 5 sad, 6 anger, 7 neutral" in table.note
    assert open_dataset(path, label_order="affectnet").counts()["train"]["fear"] == 4
    six = class_folders(tmp_path / "b", {f"train/{number}": 1 for number in range(1, 7)})
    assert "nothing says whose" in refusal(six)
    assert "nothing says whose" in refusal(class_folders(path, {"train/contempt": 1}))


def test_a_label_order_is_refused_where_the_labels_are_known(tmp_path):
    message = refusal(fer2013_folders(tmp_path), label_order="rafdb")
    assert "leave --label-order out" in message and "folders" in message


def test_affectnets_thousand_image_folders_are_no_labels(tmp_path):
    path = class_folders(tmp_path, {str(number): 1 for number in range(30)})
    assert "30 images (30 .png) in 30 folders" in refusal(path)
    table = open_dataset(class_folders(tmp_path / "b", {"train/happy": 1, "train/0": 1, "train/11": 1}))
    assert list(table.faces["expression"]) == [1] and table.ledger.rejected == {"unknown label": 2}


def test_what_is_refused_and_what_is_ignored(tmp_path):
    path = class_folders(tmp_path / "mine", SPLIT | {"train/calm": 7, "extra/happy": 1})
    for name in ("labels.csv", "train/happy/.DS_Store", "train/happy/Thumbs.db", "train/notes.TXT"):
        write(path / name, b"")
    write(path / "train/happy/clip.mp4", b"")
    write(path / "train/happy/no-suffix", image_bytes(1))
    write(path / "stray.png", image_bytes(1))
    write(path / "train/stray.png", image_bytes(1))
    write(tmp_path / "secret/1.png", image_bytes(1))
    (path / "train/happy/link.png").symlink_to(tmp_path / "secret/1.png")
    (path / "train/sad").symlink_to(tmp_path / "secret")
    (path / "train/happy/circle").symlink_to(path / "train/happy")
    table = open_dataset(path)
    assert table.ledger.rejected == {
        "unknown label": 7 + 1,
        "unknown split": 2,
        "path outside the data set": 2,
        "not an image": 2,
    }
    assert table.ledger.read == 6 + 14
    assert table.ledger.examples["unknown label"][0].startswith("train/calm/")
    assert not table.faces["reference"].str.contains("link|secret|sad/").any()


def test_a_name_that_is_no_text(tmp_path):
    class_folders(tmp_path, {"happy": 1})
    try:
        (tmp_path / "happy/\udcff.png").write_bytes(image_bytes(1))
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system holds no such name")
    assert open_dataset(tmp_path).ledger.rejected == {"unreadable file name": 1}


@pytest.mark.parametrize(
    "build, name",
    [
        (affectnet_2017, "affectnet-2017"),
        (affectnet_2021, "affectnet-2021"),
        (fer2013_folders, "fer2013"),
        (lambda root: class_folders(root, {"train/happy": 1}), "folders"),
    ],
)
def test_recognised_by_content(tmp_path, monkeypatch, build, name):
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    path = build(tmp_path / "data" / "some folder")
    assert open_dataset(path).name == name
    assert open_dataset(str(path)).name == name


def test_format_overrules(tmp_path):
    path = fer2013_folders(tmp_path)
    assert open_dataset(path).faces["split"].nunique() == 3
    assert open_dataset(path, format="folders").faces["split"].nunique() == 2


def refusal(path, **options) -> str:
    with pytest.raises(AffectoscopeError) as caught:
        open_dataset(path, **options)
    return str(caught.value)


def test_unknown_format(tmp_path):
    message = refusal(tmp_path, format="affectnet")
    assert "There is no format 'affectnet'" in message and all(name in message for name in formats())


def test_nothing_there(tmp_path):
    assert refusal(tmp_path / "absent").startswith(f"There is no {tmp_path / 'absent'}.")


def test_empty_folder(tmp_path):
    message = refusal(tmp_path)
    assert "is empty" in message and "Expected" in message


def test_folder_of_something_else(tmp_path):
    for number in range(12):
        write(tmp_path / f"{number:02}.txt", "words")
    class_folders(tmp_path, {"cats": 1})
    message = refusal(tmp_path)
    assert "found 00.txt, 01.txt" in message and "and 5 more" in message
    assert "no image in a class folder (1 rows read, 0 used" in refusal(tmp_path, format="folders")
    message = refusal(tmp_path, format="fer2013-csv")
    assert "does not hold fer2013-csv" in message and "Other values of --format: " in message


def test_broken_zip(tmp_path):
    whole = zipped(class_folders(tmp_path / "a", {"happy": 3}), tmp_path / "a.zip").read_bytes()
    assert "is not a readable zip" in refusal(write(tmp_path / "cut.zip", whole[: len(whole) // 2]))
    assert "is not a readable zip" in refusal(write(tmp_path / "words.zip", "no zip"))


def test_zip_of_something_else(tmp_path):
    words = zipped(write(tmp_path / "a/words.txt", "words").parent, tmp_path / "a.zip")
    assert "found a zip of words.txt." in refusal(words)
    lists = zipped(write(tmp_path / "b/training.csv", "words").parent, tmp_path / "b.zip")
    assert "unpack this one and pass the folder" in refusal(lists)
    assert "found a zip of nothing." in refusal(zipped(tmp_path / "absent", tmp_path / "c.zip"))


def test_encrypted_zip(tmp_path):
    path = zipped(class_folders(tmp_path / "a", {"happy": 1}), tmp_path / "a.zip")
    path.write_bytes(path.read_bytes().replace(b"PK\1\2\x14\x03\x14\0\0", b"PK\1\2\x14\x03\x14\0\1"))
    assert "1 rejected (encrypted zip member: happy/0.png)" in refusal(path)


def test_file_of_something_else(tmp_path):
    assert "found a file that begins 'a,b'" in refusal(write(tmp_path / "a.csv", "a,b\n1,2\n"))
    assert "found a file that begins ''" in refusal(write(tmp_path / "b.csv", ""))
