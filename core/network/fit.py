"""Training loop: losses, optimiser, schedule, moving average, epoch selection, checkpoint and resume."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from keras import ops

from core.config import TrainConfig
from core.data.batches import Targets, steps_per_epoch, training_batches
from core.data.face_pack import FacePack
from core.metrics import affect as affect_metrics
from core.metrics import expression as expression_metrics
from core.metrics.calibration import log_losses
from core.network.augmentation import FaceAugmentation
from core.network.batch_statistics import recompute_batch_statistics
from core.network.devices import OneDevice, uses_resident_training
from core.network.distillation import add_distillation_output, distillation_loss
from core.network.inference import run_network
from core.network.sam import SharpnessAware
from core.runs.catalogue import checkpoint_file
from core.runtime.environment import environment

#: Focusing parameter of the focal loss, as recommended by Lin et al. (2017).
FOCAL_GAMMA = 2.0


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training.

    Attributes:
        history: one row per epoch.
        best_epoch: the epoch whose weights were selected, from 1.
        ended: "finished", "early stopping" or "interrupted".
        seconds: duration of all epochs.
        environment: core.runtime.environment.environment of the process that trained.
        devices: number of devices that each batch was split among.
        precision: dtype policy of the training steps.
    """

    history: pd.DataFrame
    best_epoch: int
    ended: str
    faces_per_second: float
    seconds: float
    environment: dict
    devices: int
    precision: str = "float32"


def fit_network(
    network: keras.Model,
    selected: keras.Model,
    config: TrainConfig,
    training: tuple[FacePack, Targets],
    validation: tuple[FacePack, Targets],
    folder: Path,
    *,
    teachers: Sequence[keras.Model] = (),
    devices: OneDevice | None = None,
    on_step: Callable[[int, int, int, dict], None] | None = None,
    on_epoch: Callable[[dict], None] | None = None,
) -> TrainingResult:
    """Train `network` in place and set the weights of `selected` to those of the epoch chosen by config.kept_epoch.

    Writes `folder`/history.csv after every epoch and `folder`/checkpoint after every config.checkpoint_epochs. If a
    checkpoint exists, training resumes from it. Ctrl-C ends the training with the epochs completed so far.

    Args:
        network: its input are the crops of the augmentation.
        selected: network for inference, built outside of the devices' scope: whole faces as input and weights of the
            same shapes. It is validated, with batch statistics recomputed on training faces without augmentation.
        training, validation: faces and their targets.
        teachers: networks of the same input and labels, for distillation with config.teacher_weight.
        devices: default: `OneDevice`; the call has to be within their scope.
        on_step: called as on_step(epoch, step, steps, logs), epoch from 1; once per epoch with resident faces.
        on_epoch: called with each new row of the history.

    Raises:
        KeyboardInterrupt: interrupted before the end of the first epoch.
    """
    pack, targets = training
    devices = devices or OneDevice()
    steps = steps_per_epoch(len(pack), config.batch_size)
    trainer = _trainer(network, selected.input_shape[1:], config, targets, steps, teachers)
    if devices.count == 1:
        _build_losses(trainer)
    state = TrainingCallback(
        trainer, network, selected, config, pack, validation, folder, on_step, on_epoch, teachers, devices
    )
    state.resume()
    sampling = {
        "batch_size": config.batch_size,
        "seed": config.seed,
        "balanced": config.imbalance == "balanced-sampling",
        "weighted": config.imbalance == "class-weights",
        "mixup": config.mixup,
        "distilled": bool(teachers),
    }
    schedule = {"epochs": config.epochs, "initial_epoch": state.epochs_done, "callbacks": [state]}
    ended = "finished"
    if not state.finished:
        try:
            with devices.training(network):
                if uses_resident_training(config, devices, pack):
                    from core.network.resident import ResidentEpochs

                    ResidentEpochs(trainer, pack, targets, **sampling).fit(**schedule)
                else:
                    batches = partial(
                        training_batches, pack, targets, first_epoch=state.epochs_done, **sampling
                    )
                    trainer.fit(
                        devices.feed(batches), steps_per_epoch=steps, shuffle=False, verbose=0, **schedule
                    )
        except KeyboardInterrupt:
            if not state.rows:
                raise
            state.finish_early()
            ended = "interrupted"
    if ended == "finished" and state.out_of_patience():
        ended = "early stopping"
    state.restore_selected()
    history = pd.DataFrame(state.rows)
    seconds = float(history["seconds"].sum())
    faces = len(history) * steps * config.batch_size
    speed = faces / max(seconds, 1e-9)
    return TrainingResult(history, state.best_epoch, ended, speed, seconds, state.environment, devices.count)


