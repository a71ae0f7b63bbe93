"""The Predictions table: its columns, what is derived from them, the file, and every refusal."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import AffectoscopeError
from core.metrics.predictions import (
    METADATA_KEY,
    SCHEMA_VERSION,
    Predictions,
    read_embeddings,
    read_landmarks,
)

LABELS = ("neutral", "happy", "sad")
PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])


def made(**others):
    given = {"labels": LABELS, "truth": np.array([0, 1, 2, 1]), "probabilities": PROBABILITIES}
    return Predictions.from_arrays(**{**given, **others})


def full():
    rng = np.random.default_rng(0)
    return made(
        reference=["a.png", "b.png", "c.png", "ü/d.png"],
        split=["test", "test", "validation", "test"],
        valence=np.array([0.5, np.nan, -1, 0]),
        arousal=np.array([0.1, np.nan, 0.2, 0]),
        predicted_valence=np.array([0.4, 0.1, -0.8, 0.1]),
        predicted_arousal=np.zeros(4),
        boxes=np.arange(16.0).reshape(4, 4),
        embeddings=rng.standard_normal((4, 7)),
        landmarks=rng.uniform(0, 200, (4, 68, 2)),
    )


def write(path, frame, *, about=None, **metadata):
    """A parquet file with the metadata that `save` writes, or another one."""
    about = {"schema_version": SCHEMA_VERSION, "labels": LABELS} | metadata if about is None else about
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(
        {METADATA_KEY: json.dumps(about)}
    )
    pq.write_table(table, path)
    return path


def test_columns_and_kinds():
    frame = full().frame
    assert list(frame) == [
        "reference", "split", "expression", "p_neutral", "p_happy", "p_sad", "valence", "arousal",
        "predicted_valence", "predicted_arousal", "box_x", "box_y", "box_width", "box_height",
    ]  # fmt: skip
    assert list(frame["expression"]) == ["neutral", "happy", "sad", "happy"]
    assert list(frame["expression"].cat.categories) == list(LABELS)
    assert {str(kind) for kind in frame.dtypes[3:]} == {"float32"}


def test_what_is_derived_from_a_row():
    predictions = made()
    np.testing.assert_array_equal(predictions.truth, [0, 1, 2, 1])
    np.testing.assert_array_equal(predictions.predicted, [0, 1, 1, 0])  # the first label on a tie
    np.testing.assert_array_equal(predictions.correct, [True, True, False, False])
    np.testing.assert_allclose(predictions.confidence, [0.7, 0.5, 0.5, 0.4])
    np.testing.assert_allclose(predictions.margin, [0.5, 0.2, -0.2, 0.0], atol=1e-7)
    np.testing.assert_allclose(predictions.loss, -np.log([0.7, 0.5, 0.3, 0.4]), rtol=1e-6)
    assert predictions.probabilities.dtype == np.float32 and len(predictions) == 4


def test_names_do_for_positions_and_what_is_not_given_is_nan():
    predictions = made(truth=["sad", "happy", "sad", "neutral"])
    np.testing.assert_array_equal(predictions.truth, [2, 1, 2, 0])
    assert predictions.frame.loc[:, "valence":].isna().all(axis=None)
    assert list(predictions.frame["reference"]) == ["0", "1", "2", "3"]
    assert predictions.embeddings is None and predictions.landmarks is None


def test_affect_needs_truth_and_prediction_of_one_face():
    assert full().has_affect
    assert not made(valence=np.zeros(4)).has_affect
    assert not made(predicted_valence=np.zeros(4)).has_affect
    assert not made(
        valence=np.array([0, 0, np.nan, np.nan]), predicted_valence=np.array([np.nan] * 3 + [0])
    ).has_affect


def test_filter_keeps_rows_together():
    predictions = full()
    for chosen in (
        np.array([False, True, False, True]),
        pd.Series([False, True, False, True]),
        np.array([1, 3]),
    ):
        kept = predictions.filter(chosen)
        assert list(kept.frame["reference"]) == ["b.png", "ü/d.png"] and kept.labels == LABELS
        np.testing.assert_array_equal(kept.truth, [1, 1])
        np.testing.assert_array_equal(kept.embeddings, predictions.embeddings[[1, 3]])
        np.testing.assert_array_equal(kept.landmarks, predictions.landmarks[[1, 3]])
    assert len(predictions.filter(np.zeros(4, bool))) == 0


@pytest.mark.parametrize(
    "predictions", [made(), full(), full().filter(np.zeros(4, bool))], ids=["bare", "full", "empty"]
)
def test_what_is_saved_is_loaded(tmp_path, predictions):
    predictions.save(tmp_path / "predictions.parquet")
    light = Predictions.load(tmp_path / "predictions.parquet")
    assert light.embeddings is None and light.landmarks is None and light.labels == LABELS
    pd.testing.assert_frame_equal(light.frame, predictions.frame)
    loaded = Predictions.load(tmp_path / "predictions.parquet", with_embeddings=True, with_landmarks=True)
    for name, kind in (("embeddings", np.float16), ("landmarks", np.float32)):
        saved, read = getattr(predictions, name), getattr(loaded, name)
        if saved is None:
            assert read is None
        else:
            assert read.dtype == kind and read.shape == saved.shape
            np.testing.assert_array_equal(read, saved)


def test_a_file_without_predicted_affect_has_no_affect(tmp_path):
    frame = full().frame.drop(columns=["predicted_valence", "predicted_arousal"])
    loaded = Predictions.load(write(tmp_path / "p.parquet", frame))
    assert not loaded.has_affect and loaded.frame["predicted_arousal"].isna().all()


def test_expressions_may_lie_in_the_file_as_plain_text(tmp_path):
    frame = full().frame.astype({"expression": str})
    pd.testing.assert_frame_equal(Predictions.load(write(tmp_path / "p.parquet", frame)).frame, full().frame)


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("p_happy", np.nan, r"1 of 4 rows, first 'b\.png', have NaN, infinite or negative probabilities"),
        ("p_happy", -0.1, "have NaN, infinite or negative probabilities; expected numbers from 0 to 1"),
        (
            "p_happy",
            0.6,
            r"1 of 4 rows, first 'b\.png', have probabilities that do not sum to 1; expected the softmax",
        ),
        (
            "expression",
            "fear",
            "1 true labels such as 'fear' are unknown; expected one of neutral, happy, sad",
        ),
        ("expression", None, "1 true labels such as .* are unknown"),
        ("valence", "high", "holds values that do not belong in their column"),
    ],
)
def test_wrong_values_are_refused_with_the_files_name(tmp_path, column, value, message):
    frame = full().frame.astype(
        {"expression": object, "valence": object if column == "valence" else "float32"}
    )
    if column == "valence":
        frame["valence"] = "high"
    else:
        frame.loc[1, column] = value
    with pytest.raises(AffectoscopeError, match=message) as refusal:
        Predictions.load(write(tmp_path / "p.parquet", frame))
    assert str(refusal.value).startswith(str(tmp_path / "p.parquet"))


def test_sums_within_a_thousandth_of_1_pass(tmp_path):
    frame = full().frame
    frame.loc[1, "p_happy"] += 0.0009
    assert len(Predictions.load(write(tmp_path / "p.parquet", frame))) == 4
    frame.loc[1, "p_happy"] += 0.0003
    with pytest.raises(AffectoscopeError, match="do not sum to 1"):
        Predictions.load(write(tmp_path / "p.parquet", frame))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"about": {}}, "is no predictions file: its metadata has no readable 'affectoscope' entry"),
        (
            {"schema_version": SCHEMA_VERSION + 1},
            r"has schema version 2; this Affectoscope reads up to 1: update it",
        ),
        (
            {"labels": ["neutral", "happy"]},
            "names the labels neutral, happy and has probabilities for neutral, happy, sad",
        ),
        ({"labels": []}, "names the labels none and has probabilities for neutral, happy, sad"),
        ({"labels": [*LABELS, "fear"]}, "expected one column p_<label> per expression label"),
        ({"labels": [*LABELS, "sad"]}, "names the labels neutral, happy, sad, sad and has"),
    ],
)
def test_foreign_metadata_are_refused(tmp_path, metadata, message):
    with pytest.raises(AffectoscopeError, match=message):
        Predictions.load(write(tmp_path / "p.parquet", full().frame, **metadata))


def test_labels_that_are_no_expressions_are_refused(tmp_path):
    frame = full().frame.rename(columns={"p_sad": "p_bored"})
    with pytest.raises(AffectoscopeError, match="names the labels neutral, happy, bored"):
        Predictions.load(write(tmp_path / "p.parquet", frame, labels=["neutral", "happy", "bored"]))


def test_missing_columns_are_named(tmp_path):
    frame = full().frame.drop(columns=["split", "box_x"])
    with pytest.raises(
        AffectoscopeError, match="lacks the columns split, box_x; write it again with evaluate"
    ):
        Predictions.load(write(tmp_path / "p.parquet", frame))


def test_landmarks_of_another_size_are_refused(tmp_path):
    table = pa.table({"landmarks": pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(20, np.float32)), 5)})
    frame = pa.Table.from_pandas(full().frame, preserve_index=False).append_column(
        "landmarks", table["landmarks"]
    )
    about = json.dumps({"schema_version": SCHEMA_VERSION, "labels": LABELS})
    pq.write_table(frame.replace_schema_metadata({METADATA_KEY: about}), tmp_path / "p.parquet")
    with pytest.raises(AffectoscopeError, match="holds values that do not belong in their column"):
        Predictions.load(tmp_path / "p.parquet", with_landmarks=True)


def test_unreadable_files_are_refused(tmp_path):
    (tmp_path / "p.parquet").write_bytes(b"PAR1 is how it starts, not how it goes on")
    for name in ("p.parquet", "absent.parquet"):
        with pytest.raises(AffectoscopeError, match=f"{name} cannot be read as a parquet file"):
            Predictions.load(tmp_path / name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (
            {"probabilities": PROBABILITIES[:, :2]},
            r"have shape \(4, 2\); expected one column for each of the 3 labels",
        ),
        ({"truth": np.array([0, 1, 2, 3])}, "1 true labels such as '3' are unknown; expected one of neutral"),
        ({"truth": np.array([0, 1])}, "expression has 2 rows; expected 4, one per face"),
        ({"valence": np.zeros(3)}, "valence has 3 rows; expected 4"),
        ({"reference": ["a"]}, "reference has 1 rows; expected 4"),
        ({"embeddings": np.zeros((5, 2))}, "embeddings has 5 rows; expected 4"),
        ({"landmarks": np.zeros((4, 5, 2))}, r"landmarks has shape \(4, 5, 2\); expected \(4, 68, 2\)"),
        (
            {"probabilities": PROBABILITIES * 2},
            "The predictions: 4 of 4 rows, first '0', have probabilities that do not",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_refused(wrong, message):
    with pytest.raises(AffectoscopeError, match=message):
        made(**wrong)


def test_embeddings_and_one_faces_landmarks_can_be_read_alone(tmp_path):
    predictions = full()
    predictions.landmarks[2, 5] = np.nan
    predictions.save(tmp_path / "p.parquet")
    embeddings = read_embeddings(tmp_path / "p.parquet")
    assert embeddings.dtype == np.float16
    np.testing.assert_array_equal(embeddings, predictions.embeddings)
    for row in (0, 1, 3):
        np.testing.assert_array_equal(read_landmarks(tmp_path / "p.parquet", row), predictions.landmarks[row])
    assert read_landmarks(tmp_path / "p.parquet", 2) is None
    made().save(tmp_path / "none.parquet")
    assert read_embeddings(tmp_path / "none.parquet") is None
    assert read_landmarks(tmp_path / "none.parquet", 0) is None


def test_damaged_embeddings_and_landmarks_are_told(tmp_path):
    table = pa.table({"embedding": ["x", "y"], "landmarks": [[1.0], [2.0]]})
    pq.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(AffectoscopeError, match="The column embedding in .*p.parquet cannot be read"):
        read_embeddings(tmp_path / "p.parquet")
    with pytest.raises(AffectoscopeError, match="The column landmarks in .*p.parquet cannot be read"):
        read_landmarks(tmp_path / "p.parquet", 1)
