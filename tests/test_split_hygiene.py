"""No test face trains, selects or teaches; no near-duplicates lie on both sides of training and validation."""

from dataclasses import replace

import numpy as np
import pytest

from core.config import PRESETS
from core.data.near_duplicates import near_duplicate_groups
from core.data.perceptual_hashes import perceptual_hashes
from core.data.training_data import load_training_data
from core.runs.catalogue import open_run
from core.runtime.console import Console
from tests.conftest import ROOT
from tests.trained import small_config

FER2013 = ROOT.parent / "shared" / "data" / "fer2013.zip"
SHIPPED = ROOT / "artifacts" / "fer2013-standard"

needs_fer2013 = pytest.mark.skipif(
    not FER2013.exists(), reason="FER2013 is not there; it may not be passed on"
)


def parts(data):
    names = ("train", "validation", "test")
    return {name: set(data.part(name)[0].faces["reference"]) for name in names}


def check(data):
    """No face in two splits, no near-duplicate on both sides of training and validation."""
    found = parts(data)
    assert all(found.values())
    assert not found["train"] & found["validation"]
    assert not (found["train"] | found["validation"]) & found["test"]
    np.testing.assert_array_equal(data.hashes, perceptual_hashes(data.pack[np.arange(len(data.pack))]))
    groups = near_duplicate_groups(data.hashes)
    split = data.table.faces["split"].to_numpy()
    assert not np.intersect1d(groups[split == "train"], groups[split == "validation"]).size
    return groups, split


def test_drawn_faces_keep_apart(drawn_tree):
    check(load_training_data(small_config(drawn_tree), Console()))


def test_another_seed_of_training_leaves_the_split(drawn_tree):
    one, other, moved = (
        parts(load_training_data(small_config(drawn_tree, **changes), Console()))
        for changes in ({}, {"seed": 7, "split_seed": 0}, {"seed": 7})
    )
    assert one == other and one["validation"] != moved["validation"] and one["test"] == moved["test"]


def test_the_shipped_run_was_tested_on_test_faces_alone():
    references = open_run(SHIPPED).predictions().frame["reference"]
    assert len(references) == 3589 and references.str.fullmatch(r".*PublicTest_\d+\.jpg").all()
    sample = open_run(SHIPPED).training_sample().references
    assert sample and not set(sample) & set(references)


@needs_fer2013
def test_fer2013_keeps_apart():
    data = load_training_data(replace(PRESETS["standard"], data=FER2013), Console())
    groups, split = check(data)
    # What its official splits share is listed, and left out, by core.leaks: tests/test_leaks.py.
    assert np.isin(groups[split == "test"], groups[split == "train"]).sum() == 337
    assert not np.isin(groups[split == "test"], groups[split == "validation"]).any()
