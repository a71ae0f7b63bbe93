"""Runs on other data sets: labels mapped by meaning, evaluations kept with the run, and the page Transfer."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from core.analysis.transfer import (
    KeptEvaluation,
    list_evaluations,
    map_labels,
    own_evaluation,
    score_shared,
    transfer_table,
)
from core.metrics.predictions import Predictions
from core.metrics.scoring import score
from core.runs.catalogue import open_run
from core.runs.layout import EVALUATIONS_FOLDER
from dashboard.tables import transfer as tables
from tests.made_runs import make_predictions, make_run
from tests.pages import problems, text_of

LABELS = ("neutral", "happy", "contempt")

#: Four neutral and two happy faces; one is predicted as contempt, which none is.
FOREIGN = Predictions.from_arrays(
    labels=LABELS,
    truth=np.array([0, 0, 0, 0, 1, 1]),
    probabilities=np.array(
        [[0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.9, 0.0], [0.3, 0.1, 0.6], [0.2, 0.8, 0.0], [0.6, 0.4, 0.0]]
    ),
)


def test_what_is_mapped_and_what_is_lost_by_hand():
    mapping = map_labels(FOREIGN, {"fear": 3, "none": 1})
    assert mapping.shared == ("neutral", "happy") and mapping.network_only == ("contempt",)
    assert (mapping.predicted, mapping.faces) == (1, 6)
    assert mapping.sentence() == (
        "The data has no contempt: one face (16.7%) is predicted so, which is never right. "
        "Left out, because the network does not have their label: 3 fear and 1 none."
    )
    assert "the same labels" in replace(mapping, network_only=(), data_only={}).sentence()


def test_a_label_that_the_data_lacks_is_an_error_unless_only_shared_labels_count():
    scores = score(FOREIGN, resamples=0)
    assert scores.headline["accuracy"].value == pytest.approx(3 / 6)
    # neutral: precision 2/3, recall 2/4; happy: precision 1/2, recall 1/2
    assert scores.headline["macro_f1"].value == pytest.approx((4 / 7 + 1 / 2) / 2)
    shared = score_shared(FOREIGN, map_labels(FOREIGN, {}), resamples=0)
    assert shared["accuracy"].value == pytest.approx(4 / 6) and np.isnan(shared["accuracy"].low)
    # neutral: precision 3/4, recall 3/4; happy: precision 1/2, recall 1/2
    assert shared["macro_f1"].value == pytest.approx((6 / 8 + 1 / 2) / 2)


def test_shared_scores_are_the_scores_where_all_labels_are_shared():
    predictions = make_predictions(faces=300, label_set=7)
    mapping = map_labels(predictions, {})
    shared, scores = score_shared(predictions, mapping, resamples=500), score(predictions, resamples=500)
    for name, estimate in shared.items():
        expected = scores.headline[name]
        assert estimate.value == pytest.approx(expected.value)
        assert (estimate.low, estimate.high) == pytest.approx((expected.low, expected.high), abs=0.01)


def kept(predictions: Predictions, **changes) -> KeptEvaluation:
    mapping = map_labels(predictions, {"none": 2})
    values = {
        "name": "folders",
        "title": "own (image folders)",
        "file": "own",
        "split": "test",
        "variant": "",
        "created": "2026-11-27T00:00:00+00:00",
        "test_time_augmentation": "none",
        "protocol": "Protocol: made.",
        "cautions": ("Some of these faces may be known.",),
        "labels": mapping,
        "scores": score(predictions, resamples=50),
        "shared": score_shared(predictions, mapping, resamples=50),
    }
    return KeptEvaluation(**values | changes)


@pytest.fixture
def folder(tmp_path):
    """Runs "eight" and "seven"; "eight" was scored on other data too."""
    make_run(tmp_path, "seven", faces=60, data={"name": "fer2013", "title": "FER2013 (table of pixels)"})
    make_run(tmp_path, "eight", faces=60, label_set=8)
    other = make_predictions(faces=80, label_set=8, absent=("contempt",), seed=4)
    run = open_run(tmp_path / "eight")
    kept(other).keep(run)
    kept(other, name="fer2013", title="FER2013 (folders)", file="fer2013.zip").keep(run)
    kept(other, variant="mirror").keep(run)
    return tmp_path


def test_evaluations_are_kept_read_again_and_replaced(folder):
    run = open_run(folder / "eight")
    found, damaged = list_evaluations(run)
    assert damaged == []
    assert sorted(path.name for path in (run.path / EVALUATIONS_FOLDER).iterdir()) == [
        "fer2013-test.json", "own-image-folders-test-mirror.json", "own-image-folders-test.json",
    ]  # fmt: skip
    assert [each.column for each in found] == [
        "FER2013, test", "own (image folders), test, mirror", "own (image folders), test",
    ]  # fmt: skip
    by_votes = replace(found[0], title="FER2013 (folders), majority of votes")
    assert by_votes.column == "FER2013, majority of votes, test"
    assert (
        found[0].as_dict()
        == kept(
            make_predictions(faces=80, label_set=8, absent=("contempt",), seed=4),
            name="fer2013",
            title="FER2013 (folders)",
            file="fer2013.zip",
        ).as_dict()
    )
    kept(make_predictions(faces=30, label_set=8)).keep(run)
    assert [each.scores.faces for each in list_evaluations(run)[0]] == [80, 80, 30]


def test_damaged_and_newer_files_are_named_and_the_others_read(folder):
    run = open_run(folder / "eight")
    home = run.path / EVALUATIONS_FOLDER
    (home / "own-image-folders-test.json").write_text("{", encoding="utf-8")
    newer = (home / "fer2013-test.json").read_text(encoding="utf-8")
    (home / "newer.json").write_text(
        newer.replace('"schema_version": 1', '"schema_version": 9', 1), encoding="utf-8"
    )
    (home / "empty.json").write_text("{}", encoding="utf-8")
    found, damaged = list_evaluations(run)
    assert len(found) == 2 and len(damaged) == 3
    assert "schema 9" in "".join(damaged) and all("core.evaluate again" in each for each in damaged)


def test_the_table_has_a_row_per_run_and_a_column_per_data_set(folder):
    runs = {name: open_run(folder / name) for name in ("eight", "seven")}
    table = transfer_table(
        {name: [own_evaluation(run), *list_evaluations(run)[0]] for name, run in runs.items()}
    )
    assert len(table) == 5 and table["own"].sum() == 2
    grid = tables.grid(table, "accuracy").set_index("run")
    assert list(grid.index) == ["eight", "seven"] and grid.columns[0] == "FER2013, test"
    own = runs["seven"].scores.headline["accuracy"]
    assert grid.loc["seven", "FER2013, test"] == (
        f"{100 * own.value:.1f}% ({100 * own.low:.1f} to {100 * own.high:.1f}) *"
    )
    kept(make_predictions(faces=50), name="fer2013", title="FER2013 (folders)").keep(runs["seven"])
    newest = [own_evaluation(runs["seven"]), *list_evaluations(runs["seven"])[0]]
    shown = tables.grid(transfer_table({"seven": newest}), "accuracy").loc[0, "FER2013, test"]
    again = newest[1].scores.headline["accuracy"].value
    assert again != own.value and shown.startswith(f"{100 * again:.1f}% (") and shown.endswith("*")
    other = table[(table["run"] == "eight") & (table["data"] == "FER2013, test")].iloc[0]
    assert grid.loc["eight", "FER2013, test"].startswith(f"{100 * other['accuracy']:.1f}% (")
    assert grid.loc["seven", "own (image folders), test"] == ""
    assert "The data has no contempt" in other["lost"] and "their label: 2 none" in other["lost"]
    among = tables.grid(table, "macro_f1", shared=True).set_index("run")
    assert among.loc["eight", "FER2013, test"].startswith(f"{other['shared_macro_f1']:.3f} (")
    assert other["shared_accuracy"] >= other["accuracy"]
    assert tables.details(table)["run"].tolist() == ["eight"] * 3


def test_the_page_shows_the_grid_what_is_lost_and_damaged_files(open_page, folder):
    (folder / "eight" / EVALUATIONS_FOLDER / "bad.json").write_text("{", encoding="utf-8")
    shown = open_page("transfer", folder=folder)
    assert problems(shown) == [] and "bad.json" in shown.warning[0].value
    (grid,), (details,) = shown.dataframe, shown.table
    assert set(grid.value["run"]) == {"eight", "seven"} and len(details.value) == 3
    shown.segmented_control(key="number").set_value("macro-F1").run()
    assert problems(shown) == []
    assert "%" not in shown.dataframe[0].value["FER2013, test"].iloc[0]
    shutil.rmtree(folder / "eight" / EVALUATIONS_FOLDER)
    assert "core.evaluate" in shown.run().code[0].value


def test_without_evaluations_the_page_says_how_to_make_one(open_page, made_runs, tmp_path):
    for home in (made_runs, tmp_path):
        shown = open_page("transfer", folder=home)
        assert problems(shown) == [] and "No run has been scored on another data set yet" in text_of(shown)
        assert shown.code[0].value == "python -m core.evaluate --run R --data PATH PATH ..."
