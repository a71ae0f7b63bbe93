"""The epochs of a training, with all that they need, wherever they are done."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.config import TrainConfig
from core.data.batches import Targets
from core.data.face_pack import FacePack
from core.data.preprocessing import PreprocessingConfig
from core.data.training_data import TrainingData
from core.errors import AffectoscopeError
from core.labels import LabelSet
from core.runtime.environment import keep_freed_memory, quiet_tensorflow

if TYPE_CHECKING:  # Keras takes seconds to import
    import keras

    from core.network.devices import OneDevice
    from core.network.fit import Fitted


@dataclass(frozen=True)
class TrainingJob:
    """What a network is trained on and how. Pickled, its packs are the paths of their files.

    Attributes:
        folder: the training's working folder, for its history and checkpoint.
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
            return pack, Targets(expression, len(data.labels), values)

        return cls(
            config, data.preprocessing, data.labels, affect, packed("train"), packed("validation"), folder
        )

    def training_network(self, *, precision: str, devices: "OneDevice") -> "keras.Model":
        """The network as it is trained and as the seed begins it: it reads crops."""
        import keras

        from core.network.model import build_model
        from core.network.precision import FusedBatchNormalization

        preprocessing = replace(self.preprocessing, size=self.config.crop or self.preprocessing.size)
        fused = keras.backend.backend() == "tensorflow" and devices.count == 1
        layer = FusedBatchNormalization if fused else keras.layers.BatchNormalization
        keras.config.set_dtype_policy(precision)
        try:
            return build_model(
                self.config, preprocessing, len(self.labels), affect=self.affect, batch_normalization=layer
            )
        finally:
            keras.config.set_dtype_policy("float32")

    def network(self, side: int | None = None) -> "keras.Model":
        """The network as it is kept: float32, of whole faces, of which it reads the centre of `side` pixels."""
        from core.network.model import build_model

        return build_model(self.config, self.preprocessing, len(self.labels), affect=self.affect, side=side)

    def sides(self) -> tuple[int, ...]:
        """Sides of the centre of a face, in pixels, that the finished network may read."""
        whole, crop = self.preprocessing.size, self.config.crop or self.preprocessing.size
        if self.config.pooling != "average":  # its weights fit the crop alone
            return (crop,)
        return tuple(sorted({crop, crop + (whole - crop) // 2, whole}))


def fit(
    job: TrainingJob,
    *,
    devices: "OneDevice | None" = None,
    say: Callable[[str], None],
    on_step: Callable[[int, int, int, dict], None] | None = None,
    on_epoch: Callable[[dict], None] | None = None,
) -> tuple["keras.Model", "Fitted"]:
    """Train the network of a job, or go on with it; the network of the epoch that is kept, float32 and of no device.

    Args:
        devices: what it runs on; default: what the job's config asks for.
        on_step, on_epoch: as core.network.fit calls them.

    Raises:
        AffectoscopeError: the options fit neither each other nor the backend, or a teacher is missing.
    """
    keep_freed_memory()
    config = job.config
    with quiet_tensorflow():
        import keras

        from core.network.devices import devices_for
        from core.network.distillation import load_teachers
        from core.network.fit import choose_side, fit_network
        from core.network.precision import resolve_precision

        keras.utils.set_random_seed(config.seed)
    backend = keras.backend.backend()
    if config.sharpness and backend != "tensorflow":
        raise AffectoscopeError(
            f"--sharpness needs Keras on TensorFlow, and it runs on {backend}; leave it out."
        )
    devices = devices or devices_for(config)
    precision = resolve_precision(config.precision)
    sides = job.sides()
    kept = job.network(sides[len(sides) // 2])
    with devices.scope():
        teachers = load_teachers(config, job.preprocessing, job.labels.labels, precision=precision)
        keras.utils.set_random_seed(config.seed)  # the same weights to begin with, whatever was built before
        network = job.training_network(precision=precision, devices=devices)
        split = f" on {devices.count} devices" if devices.count > 1 else ""
        say(f"{network.count_params():,} parameters, {precision} on {backend}{split}")
        fitted = fit_network(
            network,
            kept,
            config,
            job.training,
            job.validation,
            job.folder,
            teachers=teachers,
            devices=devices,
            on_step=on_step,
            on_epoch=on_epoch,
        )
    kept = choose_side(kept, [job.network(side) for side in sides], job.training, job.validation)
    return kept, replace(fitted, precision=precision)