def _trainer(
    network: keras.Model,
    shape: tuple[int, int, int],
    config: TrainConfig,
    targets: Targets,
    steps: int,
    teachers: Sequence[keras.Model] = (),
) -> keras.Model:
    """The compiled training model: augmentation of whole faces, then the network with logits as output."""
    heads = {"expression": network.get_layer("logits").output}
    losses = {"expression": expression_loss(config, targets)}
    loss_weights = {"expression": 1.0}
    if targets.affect is not None:
        heads["affect"] = network.get_layer("affect").output
        losses["affect"] = keras.losses.MeanSquaredError()
        loss_weights["affect"] = config.affect_weight
    faces = keras.Input(shape, dtype="uint8")
    augmentation = FaceAugmentation(config.augment, crop=config.crop, seed=config.seed)
    augmented = augmentation(faces)
    outputs = keras.Model(network.input, heads)
    if teachers:
        outputs = add_distillation_output(outputs, teachers, config.teacher_temperature)
        losses["distilled"] = distillation_loss(config.teacher_temperature)
        loss_weights |= {"expression": 1 - config.teacher_weight, "distilled": config.teacher_weight}
    if config.sharpness:
        trainer = SharpnessAware(faces, outputs(augmented)).prepare(augmentation, outputs, config.sharpness)
    else:
        trainer = keras.Model(faces, outputs(augmented))
    trainer.compile(
        optimizer(config, steps),
        loss=losses,
        loss_weights=loss_weights,
        metrics={"expression": [keras.metrics.CategoricalAccuracy(name="accuracy")]},
    )
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer


def _build_losses(trainer: keras.Model) -> None:
    """Make the variables of the losses, since a step during which TensorFlow makes variables is traced twice."""
    answers = {name: ops.zeros((1, *tensor.shape[1:])) for name, tensor in trainer.output.items()}
    trainer.compute_loss(y=answers, y_pred=answers)


def expression_loss(config: TrainConfig, targets: Targets):
    """Loss of (n, c) one-hot truth and (n, c) logits, for config.imbalance and config.label_smoothing."""
    smoothing = config.label_smoothing
    if config.imbalance == "focal":
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=FOCAL_GAMMA, from_logits=True, label_smoothing=smoothing
        )
    if config.imbalance == "logit-adjusted":
        # Menon et al. (2021), "Long-tail learning via logit adjustment", eq. 10 with tau = 1.
        counts = np.bincount(targets.expression, minlength=targets.labels)
        prior = np.log(np.maximum(counts, 1) / counts.sum()).astype(np.float32)

        def logit_adjusted(truth, logits):
            return keras.losses.categorical_crossentropy(
                truth, logits + ops.convert_to_tensor(prior), from_logits=True, label_smoothing=smoothing
            )

        return logit_adjusted
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)


