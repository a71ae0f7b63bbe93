"""Faces with labels that the network does not know: in which split, packed, counted, kept with the run, made again."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from core.analysis.protocol import load_protocol
from core.analysis.selective.abstention import NO_EXPRESSION_GROUP, compute_abstention
from core.analysis.selective.out_of_set import load_out_of_set_faces
from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.readers import open_dataset
from core.data.splits import split_out_of_set
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.runs.catalogue import open_run
from core.runs.tables import OUT_OF_SET, save_table
from core.runtime.console import Console
from core.runtime.files import write_json
from core.upgrade import UpgradeOptions, upgrade
from tests.trained import small_config

NAMES = ("none", "uncertain", "no-face")


def out_of_set_table(splits: list[str], codes: list[int]) -> FaceTable:
    faces = as_face_frame(
        {"reference": [f"{row}" for row in range(len(splits))], "expression": codes, "split": splits}
    )
    return FaceTable("folders", "Own faces", faces, Ledger(len(splits)), open)


def splits_of(table: FaceTable) -> list[str]:
    return table.faces["split"].tolist()


def test_an_official_validation_split_goes_where_that_of_the_other_faces_went():
    out_of_set = out_of_set_table(["train", "validation", "validation"], [8, 8, 10])
    before = np.array(["train", "train", "validation"], object)
    tested = split_out_of_set(out_of_set, before, np.array(["train", "validation", "test"]), seed=0)
    assert splits_of(tested) == ["train", "test", "test"]
    kept = split_out_of_set(
        out_of_set, np.append(before, "test"), np.array(["train", "train", "validation", "test"]), seed=0
    )
    assert splits_of(kept) == ["train", "validation", "validation"]
    assert splits_of(out_of_set) == ["train", "validation", "validation"]


def test_as_much_of_every_label_is_tested_as_of_the_other_faces():
    out_of_set = out_of_set_table([""] * 30, [8] * 20 + [9] * 9 + [10])
    before, after = np.full(50, "", object), np.array(["test"] * 5 + ["validation"] * 5 + ["train"] * 40)
    split = split_out_of_set(out_of_set, before, after, seed=3)
    tested = split.faces[split.faces["split"] == "test"]["expression"].value_counts()
    assert tested.to_dict() == {8: 2, 9: 1, 10: 1}  # a tenth, one at least
    assert set(splits_of(split)) == {"train", "test"}
    assert splits_of(split_out_of_set(out_of_set, before, after, seed=3)) == splits_of(split)
    assert splits_of(split_out_of_set(out_of_set, before, after, seed=4)) != splits_of(split)


def test_nothing_is_drawn_where_the_test_split_is_official():
    out_of_set = out_of_set_table(["train", "", "test"], [8, 8, 8])
    before = np.array(["train", "", "test"], object)
    split = split_out_of_set(out_of_set, before, np.array(["train", "validation", "test"]), seed=0)
    assert splits_of(split) == ["train", "train", "test"]


def test_no_outside_face_is_no_trouble():
    empty = split_out_of_set(out_of_set_table([], []), np.array([""], object), np.array(["test"]), seed=0)
    assert len(empty) == 0


def test_training_data_holds_the_outside_faces_of_the_scored_split(drawn_tree):
    data = load_training_data(small_config(drawn_tree), Console())
    assert data.out_of_set.faces["expression"].value_counts().to_dict() == {8: 5, 9: 5, 10: 5}
    assert set(data.out_of_set.faces["split"]) == {"test"} and data.out_of_set_pack[:].shape == (
        15,
        24,
        24,
        1,
    )
    table = open_dataset(drawn_tree)
    assert sum(sum(row.values()) for row in data.counts.values()) == len(table)
    assert not set(data.out_of_set.faces["reference"]) & set(data.table.faces["reference"])
    assert data.origins == {"test": ["test"], "train": ["train"], "validation": ["train"]}


def test_a_seven_label_run_leaves_contempt_outside_and_an_eleven_label_run_nothing(drawn_tree):
    seven = load_training_data(small_config(drawn_tree, labels=7), Console())
    assert seven.out_of_set.faces["expression"].value_counts().to_dict() == {7: 5, 8: 5, 9: 5, 10: 5}
    eleven = load_training_data(small_config(drawn_tree, labels=11), Console())
    assert len(eleven.out_of_set) == 0 and eleven.out_of_set_pack is None


def test_validation_faces_are_scored_without_outside_faces_of_the_test_split(drawn_tree):
    data = load_training_data(small_config(drawn_tree, review="validation"), Console())
    assert len(data.out_of_set) == 0 and data.counts["test"]["none"] == 5


@pytest.fixture
def own_folders(drawn_tree, tmp_path):
    """Faces in folders without splits: 40 happy, 40 sad, 20 without expression of which one is no image."""
    table = open_dataset(drawn_tree)
    images = [table.read_image(reference) for reference in table.faces["reference"][:100]]
    for row, image in enumerate(images):
        name = ("happy", "happy", "sad", "sad", "none")[row % 5]
        folder = tmp_path / "own" / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{row}.jpg").write_bytes(image)
    return tmp_path / "own"


def test_data_without_splits_has_the_same_share_of_outside_faces_tested(own_folders):
    data = load_training_data(small_config(own_folders, labels=7), Console())
    assert data.counts["test"]["none"] == 2 and data.counts["train"]["none"] == 18
    assert data.origins == {"test": [""], "train": [""], "validation": [""]}


def test_outside_faces_that_cannot_be_read_are_refused_and_end_nothing(own_folders):
    for image in (own_folders / "none").iterdir():
        image.write_bytes(b"no image")
    data = load_training_data(small_config(own_folders, labels=7), Console())
    assert len(data.out_of_set) == 0 and data.out_of_set_pack is None
    assert data.table.ledger.rejected == {"undecodable image": 2}
    assert data.counts["train"]["none"] == 18 and "none" not in data.counts["test"]
    assert data.table.ledger.used == sum(sum(row.values()) for row in data.counts.values())


def test_a_training_keeps_what_the_network_says_of_them(trained_run, drawn_tree):
    frame = trained_run.table(OUT_OF_SET)[0]
    assert list(frame) == [
        "reference",
        "split",
        "expression",
        *(f"p_{label}" for label in trained_run.labels),
    ]
    counts = trained_run.info["data"]["counts"]["test"]
    assert frame["expression"].value_counts().to_dict() == {name: counts[name] for name in NAMES}
    data = load_training_data(small_config(drawn_tree), Console())
    said = np.asarray(trained_run.load_model()(data.out_of_set_pack[:])["expression"])
    kept = load_out_of_set_faces(trained_run)
    np.testing.assert_allclose(kept.probabilities, said, atol=1e-5)
    assert frame["reference"].tolist() == data.out_of_set.faces["reference"].tolist()


def test_the_abstention_of_a_trained_run(trained_run):
    run = compute_abstention(trained_run, resamples=50)
    predictions = trained_run.predictions()
    assert len(run.confidence) == len(predictions) and len(run.out_of_set) == 15 and run.not_kept == 0
    assert [group.name for group in run.groups] == [*NAMES, NO_EXPRESSION_GROUP]
    assert run.temperature == trained_run.info["calibration"]["temperature"]
    everything = run.accepted(0.0)
    assert (everything.scored, everything.accepted_out_of_set) == (40, 15)
    assert everything.risk.value == pytest.approx(1 - trained_run.scores.headline["accuracy"].value)
    assert everything.risk_with_out_of_set.value == pytest.approx(((~predictions.correct).sum() + 15) / 55)
    assert len(run.findings()) == 2 and "15 test faces have labels" in run.findings()[0]
    widest = run.at_coverages((1.0,)).iloc[0]
    assert widest["risk"] == pytest.approx(everything.risk.value) and widest["accepted"] == 40
    assert run.at_risks((1.0,))["coverage"][0] == 1


def test_an_older_run_gets_them_by_renewing(trained_run, drawn_tree, tmp_path):
    old = shutil.copytree(trained_run.path, tmp_path / "old")
    (old / OUT_OF_SET.file).unlink()
    info = json.loads((old / "run.json").read_text())
    del info["data"]["origins"]
    write_json(old / "run.json", info)
    assert compute_abstention(open_run(old), resamples=0).not_kept == 15
    run = upgrade(UpgradeOptions(run=str(old), data=drawn_tree))
    pd.testing.assert_frame_equal(run.table(OUT_OF_SET)[0], trained_run.table(OUT_OF_SET)[0], rtol=1e-4)
    assert run.info["data"]["origins"] == trained_run.info["data"]["origins"]
    assert load_protocol(run) == load_protocol(trained_run)


def test_other_labels_and_damage_are_named(trained_run, tmp_path):
    copied = open_run(shutil.copytree(trained_run.path, tmp_path / "copied"))
    frame = copied.table(OUT_OF_SET)[0]
    for damaged in (
        frame.drop(columns="p_happy"),
        frame.assign(p_happy=2.0),
        frame.assign(p_happy=np.nan),
        frame.assign(expression="happy"),
        frame.assign(expression="boredom"),
    ):
        save_table(copied.path, OUT_OF_SET, damaged)
        with pytest.raises(AffectoscopeError, match="does not match the labels of the run; recreate it with"):
            compute_abstention(copied)


def test_a_damaged_temperature_is_named(trained_run):
    broken = replace(trained_run, info=trained_run.info | {"calibration": {"temperature": -1.0}})
    with pytest.raises(AffectoscopeError, match=r"calibration.* is damaged"):
        compute_abstention(broken)
