"""What is no photo of a face: one clear sentence in Python and on the command line, and nothing changed."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.data.detectors.mtcnn import Mtcnn
from core.errors import AffectoscopeError
from core.photos.predictor import MAX_FACES
from core.predict import main, name_of
from tests.photo_fixtures import jpeg

pytest_plugins = ("tests.photo_fixtures",)


def png_header(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes that claims so many pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )


UNREADABLE = {
    "empty": (b"", "The file is empty (0 bytes)"),
    "cut-jpeg": (jpeg(Image.effect_noise((90, 90), 90))[:-700], "cannot be read as an image: it is damaged"),
    "text": (b"happy", "no JPEG, PNG, WebP"),
    "html": (b"<!doctype html><html><script>alert(1)</script></html>", "no JPEG, PNG, WebP"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", "no JPEG, PNG, WebP"),
    "psd": (b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, 9, 9, 8, 3) + bytes(300), "no JPEG, PNG, WebP"),
    "bomb": (png_header(100_000, 100_000), "50 megapixels"),
    "64-megapixels": (png_header(8000, 8000), "8000 x 8000 pixels, more than the 50 megapixels"),
}


@pytest.fixture(params=UNREADABLE)
def unreadable(request) -> tuple[bytes, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield UNREADABLE[request.param]


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_in_python_it_is_an_error_with_a_sentence(unreadable, predictor, tmp_path):
    content, message = unreadable
    (tmp_path / "photo.jpg").write_bytes(content)
    before = dict(vars(predictor))
    for way in (content, tmp_path / "photo.jpg", str(tmp_path / "photo.jpg")):
        with pytest.raises(AffectoscopeError) as error:
            predictor.predict(way)
        assert message in str(error.value)
        assert str(tmp_path) not in str(error.value)
    assert vars(predictor) == before


def test_on_the_command_line_it_is_reported_and_the_others_are_predicted(
    unreadable, photos, tmp_path, capsys
):
    content, message = unreadable
    (photos / "bad.jpg").write_bytes(content)
    before, out = state(photos), tmp_path / "faces.csv"
    assert main([str(photos), "--out", str(out), "--annotate", str(tmp_path / "boxed")]) == 1
    error = capsys.readouterr().err
    assert f"bad.jpg: {message}" in error or message in error.split("bad.jpg: ")[1]
    assert "3 photos read, 6 faces" in error
    assert "Traceback" not in error
    assert not [name for name in pd.read_csv(out)["photo"] if name.endswith("bad.jpg")]
    assert state(photos) == before
    assert not (tmp_path / "boxed" / "bad.jpg").exists()


@pytest.mark.parametrize(("size", "reason"), [((1, 1), "too small"), ((1, 20_000), ""), ((20_000, 1), "")])
def test_extreme_shapes_are_photos_without_a_face(predictor, photos, capsys, size, reason):
    image = Image.new("RGB", size, (200, 150, 120))
    assert predictor.predict(image).reason == "no face found"
    image.save(photos / "thin.png")
    assert main([str(photos / "thin.png")]) == 0
    assert "thin.png: no face found" in capsys.readouterr().out
    (face,) = predictor.predict(image, crops=True).faces
    assert face.crop.shape == predictor.preprocessing.shape
    if reason:
        assert (face.abstained, face.reason) == (
            reason,
            "its longer side has 1 pixels, at least 24 are required",
        )


NAMES = {
    "script": "<script>alert(1)</script>.png",
    "right-to-left": "photo\u202egnp.exe.png",
    "newline": "two\nlines.png",
    "escape": "\x1b[2Jwiped.png",
    "formula": "=1+1.png",
    "comma": 'a,"b".png',
    "latin-1": os.fsdecode(b"na\xefve.png"),
    "unicode": "面.png",
    "spaces": " .png",
}


@pytest.mark.parametrize("name", list(NAMES.values()), ids=list(NAMES))
@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_any_name_of_a_file_is_kept_as_it_is(photos, scene, tmp_path, name, suffix, capsys):
    try:
        scene.save(photos / name, "PNG")
    except (OSError, ValueError):
        pytest.skip("this file system has no such names")
    out = tmp_path / f"faces.{suffix}"
    read = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[suffix]
    assert main([str(photos / name), "--out", str(out), "--annotate", str(tmp_path / "boxed")]) == 0
    expected = os.fsencode(photos / name).decode("utf-8", "backslashreplace")
    assert read(out)["photo"].tolist() == [expected] * 3
    assert main([str(photos / name), "--out", str(out), "--resume"]) == 0
    assert len(read(out)) == 3, "its photo was not known again"
    assert [os.fsencode(path.name) for path in (tmp_path / "boxed").iterdir()] == [os.fsencode(name)]
    capsys.readouterr()
    main([str(photos / name)])
    shown = capsys.readouterr().out
    assert "\x1b" not in shown and "\u202e" not in shown
    assert shown.count("\n") == 3


def test_a_name_that_is_no_text_is_escaped():
    assert name_of(Path(os.fsdecode(b"na\xefve.png"))) == "na\\xefve.png"


def test_a_null_byte_in_a_name_is_reported(photos, predictor, capsys):
    assert main([str(photos / "a.png"), "a\0.png"]) == 1
    captured = capsys.readouterr()
    assert r"a\x00.png: The file cannot be read (embedded null byte)" in captured.err
    assert captured.out.count("a.png: face") == 3
    with pytest.raises(AffectoscopeError, match="null byte"):
        predictor.predict("a\0.png")


def test_dots_in_a_path_write_nothing_outside_the_folder(photos, tmp_path, capsys):
    devious = photos / "deeper" / ".." / "a.png"
    assert main([str(devious), str(photos / "deeper"), "--annotate", str(tmp_path / "boxed" / "in")]) == 0
    written = [path for path in tmp_path.rglob("*") if path.is_file() and photos not in path.parents]
    assert sorted(path.relative_to(tmp_path / "boxed" / "in").as_posix() for path in written) == [
        "a.png",
        "deeper/b.PNG",
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_no_file_is_not_waited_for(photos, predictor):
    os.mkfifo(photos / "pipe.jpg")
    for path in (photos / "pipe.jpg", "/dev/zero"):
        with pytest.raises(AffectoscopeError, match="no file but a folder, pipe or device"):
            predictor.predict(path)
    with pytest.raises(AffectoscopeError, match=r"cannot be read \(Is a directory\)"):
        predictor.predict(photos)


def test_a_huge_file_is_refused_unread(predictor, tmp_path):
    with open(tmp_path / "huge.jpg", "wb") as file:
        file.truncate(3 * 2**40)  # sparse: takes no room
    with pytest.raises(AffectoscopeError, match="3,145,728 MiB, more than the 256 MiB"):
        predictor.predict(tmp_path / "huge.jpg")


def test_pixels_are_limited_however_they_come(predictor, monkeypatch):
    monkeypatch.setattr("core.data.images.MAX_PIXELS", 5000)
    for image in (Image.new("L", (100, 51)), np.zeros((51, 100), np.uint8)):
        with pytest.raises(AffectoscopeError, match="100 x 51 pixels"):
            predictor.predict(image)


def test_a_damaged_image_that_was_opened_elsewhere_is_refused(predictor):
    content = io.BytesIO(jpeg(Image.effect_noise((90, 90), 90))[:-900])
    with pytest.raises(AffectoscopeError, match="its file is damaged"):
        predictor.predict(Image.open(content))


# Photos that can be read, and what is in them


def checkers(side: int = 240) -> Image.Image:
    board = np.indices((side, side)).sum(axis=0) // 24 % 2 * 255
    return Image.fromarray(board.astype(np.uint8))


def test_patterns_are_no_faces(predictor):
    rings = np.hypot(*np.meshgrid(*[np.linspace(-20, 20, 240)] * 2))
    for pattern in (
        checkers(),
        Image.effect_noise((240, 240), 90),
        Image.fromarray((np.sin(rings) * 127 + 128).astype(np.uint8)),
        Image.linear_gradient("L"),
    ):
        prediction = predictor.predict(pattern)
        assert (prediction.faces, prediction.reason) == ((), "no face found")


def test_a_crowd_is_found_and_limited(predictor, scene, detected):
    """Twenty-four copies of three people through the real detector."""
    small = scene.resize((420, 280))
    crowd = Image.new("RGB", (4 * 420, 6 * 280))
    for place in range(24):
        crowd.paste(small, (place % 4 * 420, place // 4 * 280))
    found = Mtcnn().detect(crowd)
    assert len(found) > MAX_FACES
    prediction = predictor.predict(crowd, found=found)
    assert len(prediction.faces) == MAX_FACES
    assert prediction.reason == f"{len(found)} faces found; only the 50 with the highest scores are used"
    assert [face.number for face in prediction.faces] == list(range(1, MAX_FACES + 1))
    lefts = [face.box[0] + face.box[2] / 2 for face in prediction.faces]
    assert lefts == sorted(lefts)


def test_a_photo_without_a_face_leaves_the_next_one_alone(predictor, scene, known):
    before = [face.label for face in predictor.predict(scene).faces]
    predictor.predict(Image.new("RGB", (90, 90)))
    with pytest.raises(AffectoscopeError):
        predictor.predict(b"")
    assert [face.label for face in predictor.predict(scene).faces] == before
