"""The per-class page: its table, and what a threshold on one expression's probability does."""

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from core.metrics.text import percent, span
from core.metrics.thresholds import counts_at, threshold_points
from core.report.figures.contrast import DARK_PAGE, PAGE, contrast
from core.runs.catalogue import open_run
from dashboard.charts import thresholds as charts
from dashboard.tables import thresholds as tables
from dashboard.text import scores as score_text
from tests.made_runs import make_predictions
from tests.pages import problems, text_of


@pytest.fixture(scope="module")
def points():
    predictions = make_predictions(faces=300)
    return threshold_points(predictions.truth, predictions.probabilities, 4)


def metrics_of(page) -> dict[str, tuple[str, str]]:
    return {metric.label: (metric.value, metric.delta) for metric in page.metric}


def test_a_curve_has_the_counts_of_each_threshold_and_goes_through_the_best_f1(points):
    curve = tables.threshold_curve(points)
    assert len(curve) == tables.STEPS + 2 and curve["threshold"].is_monotonic_increasing
    assert (curve[list(tables.COUNTS)].sum(axis=1) == 300).all()
    assert (curve["recall"].iloc[0], curve["recall"].iloc[-1]) == (1, 0)
    threshold, best = points.best_f1
    assert curve["f1"].max() == best == curve.set_index("threshold").loc[threshold, "f1"]
    np.testing.assert_allclose(curve["specificity"], 1 - curve["false_positive_rate"])


def test_numbers_at_a_threshold_have_intervals_where_they_are_shares_of_faces(points):
    numbers = tables.numbers_at(counts_at(points, 0.4)).set_index("number")
    for name in ("precision", "recall"):
        assert numbers.loc[name, "low"] < numbers.loc[name, "value"] < numbers.loc[name, "high"]
    assert numbers.loc[["f1", *tables.COUNTS], "low"].isna().all()
    assert numbers.loc[list(tables.COUNTS), "value"].sum() == 300


def test_the_four_counts_say_whose_they_are(points):
    counts = counts_at(points, 0.4)
    table = tables.four_counts(counts, "fear")
    assert table["which"].tolist() == [
        "fear, counted as fear", "others, counted as fear", "fear, not counted as fear", "others, not counted as fear",
    ]  # fmt: skip
    assert table["faces"].tolist() == [
        counts.true_positives, counts.false_positives, counts.false_negatives, counts.true_negatives,
    ]  # fmt: skip
    assert table["faces"].iloc[[0, 2]].sum() == points.positives


def test_the_chart_marks_the_chosen_threshold_and_the_best_f1(points):
    counts = counts_at(points, 0.4)
    figure = charts.thresholds(
        tables.threshold_curve(points), tables.numbers_at(counts), threshold=0.4, best=points.best_f1
    )
    marked = [(trace.x[0], trace.y[0]) for trace in figure.data if trace.mode == "markers"]
    assert marked == [(0.4, counts.precision), (0.4, counts.recall), (0.4, counts.f1), points.best_f1]
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert len({trace.line.dash for trace in lines}) == len({trace.line.color for trace in lines}) == 3
    assert all(len(trace.x) < 500 for trace in lines)


@pytest.mark.parametrize("page", [PAGE, DARK_PAGE])
def test_lines_stand_out_from_the_page_in_both_themes(page):
    assert min(contrast(colour, page) for _, colour, _ in charts.LINES.values()) >= 3


def test_an_absent_expression_is_drawn_without_a_best_threshold():
    absent = threshold_points(np.zeros(5, int), np.full((5, 2), 0.5), 1)
    numbers = tables.numbers_at(counts_at(absent, 0.5))
    figure = charts.thresholds(tables.threshold_curve(absent), numbers, threshold=0.5, best=absent.best_f1)
    assert "best F1" not in [trace.name for trace in figure.data]
    assert score_text.best_threshold("fear", *absent.best_f1) == ""


def test_a_threshold_in_the_url_shows_its_numbers(open_page, made_runs):
    predictions = open_run(made_runs / "affect").predictions()
    truth = predictions.frame["expression"] == "fear"
    reached = predictions.frame["p_fear"] >= np.float32(0.3)
    page = open_page("per_class", run="affect", expression="fear", threshold="0.3")
    shown = metrics_of(page)
    assert shown["Precision"][0] == percent(sk.precision_score(truth, reached))
    assert shown["Recall"][0] == percent(sk.recall_score(truth, reached))
    assert shown["F1"][0] == percent(sk.f1_score(truth, reached))
    assert shown["False positive rate"][0] == percent(reached[~truth].mean())
    assert shown["Specificity"][0] == percent((~reached)[~truth].mean())
    assert " to " in shown["Recall"][1] and not shown["F1"][1]
    counts = page.dataframe[1].value["faces"].tolist()
    theirs = sk.confusion_matrix(truth, reached)
    assert counts == [theirs[1, 1], theirs[0, 1], theirs[1, 0], theirs[0, 0]]
    assert "F1 of fear is highest at a threshold of" in text_of(page) and "optimistic" in text_of(page)


def test_a_higher_threshold_finds_fewer_faces(open_page):
    page = open_page("per_class", run="affect", expression="sad")
    before = page.dataframe[1].value["faces"].tolist()
    page.slider(key="threshold").set_value(0.9).run()
    assert page.dataframe[1].value["faces"].tolist()[0] < before[0]


def test_without_a_choice_the_first_present_expression_is_explored(open_page):
    page = open_page("per_class", run="absent")
    assert "F1 of neutral is highest" in text_of(page)


@pytest.mark.parametrize(
    ("run", "query", "told"),
    [
        ("absent", {"expression": "disgust"}, "No face is annotated disgust, so recall and F1 cannot be computed"),
        ("one-class", {"expression": "happy"}, "Every face is annotated happy, so the false positive rate"),
        ("affect", {"expression": "fear", "threshold": "1.0"}, "No face reaches this threshold"),
        ("one-face", {}, "so the false positive rate and specificity cannot be computed"),
    ],
)  # fmt: skip
def test_what_cannot_be_computed_is_a_sentence(open_page, run, query, told):
    page = open_page("per_class", run=run, **query)
    assert problems(page) == [] and [element.value for element in page.error] == []
    assert told in page.info[0].value
    assert "–" in [value for value, _ in metrics_of(page).values()]


@pytest.mark.parametrize(
    ("query", "told"),
    [({"expression": "boredom"}, "expression 'boredom'"), ({"threshold": "7"}, "threshold '7'")],
)
def test_a_threshold_that_makes_no_sense_falls_back_with_a_notice(open_page, query, told):
    page = open_page("per_class", run="affect", **query)
    assert told in page.warning[0].value and page.slider(key="threshold").value == 0.5


def test_spans_are_empty_where_there_is_no_interval():
    assert span(math.nan, math.nan) == ""
    assert span(0.431, 0.753) == "43.1 to 75.3%"
