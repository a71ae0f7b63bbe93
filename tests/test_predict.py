"""`python -m core.predict`: photos and folders in, one row per face out."""

import json
import os

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core import predict
from core.data.detectors.mtcnn import Mtcnn
from core.photos.results_file import PredictionFile
from core.predict import main
from tests.photo_fixtures import LABELS

pytest_plugins = ("tests.photo_fixtures",)


COLUMNS = [
    "photo", "face", "box_x", "box_y", "box_width", "box_height", "score", "label",
    *(f"p_{label}" for label in LABELS), "valence", "arousal", "abstained",
]  # fmt: skip

READERS = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}


@pytest.mark.parametrize("suffix", READERS)
def test_a_folder_becomes_one_row_per_face(photos, tmp_path, suffix, capsys):
    out = tmp_path / f"faces.{suffix}"
    assert main([str(photos), "--out", str(out)]) == 0
    table = READERS[suffix](out)
    assert list(table.columns) == COLUMNS
    names = [os.path.relpath(photo, photos) for photo in table["photo"]]
    assert names == ["a.png"] * 3 + ["deeper/b.PNG"] * 3 + ["empty.jpg"]
    assert table["face"].tolist()[:6] == [1, 2, 3, 1, 2, 3]
    faceless = table.iloc[6]
    assert pd.isna(faceless["face"])
    assert pd.isna(faceless["box_x"])
    assert pd.isna(faceless["label"])
    assert faceless["abstained"] == "no face found"
    probabilities = table.loc[:5, [f"p_{label}" for label in LABELS]].to_numpy(float)
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert list(tmp_path.glob(".*")) == [], "a partial file was left"
    assert "3 photos read, 6 faces" in capsys.readouterr().err


def test_the_command_line_with_the_real_detector(tmp_path, scene, runs, capsys):
    scene.save(tmp_path / "a.png")
    assert main([str(tmp_path / "a.png"), "--run", str(runs / "standin")]) == 0
    assert capsys.readouterr().out.count("a.png: face") == 3


def test_json_is_strict(photos, tmp_path):
    out = tmp_path / "faces.json"
    main([str(photos / "empty.jpg"), "--out", str(out)])
    (row,) = json.loads(out.read_text(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert row["box_x"] is None


def test_bad_files_are_reported_at_the_end_and_cost_status_1(photos, tmp_path, capsys):
    (photos / "0-bad.jpg").write_bytes(b"<html>")
    out = tmp_path / "faces.csv"
    assert main([str(photos), "/nowhere/gone.jpg", "--out", str(out)]) == 1
    assert len(pd.read_csv(out)) == 7
    error = capsys.readouterr().err
    assert "2 could not be read" in error
    assert "0-bad.jpg: The file cannot be read as an image" in error
    assert "gone.jpg: The file cannot be read (No such file or directory)" in error


def test_status_2_and_no_file_when_nothing_could_be_read(photos, tmp_path, capsys):
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"")
    out = tmp_path / "faces.csv"
    out.write_text("what was there before")
    assert main([str(bad), "--out", str(out), "--overwrite"]) == 2
    assert out.read_text() == "what was there before"
    assert "0 bytes" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.jpg", "faces.csv", "photos"]


def test_the_terminal_gets_a_line_per_face(photos, capsys):
    assert main([str(photos / "a.png"), str(photos / "empty.jpg"), "--run", "older"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if "a.png: face" in line]) == 3
    assert any(line.endswith("empty.jpg: no face found") for line in lines)


def test_the_newest_run_is_the_default(photos, capsys):
    main([str(photos / "a.png")])
    assert "valence" in capsys.readouterr().out
    main([str(photos / "a.png"), "--run", "older"])
    assert "valence" not in capsys.readouterr().out


def test_crops_are_not_searched(photos, capsys):
    assert main([str(photos / "empty.jpg"), "--crops"]) == 0
    assert "empty.jpg: face 1, " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "faces.xlsx"], "expected a name ending in .csv, .json or .parquet"),
        (["--out", "/nowhere/faces.csv"], "its folder does not exist"),
        (["--run", "gone"], "Run 'gone' not found"),
        (["--resume"], "--resume needs --out"),
        (["--out", "faces.csv", "--resume", "--overwrite"], "exclude each other"),
        (["--crops", "--annotate", "boxed"], "--annotate and --crops exclude each other"),
    ],
)
def test_wrong_options_fail_before_the_work(photos, tmp_path, capsys, arguments, message, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predict, "_predict", None)
    assert main([str(photos), *arguments]) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]


