"""The page of label errors: the ranking, one click per decision, filters, one face large, and what applies the rest."""

import csv
import io
import shlex

import pandas as pd
import pytest

from core.analysis.label_errors import compute_label_errors, label_errors, save_label_errors
from core.data.decisions import COLUMNS, KEEP, REMOVE, Decision, decide, read_decisions
from core.data.user_table import for_spreadsheets
from core.options import parse_train_config
from core.runs.catalogue import open_run
from core.runs.tables import LABEL_ERRORS
from core.runtime.files import write_json
from dashboard.tables import label_errors as tables
from dashboard.text import label_errors as words
from tests.made_runs import make_face, make_predictions, make_run
from tests.pages import pictures, problems, text_of


@pytest.fixture
def pictured(tmp_path):
    return make_run(tmp_path, "pictured", faces=400, label_set=8, affect=True, thumbnails=True)


@pytest.fixture
def plain(tmp_path):
    return make_run(tmp_path, "plain", faces=400, label_set=8, affect=True)


def flagged(run):
    table = compute_label_errors(run).table
    return table[table["issue"]]


def opened(open_page, run, **query):
    return open_page("label_errors", folder=run.path.parent, **query)


def button(page, label, number=0):
    return [element for element in page.button if element.label == label][number]


# The ranking and its filters


def test_the_likeliest_errors_come_first_with_their_numbers(open_page, pictured):
    shown = opened(open_page, pictured)
    errors, likely = compute_label_errors(pictured), flagged(pictured)
    assert problems(shown) == [] and not list(shown.warning)
    text = text_of(shown)
    assert errors.sentence() in text and f"0 of {len(likely)} likely errors decided." in text_of_progress(
        shown
    )
    assert pictures(shown) == min(len(likely), 24)
    first = likely.iloc[0]
    assert (
        f":small[{words.format_suggestion(first)}]"
        == button_helped(shown, f"Open {first['reference']}").label
    )
    assert "Northcutt et al. 2021" in text and words.NOTHING_DECIDED in text
    table = shown.dataframe[-1].value
    expected = errors.per_label()
    pd.testing.assert_frame_equal(
        table.reset_index(drop=True), expected.assign(share=100 * expected["share"])
    )


def text_of_progress(page):
    return " ".join(str(element.proto.text) for element in page.get("progress"))


def button_helped(page, help):
    return next(element for element in page.button if element.help == help)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"faces": "All faces"}, lambda table: table),
        ({"faces": "Contradictions"}, lambda table: table[table["contradiction"]]),
        ({"faces": "All faces", "given": "fear"}, lambda table: table[table["given"] == "fear"]),
        ({"given": "fear", "suggested": "surprise"},
         lambda table: table[table["issue"] & (table["given"] == "fear") & (table["suggested"] == "surprise")]),
    ],
)  # fmt: skip
def test_filters_live_in_the_url(open_page, plain, query, expected):
    shown = opened(open_page, plain, **query)
    table = expected(compute_label_errors(plain).table)
    assert len(table)
    assert problems(shown) == [] and not list(shown.warning)
    assert list(shown.dataframe[0].value["reference"]) == list(table["reference"].head(24))
    assert f"of {len(table)} " in text_of_progress(shown)


def test_decided_faces_can_be_hidden_and_nobody_left_is_said(open_page, plain):
    likely = flagged(plain)
    decide(plain.decisions_path, tables.decisions_about(likely.iloc[:2], KEEP))
    rest = opened(open_page, plain, decided="undecided")
    assert list(rest.dataframe[0].value["reference"]) == list(likely["reference"].iloc[2:26])
    assert f"2 of {len(likely)} likely errors decided: 2 kept." in text_of_progress(rest)
    done = opened(open_page, plain, decided="decided")
    assert list(done.dataframe[0].value["reference"]) == list(likely["reference"].iloc[:2])
    nobody = opened(open_page, plain, decided="decided", given="happy", suggested="contempt")
    assert words.NO_FACE in nobody.info[0].value


