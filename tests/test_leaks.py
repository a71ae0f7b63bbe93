"""Leaks between splits: which faces, what they are worth, kept with a run, on the command line."""

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.analysis.leaks import find_leaks, labels_differ, load_leaks, save_leaks, summarise
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.leaks import LeaksOptions, find_pairs
from core.metrics.predictions import Predictions
from core.metrics.scoring import score
from core.runs.tables import LEAKS, save_table
from core.runtime.console import Console
from tests.conftest import ROOT
from tests.made_runs import make_predictions, make_run
from tests.trained import small_config, tiny_config


def faces(splits, expressions=None):
    names = [f"{split}/{number}.png" for number, split in enumerate(splits)]
    return pd.DataFrame({"reference": names, "split": splits, "expression": expressions or [0] * len(splits)})


def test_leaks_name_both_faces_their_labels_and_their_distance():
    table = faces(["test", "train", "train", "test", "private_test"], [3, 3, 4, 1, 3])
    hashes = np.array([0, 0b11, 0, 2**40 - 1, 0b1], np.uint64)
    found = find_leaks(table, hashes, of=["test"])
    assert found.to_numpy().tolist() == [
        ["test/0.png", "test", "surprise", "train/2.png", "train", "fear", 0, 2],
        ["test/0.png", "test", "surprise", "private_test/4.png", "private_test", "surprise", 1, 1],
        ["test/0.png", "test", "surprise", "train/1.png", "train", "surprise", 2, 2],
    ]
    assert labels_differ(found).tolist() == [True, False, False]
    assert set(LEAKS.columns) == set(found)


def worked_example():
    """Ten faces of two labels; 0, 1, 2 leak from train, 3 only from private_test. Right: 0, 1, 2 and 3 of the others."""
    truth = np.array([0, 0, 1, 0, 1, 0, 1, 0, 1, 1])
    right = np.array([1, 1, 1, 1, 0, 0, 1, 0, 1, 0], bool)
    read = np.where(right, truth, 1 - truth)
    predictions = Predictions.from_arrays(
        labels=("happy", "sad"), truth=truth, probabilities=np.eye(2)[read] * 0.8 + 0.1
    )
    rows = [("0", "train"), ("1", "train"), ("1", "validation"), ("2", "train"), ("3", "private_test")]
    table = pd.DataFrame(rows, columns=["reference", "other_split"])
    compared = {"train": 50, "validation": 5, "private_test": 10}
    return predictions, table, compared


def test_scores_with_and_without_by_hand():
    predictions, table, compared = worked_example()
    summary = summarise(predictions, table, split="test", compared=compared)
    assert summary.against == {"train": 3, "validation": 1, "private_test": 1}
    assert [each.faces for each in (summary.every, summary.leaked, summary.without)] == [10, 3, 7]
    assert summary.every.accuracy.value == pytest.approx(6 / 10)
    assert summary.leaked.accuracy.value == 1.0
    assert summary.without.accuracy.value == pytest.approx(3 / 7)
    assert summary.accuracy_gain.value == pytest.approx(6 / 10 - 3 / 7)
    # Without: happy 3, 5, 7 of which 3 is right; sad 4, 6, 8, 9 of which 6 and 8 are.
    assert summary.without.macro_f1.value == pytest.approx((2 / 6 + 4 / 8) / 2)
    # All: happy 0, 1, 3, 5, 7 with 3 right, sad 2, 4, 6, 8, 9 with 3 right.
    assert summary.macro_f1_gain.value == pytest.approx((6 / 10 + 6 / 10) / 2 - (2 / 6 + 4 / 8) / 2)


def test_the_sentence_by_hand():
    predictions, table, compared = worked_example()
    told = summarise(predictions, table, split="test", compared=compared).sentence()
    assert told.startswith(
        "3 of the 10 test faces (30.0%) have a near-duplicate among the faces of the training (3 in train, 1 in "
        "validation; 1 in private_test, not used by the training). Accuracy is 60.0% (95% "
    )
    assert "100.0% (95% 43.9 to 100.0) on those and 42.9% (95% " in told  # Wilson's of 3 of 3
    assert re.search(r"they are worth \+17\.1 points \(95% [+-]\d+\.\d to \+\d+\.\d\)\.$", told)


