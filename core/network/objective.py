"""Losses and optimisers of a training."""

import keras
import numpy as np
from keras import ops

from core.config import TrainConfig
from core.data.batches import Targets

#: Focusing parameter of the focal loss, as recommended by Lin et al. (2017).
FOCAL_GAMMA = 2.0


def expression_loss(config: TrainConfig, targets: Targets):
    """Loss of (n, c) true distributions and (n, c) logits, for config.imbalance and config.label_smoothing.

    With soft targets the cross-entropy, focal included, is the expectation over the label of an annotator drawn at
    random, and the prior of the logit adjustment that of these labels.
    """
    smoothing = config.label_smoothing
    if config.imbalance == "focal":
        return keras.losses.CategoricalFocalCrossentropy(
            alpha=1.0, gamma=FOCAL_GAMMA, from_logits=True, label_smoothing=smoothing
        )
    if config.imbalance == "logit-adjusted":
        # Menon et al. (2021), "Long-tail learning via logit adjustment", eq. 10 with tau = 1.
        if targets.soft is None:
            counts = np.bincount(targets.expression, minlength=targets.labels)
        else:
            counts = targets.soft.sum(axis=0, dtype=np.float64)
        prior = np.log(np.maximum(counts, 1) / counts.sum()).astype(np.float32)

        def logit_adjusted(truth, logits):
            return keras.losses.categorical_crossentropy(
                truth, logits + ops.convert_to_tensor(prior), from_logits=True, label_smoothing=smoothing
            )

        return logit_adjusted
    return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)


class _LaterSteps(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule from its step `first` on, for an optimiser that counts from 0."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, first: int) -> None:
        self.schedule, self.first = schedule, first

    def __call__(self, step):
        return self.schedule(step + self.first)

    def get_config(self) -> dict:
        return {"schedule": self.schedule, "first": self.first}


def optimizer(config: TrainConfig, steps: int, *, first_epoch: int = 0) -> keras.optimizers.Optimizer:
    """The optimiser of the config; weight decay applies to kernels only.

    Args:
        steps: steps per epoch, the unit of warm-up and schedule.
        first_epoch: number of epochs before the optimiser's first step.
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
    if first_epoch and rate is not peak:
        rate = _LaterSteps(rate, first_epoch * steps)
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