def test_contradictions_are_no_choice_where_nothing_has_valence(open_page, tmp_path):
    run = make_run(tmp_path, "grey", faces=80)
    shown = opened(open_page, run, faces="Contradictions")
    assert "faces 'Contradictions', which is not here" in shown.warning[0].value


# One click


def test_one_click_relabels_keeps_removes_and_undoes(open_page, pictured):
    likely = flagged(pictured)
    shown = opened(open_page, pictured)
    first, second, third = (likely.iloc[row] for row in range(3))
    button(shown, f"Relabel to {first['suggested']}").click().run()
    kept = read_decisions(pictured.decisions_path)
    assert kept[["reference", "split", "given", "decision"]].values.tolist() == [
        [first["reference"], "test", first["given"], first["suggested"]]
    ]
    assert f"**{first['suggested']}**]" in text_of(shown)
    button(shown, "Keep").click().run()  # the first one left
    button(shown, "Remove").click().run()
    kept = read_decisions(pictured.decisions_path).set_index("reference")["decision"]
    assert kept.to_dict() == {
        first["reference"]: first["suggested"],
        second["reference"]: KEEP,
        third["reference"]: REMOVE,
    }
    assert f"3 of {len(likely)} likely errors decided: 1 relabelled, 1 kept, 1 removed." in text_of_progress(
        shown
    )
    button(shown, "Undo").click().run()
    assert first["reference"] not in set(read_decisions(pictured.decisions_path)["reference"])
    assert problems(shown) == [] and not list(shown.warning)


def test_a_click_adds_one_decision_to_thousands_and_draws_one_page(open_page, tmp_path):
    run = make_run(tmp_path, "large", faces=4000, label_set=8, affect=True, thumbnails=True, resamples=0)
    table = compute_label_errors(run).table
    decide(run.decisions_path, tables.decisions_about(table.iloc[2000:], KEEP))
    shown = opened(open_page, run)
    button(shown, f"Relabel to {table['suggested'].iloc[0]}").click().run()
    assert problems(shown) == [] and pictures(shown) == 24
    assert len(read_decisions(run.decisions_path)) == 2001


def test_without_images_ticked_rows_are_decided_about_together(open_page, plain):
    likely = flagged(plain)
    shown = opened(open_page, plain)
    assert pictures(shown) == 0 and "may not be redistributed" in text_of(shown)
    assert button(shown, "Keep").disabled and button(shown, "Open").disabled
    tick(shown, [0, 2])
    button(shown, "Relabel as suggested").click().run()
    kept = read_decisions(plain.decisions_path)
    expected = likely.iloc[[0, 2]]
    assert kept["reference"].tolist() == expected["reference"].tolist()
    assert kept["decision"].tolist() == expected["suggested"].astype(str).tolist()
    tick(shown, [2])
    button(shown, "Undo").click().run()
    assert read_decisions(plain.decisions_path)["reference"].tolist() == [expected["reference"].iloc[0]]
    tick(shown, [1])
    button(shown, "Open").click().run()
    assert shown.selectbox(key="face").value == likely["reference"].iloc[1]
    assert problems(shown) == []


