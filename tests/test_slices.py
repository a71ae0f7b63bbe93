"""Slices of a run: where faces are cut, what is compared, corrected together, and what is said of it."""

import numpy as np
import pandas as pd
import pytest

from core.analysis.slices.bins import MEASURED, MOST_CATEGORIES, SPLIT, Attribute, attributes_of, bin_faces
from core.analysis.slices.findings import slice_findings
from core.analysis.slices.review import GAPS, all_slices, review_slices
from core.metrics.comparison import holm
from core.metrics.predictions import Predictions
from core.runs.tables import ATTRIBUTES, save_table
from tests.made_runs import make_run

AGE = Attribute("age", "age", personal=True)
BRIGHTNESS = MEASURED["brightness"]
LABELS = ("happy", "sad", "anger")


def predictions_of(correct: np.ndarray, *, truth: np.ndarray | None = None, **options) -> Predictions:
    """Faces of three labels that are read right where `correct` says so, and else as the next label."""
    truth = np.arange(len(correct)) % 3 if truth is None else truth
    predicted = np.where(correct, truth, (truth + 1) % 3)
    return Predictions.from_arrays(
        labels=LABELS, truth=truth, probabilities=np.eye(3)[predicted] * 0.7 + 0.1, **options
    )


def random_predictions(faces: int, share: float | np.ndarray, seed: int = 0, **options) -> Predictions:
    return predictions_of(np.random.default_rng(seed).random(faces) < share, **options)


def attributes(faces: int, **columns) -> pd.DataFrame:
    unknown = {name: np.full(faces, np.nan) for name in ATTRIBUTES.columns[1:]}
    return pd.DataFrame({"reference": np.arange(faces).astype(str)} | unknown | columns)


def joined(**columns) -> pd.DataFrame:
    faces = len(next(iter(columns.values())))
    return pd.DataFrame({"reference": np.arange(faces).astype(str)} | columns)


def test_numbers_are_cut_at_their_quartiles():
    values = pd.Series(np.arange(1.0, 101.0))
    found = bin_faces(values.sample(frac=1, random_state=0).sort_index(), BRIGHTNESS)
    assert found.names == (
        "darkest quarter",
        "second darkest quarter",
        "second brightest quarter",
        "brightest quarter",
    )
    assert np.bincount(found.codes).tolist() == [25] * 4
    assert found.lows.tolist() == [1, 26, 51, 76] and found.highs.tolist() == [25, 50, 75, 100]
    assert found.phrases[0] == "the darkest quarter (brightness 1.000 to 25.000)"
    thirds = bin_faces(values, BRIGHTNESS, parts=3)
    assert thirds.names == ("darkest third", "middle third", "brightest third")


def test_numbers_as_they_stand_in_words():
    size = bin_faces(pd.Series(np.linspace(10, 2000, 50)), MEASURED["face_size"])
    assert size.phrases[3] == "the largest quarter (face size 1,513 to 2,000 px)"
    tilt = bin_faces(pd.Series(np.linspace(-20, 10, 61)), MEASURED["roll"])
    assert (
        tilt.phrases[0] == "the most upright quarter (tilt 0.0 to 4.0°)"
    )  # 17 of 61 faces, ties at 4 included
    assert tilt.highs[3] == 20


def test_ties_stay_together_and_make_no_quarters():
    values = pd.Series([5.0] * 60 + list(range(10, 50)))
    found = bin_faces(values, AGE)
    assert np.bincount(found.codes).tolist() == [60, 15, 25]
    assert found.names == ("lowest part", "middle part", "highest part")
    mostly = bin_faces(pd.Series([1.0, 2, 3, 4, 5, 6] + [7.0] * 94), AGE)
    assert np.bincount(mostly.codes).tolist() == [100] and mostly.names == ("only part",)


def test_few_different_numbers_are_categories_in_their_order():
    found = bin_faces(pd.Series([10.0, 2, 2, np.nan, -1, 10]), AGE)
    assert found.names == ("-1", "2", "10") and found.codes.tolist() == [2, 1, 1, -1, 0, 2]
    assert found.phrases[0] == "faces with age '-1'" and np.isnan(found.lows).all()


