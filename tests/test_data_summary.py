"""The summary of a run's faces adds up, and contradictions are what they are said to be."""

import numpy as np
import pytest

from core.analysis.contradictions import AFFECTNET_REGIONS, EXCLUDED, contradictions
from core.analysis.data_summary import data_summary
from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.metrics.predictions import Predictions
from core.runs.tables import SUMMARY
from tests.made_runs import make_predictions, make_run


def test_every_annotated_face_of_the_drawn_tree_is_counted_once(drawn_tree):
    table = open_dataset(drawn_tree)
    summary = data_summary(table)
    faces = table.faces
    known = faces[faces["valence"].notna() & faces["arousal"].notna()]
    assert len(known) > 100
    for kind in ("plane", "valence", "arousal"):
        counted = summary[summary["kind"] == kind].groupby(["split", "expression"])["faces"].sum()
        truth = known.groupby(["split", known["expression"].map(lambda code: EXPRESSIONS[code])]).size()
        assert counted.to_dict() == truth.to_dict()
    sizes = summary[summary["kind"] == "size"]
    assert sizes["faces"].sum() == faces["box_width"].notna().sum()
    longer = np.floor(faces[["box_width", "box_height"]].max(axis=1))
    assert sizes.groupby("x")["faces"].sum().to_dict() == longer.value_counts().to_dict()


def test_sums_give_exact_means():
    predictions = make_predictions(faces=200, label_set=8, affect=True)
    summary = data_summary(predictions)
    rows = summary[(summary["kind"] == "arousal") & (summary["expression"] == "happy")]
    happy = predictions.frame[predictions.frame["expression"] == "happy"]["arousal"]
    assert rows["x"].sum() / rows["faces"].sum() == pytest.approx(happy.mean(), abs=1e-6)


def test_values_on_the_edge_of_the_plane_fall_into_its_outer_bins():
    ends = Predictions.from_arrays(
        labels=("happy", "sad"),
        truth=np.zeros(3, int),
        probabilities=np.full((3, 2), 0.5),
        valence=np.array([-1, 1, 0.1], np.float32),
        arousal=np.array([1, -1, 0.0], np.float32),
    )
    plane = data_summary(ends).query("kind == 'plane'")
    assert sorted(zip(plane["x"], plane["y"], strict=True)) == [(-0.95, 0.95), (0.15, 0.05), (0.95, -0.95)]


def test_faces_without_annotations_or_boxes_are_in_no_row():
    assert data_summary(make_predictions(faces=20)).empty


def test_training_keeps_a_summary_of_every_split(trained_run):
    summary = trained_run.table(SUMMARY)[0]
    plane = summary[summary["kind"] == "plane"]
    assert set(plane["split"]) == {"train", "validation", "test"}
    labels = set(trained_run.labels)
    for split, counts in trained_run.info["data"]["counts"].items():
        expected = sum(faces for name, faces in counts.items() if name in labels)
        assert plane.loc[plane["split"] == split, "faces"].sum() == expected


def test_a_damaged_summary_is_one_sentence_and_a_missing_one_none(tmp_path):
    run = make_run(tmp_path, "run", faces=20)
    assert run.table(SUMMARY) is None
    (run.path / SUMMARY.file).write_bytes(b"nonsense")
    with pytest.raises(AffectoscopeError, match="data_summary.parquet of 'run' cannot be read"):
        run.table(SUMMARY)


@pytest.mark.parametrize(
    ("expression", "valence", "arousal", "contradicts"),
    [
        ("happy", -0.3, 0.2, True),
        ("happy", 0.6, 0.3, False),
        ("happy", 0.6, -0.9, True),  # AffectNet's software expected an arousal of -0.2 to 0.5
        ("happy", 0.6, 0.7, True),
        ("happy", -0.05, 0.0, False),  # within the tolerance
        ("happy", 0.6, 0.55, False),
        ("sad", 0.4, -0.3, True),
        ("surprise", -0.8, 0.6, False),
        ("surprise", 0.2, -0.5, True),
        ("anger", -0.6, -0.4, True),
        ("fear", 0.5, 0.5, True),
        ("contempt", 0.2, 0.0, True),
        ("neutral", 0.3, 0.3, False),
        ("neutral", 0.4, 0.4, True),
        ("none", 0.9, 0.9, False),
        ("happy", np.nan, np.nan, False),
    ],
)
def test_contradictions_worked_by_hand(expression, valence, arousal, contradicts):
    made = contradictions(EXPRESSIONS, np.array([EXPRESSIONS.index(expression)]), [valence], [arousal])
    assert made.tolist() == [contradicts]


def test_only_known_expressions_have_rules_and_none_has_two():
    assert set(EXCLUDED) | set(AFFECTNET_REGIONS) <= set(EXPRESSIONS)
    assert not set(EXCLUDED) & set(AFFECTNET_REGIONS)


def test_happy_is_where_affectnet_s_software_expected_it():
    """Mollahosseini et al. (2017), section 3.2.2: valence in (0.0, 1.0], arousal in [-0.2, 0.5]."""
    assert AFFECTNET_REGIONS == {"happy": (0.0, 1.0, -0.2, 0.5)}
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 81), np.linspace(-1, 1, 81)), axis=-1).reshape(-1, 2)
    wrong = contradictions(("happy",), np.zeros(len(grid), int), grid[:, 0], grid[:, 1])
    outside = np.maximum(-grid[:, 0], np.maximum(-0.2 - grid[:, 1], grid[:, 1] - 0.5))
    np.testing.assert_array_equal(
        wrong[abs(outside - 0.1) > 1e-9], (outside > 0.1)[abs(outside - 0.1) > 1e-9]
    )