def tick(page, rows):
    """What ticking rows of the faces does: AppTest has no setter for it."""
    key = next(key for key in page.session_state if key.startswith("rows-"))
    page.session_state[key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    page.run()


def test_a_folder_that_cannot_be_written_gives_one_sentence(open_page, pictured, monkeypatch):
    from core.data import user_table

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    shown = opened(open_page, pictured)
    monkeypatch.setattr(user_table, "_write", refuse)
    button(shown, "Keep").click().run()
    assert problems(shown) == []
    assert "cannot be written (Permission denied), so the decision was not saved" in shown.warning[0].value
    assert not list(shown.run().warning)


def test_damaged_decisions_are_told_and_kept(open_page, pictured):
    pictured.decisions_path.write_bytes(b"\x00nonsense")
    shown = opened(open_page, pictured)
    assert (
        problems(shown) == [] and "decisions.csv of run 'pictured' cannot be read" in shown.warning[0].value
    )
    button(shown, "Keep").click().run()
    assert not list(shown.warning) and len(read_decisions(pictured.decisions_path)) == 1
    assert (pictured.path / "decisions.csv.damaged").read_bytes() == b"\x00nonsense"


# One face


def test_a_face_is_opened_decided_about_with_any_label_and_taken_back(open_page, pictured):
    likely = flagged(pictured)
    face = likely.iloc[1]
    shown = opened(open_page, pictured, face=face["reference"])
    assert problems(shown) == [] and pictures(shown) == 1
    assert words.describe_label(face) in text_of(shown) and f"2 of {len(likely)}" in text_of(shown)
    other = next(label for label in pictured.labels if label not in (face["given"], face["suggested"]))
    button(shown, "Save the decision").click().run()
    assert "Choose a label first, or remove." in shown.warning[0].value
    shown.pills[0].set_value(other)
    next(element for element in shown.text_input if element.label == "Note").set_value("squints")
    button(shown, "Save the decision").click().run()
    kept = read_decisions(pictured.decisions_path).iloc[0]
    assert tuple(kept[:5]) == (face["reference"], "test", face["given"], other, "squints")
    assert shown.pills[0].value == other and "Decided 20" in text_of(shown)
    button(shown, "Undo").click().run()
    assert read_decisions(pictured.decisions_path).empty and problems(shown) == []


def test_the_way_through_the_faces_and_back(open_page, pictured):
    likely = flagged(pictured)
    assert len(likely) > 24
    shown = opened(open_page, pictured, face=likely["reference"].iloc[24])
    button(shown, "Next").click().run()
    assert shown.selectbox(key="face").value == likely["reference"].iloc[25]
    button(shown, "Previous").click().run()
    button(shown, "All faces").click().run()
    assert shown.session_state["page"] == 2 and problems(shown) == []
    assert button_helped(shown, f"Open {likely['reference'].iloc[24]}")
    hidden = compute_label_errors(pictured).table.iloc[-1]["reference"]
    assert "not among the filtered faces" in text_of(opened(open_page, pictured, face=hidden))


def test_a_contradiction_is_explained(open_page, pictured):
    errors = compute_label_errors(pictured)
    row = errors.table[errors.table["contradiction"]].iloc[0]
    shown = opened(open_page, pictured, face=row["reference"])
    assert f"which contradicts {'AffectNet' if row['given'] == 'happy' else 'what'}" in text_of(shown)


# Training faces


def kept_training(run, *, thumbnails=False, seed=5):
    predictions = make_predictions(faces=90, label_set=8, affect=True, split="train", seed=seed)
    errors = label_errors(predictions)
    images = {name: _webp(row) for row, name in enumerate(errors.table["reference"])} if thumbnails else None
    save_label_errors(run, errors, {"folds": 3, "epochs": 5}, images)
    return errors


def _webp(row):
    from core.data.images import as_webp

    return as_webp(make_face(row % 7, seed=row))


def test_training_faces_that_nobody_ranked_get_the_command(open_page, plain):
    shown = opened(open_page, plain, source="Training faces")
    assert problems(shown) == [] and "have not been ranked" in shown.info[0].value
    assert shown.code[0].value == "python -m core.label_errors --run plain --data PATH"


def test_ranked_training_faces_are_shown_with_their_own_images(open_page, pictured):
    errors = kept_training(pictured, thumbnails=True)
    shown = opened(open_page, pictured, source="Training faces")
    assert problems(shown) == [] and not list(shown.error)
    assert errors.sentence() in text_of(shown) and "3 folds of 5 epochs" in text_of(shown)
    assert pictures(shown) == min(int(errors.table["issue"].sum()), 24)
    first = errors.table[errors.table["issue"]].iloc[0]
    button(shown, f"Relabel to {first['suggested']}").click().run()
    assert read_decisions(pictured.decisions_path)["split"].tolist() == ["train"]
    command = shown.code[0].value
    config = parse_train_config(shlex.split(command)[3:])
    assert (config.name, config.relabel) == ("pictured-relabelled", pictured.decisions_path)


def test_training_faces_without_images_ask_for_the_data(open_page, pictured):
    kept_training(pictured)
    shown = opened(open_page, pictured, source="Training faces")
    assert pictures(shown) == 0 and "Path of your copy" in shown.text_input[0].label


def test_a_damaged_ranking_is_explained(open_page, plain):
    (plain.path / LABEL_ERRORS.file).write_bytes(b"nonsense")
    shown = opened(open_page, plain, source="Training faces")
    assert problems(shown) == [] and "label_errors.parquet" in shown.error[0].value
    assert not list(opened(open_page, plain).error)


# Handing on


def test_the_commands_apply_to_the_faces_that_were_decided_about(plain):
    train = Decision("t.png", "train", "fear", "sad")
    test = Decision("s.png", "test", "fear", "sad")
    path = plain.decisions_path
    both = decide(path, [train, test])
    training, evaluation = words.apply_commands(plain, both).splitlines()
    assert evaluation == f"python -m core.evaluate --run plain --data PATH --relabel {path}"
    config = parse_train_config(training.split()[3:])
    assert (str(config.relabel), config.name, config.preset) == (str(path), "plain-relabelled", "quick")
    assert words.apply_commands(plain, both[both["split"] == "train"]) == training
    assert words.apply_commands(plain, both[both["split"] == "test"]) == evaluation
    assert "**2 decisions**: 1 about a training face, 1 about a scored face." in words.count_decisions(both)


def test_the_command_repeats_the_run_s_options(trained_run):
    decided = pd.DataFrame([("t.png", "train", "fear", "sad", "", "")], columns=list(COLUMNS))
    config = parse_train_config(shlex.split(words.apply_commands(trained_run, decided))[3:])
    assert (config.filters, config.epochs, config.size) == ((8, 16), 2, 24)
    assert str(config.data) == "PATH"
    trained_run.info["config"]["data"], before = None, trained_run.info["config"]["data"]
    try:  # the faces that a training without --data draws need no path
        config = parse_train_config(shlex.split(words.apply_commands(trained_run, decided))[3:])
        assert config.data is None and words.command(trained_run).endswith("--data drawn")
    finally:
        trained_run.info["config"]["data"] = before


def test_the_csv_is_one_that_train_reads(plain):
    table = decide(plain.decisions_path, [Decision("=t.png", "train", "fear", "sad", "+1")])
    text = for_spreadsheets(table).to_csv(index=False)
    assert next(csv.reader(io.StringIO(text.splitlines()[1])))[0] == "'=t.png"
    from core.data.relabelling import read_relabelling
    from core.labels import LABEL_SETS

    copy = plain.path / "copy.csv"
    copy.write_text(text)
    assert read_relabelling(copy, LABEL_SETS[8]).table["reference"].tolist() == ["=t.png"]


def test_a_relabelled_run_says_so_and_its_decisions_go_on_from_the_data_s_labels(open_page, pictured):
    info = open_run(pictured.path).info
    info["data"]["relabelled"] = {
        "file": "decisions.csv", "relabelled": 5, "removed": 2, "kept": 0, "test_left_alone": 0, "not_found": 0,
        "changes": {"sad -> fear": 5},
    }  # fmt: skip
    write_json(pictured.path / "run.json", info)
    errors = kept_training(pictured, thumbnails=True)
    table = errors.table.assign(annotated=errors.table["given"].astype(str))
    first = table[table["issue"]].index[0]
    own = next(
        label for label in pictured.labels if label not in tuple(table.loc[first, ["given", "suggested"]])
    )
    table.loc[first, "annotated"] = own
    from dataclasses import replace

    save_label_errors(pictured, replace(errors, table=table), {"folds": 3, "epochs": 5})
    shown = opened(open_page, pictured, source="Training faces", face=table.loc[first, "reference"])
    assert (
        "Trained with corrected labels: decisions.csv: 5 labels changed (sad -> fear 5), 2 faces removed"
        in text_of(shown)
    )
    assert f"The annotation is {own}" in text_of(shown)
    shown.pills[0].set_value(str(table.loc[first, "given"]))
    button(shown, "Save the decision").click().run()
    kept = read_decisions(pictured.decisions_path).iloc[0]
    assert (kept["given"], kept["decision"]) == (
        own,
        table.loc[first, "given"],
    )  # the data's label, not the corrected
