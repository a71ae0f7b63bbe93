"""ExpW's list and SFEW's folders with every oddity planted, label by label."""

import pytest

from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from tests.trees import SHAPES, image_bytes, in_shape, write, zipped

#: Lines of label.lst: name, face id, top, left, right, bottom, confidence, label; and the face or why it is rejected.
LINES = {
    "angry_a_1.jpg 0 28 113 226 141 22.9 0": ("angry_a_1.jpg", "anger", (113, 28, 113, 113)),
    "angry_a_1.jpg 1 10 20 50 60 -3.5 1": ("angry_a_1.jpg#1", "disgust", (20, 10, 30, 50)),
    "  sad  face 2.jpg   0 -4 0 30 40 1e1 2": ("sad  face 2.jpg", "fear", (0, -4, 30, 44)),
    "b.jpg 3 1 2 4 8 0.5 3": ("b.jpg#3", "happy", (2, 1, 2, 7)),
    "c.jpg 0 1 2 4 8 0.5 4": ("c.jpg", "sad", (2, 1, 2, 7)),
    "d.jpg 0 1 2 4 8 0.5 5": ("d.jpg", "surprise", (2, 1, 2, 7)),
    "e.jpg 0 1 2 4 8 0.5 6": ("e.jpg", "neutral", (2, 1, 2, 7)),
    "": "",
    "angry_a_1.jpg 1 10 20 50 60 9 3": "duplicate row",
    "f.jpg 0 1 2 4 8 0.5 7": "unknown label",
    "g.jpg 0 28 113 113 141 22.9 0": "box without area",  # right is not a width
    "h.jpg 0 28 113 226 28 22.9 0": "box without area",
    "i.jpg 0 -9 -9 -2 5 1 0": "box outside the image",
    "j.jpg 0 1 2 4 8 6": "unreadable row",
    "k.jpg 0 1 2 4 8 0.5 happy": "unreadable row",
    "missing.jpg 0 1 2 4 8 0.5 3": "missing file",
    "../secret.jpg 0 1 2 4 8 0.5 3": "path outside the data set",
}


@pytest.mark.parametrize("shape", SHAPES)
def test_expw_has_right_and_bottom_not_width_and_height(tmp_path, shape):
    root = tmp_path / "data" / "ExpW"
    write(root / "label/label.lst", "\n".join(LINES))
    write(tmp_path / "secret.jpg", image_bytes(0))
    for line in filter(None, LINES):
        name = line.strip().rsplit(None, 7)[0]
        if "missing" not in name and ".." not in name:
            write(root / "image/origin" / name, image_bytes(len(name)))
    table = open_dataset(in_shape(root, shape))
    boxes = table.faces[["box_x", "box_y", "box_width", "box_height"]].itertuples(index=False, name=None)
    labels = table.faces["expression"].map(EXPRESSIONS.__getitem__)
    found = list(zip(table.faces["reference"], labels, boxes))
    assert found == [face for face in LINES.values() if isinstance(face, tuple)]
    reasons = [reason for reason in LINES.values() if isinstance(reason, str) and reason]
    assert table.ledger.rejected == {reason: reasons.count(reason) for reason in reasons}
    assert table.ledger.read == len(LINES) - 1 and set(table.faces["split"]) == {""} and table.name == "expw"
    assert table.read_image("angry_a_1.jpg#1") == table.read_image("angry_a_1.jpg")
    assert table.attributes["box_confidence"].tolist() == pytest.approx([22.9, -3.5, 10, 0.5, 0.5, 0.5, 0.5])


def test_a_list_of_other_things(tmp_path):
    write(tmp_path / "label.lst", "a.jpg 3\n")
    write(tmp_path / "happy/a.jpg", image_bytes(1))
    assert open_dataset(tmp_path).name == "folders"
    with pytest.raises(AffectoscopeError, match="1 unreadable row"):
        open_dataset(tmp_path, format="expw")


FRAMES = {
    "Train{}/Angry/Airheads_000519240_00000005.png": ("anger", "train"),
    "Train{}/Fear/Mc_Gee's 2_001519240_00000012.png": ("fear", "train"),
    "Val{}/Surprise/Airheads_000519240_00000005.png": ("surprise", "validation"),
    "Val{}/Neutral/21_000630840_00000001.jpg": ("neutral", "validation"),
    "Val{}/Calm/21_000630840_00000002.jpg": "unknown label",
    "Test{}/21_000630840_00000003.jpg": "no label",
    "Train{}/Angry/poster.png": "no frame of SFEW by its name",
}


@pytest.mark.parametrize("suffix", ["", "_Aligned_Faces"])
@pytest.mark.parametrize("as_zip", [False, True])
def test_sfew(tmp_path, suffix, as_zip):
    for number, name in enumerate(FRAMES):
        write(tmp_path / "SFEW_2" / name.format(suffix), image_bytes(number))
    path = zipped(tmp_path, tmp_path / "a.zip") if as_zip else tmp_path
    table = open_dataset(path)
    faces = table.faces
    labels = faces["expression"].map(EXPRESSIONS.__getitem__)
    assert dict(zip(faces["reference"], zip(labels, faces["split"]))) == {
        name.format(suffix): face for name, face in FRAMES.items() if isinstance(face, tuple)
    }
    assert table.name == "sfew" and all(map(table.read_image, faces["reference"]))
    assert table.ledger.rejected == {face: 1 for face in FRAMES.values() if isinstance(face, str)}


def test_clips_are_refused_in_one_sentence(tmp_path):
    for number in range(3):
        write(tmp_path / f"Train_AFEW/Happy/00{number}.avi", b"RIFF")
    with pytest.raises(
        AffectoscopeError, match=r"holds 3 video clips such as Train_AFEW/Happy/000\.avi, and only"
    ):
        open_dataset(tmp_path)
    for number in range(4):
        write(tmp_path / f"Train_AFEW/Happy/{number}_0001.png", image_bytes(number))
    assert open_dataset(tmp_path).faces["expression"].tolist() == [1] * 4