def test_no_photo_and_no_run_are_explained(photos, tmp_path, capsys, monkeypatch):
    (tmp_path / "none").mkdir()
    assert main([str(tmp_path / "none")]) == 2
    assert "No photos found in" in capsys.readouterr().err
    monkeypatch.setattr(predict, "ARTIFACTS_FOLDER", tmp_path / "none")
    assert main([str(photos)]) == 2
    assert "No runs with a network under artifacts/" in capsys.readouterr().err


def test_the_same_photo_twice_is_read_once(photos, capsys):
    main([str(photos / "a.png"), str(photos / "a.png"), str(photos), str(photos / "deeper")])
    assert "3 photos read, 6 faces" in capsys.readouterr().err


def test_what_a_folder_passes_over_is_read_when_it_is_named(photos, capsys):
    assert main([str(photos), str(photos / ".hidden.jpg"), str(photos / "notes.txt")]) == 1
    error = capsys.readouterr().err
    assert "3 photos read" in error
    assert "2 could not be read" in error


def test_faces_beyond_the_fiftieth_are_reported(photos, found, capsys):
    found(*((10.0 * place, 20, 30, 30, 0.95) for place in range(53)))
    assert main([str(photos / "a.png")]) == 0
    captured = capsys.readouterr()
    assert "a.png: 53 faces found; only the 50 with the highest scores are used" in captured.err
    assert captured.out.count("a.png: face") == 50


def test_abstention_on_the_terminal_has_its_numbers(photos, capsys):
    main([str(photos / "a.png")])
    assert "(not sure: its confidence is " in capsys.readouterr().out


# Outputs that are there already, and that were interrupted


@pytest.fixture
def folder(photos, scene):
    """More photos: four in one order, three faces each."""
    for number in range(4):
        scene.save(photos / f"n{number}.png")
    (photos / "a.png").unlink()
    (photos / "empty.jpg").unlink()
    (photos / "deeper" / "b.PNG").unlink()
    return photos


def stop_after(monkeypatch, photos: int) -> None:
    """Ctrl-C while the photo after so many is kept."""
    kept = PredictionFile.add

    def add(self, rows):
        if self.added == photos:
            raise KeyboardInterrupt
        kept(self, rows)

    monkeypatch.setattr(PredictionFile, "add", add)


def names(out) -> list[str]:
    return [os.path.basename(name) for name in READERS[out.suffix[1:]](out)["photo"]]


@pytest.fixture
def searches(monkeypatch, detected):
    """Counts how often the detector is asked."""
    asked = []
    monkeypatch.setattr(Mtcnn, "detect", lambda self, image: asked.append(image.size) or detected)
    return asked


@pytest.mark.parametrize("suffix", READERS)
def test_an_interrupted_output_goes_on_where_it_stopped(
    folder, tmp_path, suffix, monkeypatch, searches, capsys
):
    whole, out = tmp_path / f"whole.{suffix}", tmp_path / f"faces.{suffix}"
    assert main([str(folder), "--out", str(whole)]) == 0
    with monkeypatch.context() as patch:
        stop_after(patch, 2)
        assert main([str(folder), "--out", str(out)]) == 130
    assert "continue with the same command and --resume" in capsys.readouterr().err
    assert not out.exists()
    assert main([str(folder), "--out", str(out)]) == 2
    assert "the output of an interrupted run" in capsys.readouterr().err
    searches.clear()
    assert main([str(folder), "--out", str(out), "--resume"]) == 0
    assert len(searches) == 2
    assert "2 photos read, 6 faces" in capsys.readouterr().err
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, "photos", whole.name])


