"""Tables and charts of the dashboard: what they hold, and that an expression has one colour everywhere."""

import math

import altair as alt
import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from core.labels import COLOURS, EXPRESSIONS
from core.metrics import ranking
from core.metrics.predictions import Predictions
from core.metrics.scoring import score
from core.metrics.text import interval, number, percent
from core.report import score_tables, wording
from core.report.figures import RUN_COLOURS
from core.report.figures import training as training_figures
from dashboard.charts import bars, curves, matrices
from dashboard.tables import affect, counts, pairs, per_class, runs
from dashboard.tables import faces as face_tables
from dashboard.text import data as data_text
from dashboard.text import scores as score_text
from tests.made_runs import make_history, make_predictions

LABELS = ("neutral", "happy", "sad")


@pytest.fixture(scope="module")
def predictions() -> Predictions:
    return make_predictions(faces=120, label_set=8, affect=True)


@pytest.fixture(scope="module")
def scores(predictions):
    return score(predictions, resamples=20)


def spec(chart: alt.Chart) -> dict:
    """The chart as Vega-Lite, which also validates it."""
    return chart.to_dict()


def values(document: dict) -> list[dict]:
    """The rows that a chart draws."""
    (rows,) = document["datasets"].values()
    return rows


def found(document, key: str) -> list:
    """Every value under `key`, however deep."""
    if isinstance(document, dict):
        return [v for k, v in document.items() if k == key] + [
            x for v in document.values() for x in found(v, key)
        ]
    return [x for v in document for x in found(v, key)] if isinstance(document, list) else []


def test_confusion_cells_hold_counts_and_shares_by_row_and_column():
    cells = score_tables.confusion_cells(np.array([[8, 2, 0], [1, 3, 0], [0, 0, 0]]), LABELS)
    cell = cells[(cells["true"] == "neutral") & (cells["predicted"] == "happy")].iloc[0]
    assert (cell["faces"], cell["row"], cell["column"]) == (2, 0.2, 0.4)
    absent = cells[cells["true"] == "sad"]
    assert absent["row"].isna().all() and cells[cells["predicted"] == "sad"]["column"].isna().all()


def test_strongest_confusions_are_ordered_by_share_and_leave_out_the_diagonal():
    cells = score_tables.confusion_cells(np.array([[8, 2, 0], [2, 3, 0], [0, 1, 0]]), LABELS)
    strongest = score_tables.strongest_confusions(cells, limit=2)
    assert [wording.confusion(row) for _, row in strongest.iterrows()] == [
        "sad predicted as happy: 1 of 1, 100.0%",
        "happy predicted as neutral: 2 of 5, 40.0%",
    ]
    assert score_tables.strongest_confusions(score_tables.confusion_cells(np.eye(3, dtype=int), LABELS)).empty


def test_the_confusion_heatmap_is_clickable_and_framed():
    cells = score_tables.confusion_cells(np.array([[8, 2, 0], [1, 3, 0], [0, 0, 5]]), LABELS)
    drawn = spec(matrices.confusion(cells, LABELS, chosen=("neutral", "happy")))
    (selection,) = drawn["params"]
    assert selection["name"] == matrices.SELECTION
    assert selection["select"]["fields"] == ["true", "predicted"]
    assert {row["value"] for row in values(drawn)} == {8, 2, 0, 1, 3, 5}
    frame = drawn["layer"][-1]["transform"][0]["filter"]["and"]
    assert frame == [{"field": "true", "equal": "neutral"}, {"field": "predicted", "equal": "happy"}]
    assert spec(matrices.confusion(cells, LABELS))["layer"][-1]["transform"][0]["filter"] == "false"


def test_hiding_the_diagonal_leaves_only_errors():
    cells = score_tables.confusion_cells(np.array([[8, 2, 0], [1, 3, 0], [0, 0, 5]]), LABELS)
    drawn = values(spec(matrices.confusion(cells, LABELS, show="row", hide_diagonal=True)))
    assert len(drawn) == 6 and all(row["true"] != row["predicted"] for row in drawn)
    assert max(row["value"] for row in drawn) == 0.25


def test_a_matrix_without_faces_is_drawn_without_dividing_by_zero():
    cells = score_tables.confusion_cells(np.zeros((3, 3), int), LABELS)
    assert len(values(spec(matrices.confusion(cells, LABELS, show="column")))) == 9


