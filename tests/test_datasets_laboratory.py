"""CK+ in its three forms, KDEF and JAFFE: made trees with every irregularity, label by label."""

import io

import numpy as np
import pytest
from PIL import Image

from core.data.readers import ckplus, ckplus48, jaffe, kdef, open_dataset
from core.data.readers.spec import dataset_spec
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS, expression_code
from core.report.about import _published
from tests.trees import fer2013_csv, image_bytes, write, zipped


def found(table) -> dict[str, tuple[str, str]]:
    """reference -> (label, subject)."""
    return {row.reference: (EXPRESSIONS[row.expression], row.subject) for row in table.faces.itertuples()}


def sequence(root, subject, number, frames, label=None, *, frame=None, folder="Emotion"):
    name = f"{subject}/{number}/{subject}_{number}_"
    for each in frames:
        write(root / f"cohn-kanade-images/{name}{each:08}.png", image_bytes(each))
    if label is not None:
        write(root / f"{folder}/{name}{frame or max(frames, default=1):08}_emotion.txt", label)


def ckplus_tree(root):
    """Six labelled sequences of four people, and seven more that have no usable label."""
    sequence(root, "S005", "001", range(1, 12), "   3.0000000e+00\n")
    sequence(root, "S005", "002", [1, 2, 3])
    sequence(root, "S010", "001", [1, 2, 14], "   7.0000000e+00\n")
    sequence(root, "S010", "002", [9, 10], "1")
    sequence(root, "S011", "001", [1, 2], "  2.0000000e+00  ")
    sequence(root, "S999", "001", [1, 18], "   4.0000000e+00\n")
    sequence(root, "S999", "003", [1, 2], "   5.0000000e+00\n")
    sequence(root, "S999", "004", [1, 2], "   8.0000000e+00\n")  # no code of CK+
    sequence(root, "S999", "005", [1, 2], "   2.5000000e+00\n")
    sequence(root, "S999", "006", [1, 2], "happy\n")
    sequence(root, "S999", "007", [1, 2], "")
    sequence(root, "S999", "008", [1, 2], "   6.0000000e+00\n", frame=3)  # the peak is missing
    sequence(root, "S999", "009", [], "   6.0000000e+00\n")
    points = np.stack([100 + 40 * np.linspace(0, 1, 68), 200 + 80 * np.linspace(0, 1, 68)], axis=1)
    text = "\n".join(f"   {x:.7e}   {y:.7e}" for x, y in points)
    write(root / "Landmarks/S005/001/S005_001_00000011_landmarks.txt", text)
    write(root / "Landmarks/S010/001/S010_001_00000014_landmarks.txt", text[:-20])  # cut short
    write(root / "cohn-kanade-images/S005/001/.DS_Store", b"")
    write(root / "Consent.pdf", b"")
    return root