def test_a_half_written_line_is_predicted_again(folder, tmp_path, monkeypatch, searches):
    out, part = tmp_path / "faces.csv", tmp_path / "faces.csv.part"
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        main([str(folder), "--out", str(out)])
    part.write_bytes(part.read_bytes()[:-40])
    searches.clear()
    assert main([str(folder), "--out", str(out), "--resume"]) == 0
    assert len(searches) == 2
    assert names(out) == [f"n{number}.png" for number in range(4) for _ in range(3)]


@pytest.mark.parametrize("cut", [3, 200, 620])
def test_a_csv_that_was_cut_off_is_mended(folder, tmp_path, cut):
    whole, out = tmp_path / "whole.csv", tmp_path / "faces.csv"
    main([str(folder), "--out", str(whole)])
    out.write_bytes(whole.read_bytes()[:-cut])
    assert main([str(folder), "--out", str(out), "--resume"]) == 0
    pd.testing.assert_frame_equal(
        pd.read_csv(out).sort_values(["photo", "face"], ignore_index=True), pd.read_csv(whole)
    )


@pytest.mark.parametrize("suffix", READERS)
def test_new_photos_join_a_finished_output(folder, tmp_path, scene, suffix, searches, capsys):
    out = tmp_path / f"faces.{suffix}"
    (folder / "bad.jpg").write_bytes(b"")
    assert main([str(folder), "--out", str(out)]) == 1
    before = READERS[suffix](out)
    assert main([str(folder), "--out", str(out)]) == 2
    assert "already exists; pass --resume" in capsys.readouterr().err
    scene.save(folder / "n9.png")
    scene.save(folder / "bad.jpg")  # mended meanwhile
    searches.clear()
    assert main([str(folder), "--out", str(out), "--resume"]) == 0
    assert len(searches) == 2
    assert "4 were already in the output" in capsys.readouterr().err
    after = READERS[suffix](out)
    pd.testing.assert_frame_equal(after.iloc[: len(before)], before)
    assert set(names(out)) == {"n0.png", "n1.png", "n2.png", "n3.png", "n9.png", "bad.jpg"}
    searches.clear()
    assert main([str(folder), "--out", str(out), "--resume"]) == 0
    assert searches == []
    pd.testing.assert_frame_equal(READERS[suffix](out), after)


def test_overwrite_begins_anew(folder, tmp_path):
    out = tmp_path / "faces.csv"
    main([str(folder), "--out", str(out)])
    (tmp_path / "faces.csv.part").write_text("damaged")
    assert main([str(folder / "n0.png"), "--out", str(out), "--overwrite"]) == 0
    assert names(out) == ["n0.png"] * 3
    assert not (tmp_path / "faces.csv.part").exists()


@pytest.mark.parametrize("suffix", READERS)
def test_another_runs_output_is_not_gone_on_with(folder, tmp_path, runs, monkeypatch, suffix, capsys):
    out = tmp_path / f"faces.{suffix}"
    with monkeypatch.context() as patch:
        stop_after(patch, 1)
        main([str(folder), "--out", str(out)])
    part = (tmp_path / f"faces.{suffix}.part").read_bytes()
    assert main([str(folder), "--out", str(out), "--resume", "--run", "older"]) == 2
    assert "was made with another run" in capsys.readouterr().err
    assert (tmp_path / f"faces.{suffix}.part").read_bytes() == part
    out.write_text("other,columns\n1,2\n")
    (tmp_path / f"faces.{suffix}.part").unlink()
    assert main([str(folder), "--out", str(out), "--resume"]) == 2
    assert "is damaged or its columns differ" in capsys.readouterr().err
    assert out.read_text() == "other,columns\n1,2\n"
    assert not list(tmp_path.glob("*.part")) and not list(tmp_path.glob(".*"))


