"""The confusion page: order, difference to another run, the strongest confusions opened, and readable cells."""

import json
import re
import tomllib

import altair as alt
import numpy as np
import pytest

from core.report import score_tables
from core.report.figures import ACCENT, SECOND
from core.report.figures.contrast import (
    DARK_PAGE,
    ENOUGH,
    INK,
    INK_ON_DARK,
    PAGE,
    contrast,
    mixed,
    readable_on,
)
from core.runs.catalogue import open_run
from dashboard.charts import matrices
from dashboard.tables import confusion as tables
from tests.made_runs import make_predictions, make_run
from tests.pages import ROOT, pictures, problems, text_of

LABELS = ("neutral", "happy", "sad", "anger")
#: neutral and sad are taken for each other, and happy and anger a little; nobody is annotated disgust.
CONFUSION = np.array([[6, 0, 4, 0, 0], [0, 8, 0, 2, 0], [9, 0, 11, 0, 0], [0, 3, 0, 27, 0], [0, 0, 0, 0, 0]])
FIVE = (*LABELS, "disgust")


def drawn_cells(chart: alt.LayerChart) -> list[dict]:
    (rows,) = chart.to_dict()["datasets"].values()
    return rows


def order_on(page) -> list[str]:
    """The labels as the matrix on the page has them, from its chart."""
    (chart,) = page.get("vega_lite_chart")
    return json.loads(chart.proto.spec)["layer"][0]["encoding"]["x"]["scale"]["domain"]


def cell_of(cells, true: str, predicted: str):
    return cells[(cells["true"] == true) & (cells["predicted"] == predicted)].iloc[0]


def test_differences_match_cells_by_name_whatever_the_order_of_the_labels():
    here = score_tables.confusion_cells(np.array([[8, 2], [1, 3]]), ("happy", "sad"))
    there = score_tables.confusion_cells(np.array([[4, 6], [5, 5]]), ("sad", "happy"))
    cell = cell_of(tables.difference_cells(here, there), "happy", "sad")
    # 2 of 10 here; there happy is the second row and sad the first column: 5 of 10.
    assert (cell["faces"], cell["other_faces"], cell["difference_faces"]) == (2, 5, -3)
    assert cell["difference_row"] == pytest.approx(2 / 10 - 5 / 10)
    assert cell["difference_column"] == pytest.approx(2 / 5 - 5 / 9)


def test_a_run_minus_itself_is_zero_and_uncoloured():
    cells = score_tables.confusion_cells(CONFUSION, FIVE)
    drawn = drawn_cells(matrices.difference(tables.difference_cells(cells, cells), FIVE, other="itself"))
    assert {row["text"] for row in drawn} == {"0"} and len({row["shade"] for row in drawn}) == 1


def test_differences_are_signed_and_more_and_less_differ_in_more_than_red_and_green():
    here = score_tables.confusion_cells(np.array([[8, 2], [1, 3]]), ("happy", "sad"))
    there = score_tables.confusion_cells(np.array([[4, 6], [1, 3]]), ("happy", "sad"))
    cells = tables.difference_cells(here, there)
    texts = [row["text"] for row in drawn_cells(matrices.difference(cells, ("happy", "sad"), other="other"))]
    assert texts == ["+4", "−4", "0", "0"]
    shares = matrices.difference(cells, ("happy", "sad"), other="other", show="row")
    assert [row["text"] for row in drawn_cells(shares)] == ["+40", "−40", "0", "0"]
    blue = [int(colour[5:], 16) for colour in (matrices.MORE, matrices.LESS)]
    assert blue[0] - blue[1] > 100


def test_labels_by_size_fall_in_faces_and_the_absent_come_last():
    assert tables.arranged(CONFUSION, FIVE, "size") == ["anger", "sad", "neutral", "happy", "disgust"]
    assert tables.arranged(CONFUSION, FIVE, "label") == list(FIVE)
    absent_first = CONFUSION[::-1, ::-1]
    assert tables.arranged(absent_first, FIVE[::-1], "size")[-1] == "disgust"


