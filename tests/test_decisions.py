"""Decisions about labels: kept whole beside the run, one per face, and carried over when it is trained again."""

import csv
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from core.data.decisions import COLUMNS, KEEP, REMOVE, Decision, decide, read_decisions, take_back
from core.errors import AffectoscopeError
from core.runs.catalogue import publish, working_folder
from core.runs.layout import DECISIONS_FILE
from core.runs.tables import ADDED_FILES
from core.runs.tags import set_tag
from tests.made_runs import make_run


@pytest.fixture
def path(tmp_path):
    return tmp_path / DECISIONS_FILE


def one(reference="a.png", decision="surprise", **options):
    return Decision(reference, "train", "fear", decision, **options)


def test_no_file_is_no_decision(path):
    assert read_decisions(path).empty and tuple(read_decisions(path)) == COLUMNS


def test_decisions_are_kept_with_their_time(path):
    returned = decide(path, [one(note="eyes wide"), one("b.png", REMOVE), one("c.png", KEEP)])
    kept = read_decisions(path)
    pd.testing.assert_frame_equal(kept, returned)
    assert tuple(kept.iloc[0][:5]) == ("a.png", "train", "fear", "surprise", "eyes wide")
    assert list(kept["decision"]) == ["surprise", REMOVE, KEEP]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(kept["decided"][0])) < timedelta(minutes=1)


def test_a_second_decision_replaces_the_first_and_the_given_label_means_keep(path):
    decide(path, [one(), one("b.png")])
    decide(path, [one(decision="fear")])
    assert read_decisions(path).set_index("reference")["decision"].to_dict() == {
        "b.png": "surprise",
        "a.png": KEEP,
    }


def test_decisions_can_be_taken_back(path):
    decide(path, [one(), one("b.png"), one("c.png")])
    take_back(path, ["a.png", "c.png", "nobody.png"])
    assert list(read_decisions(path)["reference"]) == ["b.png"]


def test_no_cell_is_a_formula_in_a_spreadsheet_and_every_one_comes_back(path):
    decide(path, [one("=b.png", note="@SUM(A1)"), one("'=c.png", note="-1")])
    with path.open(newline="", encoding="utf-8") as file:
        written = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in written if cell.startswith(("=", "+", "-", "@"))]
    assert read_decisions(path)[["reference", "note"]].values.tolist() == [
        ["=b.png", "@SUM(A1)"],
        ["'=c.png", "-1"],
    ]


def test_unknown_labels_and_decisions_and_long_notes_are_refused(path):
    with pytest.raises(AffectoscopeError, match="'bored' is no decision; expected one of neutral, happy"):
        decide(path, [one(decision="bored")])
    with pytest.raises(AffectoscopeError, match="'bored' is no decision"):
        decide(path, [Decision("a.png", "train", "bored", KEEP)])
    with pytest.raises(AffectoscopeError, match="The note has 201 characters"):
        decide(path, [one(note="x" * 201)])
    assert not path.exists()


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ("a,b\n1,2\n", "its columns are a, b"),
        (f"{','.join(COLUMNS)}\na,train,fear,whatever,,\n", "'whatever' is no decision"),
        (f"{','.join(COLUMNS)}\na,train,bored,keep,,\n", "'bored' is no label"),
        (f"{','.join(COLUMNS)}\na,train,fear,keep,,\na,train,fear,remove,,\n", "a face is in it twice"),
    ],
)
def test_a_damaged_file_is_explained_and_set_aside_whole(path, rows, why):
    path.write_text(rows)
    with pytest.raises(AffectoscopeError, match="The next decision sets it aside") as told:
        read_decisions(path)
    assert why in str(told.value)
    decide(path, [one("b.png")])
    assert (path.parent / "decisions.csv.damaged").read_text() == rows
    assert list(read_decisions(path)["reference"]) == ["b.png"]


def test_sessions_that_decide_and_mark_at_once_lose_nothing(path):
    tags = path.with_name("marks.csv")

    def both(number):
        decide(path, [one(f"{number}.png")])
        set_tag(tags, reference=f"{number}.png", true="fear", predicted="sad", tag="ambiguous")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(both, range(40)))
    assert len(read_decisions(path)) == 40
    assert sorted(entry.name for entry in path.parent.iterdir()) == [DECISIONS_FILE, "marks.csv"]


def test_training_a_run_again_keeps_its_decisions(tmp_path):
    run = make_run(tmp_path, "run", faces=20)
    decide(run.decisions_path, [one()])
    (run.path / "decisions.csv.damaged").write_bytes(b"of old")
    kept = run.decisions_path.read_bytes()
    working = working_folder("run", tmp_path)
    shutil.copytree(run.path, working, ignore=shutil.ignore_patterns(*(f"{name}*" for name in ADDED_FILES)))
    again = publish(working, replace=True)
    assert again.decisions_path.read_bytes() == kept
    assert (again.path / "decisions.csv.damaged").read_bytes() == b"of old"


def test_deciding_does_not_make_the_dashboard_read_the_run_again(tmp_path):
    from dashboard import caching

    run = make_run(tmp_path, "run", faces=20)
    state = caching.fingerprint(run.path)
    decide(run.decisions_path, [one()])
    assert caching.fingerprint(run.path) == state