def test_faces_alike_in_other_test_splits_alone_are_no_leak():
    predictions, table, compared = worked_example()
    summary = summarise(
        predictions, table[table["other_split"] == "private_test"], split="test", compared=compared
    )
    assert summary.leaked.faces == 0 and math.isnan(summary.leaked.accuracy.value)
    assert summary.sentence() == (
        "None of the 10 test faces has a near-duplicate among the faces of the training (65 faces of other splits were "
        "compared; 1 in private_test, not used by the training)."
    )


def test_where_every_face_leaks_nothing_is_left():
    predictions, _, compared = worked_example()
    table = pd.DataFrame({"reference": predictions.frame["reference"], "other_split": "train"})
    summary = summarise(predictions, table, split="test", compared=compared)
    assert summary.without.faces == 0 and math.isnan(summary.accuracy_gain.value)
    assert summary.sentence().endswith("on all, and no face is left without them.")


def test_faces_that_were_not_scored_do_not_count():
    predictions, table, compared = worked_example()
    table = pd.concat([table, pd.DataFrame({"reference": ["11"], "other_split": ["train"]})])
    assert summarise(predictions, table, split="test", compared=compared).against["train"] == 3


def test_all_faces_have_the_intervals_of_the_scores():
    predictions = make_predictions(faces=300)
    table = pd.DataFrame({"reference": predictions.frame["reference"][:60], "other_split": "train"})
    summary = summarise(predictions, table, split="test", compared={"train": 100})
    scores = score(predictions)
    assert (
        summary.every.accuracy == scores.headline["accuracy"]
        and summary.every.macro_f1 == scores.headline["macro_f1"]
    )
    part = score(predictions.filter(np.arange(300) >= 60))
    assert (
        summary.without.accuracy == part.headline["accuracy"]
        and summary.without.macro_f1 == part.headline["macro_f1"]
    )


def test_the_interval_of_what_leaks_are_worth_covers_it():
    """120 made-up test sets: accuracy 0.85 on a leaked quarter, 0.6 on the others, so they are worth 6.25 points."""
    random, covered = np.random.default_rng(0), 0
    for _ in range(120):
        right = random.random(800) < np.where(np.arange(800) < 200, 0.85, 0.6)
        truth = random.integers(0, 2, 800)
        read = np.where(right, truth, 1 - truth)
        predictions = Predictions.from_arrays(
            labels=("happy", "sad"), truth=truth, probabilities=np.eye(2)[read] * 0.8 + 0.1
        )
        table = pd.DataFrame({"reference": predictions.frame["reference"][:200], "other_split": "train"})
        gain = summarise(predictions, table, split="test", compared={"train": 1}).accuracy_gain
        covered += gain.low <= 0.0625 <= gain.high
    assert 107 <= covered <= 119


def test_a_label_with_one_face_leaves_averages_over_labels_without_interval():
    truth = np.array([0] * 10 + [1])
    predictions = Predictions.from_arrays(
        labels=("happy", "sad"), truth=truth, probabilities=np.tile([0.7, 0.3], (11, 1))
    )
    table = pd.DataFrame({"reference": ["0"], "other_split": ["train"]})
    summary = summarise(predictions, table, split="test", compared={"train": 1})
    assert math.isnan(summary.every.macro_f1.low) and math.isnan(summary.macro_f1_gain.low)


def test_a_run_that_was_never_looked_at_has_no_leaks(tmp_path):
    assert load_leaks(make_run(tmp_path, "old", faces=20)) is None


@pytest.mark.parametrize(
    "about", [{}, {"split": "test", "compared": 3}, {"split": "test", "compared": {"train": "x"}}]
)
def test_a_note_that_says_nothing_is_an_error(tmp_path, about):
    run = make_run(tmp_path, "odd", faces=20)
    save_table(run.path, LEAKS, pd.DataFrame(columns=list(LEAKS.columns)), about)
    with pytest.raises(AffectoscopeError, match="leaks.parquet of .* holds wrong values .*recreate it"):
        load_leaks(run)


