"""--targets soft: the distributions that a training learns, what they leave alone, and data without votes."""

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.config import TrainConfig
from core.data.batches import Targets, class_weights, plan_epoch, soft_targets, training_batches
from core.data.face_pack import FacePack
from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.preprocessing import PreprocessingConfig
from core.data.relabelling import read_relabelling, relabel
from core.data.training_data import TrainingData, load_training_data
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS, LABEL_SETS
from core.network.training_job import TrainingJob
from core.runs.catalogue import check_recipe
from core.runtime.console import Console
from core.runtime.files import write_json

#: Votes of ten annotators: all for labels of the set, half of them outside, all outside, none.
VOTES = {
    "a": {"sad": 7, "neutral": 3},
    "b": {"fear": 4, "surprise": 1, "uncertain": 5},
    "c": {"no-face": 10},
    "d": {},
    "e": {"happy": 10},
}


@pytest.fixture
def table() -> FaceTable:
    labels = ("sad", "fear", "happy", "sad", "happy")
    faces = as_face_frame(
        {
            "reference": list(VOTES),
            "expression": [EXPRESSIONS.index(name) for name in labels],
            "split": ["train", "train", "train", "train", "validation"],
        }
    )
    votes = np.array([[of.get(name, 0) for name in EXPRESSIONS] for of in VOTES.values()], np.float32)
    return FaceTable("made", "Made-up faces", faces, Ledger(read=5), lambda reference: b"", votes=votes)


@pytest.fixture
def data(table) -> TrainingData:
    pack = FacePack(np.zeros((5, 4, 4, 1), np.uint8), np.arange(5))
    labels = LABEL_SETS[8]
    return TrainingData(
        table, pack, labels, PreprocessingConfig(size=16), table.counts(), np.zeros(5, np.uint64)
    )


def test_soft_targets_are_the_shares_among_the_labels_or_the_label(data):
    job = TrainingJob.of(replace(TrainConfig(), targets="soft"), data, Path())
    expected = np.zeros((4, 8), np.float32)
    expected[0, [2, 0]] = 0.7, 0.3
    expected[1, [4, 3]] = 0.8, 0.2  # of the five votes for a label of the set
    expected[2, 1] = expected[3, 2] = 1.0  # no such votes: the label
    np.testing.assert_allclose(job.training[1].soft, expected, rtol=1e-6)
    np.testing.assert_array_equal(job.training[1].expression, [2, 4, 1, 2])
    assert job.validation[1].soft is None
    assert TrainingJob.of(TrainConfig(), data, Path()).training[1].soft is None
    assert data.voted() == {"train": 2, "validation": 1}
    assert "2 of 4 training faces have votes" in data.soft_sentence() and "other 2" in data.soft_sentence()


def test_batches_carry_the_distributions_and_weights_of_the_labels():
    expression, rng = np.repeat([0, 1], [30, 10]), np.random.default_rng(0)
    soft = soft_targets(rng.integers(0, 5, (40, 2)), expression)
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-6)
    pack = FacePack(
        np.broadcast_to(np.arange(40, dtype=np.uint8)[:, None, None, None], (40, 4, 4, 1)), np.arange(40)
    )
    batches = training_batches(
        pack, Targets(expression, 2, soft=soft), batch_size=20, seed=1, weighted=True, distilled=True
    )
    for faces, truth, weight in islice(batches, 2):
        rows = faces[:, 0, 0, 0]
        np.testing.assert_array_equal(truth["expression"], soft[rows])
        np.testing.assert_array_equal(truth["distilled"], soft[rows])
        np.testing.assert_array_equal(weight["expression"], class_weights(expression, 2)[expression[rows]])


def test_mixup_mixes_the_distributions():
    expression = np.repeat([0, 1], 10)
    soft = soft_targets(np.random.default_rng(0).integers(1, 9, (20, 2)), expression)
    pack = FacePack(np.zeros((20, 4, 4, 1), np.uint8), np.arange(20))
    plan = plan_epoch(expression, batch_size=20, seed=3, epoch=0, mixup=0.4)
    _, truth, _ = next(
        training_batches(pack, Targets(expression, 2, soft=soft), batch_size=20, seed=3, mixup=0.4)
    )
    share, rows = plan.share[0][:, None], plan.rows[0]
    expected = share * soft[rows] + (1 - share) * soft[rows][plan.partner[0]]
    np.testing.assert_allclose(truth["expression"], expected, rtol=1e-6)


def test_a_changed_label_drops_the_votes(table, tmp_path):
    path = tmp_path / "decisions.csv"
    path.write_text("reference,given,decision\na,sad,fear\nb,fear,keep\n", encoding="utf-8")
    changed, _, _ = relabel(table, read_relabelling(path, LABEL_SETS[8]))
    assert changed.votes[0].sum() == 0 and changed.votes[1].sum() == 10
    assert table.votes[0].sum() == 10


def test_data_without_votes_is_refused_before_any_work(tmp_path, monkeypatch, table):
    for label in ("happy", "sad"):
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(2):
            Image.new("L", (20, 20), 90 * number).save(tmp_path / "own" / label / f"{number}.png")
    config = replace(TrainConfig(), targets="soft", data=tmp_path / "own")
    with pytest.raises(AffectoscopeError, match=r"--targets soft needs .* and own .* has no votes; pass"):
        load_training_data(config, Console())
    table.votes[:4] = 0
    monkeypatch.setattr("core.data.reading.open_dataset", lambda *_, **__: table)
    with pytest.raises(AffectoscopeError, match="no votes for the 7 labels on a training face"):
        load_training_data(config, Console())


def test_a_training_begun_before_the_option_existed_resumes_with_its_default(tmp_path):
    recipe = TrainConfig().recipe()
    write_json(tmp_path / "recipe.json", {name: value for name, value in recipe.items() if name != "targets"})
    check_recipe(tmp_path / "recipe.json", recipe)
    with pytest.raises(AffectoscopeError, match=r"different options targets \(majority\)"):
        check_recipe(tmp_path / "recipe.json", replace(TrainConfig(), targets="soft").recipe())