def test_clustering_puts_labels_side_by_side_that_are_taken_for_each_other():
    order = tables.arranged(CONFUSION, FIVE, "clustering")
    assert sorted(order) == sorted(FIVE) and order[-1] == "disgust"
    for pair in (("neutral", "sad"), ("happy", "anger")):
        assert abs(order.index(pair[0]) - order.index(pair[1])) == 1


@pytest.mark.parametrize("present", [0, 1, 2])
def test_few_labels_are_clustered_without_a_tree(present):
    confusion = np.diag([3] * present + [0] * (4 - present))
    assert tables.arranged(confusion, LABELS, "clustering") == list(LABELS)


def test_the_faces_of_a_cell_keep_their_rows_and_come_surest_first():
    predictions = make_predictions(faces=160)
    faces = tables.cell_faces(predictions, "fear", None)
    assert set(faces["true"]) == {"fear"} and faces["probability"].is_monotonic_decreasing
    assert len(faces) == (predictions.frame["expression"] == "fear").sum()
    assert (predictions.frame["reference"].iloc[faces.index] == faces["reference"].to_numpy()).all()
    assert set(tables.cell_faces(predictions, None, "sad")["predicted"]) == {"sad"}


def test_contrast_is_that_of_wcag():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    # The grey that WCAG's own examples give as just enough on white.
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.005)


@pytest.mark.parametrize(("ink", "page"), [(INK, PAGE), (INK_ON_DARK, DARK_PAGE)])
@pytest.mark.parametrize("colour", [ACCENT, SECOND, matrices.MORE, matrices.LESS])
def test_text_can_be_read_on_every_shade_in_both_themes(colour, ink, page):
    for share in np.linspace(0, 1, 101):
        shade = mixed(colour, page, share)
        assert contrast(shade, readable_on(shade, ink)) >= ENOUGH


@pytest.mark.parametrize("ink", [INK, INK_ON_DARK])
def test_cells_are_drawn_with_the_readable_text(ink):
    cells = score_tables.confusion_cells(CONFUSION, FIVE)
    charts = [
        matrices.confusion(cells, FIVE, show=show, hide_diagonal=hide, ink=ink)
        for show in tables.NORMALISATIONS
        for hide in (False, True)
    ]
    flipped = score_tables.confusion_cells(CONFUSION[::-1], FIVE)
    charts.append(matrices.difference(tables.difference_cells(cells, flipped), FIVE, other="other", ink=ink))
    for chart in charts:
        rows = drawn_cells(chart)
        assert len({row["shade"] for row in rows}) > 3
        assert min(contrast(row["shade"], row["text_colour"]) for row in rows) >= ENOUGH


def test_the_themes_are_those_of_the_configuration():
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    assert (theme["light"]["textColor"], theme["light"]["backgroundColor"]) == (INK, PAGE)
    assert (theme["dark"]["textColor"], theme["dark"]["backgroundColor"]) == (INK_ON_DARK, DARK_PAGE)


def test_narrow_cells_have_a_short_text():
    shares = score_tables.confusion_cells(CONFUSION, FIVE)
    many = score_tables.confusion_cells(CONFUSION * 23_456, FIVE)
    differences = tables.difference_cells(many, score_tables.confusion_cells(CONFUSION[::-1] * 23_456, FIVE))
    charts = [
        *(matrices.confusion(cells, FIVE, show=show) for cells in (shares, many) for show in tables.NORMALISATIONS),
        matrices.difference(differences, FIVE, other="other"),
        matrices.difference(differences, FIVE, other="other", show="row"),
    ]  # fmt: skip
    assert max(len(row["short"]) for chart in charts for row in drawn_cells(chart)) <= 5
    assert {row["short"] for row in drawn_cells(charts[3])} >= {"0", "141k", "633k"}


@pytest.fixture
def three_runs(tmp_path):
    """Two runs on the same faces, one on other faces, one with other labels, one on other data."""
    references = [f"test/{number}.png" for number in range(120)]
    make_run(tmp_path, "first", references=references, thumbnails=True, created="2026-12-01T00:00:00+00:00")
    make_run(tmp_path, "second", references=references, seed=1)
    make_run(tmp_path, "smaller", faces=60, seed=2)
    make_run(tmp_path, "eight", faces=60, label_set=8)
    make_run(tmp_path, "elsewhere", faces=60, data={"name": "drawn", "title": "Drawn faces"})
    return tmp_path