def test_pairs_leave_out_the_diagonal_and_absent_labels():
    scores = score(make_predictions(faces=80, absent=("sad",)), resamples=0)
    cells = score_tables.pairwise_cells(scores)
    assert len(cells) == 6 * 5 and "sad" not in set(cells["first"])
    drawn = spec(matrices.pairwise(cells, scores.labels))
    assert drawn["params"][0]["select"]["fields"] == ["first", "second"]


def test_pair_curves_have_the_areas_that_a_is_the_mean_of(predictions, scores):
    areas = pairs.pair_curves(predictions, "fear", "surprise").groupby("label")["area"].first()
    i, j = scores.labels.index("fear"), scores.labels.index("surprise")
    assert areas.mean() == pytest.approx(scores.pairwise_a[i, j])


def test_pair_probabilities_count_every_face_of_both_labels_once(predictions):
    spread = pairs.pair_probabilities(predictions, "fear", "surprise")
    for label, part in spread.groupby("label"):
        assert part["faces"].sum() == (predictions.frame["expression"] == label).sum()
        assert part["share"].sum() == pytest.approx(1)


def test_every_chart_gives_an_expression_the_same_colour(predictions, scores):
    table = counts.class_counts({"train": {"happy": 5, "sad": 3}, "test": {"happy": 2}})
    charts = [
        bars.class_counts(table),
        bars.per_class(score_tables.per_class_long(scores)),
        bars.probabilities(face_tables.face_probabilities(predictions, 0)),
        bars.affect_errors(affect.per_expression(predictions)),
        bars.pair_distributions(pairs.pair_probabilities(predictions, "happy", "sad"), "happy"),
    ]
    for chart in charts:
        scales = [c["scale"] for c in found(spec(chart), "color") if isinstance(c, dict) and "scale" in c]
        assert scales
        for scale in scales:
            assert dict(zip(scale["domain"], scale["range"])) == {
                name: COLOURS[name] for name in scale["domain"]
            }
    labelled = per_class.curves({"happy": _curve(0.9), "sad": _curve(0.8)})
    for figure in (curves.roc(labelled), curves.precision_recall(labelled)):
        lines = {trace.name.split(" (")[0]: trace.line.color for trace in figure.data if trace.name}
        assert lines == {"happy": COLOURS["happy"], "sad": COLOURS["sad"]}
    cloud = curves.affect(affect.points(predictions, "valence"), "valence")
    assert all(trace.marker.color == COLOURS[trace.name] for trace in cloud.data if trace.name)


def test_no_run_has_the_colour_of_an_expression():
    assert not set(RUN_COLOURS) & set(COLOURS.values())


def test_charts_are_transparent_so_that_both_themes_show():
    figure = curves.learning_rate(runs.learning_rates({"one": make_history(5)}))
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0,0,0,0)"
    cells = score_tables.confusion_cells(np.eye(3, dtype=int), LABELS)
    drawn = matrices.confusion(cells, LABELS).to_dict()
    assert not found(drawn, "background") and not found(drawn, "fill")


def test_learning_curves_of_several_runs_share_no_colour_and_mark_the_best_epoch():
    histories = {"one": make_history(8), "two": make_history(12)}
    figure = training_figures.learning(
        score_tables.learning_curves(histories, "accuracy"),
        title="accuracy",
        best_epochs={"one": 6, "two": 9},
    )
    colours = {trace.name.split(",")[0]: trace.line.color for trace in figure.data if trace.mode == "lines"}
    assert len(set(colours.values())) == 2
    stars = [trace for trace in figure.data if trace.marker.symbol == "star"]
    assert [list(star.x) for star in stars] == [[6], [9]]
    dashes = {trace.name: trace.line.dash for trace in figure.data if trace.mode == "lines"}
    assert dashes["one, training"] != dashes["one, validation"]


def test_one_epoch_is_drawn_as_points():
    figure = training_figures.learning(
        score_tables.learning_curves({"one": make_history(1)}, "loss"), title="loss", best_epochs={"one": 1}
    )
    assert figure.data[0].mode == "lines+markers"


def test_many_faces_are_drawn_as_density():
    many = pd.DataFrame({"reference": "x", "expression": "happy", "true": np.zeros(2000), "predicted": 0.1})
    drawn = curves.affect(affect.binned(many), "valence").data
    (density,) = [trace for trace in drawn if type(trace) is go.Heatmap]
    assert np.nansum(density.z) == 2000
    assert go.Histogram2d not in [type(trace) for trace in curves.affect(many[:50], "valence").data]


