"""The end of each epoch: validation, selection of the weights, history, checkpoint; and resume from a checkpoint."""

import json
import time
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import ops

from core.network.batch_statistics import recompute_batch_statistics
from core.network.validation import measure_names, validate
from core.runs.catalogue import checkpoint_file
from core.runtime.environment import environment
from core.runtime.files import replacing


class TrainingCallback(keras.callbacks.Callback):
    """Validation, epoch selection, history and checkpoint at the end of each epoch."""

    def __init__(
        self,
        trainer,
        network,
        selected,
        config,
        pack,
        validation,
        folder,
        on_step,
        on_epoch,
        teachers,
        devices,
    ):
        super().__init__()
        self.trainer, self.network, self.selected, self.config = trainer, network, selected, config
        self.pack, self.validation = pack, validation
        self.folder, self.on_step, self.step_done, self.devices = folder, on_step, on_epoch, devices
        self.of_teachers = {id(variable) for teacher in teachers for variable in teacher.variables}
        self.frozen: frozenset[str] = frozenset()  # names of the layers that are not trained at present
        self.raw: list[np.ndarray] | None = None
        self.rows: list[dict] = []
        self.best_value, self.best_loss, self.best_epoch = -np.inf, np.inf, 0
        self.best_loss_epoch = 0
        self.best_weights: list[np.ndarray] = []
        self.environment = environment()

    @property
    def epochs_done(self) -> int:
        return len(self.rows)

    @property
    def finished(self) -> bool:
        return self.epochs_done >= self.config.epochs or self.out_of_patience()

    def out_of_patience(self) -> bool:
        patience = self.config.early_stopping
        return bool(patience) and self.epochs_done - self.best_loss_epoch >= patience

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.perf_counter()

    def on_train_batch_end(self, step, logs=None):
        if self.on_step:
            self.on_step(self.epochs_done + 1, step + 1, self.params["steps"], logs or {})

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self.started
        row = {
            "epoch": self.epochs_done + 1,
            "seconds": round(seconds, 3),
            "learning_rate": float(ops.convert_to_numpy(self.trainer.optimizer.learning_rate)),
            "loss": float(logs["loss"]),
            "accuracy": float(next(value for name, value in logs.items() if name.endswith("accuracy"))),
        }
        last = row["epoch"] == self.config.epochs
        if last or row["epoch"] % self.config.validation_epochs == 0:
            row |= self._validate(row["epoch"])
        else:
            row |= dict.fromkeys(measure_names(self.validation[1]), np.nan)
        self.rows.append(row)
        if self.config.ema and row["epoch"] == self.config.freeze_epochs:
            self.raw = self._values()  # at the end of `fit`, Keras replaces them with their averages
        if self.devices.is_chief:
            self.write_history()
            if self.finished or row["epoch"] % self.config.checkpoint_epochs == 0:
                self.save()
        if self.step_done:
            self.step_done(row)
        if self.out_of_patience():
            self.trainer.stop_training = True

    def finish_early(self) -> None:
        """End the training after an interruption: validate the weights if the last finished epoch was not validated.

        The checkpoint is left alone: the weights are those of an unfinished epoch, from which a resumed training would
        not come to the same result.
        """
        if np.isnan(self.rows[-1]["validation_loss"]):
            self.rows[-1] |= self._validate(self.epochs_done)
            if self.devices.is_chief:
                self.write_history()

    def _validate(self, epoch: int) -> dict[str, float]:
        """Measure the (averaged) weights and select them if they are the best by config.kept_epoch."""
        raw = self._values() if self.config.ema else None
        if raw:
            self.trainer.optimizer.finalize_variable_values(self.trainer.trainable_variables)
            self._assign(self._values())  # copies: in JAX they share memory with the averages
        self.selected.set_weights(self.network.get_weights())
        if raw:
            self._assign(raw)
        with self.devices.validating():
            recompute_batch_statistics(self.selected, self.pack, frozen=self.frozen)
            measured = validate(self.selected, *self.validation)
        loss = measured["validation_loss"]
        if loss < self.best_loss:
            self.best_loss, self.best_loss_epoch = loss, epoch
        value = {"last": epoch, "accuracy": measured["validation_accuracy"], "loss": -loss}[
            self.config.kept_epoch
        ]
        if value > self.best_value:
            self.best_value, self.best_epoch = value, epoch
            self.best_weights = [np.array(variable) for variable in self.selected.get_weights()]
        return measured

    def write_history(self) -> None:
        """Write the history; the file is replaced atomically."""
        _write_history(self.folder / "history.csv", self.rows)

    def save(self) -> None:
        """Write the checkpoint atomically; after the last epoch it holds only the selected weights."""
        path = checkpoint_file(self.folder)
        path.parent.mkdir(exist_ok=True)
        arrays = {f"best_{i}": value for i, value in enumerate(self.best_weights)}
        if not self.finished:
            arrays |= {f"variable_{i}": np.asarray(v) for i, v in enumerate(self._variables())}
        history = pd.DataFrame(self.rows)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(
                file,
                best=[self.best_value, self.best_epoch, self.best_loss, self.best_loss_epoch],
                history=history.to_numpy(float),
                columns=np.array(list(history.columns)),
                environment=json.dumps(self.environment),
                **arrays,
            )

    def saved_epochs(self) -> int:
        """Number of epochs in the checkpoint; 0 without one."""
        path = checkpoint_file(self.folder)
        if not path.exists():
            return 0
        with np.load(path, allow_pickle=False) as saved:
            return len(saved["history"])

    def resume(self) -> None:
        """Load the checkpoint if it exists; what a killed training had half written is removed."""
        path = checkpoint_file(self.folder)
        if self.devices.is_chief:
            for stale in (*self.folder.glob(".*.new"), *path.parent.glob(".*.new")):
                stale.unlink(missing_ok=True)
        if not path.exists():
            return
        with np.load(path, allow_pickle=False) as saved:
            columns = [str(name) for name in saved["columns"]]
            self.rows = [dict(zip(columns, row, strict=True)) for row in saved["history"].tolist()]
            for row in self.rows:
                row["epoch"] = int(row["epoch"])
            value, epoch, loss, loss_epoch = saved["best"].tolist()
            self.best_value, self.best_epoch = value, int(epoch)
            self.best_loss, self.best_loss_epoch = loss, int(loss_epoch)
            if self.finished:
                self.environment = json.loads(str(saved["environment"]))
            else:
                for index, variable in enumerate(self._variables()):
                    variable.assign(saved[f"variable_{index}"])
            if self.best_epoch:
                self.best_weights = [saved[f"best_{i}"] for i in range(len(self.selected.get_weights()))]

    def _values(self) -> list[np.ndarray]:
        return [np.array(ops.convert_to_numpy(each)) for each in self.trainer.trainable_variables]

    def _assign(self, values: list[np.ndarray]) -> None:
        for variable, value in zip(self.trainer.trainable_variables, values, strict=True):
            variable.assign(value)

    def restore_raw(self) -> None:
        """Undo Keras's replacement of the weights with their moving averages after the frozen epochs."""
        if self.raw:
            self._assign(self.raw)
            self.raw = None

    def restore_selected(self) -> None:
        if self.best_weights:
            self.selected.set_weights(self.best_weights)

    def _variables(self) -> list:
        """Weights, random states, step count and optimiser variables, in a fixed order."""
        changing = [each for each in self.trainer.variables if id(each) not in self.of_teachers]
        return [*changing, *self.trainer.optimizer.variables]


def _write_history(path: Path, rows: list[dict]) -> None:
    with replacing(path) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.6g")