def test_categories_come_by_name_and_the_rare_ones_are_pooled():
    ages = ["20-29", "3-9", None, "100+", "3-9", "10-19"]
    found = bin_faces(pd.Series(ages, dtype=object), AGE)
    assert found.names == ("3-9", "10-19", "20-29", "100+") and found.codes.tolist() == [2, 0, -1, 3, 0, 1]
    values = np.repeat([f"g{number}" for number in range(15)], np.arange(15, 0, -1))
    many = bin_faces(pd.Series(values, dtype=object), AGE)
    assert len(many.names) == MOST_CATEGORIES + 1 and many.names[-1] == "other (3 values)"
    assert np.bincount(many.codes).tolist() == [*range(15, 3, -1), 6]
    assert many.phrases[-1] == "faces with one of 3 rarer values of age"


def test_values_that_are_not_known_are_in_no_slice():
    values = pd.Series([np.nan, np.inf, *np.arange(40.0)])
    found = bin_faces(values, BRIGHTNESS)
    assert found.unknown == 2 and (found.codes[:2] == -1).all()
    assert bin_faces(pd.Series([np.nan] * 5), BRIGHTNESS).names == ()


def test_a_pose_counts_to_either_side():
    left = bin_faces(pd.Series(np.linspace(0, 0.8, 40)), MEASURED["turn"])
    right = bin_faces(pd.Series(-np.linspace(0, 0.8, 40)), MEASURED["turn"])
    np.testing.assert_array_equal(left.codes, right.codes)


def test_attributes_are_found_by_reference_in_whatever_order():
    predictions = random_predictions(60, 0.7)
    table = attributes(60, brightness=np.linspace(0, 1, 60))
    shuffled = table.sample(frac=1, random_state=1)
    straight, back = (
        dict((key, values) for key, _, values in attributes_of(predictions, each, None))
        for each in (table, shuffled)
    )
    np.testing.assert_array_equal(straight["brightness"], back["brightness"])


def test_a_run_from_before_attributes_were_kept_still_has_sizes_and_splits():
    boxes = np.column_stack([np.zeros((90, 2)), np.linspace(20, 200, 90), np.full(90, 10.0)])
    splits = ["test", "private_test"] * 45
    review = review_slices(random_predictions(90, 0.7, boxes=boxes, split=splits), None, resamples=20)
    assert list(review.tables) == ["face_size", "split"]
    assert review.tables["split"].rows["slice"].tolist() == ["private_test", "test"]
    assert review.tables["split"].attribute == SPLIT


def test_the_numbers_of_a_slice_are_those_of_its_faces():
    predictions = random_predictions(400, 0.7)
    values = np.random.default_rng(2).random(400)
    table = review_slices(predictions, attributes(400, brightness=values)).tables["brightness"]
    darkest = values <= np.quantile(values, 0.25)
    row = table.rows.iloc[0]
    assert row["faces"] == 100 and row["correct"] == predictions.correct[darkest].sum()
    assert row["accuracy"] == pytest.approx(predictions.correct[darkest].mean())
    assert row["accuracy_low"] < row["accuracy"] < row["accuracy_high"]
    gap = predictions.correct[darkest].mean() - predictions.correct[~darkest].mean()
    assert row["accuracy_gap"] == pytest.approx(gap)
    assert row["accuracy_gap_low"] < gap < row["accuracy_gap_high"]
    np.testing.assert_array_equal(table.codes == 0, darkest)


def test_faces_in_no_slice_are_not_among_the_others():
    predictions = random_predictions(300, 0.7)
    values = np.where(np.arange(300) < 60, np.nan, np.arange(300.0))
    row = review_slices(predictions, attributes(300, sharpness=values)).tables["sharpness"].rows.iloc[0]
    right = predictions.correct
    assert row["accuracy_gap"] == pytest.approx(right[60:120].mean() - right[120:].mean())


def test_every_p_value_of_a_review_is_in_one_family_and_two_slices_count_once():
    predictions = random_predictions(400, 0.7)
    random = np.random.default_rng(3)
    review = review_slices(
        predictions,
        attributes(400, brightness=random.random(400)),
        joined(sex=random.choice(["f", "m"], 400)),
    )
    light, sex = (review.tables[key].rows for key in ("brightness", "sex"))
    columns = [f"{gap}_p" for gap in GAPS]
    family = np.concatenate([light[columns].to_numpy().ravel(), sex[columns].iloc[0].to_numpy(float)])
    assert review.tests == len(family) == 15
    expected = holm(family)
    np.testing.assert_allclose(
        light[[f"{name}_corrected" for name in columns]].to_numpy().ravel(), expected[:12]
    )
    np.testing.assert_allclose(sex[[f"{name}_corrected" for name in columns]].to_numpy(), [expected[12:]] * 2)
    for gap in GAPS:  # what one of two slices gains the other loses
        assert sex[gap].sum() == pytest.approx(0)
        assert sex[f"{gap}_low"].tolist() == (-sex[f"{gap}_high"]).tolist()[::-1]


