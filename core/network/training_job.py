"""A training as a picklable job, and its execution in this process."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.config import TrainConfig
from core.data.batches import Targets, soft_targets
from core.data.face_pack import FacePack
from core.data.preprocessing import PreprocessingConfig
from core.data.training_data import TrainingData
from core.errors import AffectoscopeError
from core.labels import LabelSet
from core.runtime.environment import keep_freed_memory, quiet_tensorflow

if TYPE_CHECKING:  # Keras takes seconds to import
    import keras

    from core.network.devices import OneDevice
    from core.network.fit import TrainingResult


@dataclass(frozen=True)
class TrainingJob:
    """Data and settings of a training. Face packs are pickled as the paths of their files.

    Attributes:
        affect: whether the network predicts valence and arousal.
        training, validation: faces and their targets.
        folder: working folder of the training, for history and checkpoint.
    """

    config: TrainConfig
    preprocessing: PreprocessingConfig
    labels: LabelSet
    affect: bool
    training: tuple[FacePack, Targets]
    validation: tuple[FacePack, Targets]
    folder: Path

    @classmethod
    def of(cls, config: TrainConfig, data: TrainingData, folder: Path) -> "TrainingJob":
        affect = data.table.has_affect and config.affect_weight > 0

        def packed(split: str) -> tuple[FacePack, Targets]:
            table, pack = data.part(split)
            values = table.faces[["valence", "arousal"]].to_numpy(np.float32) if affect else None
            expression = data.labels.positions(table.faces["expression"].to_numpy())
            soft = None
            if config.targets == "soft" and split == "train":
                soft = soft_targets(table.votes[:, data.labels.codes], expression)
            return pack, Targets(expression, len(data.labels), values, soft)

        return cls(
            config, data.preprocessing, data.labels, affect, packed("train"), packed("validation"), folder
        )

    def training_network(self, *, precision: str, devices: "OneDevice") -> "keras.Model":
        """Build the network for training: crops as input, weights initialised by the seed."""
        import keras

        from core.network.model import build_model
        from core.network.pooling import StridedMaxPooling2D
        from core.network.precision import FusedBatchNormalization

        preprocessing = replace(self.preprocessing, size=self.config.crop or self.preprocessing.size)
        backend, layers = keras.backend.backend(), keras.layers
        fused = backend == "tensorflow" and devices.count == 1
        keras.config.set_dtype_policy(precision)
        try:
            return build_model(
                self.config,
                preprocessing,
                len(self.labels),
                affect=self.affect,
                batch_normalization=FusedBatchNormalization if fused else layers.BatchNormalization,
                max_pooling=StridedMaxPooling2D if backend == "jax" else layers.MaxPooling2D,
            )
        finally:
            keras.config.set_dtype_policy("float32")

    def network(self, side: int | None = None) -> "keras.Model":
        """Build the network for inference: float32, whole faces as input, cropped to a centre of `side` pixels."""
        from core.network.model import build_model

        return build_model(self.config, self.preprocessing, len(self.labels), affect=self.affect, side=side)

    def selected_network(self) -> "keras.Model":
        """The network of the middle one of `sides`, which is validated during the training."""
        sides = self.sides()
        return self.network(sides[len(sides) // 2])

    def sides(self) -> tuple[int, ...]:
        """Candidate sides, in pixels, of the centre crop of the network for inference."""
        whole, crop = self.preprocessing.size, self.config.crop or self.preprocessing.size
        if self.config.backbone:
            from core.network.backbone import takes_any_size

            fits_all = takes_any_size(self.config)
        else:
            fits_all = self.config.pooling == "average"
        if not fits_all:  # the weights fit only this side
            return (crop,)
        return tuple(sorted({crop, crop + (whole - crop) // 2, whole}))


def fit(
    job: TrainingJob,
    *,
    devices: "OneDevice | None" = None,
    say: Callable[[str], None],
    on_step: Callable[[int, int, int, dict], None] | None = None,
    on_epoch: Callable[[dict], None] | None = None,
) -> tuple["keras.Model", "TrainingResult"]:
    """Train the network of a job, resuming from its checkpoint if there is one.

    Args:
        devices: default: those of config.devices.
        say: called with a line about the network.
        on_step, on_epoch: see core.network.fit.fit_network.

    Returns:
        The network for inference (float32) with the weights of the selected epoch, and the result of the training.

    Raises:
        AffectoscopeError: options conflict with each other or with the backend, or a teacher cannot be loaded.
    """
    keep_freed_memory()
    config = job.config
    with quiet_tensorflow():
        import keras

        from core.network.devices import select_devices
        from core.network.distillation import load_teachers
        from core.network.fit import fit_network
        from core.network.precision import resolve_precision
        from core.network.pretrained import start_training
        from core.network.validation import choose_input_side

        keras.utils.set_random_seed(config.seed)
    backend = keras.backend.backend()
    if config.sharpness and backend != "tensorflow":
        raise AffectoscopeError(
            f"--sharpness needs the TensorFlow backend, but Keras runs on {backend}; remove the option."
        )
    devices = devices or select_devices(config)
    precision = resolve_precision(config.precision)
    selected = job.selected_network()
    with devices.scope():
        teachers = load_teachers(config, job.preprocessing, job.labels.labels, precision=precision)
        keras.utils.set_random_seed(config.seed)  # initial weights do not depend on the teachers
        network = job.training_network(precision=precision, devices=devices)
        split = f" on {devices.count} devices" if devices.count > 1 else ""
        say(f"{network.count_params():,} parameters, {precision} on {backend}{split}")
        pretrained = start_training(network, config, job.labels.labels, say)
        fitted = fit_network(
            network,
            selected,
            config,
            job.training,
            job.validation,
            job.folder,
            teachers=teachers,
            devices=devices,
            frozen=pretrained.frozen,
            on_step=on_step,
            on_epoch=on_epoch,
        )
    selected = choose_input_side(
        selected,
        [job.network(side) for side in job.sides()],
        job.training,
        job.validation,
        frozen=pretrained.frozen if fitted.best_epoch <= config.freeze_epochs else (),
    )
    return selected, replace(fitted, precision=precision, pretrained=pretrained)
