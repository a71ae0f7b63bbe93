"""No test face trains, selects or teaches; near-duplicates across splits are counted and can be left out."""

import re
import subprocess
import sys

import numpy as np
import pytest

from core import splits
from core.artifacts import open_run
from core.config import PRESETS
from core.console import Console
from core.training_data import load_training_data
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
    groups = splits.near_duplicate_groups(splits.perceptual_hashes(data.pack.images)[data.pack.positions])
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
def test_fer2013_keeps_apart_and_its_own_leaks_are_listed_and_left_out(tmp_path):
    from dataclasses import replace

    data = load_training_data(replace(PRESETS["standard"], data=FER2013), Console())
    groups, split = check(data)
    test = np.flatnonzero(split == "test")
    leaked = np.isin(groups[test], groups[split != "test"])
    listed = tmp_path / "leaks.csv"
    shown = subprocess.run(
        [sys.executable, "benchmarks/leaks.py", "--run", "fer2013-standard", "--data", str(FER2013), "--out", str(listed)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"{leaked.sum()} with a near-duplicate among the training faces" in shown
    rows = listed.read_text().splitlines()[1:]
    assert {row.split(",")[0] for row in rows} == set(data.table.faces["reference"].to_numpy()[test[leaked]])
    assert all("Training_" in row.split(",")[1] for row in rows)
    everything, without = (float(re.search(pattern, shown).group(1)) for pattern in (r"of all ([\d.]+)", r"others ([\d.]+)"))  # fmt: skip
    assert everything == pytest.approx(open_run(SHIPPED).scores.accuracy.value, abs=1e-4)
    assert without < everything
