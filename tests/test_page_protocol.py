"""The Protocol page: the ledger, faces that have no answer, thresholds in the address, the detector, what is missing."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from core.analysis.detection import DetectedScores
from core.analysis.selective.abstention import ALL_OUT_OF_SET, NO_EXPRESSION_GROUP, compute_abstention
from core.analysis.selective.tables import (
    BEST,
    RIGHT,
    SCORED,
    WITH_OUT_OF_SET,
    WRONG,
    confidence_bins,
    risk_curves,
)
from core.labels import EXPRESSIONS
from core.report.figures import abstention as figures
from core.runs.catalogue import open_run
from core.runs.run import write_detected
from core.runs.tables import OUT_OF_SET, save_table
from core.runtime.files import write_json
from dashboard.tables import protocol as tables
from tests.made_runs import make_run
from tests.pages import problems, text_of

#: Out-of-set faces of the made-up run: of none it is half as sure as of uncertain ones.
OUT_OF_SET_FACES = {"contempt": 4, "none": 10, "uncertain": 6}


def out_of_set_table(labels: tuple[str, ...]) -> pd.DataFrame:
    """`none` faces have a highest probability of 0.3, the others of 0.9."""
    names = np.repeat(list(OUT_OF_SET_FACES), list(OUT_OF_SET_FACES.values()))
    highest = np.where(names == "none", 0.3, 0.9)
    rest = (1 - highest) / (len(labels) - 1)
    table = pd.DataFrame({"reference": [f"o{row}" for row in range(len(names))], "split": "test"})
    table["expression"] = names
    return table.assign(**{f"p_{label}": highest if label == "happy" else rest for label in labels})


def set_counts(run, counts: dict) -> None:
    """Say in run.json that the scored split has out-of-set faces too."""
    path = run.path / "run.json"
    info = json.loads(path.read_text(encoding="utf-8"))
    info["data"]["counts"]["test"] |= counts
    info["data"]["ledger"]["read"] = 3 + sum(sum(of.values()) for of in info["data"]["counts"].values())
    write_json(path, info)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("protocol")
    run = make_run(folder, "outside", faces=120)
    set_counts(run, OUT_OF_SET_FACES)
    save_table(run.path, OUT_OF_SET, out_of_set_table(run.labels))
    return folder


def test_the_page_states_the_protocol_and_its_ledger_adds_up(open_page, runs):
    shown = open_page("protocol", folder=runs)
    assert problems(shown) == [] and not shown.error and not shown.warning
    told = text_of(shown)
    assert "Protocol: 7 labels (without contempt); 120 test faces, each the whole of its image" in told
    assert "20 faces with labels that the network does not know (4 contempt, 10 none, 6 uncertain)" in told
    ledger = shown.dataframe[0].value
    taken = ledger[~ledger["step"].isin(["read", "scored"])]["faces"].sum()
    assert ledger["faces"].iloc[0] + taken == ledger["left"].iloc[-1] == 120
    assert list(ledger["step"])[-1] == "scored" and ledger["faces"].iloc[-1] == 120
    assert "uncertain (25 train, 3 validation, 6 test)" in set(ledger["reason"])


def test_faces_without_an_answer_are_told_label_by_label(open_page, runs):
    shown = open_page("protocol", folder=runs, accept="0.5")
    table = next(each.value for each in shown.dataframe if "auroc" in each.value).set_index("label")
    assert list(table.index) == ["contempt", "none", "uncertain", NO_EXPRESSION_GROUP, ALL_OUT_OF_SET]
    assert table["faces"].tolist() == [4, 10, 6, 16, 20]
    assert table["accepted"].tolist() == pytest.approx([100, 0, 100, 100 * 6 / 16, 50])
    assert table.loc["none", "mean_confidence"] == pytest.approx(30, abs=1e-3)
    assert table.loc["none", "auroc"] > 90 > table.loc["uncertain", "auroc"]
    assert "So are 10 of 20 out-of-set faces (100.0% of contempt, 0.0% of none" in text_of(shown)


def test_the_threshold_lives_in_the_address(open_page, runs):
    run = compute_abstention(open_run(runs / "outside"))
    shown = open_page("protocol", folder=runs, accept="0.7")
    assert shown.slider(key="accept").value == 0.7
    accepted = run.accepted(0.7)
    assert (
        f"{accepted.scored} of 120 scored faces are accepted, {accepted.errors} of them misclassified"
        in text_of(shown)
    )
    shown.slider(key="accept").set_value(1.0).run()
    assert "No face has a confidence of 100% or more" in text_of(shown) and problems(shown) == []
    assert "accept faces with a confidence" in open_page("protocol", folder=runs, accept="7").warning[0].value


def test_numbers_at_a_threshold_have_their_wilson_intervals(runs):
    run = compute_abstention(open_run(runs / "outside"))
    accepted = run.accepted(0.5)
    table = tables.at_threshold(run, accepted).set_index("number")
    sure = run.confidence >= 0.5
    assert table.loc["scored faces accepted", "value"] == pytest.approx(sure.mean())
    wrong = (~run.correct[sure]).sum()
    assert table.loc["errors among them", "value"] == pytest.approx(wrong / sure.sum())
    assert table.loc["errors with them", "value"] == pytest.approx((wrong + 10) / (sure.sum() + 10))
    assert table.loc["errors with them", "faces"] == sure.sum() + 10
    assert (table["low"] < table["value"]).all() and (table["value"] < table["high"]).all()
    text = tables.as_text(tables.at_threshold(run, run.accepted(1.1)))
    assert text["value"].tolist() == ["0.0%", "–", "0.0%", "–"] and text["95% interval"][1] == ""


def test_charts_hold_every_face_and_mark_the_threshold(runs):
    run = compute_abstention(open_run(runs / "outside"))
    bins = confidence_bins(run)
    assert set(bins["group"]) == {RIGHT, WRONG, *OUT_OF_SET_FACES}
    assert bins.groupby("group")["faces"].sum()[["contempt", "none", "uncertain"]].tolist() == [4, 10, 6]
    assert bins["faces"].sum() == 140 and bins.groupby("group")["share"].sum().to_numpy() == pytest.approx(1)
    figure = figures.confidences(bins, threshold=0.5)
    assert len(figure.data) == 5 and len(figure.layout.shapes) == 5
    curves = risk_curves(run)
    assert list(dict.fromkeys(curves["curve"])) == [SCORED, WITH_OUT_OF_SET, BEST]
    last = curves.groupby("curve").last()
    assert last.loc[WITH_OUT_OF_SET, "errors"] == (~run.correct).sum() + 20 and (last["coverage"] == 1).all()
    assert last.loc[BEST, "risk"] == pytest.approx(last.loc[SCORED, "risk"])
    chosen = tables.chosen(run, run.accepted(0.5))
    for ink in ("#1F2430", "#E8EAF0"):
        figure = figures.risk_coverage(curves, chosen=chosen, ink=ink)
        assert [trace.name for trace in figure.data if trace.name] == [SCORED, WITH_OUT_OF_SET, BEST]
    marked = [(trace.x[0], trace.y[0]) for trace in figure.data if trace.mode == "markers"]
    assert marked == list(chosen.values())
    assert tables.chosen(run, run.accepted(1.1)) == {}


def test_an_older_run_gets_the_command(open_page, tmp_path):
    set_counts(make_run(tmp_path, "older", faces=40), {"none": 7})
    shown = open_page("protocol", folder=tmp_path)
    assert problems(shown) == [] and "has no predictions of the 7 test faces" in shown.info[0].value
    assert shown.code[0].value == "python -m core.upgrade --run older --data PATH"


def test_a_run_without_outside_faces_still_tells_what_its_confidence_is_worth(open_page, made_runs):
    shown = open_page("protocol", run="thumbnails")
    assert "All test faces of Made-up faces have labels of the network" in shown.info[0].value
    assert "A correct prediction has a higher confidence than a wrong one" in text_of(shown)
    assert "out-of-set" not in text_of(shown).lower()
    assert (
        "None, uncertain, no-face are labels of this network"
        in open_page("protocol", run="eleven").info[0].value
    )


def test_counts_that_contradict_the_ledger_are_named(open_page, made_runs):
    assert "are inconsistent: " in open_page("protocol", run="thumbnails").warning[0].value


def test_damaged_outside_faces_are_named_and_the_ledger_stays(open_page, runs, tmp_path):
    for damage in (b"nonsense", None):
        folder = tmp_path / str(damage)
        shutil.copytree(runs, folder)
        path = folder / "outside" / OUT_OF_SET.file
        if damage:
            path.write_bytes(damage)
        else:
            table = out_of_set_table(EXPRESSIONS[:7]).drop(columns="p_sad")
            save_table(path.parent, OUT_OF_SET, table)
        shown = open_page("protocol", folder=folder)
        assert problems(shown) == [] and "recreate it with python -m core.upgrade" in shown.error[0].value
        assert shown.dataframe[0].value["step"].iloc[-1] == "scored"


def measured(**changes) -> DetectedScores:
    return DetectedScores(
        **{
            "data": "Made-up faces",
            "split": "test",
            "test_time_augmentation": "none",
            "faces": {"happy": 100, "sad": 20},
            "found": {"happy": 90, "sad": 0},
            "correct": {"happy": 81, "sad": 0},
            "correct_by_annotation": 100,
            "correct_by_annotation_of_found": 85,
            "median_overlap": 0.71,
        }
        | changes
    )


def test_what_the_detector_costs_is_shown(open_page, runs, tmp_path):
    shutil.copytree(runs, tmp_path, dirs_exist_ok=True)
    shown = open_page("protocol", folder=tmp_path)
    assert "are cropped faces" in shown.info[-1].value
    assert shown.code[-1].value == "python -m core.evaluate --run outside --data PATH --detect"
    write_detected(open_run(tmp_path / "outside"), measured().as_dict())
    shown = open_page("protocol", folder=tmp_path)
    assert problems(shown) == [] and not shown.error
    costs, labels = (each.value for each in shown.dataframe[-2:])
    assert costs["value"].tolist() == ["25.0%", "90.0%", "67.5%", "83.3%", "94.4%"]
    assert labels["missed"].tolist() == [10, 20]
    assert labels["recall_of_all"].tolist() == pytest.approx([81, 0]) and np.isnan(
        labels["recall_of_found"][1]
    )
    assert "The scored faces, located by the detector" in text_of(
        shown
    ) and "median overlap is 0.71" in text_of(shown)


def test_detections_on_other_faces_say_so_and_damaged_ones_are_named(open_page, runs, tmp_path):
    shutil.copytree(runs, tmp_path, dirs_exist_ok=True)
    run = open_run(tmp_path / "outside")
    write_detected(run, measured(data="Others", median_overlap=float("nan")).as_dict())
    told = text_of(open_page("protocol", folder=tmp_path))
    assert "Others, 120 test faces (not those that the run was scored on)" in told
    assert "median overlap is not known" in told
    write_detected(run, {"faces": 3})
    shown = open_page("protocol", folder=tmp_path)
    assert problems(shown) == [] and "detected.json of 'outside' is damaged" in shown.error[0].value


def test_the_overview_states_it_too(open_page, runs):
    assert "Protocol: 7 labels (without contempt); 120 test faces" in text_of(
        open_page("overview", folder=runs)
    )