def optimizer(config: TrainConfig, steps: int) -> keras.optimizers.Optimizer:
    """The optimiser of the config; weight decay applies to kernels only.

    Args:
        steps: steps per epoch, the unit of warm-up and schedule.
    """
    warmup = round(config.warmup_epochs * steps)
    total = config.epochs * steps
    peak = config.learning_rate
    if config.schedule == "cosine":
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else peak,
            max(total - warmup, 1),
            warmup_target=peak if warmup else None,
            warmup_steps=warmup,
        )
    elif warmup:
        rate = keras.optimizers.schedules.PolynomialDecay(0.0, warmup, end_learning_rate=peak)
    else:
        rate = peak
    common = {"learning_rate": rate}
    if config.ema:
        common |= {"use_ema": True, "ema_momentum": config.ema}
    if config.optimiser == "adam":
        return keras.optimizers.Adam(**common)
    common["weight_decay"] = config.weight_decay or None
    if config.optimiser == "sgd":
        built = keras.optimizers.SGD(momentum=0.9, nesterov=True, **common)
    else:
        built = keras.optimizers.AdamW(**common | {"weight_decay": config.weight_decay})
    if config.weight_decay:
        built.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return built


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
        self.frozen = {id(variable) for teacher in teachers for variable in teacher.variables}
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
            row |= dict.fromkeys(_measure_names(self.validation[1]), np.nan)
        self.rows.append(row)
        if self.devices.is_chief:
            self.write_history()
            if self.finished or row["epoch"] % self.config.checkpoint_epochs == 0:
                self.save()
        if self.step_done:
            self.step_done(row)
        if self.out_of_patience():
            self.trainer.stop_training = True

    def finish_early(self) -> None:
        """End the training after an interruption: validate the last epoch if it was not, and save."""
        if np.isnan(self.rows[-1]["validation_loss"]):
            self.rows[-1] |= self._validate(self.epochs_done)
        if self.devices.is_chief:
            self.write_history()
            self.save()

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
            recompute_batch_statistics(self.selected, self.pack)
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
        temporary = path.with_suffix(".new.npz")
        history = pd.DataFrame(self.rows)
        np.savez(
            temporary,
            best=[self.best_value, self.best_epoch, self.best_loss, self.best_loss_epoch],
            history=history.to_numpy(float),
            columns=np.array(list(history.columns)),
            environment=json.dumps(self.environment),
            **arrays,
        )
        os.replace(temporary, path)

    def resume(self) -> None:
        """Load the checkpoint if it exists."""
        path = checkpoint_file(self.folder)
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

    def restore_selected(self) -> None:
        if self.best_weights:
            self.selected.set_weights(self.best_weights)

    def _variables(self) -> list:
        """Weights, random states, step count and optimiser variables, in a fixed order."""
        changing = [each for each in self.trainer.variables if id(each) not in self.frozen]
        return [*changing, *self.trainer.optimizer.variables]


def choose_input_side(
    selected: keras.Model,
    networks: Sequence[keras.Model],
    training: tuple[FacePack, Targets],
    validation: tuple[FacePack, Targets],
) -> keras.Model:
    """The network with the lowest validation loss among networks of different input sides with the same weights.

    Random crops enlarge faces during training compared with inference, so that another side than that of the crops can
    be better (Touvron et al. 2019, "Fixing the train-test resolution discrepancy").

    Args:
        selected: the trained network.
        networks: candidates with weights of the same shapes; their weights are set to those of `selected`.
    """
    if len(networks) == 1:
        return selected
    losses = []
    for network in networks:
        network.set_weights(selected.get_weights())
        recompute_batch_statistics(network, training[0])
        losses.append(validate(network, *validation)["validation_loss"])
    return networks[int(np.argmin(losses))]


def _measure_names(targets: Targets) -> list[str]:
    """Keys of the result of `validate`."""
    affect = [] if targets.affect is None else ["validation_ccc_valence", "validation_ccc_arousal"]
    return ["validation_loss", "validation_accuracy", "validation_macro_f1", *affect]


def validate(network: keras.Model, pack: FacePack, targets: Targets) -> dict[str, float]:
    """Cross-entropy, accuracy, macro-F1 and, with an affect head, CCC on the validation faces."""
    outputs = run_network(network, pack)
    probabilities = outputs["expression"]
    confusion = expression_metrics.confusion_matrix(
        targets.expression, probabilities.argmax(axis=1), targets.labels
    )
    measured = {
        "validation_loss": float(log_losses(targets.expression, probabilities).mean()),
        "validation_accuracy": float(expression_metrics.accuracy(confusion)),
        "validation_macro_f1": float(expression_metrics.macro_f1(confusion)),
    }
    if targets.affect is not None:
        for index, name in enumerate(("valence", "arousal")):
            measured[f"validation_ccc_{name}"] = float(
                affect_metrics.affect_scores(targets.affect[:, index], outputs["affect"][:, index]).ccc
            )
    return measured


def _write_history(path: Path, rows: list[dict]) -> None:
    temporary = path.with_name(path.name + ".new")
    pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.6g")
    os.replace(temporary, path)
