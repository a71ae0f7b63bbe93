"""The data page: the plane, face sizes, what splits differ in, and the faces of an expression."""

import numpy as np
import pandas as pd
import pytest

from core.analysis.data_summary import data_summary
from core.labels import EXPRESSIONS
from core.report.figures.contrast import INK, INK_ON_DARK
from core.runs.catalogue import open_run
from core.runs.tables import SUMMARY
from dashboard.charts import planes as charts
from dashboard.tables import counts
from dashboard.tables import planes as tables
from dashboard.text import data as data_text
from tests.made_runs import make_predictions, make_run
from tests.pages import pictures, problems, text_of


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    """Of 800 training and 200 test faces with affect and boxes."""
    parts = [
        make_predictions(faces=faces, label_set=8, affect=True, boxes=True, split=split, seed=seed)
        for seed, (split, faces) in enumerate({"train": 800, "test": 200}.items())
    ]
    return pd.concat([data_summary(part) for part in parts], ignore_index=True)


def made_sizes(sides: np.ndarray) -> pd.DataFrame:
    boxes = np.stack([0 * sides, 0 * sides, sides / 2, sides], axis=1)
    made = make_predictions(faces=len(sides))
    made.frame[["box_x", "box_y", "box_width", "box_height"]] = boxes
    return data_summary(made)


def test_a_density_holds_every_face_of_the_split_or_of_one_expression(summary):
    assert tables.density(summary, "train", None)["faces"].sum() == 800
    happy = summary[(summary["kind"] == "valence") & (summary["expression"] == "happy")]
    of_test = int(happy.loc[happy["split"] == "test", "faces"].iloc[0])
    table = tables.density(summary, "test", "happy")
    assert table["faces"].sum() == of_test > 0
    assert table["share"].sum() == pytest.approx(1)


def test_centres_are_the_means_in_label_order(summary):
    made = make_predictions(faces=200, label_set=8, affect=True, boxes=True, split="test", seed=1)
    centres = tables.centres(summary, "test")
    assert list(centres["expression"]) == list(made.labels)
    expected = made.frame.groupby("expression", observed=True)[["valence", "arousal"]].mean()
    np.testing.assert_allclose(centres[["valence", "arousal"]], expected, atol=1e-6)
    assert centres["faces"].sum() == 200


def test_the_density_chart_has_a_shape_per_expression_and_affectnets_region_only_when_asked(summary):
    density, centres = tables.density(summary, "test", None), tables.centres(summary, "test")
    for ink, happy in ((INK, True), (INK_ON_DARK, False)):
        figure = charts.density(density, centres, bin_width=0.1, happy=happy, ink=ink)
        markers = [trace.marker.symbol for trace in figure.data if trace.type == "scatter"]
        assert len(set(markers)) == len(centres) == 8
        boxes = [shape for shape in figure.layout.shapes if shape.type == "rect"]
        assert [(box.x0, box.x1, box.y0, box.y1) for box in boxes] == (
            [(0.0, 1.0, -0.2, 0.5)] if happy else []
        )
        assert np.nansum(figure.data[0].z) == 200


def test_medians_and_small_faces_are_exact():
    sides = np.random.default_rng(0).integers(20, 400, 501).astype(float)
    summary = made_sizes(sides)
    numbers = tables.size_numbers(summary, 48).iloc[0]
    assert numbers["median"] == np.median(sides)
    assert numbers["smaller"] == pytest.approx((sides < 48).mean())
    table = tables.sizes(summary)
    assert table["faces"].sum() == 501 and table["share"].sum() == pytest.approx(1)
    assert table["from"].iloc[1:].to_numpy() == pytest.approx(table["to"].iloc[:-1].to_numpy())


def test_a_gap_between_sizes_is_drawn_as_none():
    table = tables.sizes(made_sizes(np.array([20.0, 20.0, 80.0])))
    assert table["faces"].tolist() == [0, 2, *[0] * (2 * tables.PER_DOUBLING - 1), 1, 0]


def test_faces_are_small_when_their_crop_is_smaller_than_the_networks_input():
    numbers = pd.DataFrame({"split": ["train"], "faces": [10], "median": [90], "smaller": [0.25]})
    assert "boxes under 40 pixels are enlarged: 25.0% of train" in data_text.enlarged(numbers, 48, 0.1)
    assert "a crop 1.2 times as wide as the box" in data_text.enlarged(numbers, 48, 0.1)
    assert "input is the box at 48 × 48 pixels, so boxes under 48" in data_text.enlarged(numbers, 48, 0.0)


def test_differences_between_splits_are_told(summary):
    means = tables.split_means(summary)
    assert list(means["split"]) == ["train", "test"]
    sentence = data_text.split_means(means)
    for name in ("valence", "arousal"):
        assert f"mean {name} by {np.ptp(means[name]):.3f}" in sentence
    assert f"median face size by {np.ptp(means['size']):.0f} pixels" in sentence
    assert data_text.split_means(means.head(1)) == ""


