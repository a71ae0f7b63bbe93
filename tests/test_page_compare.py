"""The page Compare runs: verdict, plot, differences of confusions, changed faces, and runs that do not fit."""

import json

import numpy as np
import pandas as pd
import pytest

from core.analysis.comparison.pairing import pair
from core.analysis.comparison.runs import compare
from core.metrics.expression import confusion_matrix
from core.report.figures import comparison as figures
from core.report.figures.contrast import INK, INK_ON_DARK
from core.runs.catalogue import open_run
from dashboard.tables import comparison as tables
from dashboard.text import comparison as text
from tests.made_runs import make_run
from tests.pages import pictures, problems, text_of

REFERENCES = [f"test/{number:03d}.png" for number in range(200)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two runs on the same faces, one better; others that fit in part or not at all."""
    folder = tmp_path_factory.mktemp("runs")
    faces = {"references": REFERENCES, "resamples": 0}
    make_run(
        folder,
        "better",
        network_seed=2,
        skill=3.2,
        thumbnails=True,
        created="2026-12-02T00:00:00+00:00",
        **faces,
    )
    make_run(folder, "plain", network_seed=1, created="2026-12-01T00:00:00+00:00", **faces)
    make_run(folder, "strangers", faces=60, resamples=0)
    make_run(folder, "eight", faces=60, label_set=8, resamples=0)
    make_run(folder, "elsewhere", faces=60, resamples=0, data={"name": "drawn", "title": "Drawn faces"})
    return folder


def changed(folder, a="plain", b="better"):
    """The pair, its two predictions, and the table of changed faces."""
    runs = open_run(folder / a), open_run(folder / b)
    of_a, of_b = (run.predictions() for run in runs)
    paired = pair(*runs, (of_a, of_b))
    return paired, of_a, of_b, tables.changed_faces(paired, of_b)


def test_the_page_gives_the_verdict_of_the_command(open_page, folder):
    page = open_page("compare", folder=folder, run="better", against_run="plain")
    assert problems(page) == [] and not page.error and not page.warning
    comparison = compare(open_run(folder / "plain"), open_run(folder / "better"))
    assert f"**{comparison.verdict()}**" in text_of(page)
    assert "'better' is better than 'plain' on accuracy (+" in comparison.verdict()
    assert "Compared on the 200 faces that both runs scored." in text_of(page)
    assert comparison.change() in text_of(page)
    shown = page.dataframe[0].value
    pd.testing.assert_frame_equal(shown, comparison.table())


def test_without_a_choice_the_newest_run_that_fits_is_compared_with(open_page, folder):
    page = open_page("compare", folder=folder, run="better")
    box = page.selectbox(key="against_run")
    assert box.value is None and box.options == ["plain", "strangers", "eight", "elsewhere"]
    assert "than 'plain' on accuracy" in text_of(page)
    box.set_value("plain").run()
    assert problems(page) == [] and "than 'plain' on accuracy" in text_of(page)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ("strangers", "'strangers' and 'better' have no scored faces in common"),
        ("eight", "'eight' has 8 labels and 'better' 7, contempt only in 'eight'"),
        ("elsewhere", "'elsewhere' was scored on Drawn faces and 'better' on Made-up faces"),
    ],
)
def test_a_run_that_does_not_fit_is_refused_with_the_reason(open_page, folder, other, reason):
    page = open_page("compare", folder=folder, run="better", against_run=other)
    assert problems(page) == [] and not page.error
    assert [reason in element.value for element in page.warning] == [True]
    assert "is better" not in text_of(page)


def test_an_unknown_run_in_the_url_is_named_and_ignored(open_page, folder):
    page = open_page("compare", folder=folder, run="better", against_run="nobody")
    assert "compare with 'nobody', which is not here" in page.warning[0].value
    assert "than 'plain'" in text_of(page)


def test_where_no_run_fits_each_one_has_its_reason(open_page, folder):
    page = open_page("compare", folder=folder, run="eight")
    assert (
        problems(page) == [] and "None of the other runs can be compared with 'eight'" in page.info[0].value
    )
    assert page.code[0].value == "python -m core.train --data PATH --labels 8 --name another"
    reasons = page.table[0].value.set_index("run")["reason"]
    assert sorted(reasons.index) == ["better", "elsewhere", "plain", "strangers"]
    assert all("only runs with the same labels can be compared" in reason for reason in reasons)


def test_the_only_run_has_nothing_to_be_compared_with(open_page, tmp_path):
    make_run(tmp_path, "alone", faces=20)
    page = open_page("compare", folder=tmp_path)
    assert problems(page) == [] and "'alone' is the only run here" in page.info[0].value
    assert not page.table


def test_another_training_on_drawn_faces_needs_no_data(open_page, folder):
    page = open_page("compare", folder=folder, run="elsewhere")
    assert page.code[0].value == "python -m core.train --labels 7 --name another"


def test_a_damaged_run_to_compare_with_is_named(open_page, tmp_path):
    for name in ("first", "second"):
        make_run(tmp_path, name, references=REFERENCES[:30], resamples=0)
    (tmp_path / "second" / "predictions.parquet").write_bytes(b"nonsense")
    page = open_page("compare", folder=tmp_path, run="first", against_run="second")
    assert problems(page) == [] and "predictions.parquet cannot be read" in page.warning[0].value


def test_faces_that_one_run_alone_scored_are_counted(open_page, tmp_path):
    make_run(tmp_path, "all", references=REFERENCES, network_seed=1, resamples=0)
    of_all = open_run(tmp_path / "all").predictions()
    make_run(tmp_path, "some", references=REFERENCES, network_seed=2, resamples=0)
    of_all.filter(np.arange(60)).save(tmp_path / "some" / "predictions.parquet")
    page = open_page("compare", folder=tmp_path, run="some", against_run="all")
    assert "Compared on the 60 faces that both runs scored; left out: 140 that only 'all' scored." in text_of(
        page
    )
    assert "Only 60 faces can be compared" in page.warning[0].value
    assert text.NOTHING_CHANGED in text_of(page)


def test_cells_are_the_difference_of_both_matrices_on_the_shared_faces(folder):
    paired, of_a, of_b, _ = changed(folder)
    cells = tables.difference_cells(paired)
    matrices = [confusion_matrix(of.truth, of.predicted, 7) for of in (of_b, of_a)]
    expected = matrices[0] - matrices[1]
    np.testing.assert_array_equal(cells["difference_faces"].to_numpy().reshape(7, 7), expected)
    assert expected.any()


def test_changed_faces_carry_what_both_runs_read(folder):
    _, of_a, of_b, table = changed(folder)
    assert table["probability"].is_monotonic_decreasing
    assert sorted(table.index) == np.flatnonzero(of_a.predicted != of_b.predicted).tolist()
    rows = table.index.to_numpy()
    names = np.array(of_a.labels)
    np.testing.assert_array_equal(table["other_predicted"].astype(str), names[of_a.predicted[rows]])
    np.testing.assert_array_equal(table["predicted"].astype(str), names[of_b.predicted[rows]])
    np.testing.assert_array_equal(table["other_probability"], of_a.confidence[rows])
    right_a, right_b = of_a.correct[rows], of_b.correct[rows]
    np.testing.assert_array_equal(table["change"] == "fixed", right_b & ~right_a)
    np.testing.assert_array_equal(table["change"] == "broken", right_a & ~right_b)
    np.testing.assert_array_equal(table["change"] == "both-wrong", ~right_a & ~right_b)


def test_a_cell_is_explained_by_the_faces_that_came_and_went(folder):
    paired, _, _, table = changed(folder)
    cells = tables.difference_cells(paired)
    for cell in cells.itertuples():
        faces = tables.select_changed(table, true=cell.true, predicted=cell.predicted)
        came, went = (faces[column] == cell.predicted for column in ("predicted", "other_predicted"))
        assert came.sum() - went.sum() == cell.difference_faces and (came ^ went).all()


def test_the_gallery_shows_the_kind_that_was_asked_for(open_page, folder):
    *_, table = changed(folder)
    for title, kind in (("Fixed", "fixed"), ("Broken", "broken"), ("Wrong both times", "both-wrong")):
        expected = table[table["change"] == kind]
        page = open_page("compare", folder=folder, run="better", against_run="plain", change=title)
        assert problems(page) == [] and pictures(page) == min(len(expected), 24) > 0
        assert f"of 200 compared, {len(expected) / 2:.1f}%." in text_of(page)
    assert "other\u00a0run:\u00a0" in text_of(page)


def test_a_true_label_and_a_reading_narrow_the_gallery(open_page, folder):
    *_, table = changed(folder)
    face = table.iloc[0]
    chosen = {"true": face["true"], "predicted": face["predicted"]}
    page = open_page("compare", folder=folder, run="better", against_run="plain", **chosen)
    assert (
        pictures(page)
        == len(tables.select_changed(table, true=face["true"], predicted=face["predicted"]))
        > 0
    )
    rare = table.groupby(["true", "predicted"], observed=False).size()
    assert (rare == 0).any()
    nobody = open_page(
        "compare", folder=folder, run="better", against_run="plain", change="Broken", true="disgust"
    )
    assert problems(nobody) == []


def test_a_face_opens_large_with_what_both_runs_say(open_page, folder):
    *_, table = changed(folder)
    page = open_page("compare", folder=folder, run="better", against_run="plain")
    row = table.index[3]
    page.button(key=f"open-better-changed-from-plain-{row}").click().run()
    reference = table["reference"].iloc[3]
    assert problems(page) == [] and page.selectbox(key="face").value == reference
    assert page.query_params["face"] == reference
    face = table.iloc[3]
    assert f"**{face['true']}** predicted as **{face['predicted']}**" in text_of(page)
    assert "Probabilities of 'plain':" in text_of(page)
    bars = [json.loads(chart.proto.spec) for chart in page.get("vega_lite_chart")]
    assert len(bars) == 3  # the matrix, and the probabilities of each run


def test_thumbnails_of_either_run_will_do(open_page, folder):
    page = open_page("compare", folder=folder, run="plain", against_run="better")
    assert problems(page) == [] and pictures(page) == 24
    assert "'plain' is worse than 'better' on accuracy (−" in text_of(page)


def test_the_forest_plot_has_a_row_per_number_and_tells_standings_apart(folder):
    comparison = compare(open_run(folder / "plain"), open_run(folder / "better"))
    table = comparison.table()
    for ink in (INK, INK_ON_DARK):
        figure = figures.advantages(table, a="plain", b="better", ink=ink)
        assert sum(len(trace.x) for trace in figure.data) == len(table)
        assert list(figure.layout.yaxis.categoryarray)[::-1] == list(table["number"])
        (better,) = (trace for trace in figure.data if trace.name == "better")
        row = table.set_index("number").loc[better.y[0]]
        assert better.x[0] + better.error_x.array[0] == pytest.approx(row["advantage_high"])
        assert better.x[0] - better.error_x.arrayminus[0] == pytest.approx(row["advantage_low"])
        assert len({trace.marker.symbol for trace in figure.data}) == len(figure.data)
