"""Training end to end on drawn faces: the run, its repeatability, resume, Ctrl-C, refusals."""

import errno
import json
import shutil
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from core import train as training
from core.analysis.data_inspection.inspection import load_inspection
from core.config import TrainConfig
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.network import fit
from core.runs.catalogue import list_runs, open_run
from core.runtime.console import Console
from core.train import train
from tests.trained import fit_epochs, made, small_config, tiny_config


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "artifacts"


def test_a_run_is_whole_and_agrees_with_itself(trained_run, drawn_tree):
    run = open_run(trained_run.path)
    predictions = run.predictions(with_embeddings=True)
    assert run.labels == ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
    assert len(predictions) == 40 == run.scores.faces  # 5 of each of 8 labels
    assert run.scores.headline["accuracy"].value == pytest.approx(predictions.correct.mean())
    assert (
        run.scores.headline["accuracy"].low
        <= run.scores.headline["accuracy"].value
        <= run.scores.headline["accuracy"].high
    )
    assert predictions.has_affect and predictions.embeddings.shape == (40, 16)
    assert list(run.history["epoch"]) == [1, 2]
    assert run.info["training"]["best_epoch"] in (1, 2)
    assert set(run.thumbnails()) == set(predictions.frame["reference"])
    assert "Drawn faces" in run.card and "no data about people" in run.card
    assert str(drawn_tree.parent) not in (run.path / "run.json").read_text()
    assert not (run.path / "checkpoint").exists() and not (run.path / "recipe.json").exists()


def test_counts_tell_splits_and_what_was_left_out(trained_run):
    counts = trained_run.info["data"]["counts"]
    assert sum(counts["test"][label] for label in trained_run.labels) == 40
    assert counts["test"]["no-face"] == 5
    kept = sum(
        counts[split].get(label, 0) for split in ("train", "validation") for label in trained_run.labels
    )
    out_of_set = sum(counts["train"][label] for label in ("none", "uncertain", "no-face"))
    assert kept + out_of_set == 150
    assert counts["validation"]


def test_the_saved_network_gives_the_saved_predictions(trained_run, drawn_tree):
    data = load_training_data(small_config(drawn_tree), Console())
    table, pack = data.part("test")
    network = trained_run.load_model()
    predictions = trained_run.predictions()
    assert list(table.faces["reference"]) == list(predictions.frame["reference"])
    outputs = np.asarray(network(pack[:])["expression"])
    np.testing.assert_allclose(outputs, predictions.probabilities, atol=1e-5)


def test_test_faces_never_train_or_select(drawn_tree):
    data = load_training_data(small_config(drawn_tree), Console())
    parts = {split: set(data.part(split)[0].faces["reference"]) for split in ("train", "validation", "test")}
    assert not parts["test"] & (parts["train"] | parts["validation"])
    assert not parts["train"] & parts["validation"]
    official = pd.read_csv(next(drawn_tree.rglob("validation.csv")))
    assert parts["test"] <= set(official["subDirectory_filePath"])


def test_same_seed_same_numbers(trained_run, drawn_tree, tmp_path):
    again, _ = fit_epochs(small_config(drawn_tree), made(tmp_path / "again"))
    other, _ = fit_epochs(small_config(drawn_tree, seed=1), made(tmp_path / "other"))
    expected = trained_run.load_model().get_weights()
    assert all(np.array_equal(one, two) for one, two in zip(again.get_weights(), expected, strict=True))
    assert not any(
        np.array_equal(one, two)
        for one, two in zip(other.get_weights(), expected, strict=True)
        if one.ndim > 1
    )


def interrupt_after(monkeypatch, epochs):
    """Ctrl-C at the first step after so many epochs."""
    original = fit.TrainingCallback.on_train_batch_end

    def on_train_batch_end(self, step, logs=None):
        original(self, step, logs)
        if self.epochs_done == epochs and step == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(fit.TrainingCallback, "on_train_batch_end", on_train_batch_end)


def test_ctrl_c_ends_cleanly_with_what_is_there(drawn_tree, folder, monkeypatch):
    interrupt_after(monkeypatch, 1)
    run = train(tiny_config(drawn_tree, name="stopped", epochs=5), folder=folder)
    assert run.info["training"]["ended"] == "interrupted"
    assert run.info["training"]["epochs"] == 1 == len(run.history)
    assert run.scores.faces == 40


@dataclass(frozen=True)
class Killed:
    """A training that a kill ended right after the checkpoint of its second epoch.

    Attributes:
        rows: how many rows history.csv had at each checkpoint.
    """

    config: TrainConfig
    folder: Path
    printed: str
    rows: list[int]