def test_class_counts_keep_label_order_and_fill_gaps_with_zero():
    table = counts.class_counts({"test": {"sad": 1}, "train": {"happy": 3, "neutral": 1}})
    assert list(dict.fromkeys(table["split"])) == ["train", "test"]
    assert list(dict.fromkeys(table["expression"])) == ["neutral", "happy", "sad"]
    assert table[(table["split"] == "test") & (table["expression"] == "happy")]["faces"].item() == 0
    assert table.groupby("split")["share"].sum().tolist() == pytest.approx([1, 1])


def test_a_logarithmic_axis_leaves_out_classes_without_faces():
    table = counts.class_counts({"train": {"happy": 3, "sad": 1}, "test": {"happy": 2}})
    drawn = spec(bars.class_counts(table, logarithmic=True))
    assert len(values(drawn)) == 3
    assert drawn["encoding"]["y"]["scale"]["type"] == "log"


def test_imbalance_compares_the_largest_with_the_smallest_present_class():
    table = counts.class_counts({"train": {"happy": 30, "sad": 3}, "test": {"happy": 2}})
    assert counts.imbalance(table)["ratio"].tolist() == [10.0, 1.0]


def test_split_differences_name_the_expression_that_differs_most():
    table = counts.class_counts({"train": {"happy": 50, "sad": 50}, "test": {"happy": 9, "sad": 1}})
    differences = counts.split_differences(table)
    assert differences["difference"].tolist() == pytest.approx([0.4, 0.4])
    assert data_text.split_difference(differences) == (
        "The largest difference is in **happy**: 90.0% of test, 50.0% of train."
    )


def test_labels_outside_of_the_label_set_are_left_out():
    split = {"train": {"happy": 5, "none": 2}, "test": {"none": 1, "no-face": 4}}
    assert counts.left_out(split, ("neutral", "happy")) == {"none": 3, "no-face": 4}
    assert counts.left_out(split, EXPRESSIONS) == {}


@pytest.mark.parametrize(
    ("order", "column", "rising"), [(k, c, r) for k, (_, c, r) in face_tables.ORDERS.items()]
)
def test_faces_are_filtered_and_ordered(predictions, order, column, rising):
    chosen = face_tables.select_faces(
        face_tables.misclassified(predictions), within={"probability": (0.3, 1.0)}, order=order
    )
    assert len(chosen) > 5 and not chosen["correct"].any() and (chosen["probability"] >= 0.3).all()
    assert chosen[column].is_monotonic_increasing if rising else chosen[column].is_monotonic_decreasing


def test_faces_keep_the_rows_of_the_predictions(predictions):
    chosen = face_tables.select_faces(face_tables.faces(predictions), true="fear")
    assert (predictions.frame["expression"].iloc[chosen.index] == "fear").all()


def test_affect_tables_agree_with_the_scores(predictions, scores):
    numbers = affect.numbers(scores).set_index(["dimension", "number"])["value"]
    assert numbers["valence", "CCC"] == pytest.approx(scores.affect["valence"]["ccc"].value)
    errors = affect.per_expression(predictions)
    valence = errors[errors["dimension"] == "valence"]
    overall = math.sqrt((valence["rmse"] ** 2 * valence["faces"]).sum() / valence["faces"].sum())
    assert overall == pytest.approx(numbers["valence", "RMSE"], rel=1e-5)


def test_numbers_that_cannot_be_computed_are_a_dash():
    assert percent(float("nan")) == number(float("nan")) == "–"
    one_class = score(make_predictions(faces=5, only="happy"), resamples=0)
    assert interval(one_class.headline["m_measure"]) == "cannot be computed"
    assert interval(one_class.headline["accuracy"]) == "no interval"
    assert "no intervals" in wording.interval_note(one_class)


def _curve(area: float):
    from core.metrics.ranking import Curve

    ends = np.array([0.0, 1.0])
    return Curve(ends, ends, ends[::-1], area)


def test_curves_of_a_pair_of_many_faces_are_thinned_and_keep_their_area():
    many = make_predictions(faces=20_000)
    drawn = pairs.pair_curves(many, "neutral", "happy")
    assert drawn.groupby("label").size().max() <= ranking.CURVE_POINTS
    directional = ranking.directional_auc(many.truth, many.probabilities)
    assert drawn.groupby("label", sort=False)["area"].first().tolist() == pytest.approx(
        [directional[0, 1], directional[1, 0]]
    )


def test_present_and_absent_classes_are_named():
    absent = score(make_predictions(faces=80, absent=("sad",)), resamples=0)
    told = score_text.classes(absent)
    assert f"neutral ({absent.per_class['neutral'].support})" in told and told.endswith("Absent: sad.")
    assert score_text.classes(score(make_predictions(faces=300), resamples=0)).endswith("Absent: none.")
