"""The page of valence and arousal: errors by region, contradictions, and the faces behind both."""

import json

import numpy as np
import pandas as pd
import pytest

from core.analysis.contradictions import contradictions
from core.metrics.predictions import Predictions
from core.report.figures.contrast import ENOUGH, INK, INK_ON_DARK, contrast
from core.runs.catalogue import open_run
from dashboard.charts import planes as charts
from dashboard.tables import affect, planes
from dashboard.text import affect as affect_text
from tests.made_runs import make_predictions
from tests.pages import pictures, problems, text_of


@pytest.fixture(scope="module")
def made() -> Predictions:
    return make_predictions(faces=300, label_set=8, affect=True)


def placed(valence, arousal, predicted_valence, predicted_arousal) -> Predictions:
    """Happy faces read as happy, at these points."""
    probabilities = np.tile([0.9, 0.1], (len(valence), 1))
    return Predictions.from_arrays(
        labels=("happy", "sad"),
        truth=np.zeros(len(valence), int),
        probabilities=probabilities,
        valence=np.array(valence),
        arousal=np.array(arousal),
        predicted_valence=np.array(predicted_valence),
        predicted_arousal=np.array(predicted_arousal),
    )


def test_the_error_of_a_region_worked_by_hand():
    # Two faces in one region, 0.3 and 0.4 off; one in another, 0.5 off (a 3-4-5 triangle).
    table = planes.error_by_region(
        placed([0.1, 0.2, -0.9], [0.1, 0.2, 0.9], [0.4, 0.2, -0.6], [0.1, 0.6, 0.5])
    ).set_index("region")
    assert table.loc["valence 0.00 to 0.25, arousal 0.00 to 0.25", ["faces", "error"]].tolist() == [
        2, pytest.approx(np.sqrt((0.3**2 + 0.4**2) / 2), abs=1e-6),
    ]  # fmt: skip
    assert table.loc["valence -1.00 to -0.75, arousal 0.75 to 1.00", "error"] == pytest.approx(0.5, abs=1e-6)


def test_regions_share_out_all_faces_and_their_squared_errors(made):
    table = planes.error_by_region(made)
    assert table["faces"].sum() == 300
    frame = made.frame
    squared = sum((frame[f"predicted_{name}"] - frame[name]) ** 2 for name in affect.DIMENSIONS)
    assert (table["faces"] * table["error"] ** 2).sum() == pytest.approx(squared.sum(), rel=1e-5)
    for row in table.itertuples():
        assert planes.in_region(made, row.region).sum() == row.faces


def test_the_ends_of_the_plane_lie_in_its_outer_regions_and_unknown_points_in_none():
    numbers = planes.region_of(np.array([-1.0, 1.0, 1.0, np.nan]), np.array([-1.0, 1.0, -1.0, 0.0]))
    assert numbers.tolist() == [0, 63, 7, -1]


def test_counts_of_contradictions_equal_a_plain_loop(made):
    table = planes.contradiction_counts(made).set_index("expression")
    for side, codes, prefix in (("annotated", made.truth, ""), ("predicted", made.predicted, "predicted_")):
        expected = dict.fromkeys(made.labels, 0)
        for code, valence, arousal in zip(
            codes, made.frame[f"{prefix}valence"], made.frame[f"{prefix}arousal"], strict=True
        ):
            expected[made.labels[code]] += bool(
                contradictions(made.labels, np.array([code]), [valence], [arousal])[0]
            )
        assert table[side].to_dict() == expected
    assert table["predicted"].sum() > table["annotated"].sum()