def copied_tree(folder, *, copies=4):
    """train and test folders of noise, two labels; the first `copies` test faces of each label are mirrored training faces."""
    random = np.random.default_rng(0)
    for label in ("happy", "sad"):
        kept = []
        for split, count in (("train", 30), ("test", 10)):
            (folder / split / label).mkdir(parents=True)
            for number in range(count):
                small = random.integers(0, 256, (6, 6), np.uint8)
                face = Image.fromarray(small).resize((48, 48), Image.Resampling.BICUBIC)
                if split == "test" and number < copies:
                    face = kept[number].transpose(Image.Transpose.FLIP_LEFT_RIGHT)
                kept.append(face)
                face.save(folder / split / label / f"{split}-{label}-{number}.png")
    return folder


def test_a_training_keeps_what_leaks_and_says_it(tmp_path, capsys):
    from core.train import train

    tree = copied_tree(tmp_path / "data")
    run = train(tiny_config(tree, name="leaky", epochs=1), folder=tmp_path / "runs")
    leaks = load_leaks(run)
    assert leaks.summary.leaked.faces == 8 and leaks.summary.split == "test"
    assert sum(leaks.summary.compared.values()) == 60
    expected = {f"test/{label}/test-{label}-{n}.png" for label in ("happy", "sad") for n in range(4)}
    assert set(leaks.table["reference"]) == expected
    assert not labels_differ(leaks.table).any()
    assert leaks.summary.sentence() in capsys.readouterr().out
    again = find_pairs(LeaksOptions(run=str(run.path), data=tree, out=tmp_path / "pairs.csv"))
    pd.testing.assert_frame_equal(again, leaks.table, check_dtype=False)
    assert len(pd.read_csv(tmp_path / "pairs.csv")) == len(again) == 8


def test_splits_that_training_carves_do_not_leak_into_it(drawn_tree, tmp_path):
    data = load_training_data(small_config(drawn_tree), Console())
    table = save_leaks(tmp_path, data, split="validation")
    assert not (table["other_split"] == "train").any()


def test_any_data_set_is_looked_through_as_it_names_its_splits(tmp_path, capsys):
    found = find_pairs(LeaksOptions(data=copied_tree(tmp_path / "data"), out=tmp_path / "pairs.csv"))
    told = capsys.readouterr().out
    assert "80 faces; those whose perceptual hashes differ in at most 3 of 64 bits" in told
    assert re.search(r"test +20 faces; with a near-duplicate: 8 in train\n", told)
    assert re.search(r"train +60 faces; with a near-duplicate: 8 in test\n", told)
    assert "The labels differ in 0 of the 8 listed pairs." in told
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "pairs.csv"), found, check_dtype=False)


def test_data_without_splits_is_counted_within(tmp_path, capsys):
    tree = copied_tree(tmp_path / "data")
    for split in ("train", "test"):
        for label in ("happy", "sad"):
            (tmp_path / "flat" / label).mkdir(parents=True, exist_ok=True)
            for path in (tree / split / label).iterdir():
                path.rename(tmp_path / "flat" / label / path.name)
    assert find_pairs(LeaksOptions(data=tmp_path / "flat")).empty
    assert re.search(r"no split +80 faces; with a near-duplicate: 16 in no split\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            LeaksOptions(data=Path("nowhere")),
            "There is no nowhere. Pass the folder, zip or table of a data set.",
        ),
        (LeaksOptions(run="nobody"), "Run 'nobody' not found"),
        (
            LeaksOptions(out=Path("pairs.txt")),
            "--out pairs.txt has no known format; expected a name ending in .csv.",
        ),
    ],
)
def test_what_stands_in_the_way_is_told(options, told):
    with pytest.raises(AffectoscopeError, match=re.escape(told)):
        find_pairs(options)


def test_the_command_tells_it_in_one_sentence():
    done = subprocess.run(
        [sys.executable, "-m", "core.leaks", "--run", "nobody"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith("Error: Run 'nobody' not found") and done.stderr.count("\n") == 1


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(AffectoscopeError, match="The pairs cannot be written"):
        find_pairs(LeaksOptions(data=copied_tree(tmp_path / "data"), out=tmp_path / "missing" / "pairs.csv"))


def test_other_data_than_the_run_s_is_refused(tmp_path):
    tree = copied_tree(tmp_path / "data")
    with pytest.raises(AffectoscopeError, match="differ from the training data of run 'fer2013-standard'"):
        find_pairs(LeaksOptions(run="fer2013-standard", data=tree))
