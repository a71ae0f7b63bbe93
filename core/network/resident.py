"""Training with all faces in device memory: one compiled program per epoch. Keras on JAX only.

Keras's `fit` transfers every batch from the host and launches one program per step, which leaves a fast GPU idle. Here
one program runs the epoch: `jax.lax.scan` over batches that are gathered on the device from a plan of row indices (4 to
12 bytes per face and epoch). Each step is the trainer's own `train_step`, as in `fit`, so that augmentation, losses,
optimiser, schedule, moving average and metrics are the same.
"""

from functools import partial

import jax
import jax.numpy as jnp
import keras
import numpy as np

from core.data.batches import EpochPlan, Targets, label_weights, mixed, plan_epoch, targets_and_weights
from core.data.face_pack import FacePack

#: Largest share of device memory for the faces; the rest is for weights and feature maps.
LARGEST_SHARE = 0.4


def fits_in_device_memory(pack: FacePack) -> bool:
    """Return whether the device is an accelerator with enough memory for the faces.

    CPUs are excluded: XLA's convolutions inside of a loop were measured at a twentieth of their speed outside of one.
    """
    memory = jax.devices()[0].memory_stats() or {}
    return len(pack) * pack.images[0].nbytes <= LARGEST_SHARE * memory.get("bytes_limit", 0)


class ResidentEpochs:
    """Epochs over the batches of core.data.batches.training_batches, gathered on the device.

    Args:
        trainer: compiled Keras model whose input are the faces of `pack`; its optimiser has to be built.
        pack, targets, batch_size, seed, balanced, weighted, mixup, cutmix, distilled: as for `training_batches`.
    """

    def __init__(
        self,
        trainer: keras.Model,
        pack: FacePack,
        targets: Targets,
        *,
        batch_size: int,
        seed: int,
        balanced: bool = False,
        weighted: bool = False,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        distilled: bool = False,
    ) -> None:
        self.trainer = trainer
        self._plan = partial(
            plan_epoch,
            targets.expression,
            batch_size=batch_size,
            seed=seed,
            balanced=balanced,
            mixup=mixup,
            cutmix=cutmix,
            side=pack.images.shape[1],
        )
        weights = label_weights(targets, weighted=weighted)
        data = pack[:], *targets_and_weights(targets, weights, distilled=distilled)
        _build_metrics(trainer, data)
        self._data = jax.device_put(data)
        self._epoch = jax.jit(self._scan)

    def fit(self, *, epochs: int, initial_epoch: int, callbacks: list[keras.callbacks.Callback]) -> None:
        """Train like `keras.Model.fit`; of the batch callbacks only that of each epoch's last step is called."""
        steps = len(self._plan(epoch=0).rows)
        callback_list = keras.callbacks.CallbackList(
            callbacks, model=self.trainer, epochs=epochs, steps=steps
        )
        self.trainer.stop_training = False
        callback_list.on_train_begin()
        logs: dict = {}
        for epoch in range(initial_epoch, epochs):
            callback_list.on_epoch_begin(epoch)
            logs = self.run(epoch)
            callback_list.on_train_batch_end(steps - 1, logs)
            callback_list.on_epoch_end(epoch, logs)
            if self.trainer.stop_training:
                break
        callback_list.on_train_end(logs)

    def run(self, epoch: int) -> dict[str, float]:
        """Train one epoch, update the trainer's variables and return its logs."""
        self.trainer.reset_metrics()
        plan = self._plan(epoch=epoch)
        variables = _variables(self.trainer)
        values = [[each.value for each in part] for part in variables]
        logs, values = self._epoch(values, self._data, _on_device(plan))
        for part, new in zip(variables, values, strict=True):
            for variable, value in zip(part, new, strict=True):
                variable.assign(value)
        return {name: float(value) for name, value in logs.items()}

    def _scan(self, values, data, plan):
        def step(values, batch):
            logs, values = self.trainer.train_step(tuple(values), _gathered(data, *batch))
            return [list(part) for part in values], logs

        values, logs = jax.lax.scan(step, values, plan)
        last = jax.tree.map(
            lambda each: each[-1], logs
        )  # Keras's logs are means since the start of the epoch
        return last, values


def _variables(trainer: keras.Model) -> list[list]:
    """The variables that `train_step` updates, in its order."""
    return [
        trainer.trainable_variables,
        trainer.non_trainable_variables,
        trainer.optimizer.variables,
        trainer.metrics_variables,
    ]


def _build_metrics(trainer: keras.Model, data: tuple) -> None:
    """Create the variables of losses and metrics, which Keras otherwise creates at the first step."""
    _, truth, weight = jax.tree.map(lambda each: each[:2], data)
    outputs = {name: np.zeros((2, *tensor.shape[1:]), np.float32) for name, tensor in trainer.output.items()}
    trainer.compute_loss(y=truth, y_pred=outputs, sample_weight=weight)
    trainer.compute_metrics(None, truth, outputs, sample_weight=weight)


def _on_device(plan: EpochPlan) -> tuple:
    partner = None if plan.partner is None else plan.partner.astype(np.int32)
    return plan.rows.astype(np.int32), plan.share, partner, plan.box


def _gathered(data: tuple, rows, share, partner, box) -> tuple:
    """Gather a batch on the device and mix its faces if `share` is given."""
    batch = jax.tree.map(lambda each: jnp.take(each, rows, axis=0), data)
    return batch if share is None else mixed(*batch, share, partner, box, numpy=jnp)