def test_a_joined_column_may_be_called_like_an_attribute():
    predictions = random_predictions(120, 0.7)
    values = np.linspace(0, 1, 120)
    review = review_slices(
        predictions, attributes(120, brightness=values), joined(brightness=values[::-1].copy()), resamples=20
    )
    assert list(review.tables) == ["brightness", "brightness (joined)"]
    np.testing.assert_array_equal(
        review.tables["brightness"].codes, review.tables["brightness (joined)"].codes[::-1]
    )


def test_seeded_reviews_repeat():
    predictions, table = random_predictions(200, 0.7), attributes(200, turn=np.linspace(-1, 1, 200))
    first, second = (review_slices(predictions, table, resamples=50).tables["turn"].rows for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_small_slices_get_no_number_but_a_note():
    groups = np.array(["a"] * 29 + ["b"] * 30 + ["c"] * 241)
    rows = (
        review_slices(random_predictions(300, 0.7), None, joined(group=groups))
        .tables["group"]
        .rows.set_index("slice")
    )
    assert rows["note"].tolist() == ["too few faces", "", ""]
    assert rows.loc["a", ["accuracy", "macro_f1", "accuracy_gap", "accuracy_gap_p"]].isna().all()
    assert rows.loc["b"].drop(["scarce", "note"]).notna().sum() > 20


def test_too_few_others_are_no_comparison_either():
    groups = np.array(["a"] * 20 + ["b"] * 280)
    rows = (
        review_slices(random_predictions(300, 0.7), None, joined(group=groups))
        .tables["group"]
        .rows.set_index("slice")
    )
    assert rows.loc["b", "note"] == "only 20 other faces"
    assert np.isnan(rows.loc["b", "accuracy_gap"]) and rows.loc["b", "accuracy"] > 0


def test_a_rare_expression_leaves_macro_f1_and_the_same_mix_without_a_number():
    truth = np.array(([0] * 46 + [1] * 50 + [2] * 4) + [0, 1, 2] * 100)
    predictions = predictions_of(np.random.default_rng(4).random(400) < 0.7, truth=truth)
    rows = (
        review_slices(predictions, None, joined(group=np.array(["a"] * 100 + ["b"] * 300)))
        .tables["group"]
        .rows
    )
    first, second = rows.iloc[0], rows.iloc[1]
    assert first["note"] == second["note"] == "too few faces of anger"
    assert (
        np.isnan(first["macro_f1"])
        and np.isnan(first["macro_f1_gap"])
        and np.isnan(first["label_standardised_gap"])
    )
    assert first["accuracy_gap"] == -second["accuracy_gap"]
    assert second["macro_f1"] > 0, "the others have enough of it"
    review = review_slices(predictions, None, joined(group=np.array(["a"] * 100 + ["b"] * 300)))
    assert "2 slices have no macro-F1" in " ".join(slice_findings(review)) and "are anger." in " ".join(
        slice_findings(review)
    )


def test_a_planted_gap_is_found_and_told():
    brightness = np.linspace(0, 1, 1200)
    predictions = random_predictions(1200, np.where(brightness < 0.25, 0.5, 0.85), seed=5)
    flat = np.random.default_rng(6).random(1200)
    review = review_slices(predictions, attributes(1200, brightness=brightness, sharpness=flat))
    told = slice_findings(review)
    row = review.tables["brightness"].rows.iloc[0]
    assert told[0].startswith("Accuracy on the darkest quarter (brightness 0.000 to 0.249) is ")
    assert f"{-100 * row['accuracy_gap']:.1f} points lower than on the other faces (95% " in told[0]
    assert "p < 0.001 corrected" in told[0] and "at the same mix of expressions it is" in told[0]
    assert any(line.startswith("No gap in sharpness is distinguishable from chance") for line in told)
    assert "their size is unknown" in " ".join(told) and "their pose is unknown" in " ".join(told)
    assert len([line for line in told if "pose" in line]) == 1
    overview = review.overview.set_index("key")
    assert overview.loc["brightness", "significance"] == "gap found"
    assert overview.loc["brightness", "widest"] == "darkest quarter"
    assert overview.loc["sharpness", "significance"] == "none distinguishable from chance"


def test_a_gap_that_the_mix_explains_is_told_so():
    # Happy is read at 95%, sad and anger at 60%; the first group is mostly happy.
    random = np.random.default_rng(7)
    groups = np.repeat(["a", "b"], 600)
    truth = np.where(
        groups == "a", random.choice(3, 1200, p=[0.8, 0.1, 0.1]), random.choice(3, 1200, p=[0.2, 0.4, 0.4])
    )
    predictions = predictions_of(random.random(1200) < np.where(truth == 0, 0.95, 0.6), truth=truth)
    review = review_slices(predictions, None, joined(group=groups))
    told = slice_findings(review)[0]
    assert told.startswith("Accuracy on faces with group 'b' is ") and "which could be chance" in told
    assert len([line for line in slice_findings(review) if line.startswith("Accuracy on")]) == 1


def test_a_gap_that_the_mix_hides_is_found():
    # The first group has easy faces and is read worse: in accuracy the two cancel out.
    random = np.random.default_rng(8)
    groups = np.repeat(["a", "b"], 1500)
    truth = np.where(
        groups == "a", random.choice(3, 3000, p=[0.8, 0.1, 0.1]), random.choice(3, 3000, p=[0.2, 0.4, 0.4])
    )
    share = np.where(truth == 0, 0.95, 0.6) - np.where(groups == "a", 0.2, 0.0)
    review = review_slices(
        predictions_of(random.random(3000) < share, truth=truth), None, joined(group=groups)
    )
    assert slice_findings(review)[0].startswith(
        "At the same mix of expressions, accuracy on faces with group 'a' is "
    )
    assert " and macro-F1 0." in slice_findings(review)[0]


def test_small_and_unknown_slices_are_counted_in_the_findings():
    groups = np.array([None] * 12 + ["tiny"] * 8 + ["a", "b"] * 140, dtype=object)
    told = " ".join(slice_findings(review_slices(random_predictions(300, 0.7), None, joined(group=groups))))
    assert "Slices with too few faces for a test, fewer than 30: faces with group 'tiny' (8)." in told
    assert "Of 300 faces some are in no slice, because their value is not known: 12 by group." in told


def test_nothing_to_compare_is_told_why():
    review = review_slices(random_predictions(40, 0.7), attributes(40, brightness=np.full(40, 0.5)))
    assert not review.tables and review.tests == 0 and review.overview.empty
    told = slice_findings(review)
    assert "The faces have no boxes; their size is unknown." in told
    assert "The faces have no landmarks; their pose is unknown." in told
    assert "All faces belong to one split; splits cannot be compared." in told
    assert "All faces whose brightness is known have the same value; it cannot be compared." in told


def test_one_face_is_no_reason_to_fail():
    review = review_slices(random_predictions(1, 1.0), attributes(1, brightness=[0.4], turn=[0.1]))
    assert not review.tables and review.accuracy == 1


def test_all_slices_of_a_run(tmp_path):
    run = make_run(tmp_path, "made", faces=300)
    assert all_slices(run).tables == {}
    references = run.predictions().frame["reference"]
    table = attributes(300, brightness=np.linspace(0, 1, 300)).assign(reference=references.to_numpy())
    save_table(run.path, ATTRIBUTES, table)
    assert list(all_slices(run).tables) == ["brightness"]
    thirds = all_slices(run, pd.DataFrame({"reference": references, "sex": ["f", "m"] * 150}), parts=3)
    assert list(thirds.tables) == ["brightness", "sex"] and len(thirds.tables["brightness"].rows) == 3
    numbers = thirds.tables["sex"].numbers("macro_f1")
    assert numbers.columns.tolist() == [
        "slice", "faces", "value", "low", "high", "gap", "gap_low", "gap_high", "p_corrected", "significance",
    ]  # fmt: skip


def test_attributes_of_the_data_set_are_compared_like_the_users(tmp_path):
    gender = np.where(np.arange(400) % 2, "female", "male")
    share = np.where(gender == "female", 0.9, 0.5)
    predictions = random_predictions(400, share)
    run = make_run(tmp_path, "run", faces=60, resamples=0)
    table = attributes(400, age_group=np.arange(400) % 3, gender=gender)
    save_table(run.path, ATTRIBUTES, table)
    review = review_slices(predictions, run.table(ATTRIBUTES)[0], joined(gender=gender), resamples=50)
    assert {"age_group", "gender", "gender (joined)"} <= set(review.tables)
    found = review.tables["gender"]
    assert found.attribute.annotated and found.attribute.title == "Gender" and len(found.found) == 2
    assert found.rows["faces"].tolist() == [200, 200]
    pd.testing.assert_frame_equal(
        found.rows[["slice", "correct"]], review.tables["gender (joined)"].rows[["slice", "correct"]]
    )