def test_picked_faces_come_furthest_first_and_pass_every_choice(made):
    region = planes.error_by_region(made).sort_values("faces")["region"].iloc[-1]
    faces = planes.picked_faces(made, region=region, side="annotated", expression=None)
    assert len(faces) == planes.in_region(made, region).sum()
    assert faces["distance"].is_monotonic_decreasing
    row = faces.index[0]
    across, up = (made.frame[f"predicted_{name}"][row] - made.frame[name][row] for name in affect.DIMENSIONS)
    assert faces["distance"].iloc[0] == pytest.approx(np.hypot(across, up), rel=1e-5)
    assert faces.loc[row, "reference"] == made.frame["reference"][row]
    sad = planes.picked_faces(made, region=None, side="predicted", expression="sad")
    assert len(sad) == planes.contradiction_counts(made).set_index("expression").loc["sad", "predicted"]
    assert (sad["predicted"] == "sad").all() and (sad["predicted_valence"] > 0).all()
    both = planes.picked_faces(made, region=region, side="predicted", expression="sad")
    assert set(both.index) == set(faces.index) & set(sad.index)


def test_faces_without_annotated_affect_come_last(made):
    frame = made.frame.copy()
    frame.loc[:, ["valence", "arousal"]] = np.nan
    unknown = Predictions(made.labels, frame)
    faces = planes.picked_faces(unknown, region=None, side="predicted", expression="neutral")
    assert len(faces) and faces["distance"].isna().all()
    assert affect_text.format_affect(faces.iloc[0]).startswith("predicted")


@pytest.mark.parametrize("ink", [INK, INK_ON_DARK])
def test_every_number_on_the_regions_can_be_read_and_the_chosen_one_is_framed(made, ink):
    regions = planes.error_by_region(made)
    chosen = regions["region"].iloc[3]
    spec = charts.errors(regions, region=planes.REGION, chosen=chosen, ink=ink).to_dict()
    rows = pd.DataFrame(next(iter(spec["datasets"].values())))
    assert len(rows) == len(regions)
    assert all(contrast(row.shade, row.text_colour) >= ENOUGH for row in rows.itertuples())
    assert chosen in json.dumps(spec["layer"][-1]["transform"])


def test_a_region_without_errors_is_drawn(made):
    perfect = placed([0.5], [0.5], [0.5], [0.5])
    spec = charts.errors(
        planes.error_by_region(perfect), region=planes.REGION, chosen=None, ink=INK
    ).to_dict()
    assert len(spec["layer"]) == 3


def test_many_points_are_counted_in_bins_and_none_is_lost(made):
    points = affect.points(made, "valence")
    table = affect.binned(points)
    assert table["faces"].sum() == 300
    face = points.iloc[0]
    near = (table["true"] - face["true"]).abs().lt(affect.BIN) & (
        table["predicted"] - face["predicted"]
    ).abs().lt(affect.BIN)
    assert near.any()


def test_a_region_in_the_link_shows_its_faces_with_their_numbers(open_page, made_runs):
    predictions = open_run(made_runs / "drawn").predictions()
    regions = planes.error_by_region(predictions)
    row = regions.loc[regions["faces"].idxmax()]
    shown = open_page("affect", run="drawn", region=row["region"])
    assert problems(shown) == []
    assert f"{row['faces']} faces annotated with {row['region']}" in text_of(shown)
    assert pictures(shown) == min(row["faces"], 24)
    faces = planes.picked_faces(predictions, region=row["region"], side="annotated", expression=None)
    assert affect_text.format_affect(faces.iloc[0]) in text_of(shown)


@pytest.mark.parametrize("side", ["Annotations", "Predictions"])
def test_contradicting_faces_of_an_expression_are_shown(open_page, made_runs, side):
    predictions = open_run(made_runs / "affect").predictions()
    counts = planes.contradiction_counts(predictions).set_index("expression")
    key = {"Annotations": "annotated", "Predictions": "predicted"}[side]
    expression = "neutral"
    shown = open_page("affect", run="affect", contradictions=side, of=expression)
    assert problems(shown) == []
    number = counts.loc[expression, key]
    assert f"{number} {'face' if number == 1 else 'faces'} {key} {expression}" in text_of(shown)
    assert (affect_text.FURTHEST_FIRST in text_of(shown)) == (number > 0)
    shown.button[0].click().run()
    assert f"faces {key} {expression}" not in text_of(shown)


def test_an_unknown_region_in_the_link_is_named(open_page):
    shown = open_page("affect", run="affect", region="Utopia")
    assert problems(shown) == []
    assert "region 'Utopia'" in shown.warning[0].value