def test_splits_without_affect_are_compared_by_size_alone():
    both = pd.concat([made_sizes(np.full(5, side)).assign(split=f"{side:.0f}") for side in (30.0, 50.0)])
    means = tables.split_means(both)
    assert list(means) == ["split", "size"]
    assert data_text.split_means(means) == "Splits differ in median face size by 20 pixels."
    assert data_text.split_means(tables.split_means(data_summary(make_predictions(faces=5)))) == ""


def test_labels_beside_the_expressions_are_counted():
    made = {"train": {"happy": 60, "uncertain": 25}, "test": {"happy": 10, "no-face": 5}}
    told = data_text.out_of_set_labels(made, ("happy", "sad"))
    assert "0 none, 25 uncertain, 5 no-face; together 30.0% of the annotations." in told
    assert "leave them out" in told
    assert "leave them out" not in data_text.out_of_set_labels(made, EXPRESSIONS)
    assert data_text.out_of_set_labels({"train": {"happy": 60}}, ("happy", "sad")) == ""


def test_other_labels_that_are_left_out_are_named_once(open_page, tmp_path):
    theirs = {"counts": {"train": {"happy": 60, "contempt": 7, "none": 3}, "test": {"happy": 20}}}
    make_run(tmp_path, "seven", faces=20, data=theirs)
    told = text_of(open_page("data", folder=tmp_path))
    assert "labels: 7 contempt." in told
    assert told.count("3 none") == 1


def test_examples_are_spread_over_the_expressions_and_over_their_faces():
    made = make_predictions(faces=300, label_set=8)
    rows = counts.example_rows(made, None, most=24)
    assert np.bincount(made.truth[rows]).tolist() == [3] * 8
    neutral = np.flatnonzero(made.truth == 0)
    assert {neutral[0], neutral[-1]} <= set(rows)
    assert (made.truth[counts.example_rows(made, "fear", most=24)] == made.labels.index("fear")).all()
    few = make_predictions(faces=1)
    assert counts.example_rows(few, None, most=24).tolist() == [0]


def test_without_a_summary_the_plane_is_of_the_test_faces_and_says_so(open_page):
    shown = open_page("data", run="affect")
    assert problems(shown) == []
    assert "Of the test faces only" in text_of(shown)
    assert shown.segmented_control(key="split_shown").options == ["test"]
    assert "Face sizes" not in text_of(shown) and "no face boxes" in text_of(shown)
    assert "no valence and arousal and no face boxes" in text_of(open_page("data", run="thumbnails"))


def test_with_a_summary_every_split_can_be_chosen_by_link(open_page):
    shown = open_page("data", run="drawn", split_shown="validation", expression="happy")
    assert problems(shown) == [] and not shown.warning
    control = shown.segmented_control(key="split_shown")
    assert control.options == ["train", "validation", "test"] and control.value == "validation"
    told = text_of(shown)
    assert "Of the test faces only" not in told
    assert "Splits differ in mean valence" in told and "are enlarged: " in told


def test_the_expression_of_the_link_is_that_of_the_gallery_too(open_page, made_runs):
    faces = int((open_run(made_runs / "thumbnails").predictions().frame["expression"] == "fear").sum())
    shown = open_page("data", run="thumbnails", expression="fear")
    assert f"{faces} test faces annotated fear" in text_of(shown)
    assert pictures(shown) == min(faces, 24)
    shown.selectbox(key="expression").set_value(None).run()
    assert "A few test faces of each expression" in text_of(shown)
    assert pictures(shown) == 21  # 3 of each of 7


def test_an_unknown_expression_or_split_in_the_link_is_named(open_page):
    shown = open_page("data", run="drawn", split_shown="exam", expression="boredom")
    told = " ".join(element.value for element in shown.warning)
    assert problems(shown) == []
    assert "split 'exam'" in told and "expression 'boredom'" in told


def test_toggles_live_in_the_link(open_page):
    shown = open_page("data", run="affect", log="true", shares="maybe")
    assert shown.toggle(key="log").value and not shown.toggle(key="shares").value
    assert "'maybe'" in shown.warning[0].value


def test_a_damaged_summary_is_one_sentence_and_the_rest_of_the_page_stands(open_page, tmp_path):
    run = make_run(tmp_path, "run", faces=30)
    (run.path / SUMMARY.file).write_bytes(b"nonsense")
    shown = open_page("data", folder=tmp_path)
    assert problems(shown) == []
    assert "data_summary.parquet of 'run' cannot be read" in shown.warning[0].value
    assert "Rejected rows" in text_of(shown) and "Sample faces" in text_of(shown)


def test_affectnets_region_is_cited_only_for_affectnet(open_page, tmp_path):
    make_run(tmp_path, "theirs", faces=40, label_set=8, affect=True, data={"name": "affectnet-2017"})
    make_run(tmp_path, "others", faces=40, label_set=8, affect=True)
    assert "Mollahosseini et al. 2017" in text_of(open_page("data", folder=tmp_path, run="theirs"))
    assert "Mollahosseini" not in text_of(open_page("data", folder=tmp_path, run="theirs", expression="sad"))
    assert "Mollahosseini" not in text_of(open_page("data", folder=tmp_path, run="others"))
