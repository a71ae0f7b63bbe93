"""Event files of TensorBoard: read back and compared with history.csv."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import AffectoscopeError
from core.network import fit
from core.runtime.tensorboard import scalar_writer
from core.train import train
from tests.trained import tiny_config


def events_of(folder: Path) -> pd.DataFrame:
    """The scalars of a folder: a row per epoch, a column per name; of several with one name and epoch, the last."""
    import tensorflow as tf

    numbers: dict[str, dict[int, float]] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                assert value.metadata.plugin_data.plugin_name == "scalars"
                numbers.setdefault(value.tag, {})[event.step] = float(tf.make_ndarray(value.tensor))
    return pd.DataFrame(numbers).sort_index()


def test_events_are_the_history_and_a_resumed_training_goes_on(drawn_tree, tmp_path, monkeypatch):
    config = tiny_config(
        drawn_tree,
        name="watched",
        epochs=3,
        validation_epochs=2,
        keep="last",
        tensorboard=tmp_path / "events",
    )
    save = fit.TrainingCallback.save

    def save_then_die(self):
        save(self)
        if self.epochs_done == 2:
            raise SystemError("killed")

    with monkeypatch.context() as patch, pytest.raises(SystemError):
        patch.setattr(fit.TrainingCallback, "save", save_then_die)
        train(config, folder=tmp_path / "artifacts")
    run = train(replace(config, resume=True), folder=tmp_path / "artifacts")
    history = run.history.set_index("epoch")
    events = events_of(tmp_path / "events" / "watched")
    assert {"loss", "accuracy", "learning_rate", "validation_loss", "validation_accuracy"} <= set(events)
    assert set(events) == set(history) and np.isnan(events.loc[1, "validation_loss"])
    reported = [epoch for epoch in events.index if epoch != 2]  # the kill came before the report of its epoch
    for name in events:
        np.testing.assert_allclose(events.loc[reported, name], history.loc[reported, name], rtol=1e-4)
    assert run.info["config"]["tensorboard"] == "events" and "events" not in run.card


def test_a_new_training_of_the_name_replaces_its_events(tmp_path):
    for replace_them, expected in ((False, [1]), (False, [1, 2]), (True, [3])):
        with scalar_writer(tmp_path / "run", replace=replace_them) as write:
            write({"epoch": expected[-1], "loss": 0.5 * expected[-1], "validation_loss": float("nan")})
        events = events_of(tmp_path / "run")
        assert list(events.index) == expected and list(events) == ["loss"]
        assert events["loss"].tolist() == [0.5 * epoch for epoch in expected]


def test_without_tensorflow_the_option_is_refused_before_the_training(tmp_path, drawn_tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(AffectoscopeError, match="--tensorboard needs TensorFlow"):
        train(
            tiny_config(drawn_tree, name="x", tensorboard=tmp_path / "events"), folder=tmp_path / "artifacts"
        )
    assert not (tmp_path / "events").exists() and not list((tmp_path / "artifacts").glob("*"))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(AffectoscopeError, match="--tensorboard .*file cannot be written"),
        scalar_writer(tmp_path / "file" / "run"),
    ):
        pass