@pytest.fixture(scope="module")
def killed(drawn_tree, tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed") / "artifacts"
    config = tiny_config(drawn_tree, name="killed", epochs=3)
    rows, original = [], fit.TrainingCallback.save

    def save_then_die(self):
        original(self)
        rows.append(len(pd.read_csv(folder / ".killed.partial" / "history.csv")))
        if self.epochs_done == 2:
            raise SystemError("killed")

    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as printed:
        patch.setattr(fit.TrainingCallback, "save", save_then_die)
        with pytest.raises(SystemError):
            train(config, folder=folder)
    return Killed(config, folder, printed.getvalue(), rows)


def test_history_grows_while_training(killed):
    assert killed.rows == [1, 2]


def test_a_killed_training_is_no_run_and_its_command_to_go_on_is_printed(killed):
    assert list_runs(killed.folder) == []
    assert "--name killed --resume" in " ".join(killed.printed.split())
    with pytest.raises(AffectoscopeError, match="'killed' exists; pass --resume"):
        train(killed.config, folder=killed.folder)


def test_resume_refuses_other_options_and_nothing_to_resume(killed):
    with pytest.raises(AffectoscopeError, match="No interrupted training 'new' found"):
        train(replace(killed.config, name="new", resume=True), folder=killed.folder)
    with pytest.raises(AffectoscopeError, match="different options epochs"):
        train(replace(killed.config, resume=True, epochs=9), folder=killed.folder)


def test_a_killed_training_resumes_to_the_same_result(killed, tmp_path):
    """As test_training_recipe does with a moving average and a checkpoint every second epoch."""
    whole = train(replace(killed.config, name="whole"), folder=tmp_path)
    folder = shutil.copytree(killed.folder, tmp_path / "artifacts")
    resumed = train(replace(killed.config, resume=True), folder=folder)
    np.testing.assert_array_equal(resumed.predictions().probabilities, whole.predictions().probabilities)
    pd.testing.assert_frame_equal(
        resumed.history.drop(columns="seconds"), whole.history.drop(columns="seconds")
    )


def test_a_run_appears_with_its_card_or_not_at_all(drawn_tree, folder, monkeypatch):
    config = tiny_config(drawn_tree, name="carded", epochs=1)

    def full_disk(run):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(training, "write_card", full_disk)
        with pytest.raises(OSError, match="No space left"):
            train(config, folder=folder)
    assert list_runs(folder) == []
    run = train(replace(config, resume=True), folder=folder)
    assert run.card.startswith("# carded\n") and ".partial" not in run.card
    assert run.info["name"] == "carded"


def test_a_finished_run_is_not_overwritten_unasked(trained_run, drawn_tree):
    config = small_config(drawn_tree, name="small")
    before = (trained_run.path / "run.json").read_bytes()
    with pytest.raises(AffectoscopeError, match="'small' already exists; pass --overwrite"):
        train(config, folder=trained_run.path.parent)
    assert (trained_run.path / "run.json").read_bytes() == before


def test_early_stopping_ends_and_keeps_the_best_epoch(drawn_tree, tmp_path):
    config = tiny_config(drawn_tree, epochs=40, early_stopping=1, learning_rate=0.5, keep="loss")
    _, fitted = fit_epochs(config, tmp_path)
    assert fitted.ended == "early stopping"
    best = int(fitted.history["validation_loss"].idxmin()) + 1
    assert fitted.best_epoch == best == len(fitted.history) - 1


@pytest.mark.parametrize("imbalance", ["class-weights", "balanced-sampling", "logit-adjusted", "focal"])
def test_every_help_for_rare_expressions_trains(drawn_tree, tmp_path, imbalance):
    _, fitted = fit_epochs(tiny_config(drawn_tree, epochs=1, imbalance=imbalance), tmp_path)
    assert np.isfinite(fitted.history["loss"]).all()


@pytest.mark.parametrize("labels", [7, 11])
def test_label_sets(drawn_tree, folder, labels):
    """`trained_run` has 8."""
    run = train(tiny_config(drawn_tree, name="set", epochs=1, labels=labels, colour="rgb"), folder=folder)
    assert len(run.labels) == labels and run.scores.faces == 5 * labels
    assert run.load_model().output["expression"].shape == (None, labels)


def test_plain_folders_train_without_boxes_or_affect(folders_run):
    assert folders_run.info["data"]["has_affect"] is False and not folders_run.has_thumbnails
    assert set(folders_run.info["data"]["counts"]) == {"train", "validation", "test"}
    assert folders_run.predictions().has_affect is False
    assert set(folders_run.load_model().output) == {"expression"}


def test_limit_takes_that_many_training_faces(drawn_tree):
    data = load_training_data(small_config(drawn_tree, limit=60), Console())
    assert len(data.part("train")[0]) + len(data.part("validation")[0]) == 60
    assert len(data.part("test")[0]) == 40


def test_data_without_a_face_of_the_label_set(drawn_tree, tmp_path, folder):
    tree = shutil.copytree(drawn_tree, tmp_path / "tree")
    for table in tree.rglob("*.csv"):
        rows = pd.read_csv(table)
        rows[rows["expression"] > 7].to_csv(table, index=False)
    with pytest.raises(AffectoscopeError, match="no face of the 8-label set"):
        train(small_config(tree, name="empty"), folder=folder)
    assert list(folder.iterdir()) == []  # not even a hidden folder


def test_bad_run_names_are_refused(drawn_tree, folder):
    with pytest.raises(AffectoscopeError, match="Invalid run name"):
        train(small_config(drawn_tree, name="../outside"), folder=folder)


def test_the_verdict_on_the_data_is_kept(trained_run):
    found = load_inspection(trained_run)
    assert found.verdict.status == "unknown" and not found.verdict.problems
    assert found.faces == trained_run.info["data"]["ledger"]["used"] and found.compared <= found.faces


def test_run_json_is_strict_json(trained_run):
    def refuse(constant):
        raise AssertionError(constant)

    for name in ("run.json", "scores.json"):
        json.loads((trained_run.path / name).read_text(), parse_constant=refuse)


def test_the_backend_is_named(trained_run):
    assert trained_run.info["environment"]["backend"] == keras.backend.backend()
