"""The calibration page: with a temperature, without one, by expression, and in other numbers of bins."""

import json

import numpy as np
import pytest

from core.analysis.calibration.review import READINGS, compute_calibration, compute_reliability
from core.analysis.calibration.wording import calibration_findings
from core.metrics.calibration import expected_calibration_error
from core.metrics.text import SMALL_DIFFERENCE, with_interval
from core.report.figures import calibration as figures
from core.report.figures.contrast import DARK_PAGE, INK, INK_ON_DARK, PAGE, contrast
from core.runs.catalogue import open_run
from core.runtime.files import write_json
from dashboard.tables import calibration as tables
from dashboard.text import calibration as text
from tests.made_runs import make_run
from tests.pages import problems, text_of

TEMPERATURE = {"temperature": 0.6, "validation_ece_before": 0.18, "validation_ece_after": 0.05}


def keep(run, calibration):
    path = run.path / "run.json"
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | {"calibration": calibration})
    return open_run(run.path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs of the same faces: one with a temperature, one from before there were any."""
    folder = tmp_path_factory.mktemp("runs")
    keep(make_run(folder, "fitted", faces=400), TEMPERATURE)
    make_run(folder, "plain", faces=400)
    return folder


@pytest.fixture(scope="module")
def fitted(folder):
    run = open_run(folder / "fitted")
    return run, run.predictions()


def test_before_and_after_stand_side_by_side(open_page, folder, fitted):
    page = open_page("calibration", folder=folder, run="fitted")
    assert problems(page) == [] and not page.error and not page.code
    told, review = text_of(page), compute_calibration(*fitted)
    for finding in calibration_findings(review):
        assert finding in told
    assert "fitted on 280 validation faces" in told
    table = page.dataframe[0].value.set_index("number")
    assert table.columns.tolist() == ["plain softmax", "with temperature", "difference"]
    error = review.calibrated.expected_calibration_error
    assert table.loc["Calibration error (ECE)", "with temperature"] == (
        f"{error.value:.3f} ({error.low:.3f} to {error.high:.3f})"
    )
    change = review.change["brier"]
    assert table.loc["Brier score", "difference"] == with_interval(change, SMALL_DIFFERENCE)
    assert table.loc["M measure", "plain softmax"] == f"{review.uncalibrated.m_measure:.3f}"
    assert "M, like every other score of this program, is computed from the plain softmax" in told
    assert f"{error.value:.3f} (with temperature)" in told


def test_a_run_without_a_temperature_gets_the_command(open_page, folder):
    page = open_page("calibration", folder=folder, run="plain")
    assert problems(page) == []
    assert page.code[0].value == "python -m core.upgrade --run plain --data PATH"
    assert page.dataframe[0].value.columns.tolist() == ["number", "plain softmax"]
    assert "at T" not in " ".join(page.dataframe[1].value.columns)
    assert "error_calibrated" not in page.dataframe[2].value


def test_expression_bins_and_reading_come_from_the_url(open_page, folder, fitted):
    query = {"expression": "fear", "bins": "8", "reading": "with temperature"}
    page = open_page("calibration", folder=folder, run="fitted", **query)
    assert problems(page) == []
    table = page.dataframe[1].value
    assert table.columns.tolist() == ["bin", "faces", "probability", "share of fear", "difference"]
    assert table["faces"].tolist() == [50.0] * 8
    rows = compute_reliability(*fitted, expression="fear", bins=8).bins.query("reading == 'calibrated'")
    last = 100 * rows.iloc[-1]
    assert table["share of fear"].iloc[-1] == f"{last.accuracy:.1f}% ({last.low:.1f} to {last.high:.1f})"
    assert "Mean difference over these 8 bins: " in text_of(page) and "plain softmax)" not in text_of(page)


def test_a_choice_leaves_the_other_as_it_is(open_page, folder):
    page = open_page("calibration", folder=folder, run="fitted")
    page.slider(key="bins").set_value(7).run()
    assert len(page.dataframe[1].value) == 7
    page.selectbox(key="expression").set_value("sad").run()
    assert "share of sad at T" in page.dataframe[1].value
    assert len(page.dataframe[1].value) == 7


@pytest.mark.parametrize(
    ("query", "told"),
    [({"bins": "99"}, "bins '99'; expected a number from 5 to 30"), ({"expression": "boredom"}, "expression 'boredom'"),
     ({"reading": "hot"}, "show 'hot'")],
)  # fmt: skip
def test_choices_that_make_no_sense_fall_back_with_a_notice(open_page, folder, query, told):
    page = open_page("calibration", folder=folder, run="fitted", **query)
    assert problems(page) == [] and told in page.warning[0].value
    assert page.slider(key="bins").value == 15 and len(page.dataframe[1].value) == 15


def test_few_faces_and_absent_labels_are_said(open_page):
    page = open_page("calibration", run="one-face")
    assert "15 bins of one face" in page.warning[0].value
    assert "nan" not in text_of(page).lower()
    page = open_page("calibration", run="absent", expression="contempt", bins="5")
    assert "No face is annotated contempt" in page.info[1].value and not page.warning
    assert page.dataframe[1].value["share of contempt"].str.startswith("0.0% (0.0 to ").all()


def test_a_damaged_calibration_is_one_sentence(open_page, tmp_path):
    keep(make_run(tmp_path, "hot", faces=30), {"temperature": "hot"})
    page = open_page("calibration", folder=tmp_path)
    assert problems(page) == [] and len(page.error) == 1
    assert "The calibration in run.json of 'hot' is damaged" in page.error[0].value


def test_the_diagram_draws_the_table(fitted):
    reliability = compute_reliability(*fitted, bins=6)
    figure = figures.reliability(reliability.bins, reliability.spread, READINGS)
    assert [trace.name for trace in figure.data] == [
        "calibrated", "plain softmax", "plain softmax", "with temperature", "with temperature",
    ]  # fmt: skip
    before = reliability.bins.query("reading == 'uncalibrated'")
    line = figure.data[1]
    np.testing.assert_allclose(line.x, before["confidence"])
    np.testing.assert_allclose(line.y + line.error_y.array, before["high"])
    np.testing.assert_allclose(line.y - line.error_y.arrayminus, before["low"])
    assert sum(figure.data[2].y) == 400 and figure.data[2].yaxis == "y2"
    assert figure.data[1].marker.symbol != figure.data[3].marker.symbol
    one = figures.reliability(before, reliability.spread, READINGS, expression="fear")
    assert len(one.data) == 3 and one.layout.yaxis.title.text == "share of fear"


@pytest.mark.parametrize(("ink", "page"), [(INK, PAGE), (INK_ON_DARK, DARK_PAGE)])
def test_both_readings_stand_out_from_the_page(fitted, ink, page):
    reliability = compute_reliability(*fitted)
    figure = figures.reliability(reliability.bins, reliability.spread, READINGS, ink=ink)
    assert min(contrast(figure.data[place].marker.color, page) for place in (1, 3)) >= 3


def test_tables_for_download_hold_both_readings(fitted):
    review = compute_calibration(*fitted)
    numbers = tables.numbers(review).set_index("number")
    assert numbers.loc["Log loss", "change"] == pytest.approx(
        numbers.loc["Log loss", "calibrated"] - numbers.loc["Log loss", "uncalibrated"]
    )
    assert np.isnan(numbers.loc["M measure", "change_low"])
    labels = tables.labels(review)
    assert {"error", "error_calibrated", "excess_low_calibrated", "by_chance_calibrated"} <= set(labels)
    assert "share_after" not in labels and len(labels) == 7
    assert labels["share"].sum() == pytest.approx(1)


def test_the_error_under_the_diagram_is_that_of_its_bins(fitted):
    run, predictions = fitted
    bins = compute_reliability(run, predictions, bins=9).bins
    error = expected_calibration_error(predictions.truth, predictions.probabilities, bins=9)
    assert f"Mean difference over these 9 bins: {error:.3f} (plain softmax), " in text.error_at(
        bins, READINGS
    )


def test_bins_with_enough_faces_need_no_caution():
    assert text.few_faces(300, 15) == ""
    assert text.few_faces(299, 15).startswith("15 bins of 299 faces: with fewer than 20")
