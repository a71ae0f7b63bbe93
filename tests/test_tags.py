"""Tags of faces: kept whole beside the run, by every session, and never lost silently."""

import csv
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from core.errors import AffectoscopeError
from core.runs.catalogue import publish, working_folder
from core.runs.layout import TAGS_FILE
from core.runs.tables import ADDED_FILES
from core.runs.tags import COLUMNS, LONGEST_NOTE, TAGS, for_spreadsheets, read_tags, remove_tag, set_tag
from tests.made_runs import make_run


@pytest.fixture
def path(tmp_path):
    return tmp_path / TAGS_FILE


def tag(path, reference="a.png", tag="ambiguous", **options):
    return set_tag(path, reference=reference, true="fear", predicted="surprise", tag=tag, **options)


def test_no_file_is_no_marks(path):
    assert read_tags(path).empty and tuple(read_tags(path)) == COLUMNS


def test_a_mark_is_kept_with_its_time_in_utc(path):
    returned = tag(path, note="eyes closed")
    kept = read_tags(path)
    pd.testing.assert_frame_equal(kept, returned)
    row = kept.iloc[0]
    assert tuple(row[:5]) == ("a.png", "fear", "surprise", "ambiguous", "eyes closed")
    assert abs(datetime.now(UTC) - datetime.fromisoformat(row["marked"])) < timedelta(minutes=1)


def test_a_second_mark_of_a_face_replaces_the_first_and_others_stay(path):
    tag(path, "a.png")
    tag(path, "b.png")
    tag(path, "a.png", "bad crop")
    assert read_tags(path).set_index("reference")["mark"].to_dict() == {
        "a.png": "bad crop",
        "b.png": "ambiguous",
    }


def test_a_mark_can_be_taken_back(path):
    tag(path, "a.png")
    tag(path, "b.png")
    remove_tag(path, "a.png")
    remove_tag(path, "nobody.png")
    assert list(read_tags(path)["reference"]) == ["b.png"]


@pytest.mark.parametrize(
    "note",
    ["=1+1", "+1", "-1", "@SUM(A1)", "'=1", "''=1", "'quoted'", 'a "b", c', "ü 😀", "=", "", "NA", "007"],
)
def test_every_note_comes_back_and_none_is_a_formula_in_a_spreadsheet(path, note):
    tag(path, "=b.png", note=note)
    with path.open(newline="", encoding="utf-8") as file:
        cells = list(csv.reader(file))[1]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert read_tags(path).loc[0, ["reference", "note"]].tolist() == ["=b.png", note]
    assert for_spreadsheets(read_tags(path)).loc[0, "note"] == cells[4]


def test_control_characters_and_line_breaks_become_spaces(path):
    tag(path, note="one\r\ntwo\t\x00three\x1b[31m \ud800 ")
    assert read_tags(path).loc[0, "note"] == "one two three [31m"
    assert len(path.read_text(encoding="utf-8").splitlines()) == 2


def test_a_note_may_have_200_characters_and_no_more(path):
    tag(path, note="x" * LONGEST_NOTE)
    with pytest.raises(AffectoscopeError, match="The note has 201 characters; at most 200"):
        tag(path, note="x" * (LONGEST_NOTE + 1))
    with pytest.raises(AffectoscopeError, match="Unknown tag .nonsense."):
        tag(path, tag="nonsense")
    assert read_tags(path).loc[0, "note"] == "x" * LONGEST_NOTE


def test_sessions_that_mark_at_once_lose_nothing(path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: tag(path, f"{number}.png", TAGS[number % 4]), range(60)))
    assert set(read_tags(path)["reference"]) == {f"{number}.png" for number in range(60)}
    assert [entry.name for entry in path.parent.iterdir()] == [TAGS_FILE]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "its columns are none"),
        (b"\xff\xfe\x00nonsense", "codec"),
        (b"a,b\n1,2\n", "its columns are a, b"),
        (b"reference,true,predicted,mark,note,marked\na,fear,sad,whatever,,\n", "unknown tag 'whatever'"),
        (
            b"reference,true,predicted,mark,note,marked\na,fear,sad,ambiguous,,\na,fear,sad,bad crop,,\n",
            "twice",
        ),
        (
            b"reference,true,predicted,mark,note,marked\na,fear,sad,ambiguous,,,,,9\n",
            "a row has another number of cells",
        ),
    ],
)
def test_a_damaged_file_is_explained_and_set_aside_whole(path, content, why):
    path.write_bytes(content)
    with pytest.raises(
        AffectoscopeError, match=f"marks.csv of run '{path.parent.name}' cannot be read"
    ) as told:
        read_tags(path)
    assert why in str(told.value)
    assert path.read_bytes() == content
    tag(path, "b.png")
    assert (path.parent / "marks.csv.damaged").read_bytes() == content
    assert list(read_tags(path)["reference"]) == ["b.png"]
    path.write_bytes(b"worse")
    tag(path, "c.png")
    assert (path.parent / "marks.csv.damaged").read_bytes() == content
    assert (path.parent / "marks.csv.damaged-2").read_bytes() == b"worse"


def test_a_file_saved_by_a_spreadsheet_with_a_byte_order_mark_is_read(path):
    tag(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert list(read_tags(path)["reference"]) == ["a.png"]


def test_a_folder_that_cannot_be_written_gives_one_sentence_and_keeps_the_marks(path, monkeypatch):
    tag(path)
    before = path.read_bytes()

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(
        AffectoscopeError, match="cannot be written .Permission denied., so the tag was not saved"
    ):
        tag(path, "b.png")
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [TAGS_FILE]


def test_a_run_that_was_removed_gives_one_sentence(tmp_path):
    with pytest.raises(AffectoscopeError, match="The folder of run 'gone' cannot be written"):
        tag(tmp_path / "gone" / TAGS_FILE)


def test_training_a_run_again_keeps_its_marks_and_drops_its_map(tmp_path):
    run = make_run(tmp_path, "run", faces=20)
    tag(run.tags_path, run.predictions().frame["reference"][0])
    (run.path / "map.parquet").write_bytes(b"of the former embeddings")
    kept = run.tags_path.read_bytes()
    working = working_folder("run", tmp_path)
    shutil.copytree(run.path, working, ignore=shutil.ignore_patterns(*ADDED_FILES))
    again = publish(working, replace=True)
    assert again.tags_path.read_bytes() == kept
    assert not (again.path / "map.parquet").exists()


def test_marking_does_not_make_the_dashboard_read_the_run_again(tmp_path):
    from dashboard import caching

    run = make_run(tmp_path, "run", faces=20)
    state = caching.fingerprint(run.path)
    tag(run.tags_path)
    (run.path / "map.parquet").write_bytes(b"x")
    assert caching.fingerprint(run.path) == state
    (run.path / "scores.json").write_text("{}")
    assert caching.fingerprint(run.path) != state
