"""Training of a network: fit_network and the model that it compiles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import pandas as pd
from keras import ops

from core.config import TrainConfig
from core.data.batches import Targets, steps_per_epoch, training_batches
from core.data.face_pack import FacePack
from core.network.augmentation import FaceAugmentation
from core.network.devices import OneDevice, uses_resident_training
from core.network.distillation import add_distillation_output, distillation_loss
from core.network.objective import expression_loss, optimizer
from core.network.pretrained import Pretrained
from core.network.sam import SharpnessAware
from core.network.training_callback import TrainingCallback


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
        pretrained: initial weights that come from elsewhere.
    """

    history: pd.DataFrame
    best_epoch: int
    ended: str
    faces_per_second: float
    seconds: float
    environment: dict
    devices: int
    precision: str = "float32"
    pretrained: Pretrained | None = None


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
    frozen: Sequence[str] = (),
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
        frozen: names of layers that are not trained in the first config.freeze_epochs. The optimiser starts anew after
            these, and its schedule goes on.
        on_step: called as on_step(epoch, step, steps, logs), epoch from 1; once per epoch with resident faces.
        on_epoch: called with each new row of the history.

    Raises:
        KeyboardInterrupt: interrupted before the end of the first epoch.
    """
    pack, targets = training
    devices = devices or OneDevice()
    steps = steps_per_epoch(len(pack), config.batch_size)
    trainer = _build_trainer(network, selected.input_shape[1:], config, targets, teachers)
    until = min(config.freeze_epochs, config.epochs) if frozen else 0
    state = TrainingCallback(
        trainer, network, selected, config, pack, validation, folder, on_step, on_epoch, teachers, devices
    )

    def prepare(done: int) -> None:
        """Freeze the layers for an epoch after `done` epochs, and compile."""
        state.frozen = frozenset(frozen if done < until else ())
        for name in frozen:
            network.get_layer(name).trainable = name not in state.frozen
        compile_trainer(trainer, config, targets, steps, first_epoch=until if done >= until else 0)
        if devices.count == 1:
            _build_losses(trainer)

    prepare(max(state.saved_epochs() - 1, 0))  # the optimiser of the checkpoint is that of its last epoch
    state.resume()
    sampling = {
        "batch_size": config.batch_size,
        "seed": config.seed,
        "balanced": config.imbalance == "balanced-sampling",
        "weighted": config.imbalance == "class-weights",
        "mixup": config.mixup,
        "cutmix": config.cutmix,
        "distilled": bool(teachers),
    }
    ended = "finished"
    try:
        while not state.finished:
            if until and state.epochs_done == until:
                state.restore_raw()
                prepare(until)
            last = until if state.epochs_done < until else config.epochs
            schedule = {"epochs": last, "initial_epoch": state.epochs_done, "callbacks": [state]}
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
    """The training model of `_build_trainer`, compiled for all layers."""
    trainer = _build_trainer(network, shape, config, targets, teachers)
    compile_trainer(trainer, config, targets, steps)
    return trainer


def _build_trainer(
    network: keras.Model,
    shape: tuple[int, int, int],
    config: TrainConfig,
    targets: Targets,
    teachers: Sequence[keras.Model],
) -> keras.Model:
    """The training model: augmentation of whole faces, then the network with logits as output."""
    heads = {"expression": network.get_layer("logits").output}
    if targets.affect is not None:
        heads["affect"] = network.get_layer("affect").output
    faces = keras.Input(shape, dtype="uint8")
    augmentation = FaceAugmentation(config.augment, crop=config.crop, seed=config.seed)
    augmented = augmentation(faces)
    outputs = keras.Model(network.input, heads)
    if teachers:
        outputs = add_distillation_output(outputs, teachers, config.teacher_temperature)
    if config.sharpness:
        return SharpnessAware(faces, outputs(augmented)).prepare(augmentation, outputs, config.sharpness)
    return keras.Model(faces, outputs(augmented))


def compile_trainer(
    trainer: keras.Model, config: TrainConfig, targets: Targets, steps: int, *, first_epoch: int = 0
) -> None:
    """Compile a training model for the layers that are trainable, with an optimiser that starts after `first_epoch`."""
    losses = {"expression": expression_loss(config, targets)}
    loss_weights = {"expression": 1.0}
    if "affect" in trainer.output:
        losses["affect"] = keras.losses.MeanSquaredError()
        loss_weights["affect"] = config.affect_weight
    if "distilled" in trainer.output:
        losses["distilled"] = distillation_loss(config.teacher_temperature)
        loss_weights |= {"expression": 1 - config.teacher_weight, "distilled": config.teacher_weight}
    trainer.compile(
        optimizer(config, steps, first_epoch=first_epoch),
        loss=losses,
        loss_weights=loss_weights,
        metrics={"expression": [keras.metrics.CategoricalAccuracy(name="accuracy")]},
    )
    trainer.optimizer.build(trainer.trainable_variables)


def _build_losses(trainer: keras.Model) -> None:
    """Make the variables of the losses, since a step during which TensorFlow makes variables is traced twice."""
    answers = {name: ops.zeros((1, *tensor.shape[1:])) for name, tensor in trainer.output.items()}
    trainer.compute_loss(y=answers, y_pred=answers)