SHAPES = {
    "folders": ckplus_tree,
    "nested folders": lambda root: ckplus_tree(root / "CK+/x").parent.parent,
    "zip": lambda root: zipped(ckplus_tree(root / "f"), root / "f.zip", below="CK+/"),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_ckplus_takes_the_last_frame_of_each_labelled_sequence(tmp_path, shape):
    table = open_dataset(shape(tmp_path))
    assert found(table) == {
        "S005/001/S005_001_00000011.png": ("disgust", "S005"),
        "S010/001/S010_001_00000014.png": ("surprise", "S010"),
        "S010/002/S010_002_00000010.png": ("anger", "S010"),
        "S011/001/S011_001_00000002.png": ("contempt", "S011"),
        "S999/001/S999_001_00000018.png": ("fear", "S999"),
        "S999/003/S999_003_00000002.png": ("happy", "S999"),
    }
    assert table.name == "ckplus" and set(table.faces["split"]) == {""}
    assert table.ledger.read == 13 and table.ledger.rejected == {
        "sequence without label": 1, "unknown label": 2, "unreadable annotation": 2, "missing file": 2,
    }  # fmt: skip
    assert table.read_image("S999/001/S999_001_00000018.png") == image_bytes(18)
    # Landmarks from (100, 200) to (140, 280): a square of 1.25 * 80 around (120, 240).
    assert table.faces.loc[0, ["box_x", "box_y", "box_width", "box_height"]].tolist() == [70, 190, 100, 100]
    np.testing.assert_allclose(table.landmarks[0, [0, -1]], [[100, 200], [140, 280]])
    assert np.isnan(table.landmarks[1:]).all() and table.faces["box_x"].notna().sum() == 1


def test_ckplus_without_labels_says_what_is_missing(tmp_path):
    sequence(tmp_path, "S005", "001", [1, 2])
    with pytest.raises(AffectoscopeError, match="1 sequence without label.*Expected the folder Emotion"):
        open_dataset(tmp_path)


def ck48_tree(root):
    names = {
        "anger/S010_004_00000017.png": "anger", "anger/S010_004_00000018.png": "anger",
        "contempt/S138_008_00000009.png": "contempt", "disgust/S005_001_00000011.png": "disgust",
        "fear/S011_003_00000014.png": "fear", "happy/S010_006_00000015.png": "happy",
        "sadness/S011_002_00000022.png": "sad", "surprise/S999_001_00000018.png": "surprise",
        "bored/S999_002_00000018.png": "", "happy/cover.png": "",
    }  # fmt: skip
    for seed, name in enumerate(names):
        write(root / name, image_bytes(seed))
    return root


@pytest.mark.parametrize("below", [None, "", "CK+48/"])
def test_ck48_names_say_who_is_shown(tmp_path, below):
    tree = ck48_tree(tmp_path / "CK+48")
    table = open_dataset(tmp_path if below is None else zipped(tree, tmp_path / "a.zip", below=below))
    assert {label: [] for label, _ in found(table).values()}.keys() == {
        "anger", "contempt", "disgust", "fear", "happy", "sad", "surprise",
    }  # fmt: skip
    for reference, (label, subject) in found(table).items():
        assert expression_code(reference.split("/")[0]) == expression_code(label)
        assert subject == reference.split("/")[1][:4]
    assert table.name == "ckplus-48" and len(table) == 8 and table.attributes is None
    assert table.ledger.rejected == {"unknown label": 1, "file name of another form": 1}


def test_the_table_of_ckplus_is_no_fer2013(tmp_path):
    contempt = "7," + "9 " * 2304 + ",Training"
    bad = "8," + "9 " * 2304 + ",Training"
    table = open_dataset(fer2013_csv(tmp_path / "ckextended.csv", bad_rows=(contempt, bad)))
    plain = open_dataset(fer2013_csv(tmp_path / "b/fer.csv"))
    assert table.name == "ckplus-csv" and table.ledger.rejected == {"unknown label": 1}
    codes = table.faces["expression"].tolist()
    assert codes[:-1] == plain.faces["expression"].tolist() and codes[-1] == expression_code("contempt")
    assert table.faces["split"].tolist()[:-1] == plain.faces["split"].tolist()
    assert np.array(Image.open(io.BytesIO(table.read_image(table.faces["reference"].iloc[-1])))).max() == 9
    # By content, where the file has another name: 920 rows, contempt among them.
    padding = tuple(["6,1 2 3,Training"] * (919 - len(plain)))
    for rows, name in (
        ((*padding, contempt), "ckplus-csv"),
        ((*padding, bad), "fer2013"),
        ((contempt,), "fer2013"),
    ):
        assert open_dataset(fer2013_csv(tmp_path / "renamed.csv", bad_rows=rows)).name == name


def test_kdef_names_say_session_sex_person_expression_and_view(tmp_path):
    names = {
        "AF01/AF01ANS.JPG": ("anger", "F01", "female", "straight"),
        "AF01/AF01AFHL.JPG": ("fear", "F01", "female", "half left"),
        "BF01/BF01DIHR.JPG": ("disgust", "F01", "female", "half right"),  # another session, the same person
        "AM01/AM01HAFL.JPG": ("happy", "M01", "male", "full left"),
        "AM35/am35nefr.jpg": ("neutral", "M35", "male", "full right"),
        "BM10/BM10SAS.JPG": ("sad", "M10", "male", "straight"),
        "BM10/BM10SUS.jpeg": ("surprise", "M10", "male", "straight"),
    }
    for seed, name in enumerate([*names, "AM31/AM31H.JPG", "BM10/CM10SUS.JPG"]):
        write(tmp_path / "KDEF" / name, image_bytes(seed, format="JPEG"))
    for path in (tmp_path, zipped(tmp_path / "KDEF", tmp_path / "kdef.zip")):
        table = open_dataset(path)
        assert {
            reference: (*pair, sex, view)
            for (reference, pair), sex, view in zip(
                found(table).items(), table.attributes["sex"], table.attributes["view"], strict=True
            )
        } == names
        assert table.name == "kdef" and table.ledger.rejected == {"file name of another form": 2}


def test_jaffe_names_say_person_and_expression(tmp_path):
    names = {
        "KA.AN1.39.tiff": ("anger", "KA"), "KA.DI2.43.tiff": ("disgust", "KA"), "KL.FE3.176.tiff": ("fear", "KL"),
        "KM.HA1.4.tiff": ("happy", "KM"), "KR.NE2.72.tiff": ("neutral", "KR"), "MK.SA1.122.tiff": ("sad", "MK"),
        "YM.SU3.62.tiff": ("surprise", "YM"), "NA.SU10.9.png": ("surprise", "NA"),
    }  # fmt: skip
    for seed, name in enumerate([*names, "KA.XX1.39.tiff"]):
        write(tmp_path / "jaffe" / name, image_bytes(seed, format="TIFF"))
    write(tmp_path / "jaffe/README_FIRST.txt", "")
    table = open_dataset(tmp_path)
    assert found(table) == names and table.name == "jaffe"
    assert table.ledger.rejected == {"file name of another form": 1} and table.ledger.read == 9


@pytest.mark.parametrize("reader", [kdef, jaffe, ckplus, ckplus48])
def test_a_format_that_is_named_for_other_images_says_what_it_expects(tmp_path, reader):
    write(tmp_path / "happy/1.png", image_bytes(1))
    with pytest.raises(AffectoscopeError, match=r"Expected (the folder Emotion|files such as)"):
        open_dataset(tmp_path, format=reader.SPEC.layouts[0].format)


def test_a_data_set_without_splits_is_described_by_its_faces():
    told = {name: _published(dataset_spec(name)).split(". ")[0] for name in ("ckplus", "kdef")}
    assert told == {
        "ckplus": "CK+ was published with 327 faces",
        "kdef": "KDEF was published with 4,900 faces",
    }
    assert "not face boxes" in _published(dataset_spec("jaffe"))


@pytest.mark.parametrize("name", ["ckplus", "ckplus-48", "ckplus-csv", "jaffe", "kdef"])
def test_published_faces_per_label_add_up(name):
    spec = dataset_spec(name)
    assert sum(spec.published_labels[""].values()) == spec.published[""]
    assert set(spec.published_labels[""]) <= set(EXPRESSIONS[: spec.label_set])