def test_an_output_is_whole_or_not_there_and_the_work_is_kept(folder, tmp_path, monkeypatch, capsys):
    def fail(self, path, **options):
        path.write("half")
        raise OSError(28, "No space left on device")

    out = tmp_path / "faces.csv"
    with monkeypatch.context() as patch:
        patch.setattr(pd.DataFrame, "to_csv", fail)
        assert main([str(folder), "--out", str(out)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["faces.csv.part", "photos"]
    assert main([str(folder), "--out", str(out), "--resume"]) == 0
    assert "4 were already in the output" in capsys.readouterr().err
    assert len(names(out)) == 12


# Annotated photos


def test_annotated_photos_are_boxed_and_carry_nothing_else(photos, tmp_path, scene, detected, capsys):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 1, "a camera"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    (photos / "a.png").unlink()
    scene.save(photos / "gps.jpg", exif=exif, comment=b"at the lake", xmp=b"<x:xmpmeta/>")
    assert 0x8825 in Image.open(photos / "gps.jpg").getexif()
    assert main([str(photos), "--annotate", str(tmp_path / "boxed")]) == 0
    written = sorted(
        path.relative_to(tmp_path / "boxed").as_posix() for path in (tmp_path / "boxed").rglob("*.*")
    )
    assert written == ["deeper/b.PNG", "empty.jpg", "gps.jpg"]
    with Image.open(tmp_path / "boxed" / "gps.jpg") as shown:
        assert not shown.getexif()
        assert not {"exif", "comment", "xmp", "icc_profile"} & set(shown.info)
        assert shown.size == scene.size
        difference = np.abs(np.asarray(shown, int) - np.asarray(scene, int)).sum(axis=2)
    x, y, _, height = (round(value) for value in detected[0].box)
    assert difference[y + height // 2, x - 2 : x + 3].max() > 60, "the left edge of the first box"
    assert b"lake" not in (tmp_path / "boxed" / "gps.jpg").read_bytes()


def test_equal_names_in_two_folders_are_kept_apart(photos, tmp_path, scene):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        scene.save(tmp_path / name / "same.jpg")
    out = tmp_path / "faces.csv"
    folders = [str(tmp_path / "one"), str(tmp_path / "two")]
    assert main([*folders, "--annotate", str(tmp_path / "boxed"), "--out", str(out)]) == 0
    assert (tmp_path / "boxed" / "one" / "same.jpg").exists()
    assert (tmp_path / "boxed" / "two" / "same.jpg").exists()
    assert pd.read_csv(out)["photo"].nunique() == 2


def test_photos_are_never_annotated_over_themselves(photos, tmp_path, capsys):
    before = (photos / "a.png").read_bytes()
    for where in (photos, photos / "boxed", photos / "deeper" / ".."):
        assert main([str(photos), "--annotate", str(where), "--overwrite"]) == 2
        assert "is a folder of the photos" in capsys.readouterr().err
    assert main([str(photos / "a.png"), "--annotate", str(photos)]) == 2
    assert (photos / "a.png").read_bytes() == before
    assert not (photos / "boxed").exists()


def test_a_full_folder_for_annotated_photos_is_refused_unasked(photos, tmp_path, capsys):
    where = tmp_path / "boxed"
    assert main([str(photos / "a.png"), "--annotate", str(where)]) == 0
    assert main([str(photos / "a.png"), "--annotate", str(where)]) == 2
    assert "is not empty; pass --resume or --overwrite" in capsys.readouterr().err
    assert main([str(photos / "a.png"), "--annotate", str(where), "--overwrite"]) == 0
    (tmp_path / "file").write_text("x")
    assert main([str(photos / "a.png"), "--annotate", str(tmp_path / "file")]) == 2
    assert "cannot be used as a folder" in capsys.readouterr().err


def test_formats_without_a_writer_become_png(photos, tmp_path, scene):
    scene.convert("P").save(photos / "a.gif")
    main([str(photos / "a.gif"), str(photos / "a.png"), "--annotate", str(tmp_path / "boxed")])
    assert sorted(path.name for path in (tmp_path / "boxed").iterdir()) == ["a.gif.png", "a.png"]
    assert Image.open(tmp_path / "boxed" / "a.gif.png").format == "PNG"
