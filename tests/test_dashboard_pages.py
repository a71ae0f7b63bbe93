"""Every page in every state: with runs, with none, with damaged ones, and what it then says."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.runs.catalogue import open_run
from tests.made_runs import make_face, make_history, make_newer, make_run
from tests.pages import PAGES, ROOT, RUNS, pictures, problems, text_of


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_shows_every_run(open_page, page, run):
    shown = open_page(page, run=run)
    assert problems(shown) == []
    assert [element.value for element in shown.error] == []
    assert shown.query_params["run"] == run
    assert shown.selectbox(key="run_choice").value == run
    assert len(shown.title) == 1


@pytest.mark.parametrize("page", PAGES)
def test_without_runs_a_page_says_how_to_train_one(open_page, tmp_path, page):
    for folder in (tmp_path, tmp_path / "missing"):
        shown = open_page(page, folder=folder)
        assert problems(shown) == []
        assert "python -m core.train" in text_of(shown)


@pytest.mark.parametrize("page", PAGES)
def test_with_nothing_but_a_damaged_run_a_page_gives_its_reason(open_page, tmp_path, page):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    shown = open_page(page, folder=tmp_path)
    assert problems(shown) == []
    assert "run.json of" in shown.dataframe[0].value.to_string()


@pytest.fixture(scope="module")
def newer(tmp_path_factory) -> Path:
    """A folder of one run, which a newer version wrote."""
    folder = tmp_path_factory.mktemp("newer")
    make_newer(folder, "newer")
    return folder


@pytest.mark.parametrize("page", PAGES)
def test_with_nothing_but_a_newer_run_a_page_says_to_update(open_page, newer, page):
    shown = open_page(page, folder=newer)
    assert problems(shown) == []
    assert "written by a newer version of Affectoscope" in shown.dataframe[0].value.to_string()


@pytest.fixture(scope="module")
def broken(tmp_path_factory) -> dict[str, Path]:
    """Folders of one run each, by the file of it that is damaged."""
    folders = {}
    for damage in ("scores.json", "predictions.parquet", "history.csv"):
        folders[damage] = tmp_path_factory.mktemp("broken")
        run = make_run(folders[damage], "broken", faces=20)
        (run.path / damage).write_bytes(b"\x00{ nonsense")
    return folders


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("damage", ["scores.json", "predictions.parquet", "history.csv"])
def test_a_damaged_file_is_explained_where_it_is_needed(open_page, broken, page, damage):
    shown = open_page(page, folder=broken[damage])
    assert problems(shown) == []
    needs = {
        "scores.json": {"overview", "confusion", "per_class", "m_measure", "affect"},
        "predictions.parquet": set(PAGES) - {"overview", "training", "robustness"},
        "history.csv": {"overview", "training"},
    }
    told = [element.value for element in shown.error]
    assert (len(told) == 1) == (page in needs[damage])
    assert all("cannot be shown" in sentence and damage.split(".")[0] in sentence for sentence in told)


def test_a_history_without_epochs_is_explained(open_page, tmp_path):
    make_run(tmp_path, "short", faces=20)
    make_history(0).to_csv(tmp_path / "short" / "history.csv", index=False)
    assert "has no epochs" in open_page("training", folder=tmp_path).error[0].value


def test_damaged_thumbnails_are_explained_and_the_faces_still_listed(open_page, tmp_path):
    make_run(tmp_path, "broken", faces=40, thumbnails=True)
    (tmp_path / "broken" / "faces.parquet").write_bytes(b"nonsense")
    shown = open_page("misclassified", folder=tmp_path)
    assert problems(shown) == []
    assert "faces.parquet" in shown.warning[0].value
    assert len(shown.dataframe[0].value) > 0


def test_run_json_without_counts_is_no_run(open_page, tmp_path):
    make_run(tmp_path, "whole", faces=20)
    make_run(tmp_path, "lacking", faces=20, data={"counts": {}})
    shown = open_page("data", folder=tmp_path, run="lacking")
    assert "lacks data.counts" in shown.warning[0].value
    assert shown.selectbox(key="run_choice").options == ["whole"]


def test_the_overview_shows_the_numbers_of_scores_json(open_page, made_runs):
    shown = open_page("overview", run="affect")
    accuracy = open_run(made_runs / "affect").scores.headline["accuracy"]
    metric = next(element for element in shown.metric if element.label == "Accuracy")
    assert metric.value == f"{100 * accuracy.value:.1f}%"
    assert metric.delta == f"{100 * accuracy.low:.1f} to {100 * accuracy.high:.1f}%"
    table = shown.dataframe[0].value.set_index("run")
    assert set(table.index) == set(RUNS)
    assert table.loc["affect", "accuracy"] == pytest.approx(100 * accuracy.value)
    assert "3,000 rows read, 2,997 used, 3 rejected" in text_of(shown)


def test_the_overview_lists_damaged_folders_with_their_reason(open_page):
    tables = [element.value for element in open_page("overview").dataframe]
    assert any("damaged" in table.to_string() and "run.json of" in table.to_string() for table in tables)


def test_a_run_that_appears_changes_and_disappears_is_noticed(open_page, tmp_path):
    make_run(tmp_path, "first", faces=30)
    shown = open_page("misclassified", folder=tmp_path, run="first")
    assert shown.selectbox(key="run_choice").options == ["first"]
    make_run(tmp_path, "second", faces=50, created="2026-12-01T00:00:00+00:00")
    shown.run()
    assert shown.selectbox(key="run_choice").options == ["second", "first"]
    assert shown.selectbox(key="run_choice").value == "first"
    assert "of 30 faces" in text_of(shown)
    shutil.rmtree(tmp_path / "first")
    make_run(tmp_path, "first", faces=70, seed=1)
    assert "of 70 faces" in text_of(shown.run())
    shutil.rmtree(tmp_path / "first")
    shown.run()
    assert problems(shown) == []
    assert shown.selectbox(key="run_choice").value == "second"
    assert "'first', which is not here" in shown.warning[0].value


def test_choosing_a_run_changes_the_url(open_page):
    shown = open_page("training", run="affect")
    shown.selectbox(key="run_choice").set_value("eleven").run()
    assert shown.query_params["run"] == "eleven"
    assert shown.dataframe[0].value["run"].tolist() == ["eleven"]


def test_an_unknown_run_in_the_url_falls_back_with_a_notice(open_page):
    shown = open_page("overview", run="nobody")
    assert "'nobody', which is not here. Showing 'thumbnails'" in shown.warning[0].value
    assert shown.query_params["run"] == "thumbnails"
    shown = open_page("overview", run="damaged")
    assert "'damaged' cannot be opened" in shown.warning[0].value and "run.json of" in shown.warning[0].value
    shown = open_page("overview", run="newer")
    assert "update Affectoscope to open it" in shown.warning[0].value


def test_a_confusion_cell_in_the_url_shows_its_faces(open_page, made_runs):
    scores = open_run(made_runs / "thumbnails").scores
    count = int(scores.confusion[scores.labels.index("fear"), scores.labels.index("surprise")])
    assert 1 < count <= 24
    shown = open_page("confusion", run="thumbnails", true="fear", predicted="surprise")
    assert f"{count} faces: fear predicted as surprise" in text_of(shown)
    assert pictures(shown) == count
    assert text_of(shown).count("fear → **surprise**") == count


def test_select_boxes_choose_a_cell_without_a_mouse(open_page):
    shown = open_page("confusion", run="thumbnails")
    assert pictures(shown) == 0
    shown.selectbox(key="true").set_value("sad").run()
    shown.selectbox(key="predicted").set_value("neutral").run()
    assert "sad predicted as neutral" in text_of(shown)
    assert pictures(shown) > 0
    shown.button[0].click().run()
    assert pictures(shown) == 0
    assert shown.selectbox(key="true").value is None


@pytest.mark.parametrize(
    ("page", "query", "told"),
    [
        ("confusion", {"true": "boredom"}, "true 'boredom'"),
        ("confusion", {"predicted": "contempt"}, "predicted 'contempt'"),
        ("confusion", {"cells": "Nonsense"}, "cell values 'Nonsense'"),
        ("m_measure", {"first": "boredom"}, "class a 'boredom'"),
        ("misclassified", {"order": "Nonsense"}, "order 'Nonsense'"),
        ("misclassified", {"confidence": "197"}, "confidence (%) '197'"),
        ("misclassified", {"face": "test/nobody.png"}, "face 'test/nobody.png'"),
    ],
)
def test_other_unknown_values_in_the_url_are_named_and_ignored(open_page, page, query, told):
    shown = open_page(page, run="thumbnails", **query)
    assert problems(shown) == []
    assert any(told in element.value for element in shown.warning)


def test_strongest_confusions_are_told_in_words(open_page, made_runs):
    scores = open_run(made_runs / "thumbnails").scores
    fear, surprise = scores.labels.index("fear"), scores.labels.index("surprise")
    count, of = scores.confusion[fear, surprise], scores.confusion[fear].sum()
    sentence = f"1. fear predicted as surprise: {count} of {of}, {100 * count / of:.1f}%"
    assert sentence in text_of(open_page("confusion", run="thumbnails"))


def test_misclassified_faces_come_surest_first_and_in_pages(open_page, made_runs):
    shown = open_page("misclassified", run="affect")
    predictions = open_run(made_runs / "affect").predictions()
    wrong = predictions.confidence[~predictions.correct]
    table = shown.dataframe[0].value
    assert table["probability"].to_numpy() == pytest.approx(100 * np.sort(wrong)[::-1][: len(table)])
    assert f"{len(wrong)} of 160 faces are misclassified" in text_of(shown)
    assert len(wrong) > 24 and len(shown.pagination) == 1


def test_filters_narrow_the_misclassified_faces(open_page):
    shown = open_page("misclassified", run="affect", true="fear", confidence=["60", "100"])
    table = shown.dataframe[0].value
    assert set(table["true"]) == {"fear"} and table["probability"].min() >= 60
    nobody = open_page("misclassified", run="affect", true="fear", predicted="fear")
    assert "No misclassified face passes these filters" in nobody.info[0].value


def test_a_face_in_the_url_is_shown_large(open_page, made_runs):
    predictions = open_run(made_runs / "thumbnails").predictions()
    row = int(np.flatnonzero(~predictions.correct)[-1])
    reference = predictions.frame["reference"].iloc[row]
    shown = open_page("misclassified", run="thumbnails", face=reference)
    assert shown.selectbox(key="face").value == reference
    truth, predicted = (predictions.labels[code[row]] for code in (predictions.truth, predictions.predicted))
    assert f"**{truth}** predicted as **{predicted}**" in text_of(shown)


def test_only_one_class_leaves_m_undefined_and_says_so(open_page):
    assert "at least two expressions" in open_page("m_measure", run="one-class").info[0].value
    assert "Every face is annotated happy" in text_of(open_page("per_class", run="one-class"))


def test_absent_classes_and_few_faces_are_named(open_page):
    assert "No face is annotated disgust, contempt" in text_of(open_page("overview", run="absent"))
    assert "based on one face" in text_of(open_page("overview", run="one-face"))


def test_without_affect_the_page_says_what_would_give_it(open_page):
    shown = open_page("affect", run="thumbnails")
    assert "does not annotate" in shown.info[0].value
    assert "core.train --data" in shown.code[0].value
    assert not open_page("affect", run="affect").info


def test_drawn_faces_are_called_drawn_faces_on_every_page(open_page):
    for page in PAGES:
        assert "drawn faces" in text_of(open_page(page, run="drawn")).lower()
        assert "drawn" not in text_of(open_page(page, run="affect")).lower()


def test_left_out_labels_are_counted(open_page):
    assert "28 uncertain" in text_of(open_page("data", run="thumbnails"))


def test_without_images_the_gallery_says_why_and_lists_the_faces(open_page):
    shown = open_page("misclassified", run="affect")
    assert "because Made-up faces may not be redistributed" in text_of(shown)
    assert pictures(shown) == 0
    assert list(shown.dataframe[0].value)[:4] == ["reference", "split", "true", "predicted"]


def test_a_wrong_path_gives_one_sentence(open_page, tmp_path):
    shown = open_page("misclassified", run="affect")
    shown.text_input[0].set_value(str(tmp_path / "nothing.zip")).run()
    assert problems(shown) == []
    assert "nothing.zip. Pass the folder, zip or table" in shown.error[0].value


def test_faces_of_ones_own_copy_are_shown_and_its_path_stays_out_of_the_url(open_page, tmp_path):
    references = [f"test/{label}/{number}.png" for label in ("happy", "sad") for number in range(15)]
    for number, reference in enumerate(references):
        (tmp_path / "copy" / reference).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(make_face(number % 7, seed=number)[..., 0]).save(tmp_path / "copy" / reference)
    (tmp_path / "copy" / references[0]).write_bytes(b"no image")
    make_run(tmp_path / "runs", "own", references=references)
    shown = open_page("misclassified", folder=tmp_path / "runs")
    shown.text_input[0].set_value(str(tmp_path / "copy")).run()
    assert problems(shown) == [] and [element.value for element in shown.error] == []
    assert pictures(shown) > 5
    assert str(tmp_path) not in str(dict(shown.query_params))
    assert shown.session_state["data_path"] == str(tmp_path / "copy")

    again = open_page("misclassified", folder=tmp_path / "runs")  # of a later visit
    assert problems(again) == [] and [element.value for element in again.error] == []
    assert pictures(again) == pictures(shown) and "found on this machine" in text_of(again)
    assert str(tmp_path) not in str(dict(again.query_params)) + text_of(again)
    again.text_input[0].set_value(str(tmp_path / "nothing.zip")).run()
    assert pictures(again) == 0 and "nothing.zip" in again.error[0].value
    again.text_input[0].set_value("").run()
    assert pictures(again) == pictures(shown) and not list(again.error)


def test_a_copy_of_other_data_is_refused(open_page, tmp_path):
    (tmp_path / "copy" / "happy").mkdir(parents=True)
    Image.fromarray(make_face(1)[..., 0]).save(tmp_path / "copy" / "happy" / "somebody.png")
    shown = open_page("confusion", run="affect", true="fear")
    shown.text_input[0].set_value(str(tmp_path / "copy")).run()
    assert "None of this run's 160 faces" in shown.error[0].value


def test_training_lays_runs_over_each_other(open_page):
    shown = open_page("training", run="affect")
    shown.multiselect[0].set_value(["eleven"]).run()
    assert problems(shown) == []
    assert shown.dataframe[0].value["run"].tolist() == ["affect", "eleven"]


def test_pages_that_run_no_model_import_neither_tensorflow_nor_keras(made_runs):
    code = """
import sys
from streamlit.testing.v1 import AppTest
for page in sys.argv[1:]:
    test = AppTest.from_file(f"dashboard/pages/{page}.py", default_timeout=60).run()
    assert not test.exception, page
    assert test.title, page
    heavy = [name for name in ("tensorflow", "keras", "jax", "torch", "onnx", "onnxruntime") if name in sys.modules]
    assert not heavy, (page, heavy)
print("none of them")
"""
    environment = os.environ | {"AFFECTOSCOPE_ARTIFACTS": str(made_runs), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code, *PAGES],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "none of them" in done.stdout


def test_a_second_path_replaces_the_first(open_page, tmp_path):
    shown = open_page("misclassified", run="affect")
    for name in ("first.zip", "second.zip", "third.zip"):
        shown.text_input[0].set_value(str(tmp_path / name)).run()
        assert name in shown.error[0].value