def test_only_other_runs_with_the_same_labels_and_data_can_be_compared_with(open_page, three_runs):
    page = open_page("confusion", folder=three_runs, run="first")
    assert sorted(page.selectbox(key="against_run").options) == ["second", "smaller"]
    asked = open_page("confusion", folder=three_runs, run="first", against_run="eight")
    assert "compare with 'eight', which is not here" in asked.warning[0].value
    alone = open_page("confusion", folder=three_runs, run="eight")
    assert alone.selectbox(key="against_run").options == [] and problems(alone) == []


def test_a_comparison_in_the_url_is_shown_and_still_opens_cells(open_page, three_runs):
    page = open_page(
        "confusion", folder=three_runs, run="first", against_run="second", true="fear", predicted="surprise"
    )
    assert problems(page) == [] and "Both runs were scored on the same 120 faces." in text_of(page)
    assert "Blue: more than in 'second'" in text_of(page) and "percentage points" not in text_of(page)
    scores = open_run(three_runs / "first").scores
    count = scores.confusion[scores.labels.index("fear"), scores.labels.index("surprise")]
    assert pictures(page) == count > 0
    page.selectbox(key="against_run").set_value(None).run()
    assert "Blue: more" not in text_of(page) and pictures(page) == count


def test_counts_of_different_numbers_of_faces_fall_back_to_shares(open_page, three_runs):
    page = open_page("confusion", folder=three_runs, run="first", against_run="smaller")
    assert "on 120 faces and 'smaller' on 60, none of them the same" in text_of(page)
    assert "Counts of different numbers of faces cannot be compared" in page.info[0].value
    assert "in percentage points" in text_of(page)
    shares = open_page(
        "confusion", folder=three_runs, run="first", against_run="smaller", cells="Share of the true"
    )
    assert [element.value for element in shares.info] == [] and "percentage points" in text_of(shares)


@pytest.mark.parametrize("damage", ["scores.json", "predictions.parquet"])
def test_a_damaged_run_to_compare_with_leaves_the_page_whole(open_page, three_runs, damage):
    (three_runs / "second" / damage).write_bytes(b"\x00{ nonsense")
    page = open_page("confusion", folder=three_runs, run="first", against_run="second")
    assert problems(page) == [] and "'second' cannot be compared" in page.warning[0].value
    assert "Strongest confusions" in text_of(page) and "Blue" not in text_of(page)


def test_a_strongest_confusion_opens_its_faces(open_page, three_runs):
    page = open_page("confusion", folder=three_runs, run="first", against_run="second")
    first = next(line for line in text_of(page).splitlines() if line.startswith("1. "))
    true, predicted, count = re.match(r"1\. (.+) predicted as (.+): (\d+) of", first).groups()
    page.button(key=f"open-{true}-{predicted}").click().run()
    assert (page.selectbox(key="true").value, page.selectbox(key="predicted").value) == (true, predicted)
    assert page.query_params["true"] == true and page.query_params["predicted"] == predicted
    assert pictures(page) == int(count)


def test_the_order_in_the_url_is_the_order_of_the_matrix(open_page, three_runs):
    scores = open_run(three_runs / "first").scores
    for title, by in (("By label", "label"), ("By size", "size"), ("By clustering", "clustering")):
        page = open_page("confusion", folder=three_runs, run="first", arrange=title)
        assert order_on(page) == tables.arranged(scores.confusion, scores.labels, by)
    wrong = open_page("confusion", folder=three_runs, run="first", arrange="By mood")
    assert "order 'By mood'" in wrong.warning[0].value and order_on(wrong) == list(scores.labels)


@pytest.mark.parametrize("run", ["absent", "one-class", "one-face", "eleven"])
@pytest.mark.parametrize("arrange", ["By size", "By clustering"])
@pytest.mark.parametrize("cells", ["Counts", "Share of the predicted"])
def test_degenerate_runs_can_be_arranged_and_compared(open_page, run, arrange, cells):
    page = open_page("confusion", run=run, arrange=arrange, cells=cells)
    for other in page.selectbox(key="against_run").options:
        page.selectbox(key="against_run").set_value(other).run()
        assert problems(page) == [] and [element.value for element in page.error] == []
