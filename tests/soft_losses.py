"""Losses of a soft target on the backend that Keras runs on, and in NumPy."""

from dataclasses import replace

import numpy as np
from keras import ops

from core.config import TrainConfig
from core.data.batches import Targets
from core.network.objective import expression_loss

#: A soft target and logits, and targets whose distributions have the mean 0.6, 0.3, 0.1.
SOFT, LOGITS = np.array([0.6, 0.3, 0.1]), np.array([1.0, 0.0, -1.0])
SOFT_TARGETS = Targets(np.zeros(10, int), 3, soft=np.tile(SOFT, (10, 1)).astype(np.float32))


def soft_losses() -> dict[str, float]:
    """The loss of SOFT and LOGITS for each method for class imbalance that changes the loss."""
    found = {}
    for imbalance in ("none", "focal", "logit-adjusted"):
        config = replace(TrainConfig(), imbalance=imbalance, label_smoothing=0.1)
        values = expression_loss(config, SOFT_TARGETS)(
            SOFT[None].astype("float32"), LOGITS[None].astype("float32")
        )
        found[imbalance] = float(ops.convert_to_numpy(ops.mean(values)))
    return found


def expected_soft_losses() -> dict[str, float]:
    """`soft_losses` in NumPy: the loss of each label, weighted with its smoothed share."""
    smooth = 0.9 * SOFT + 0.1 / 3
    p = np.exp(LOGITS) / np.exp(LOGITS).sum()
    adjusted = p * SOFT / (p * SOFT).sum()
    return {
        "none": -(smooth * np.log(p)).sum(),
        "focal": -(smooth * (1 - p) ** 2 * np.log(p)).sum(),
        "logit-adjusted": -(smooth * np.log(adjusted)).sum(),
    }
