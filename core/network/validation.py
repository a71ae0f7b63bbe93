"""Measures on the validation faces, and the choice of the input side by them."""

from collections.abc import Collection, Sequence

import keras
import numpy as np

from core.data.batches import Targets
from core.data.face_pack import FacePack
from core.metrics import affect as affect_metrics
from core.metrics import expression as expression_metrics
from core.metrics.calibration import log_losses
from core.network.batch_statistics import recompute_batch_statistics
from core.network.inference import run_network


def choose_input_side(
    selected: keras.Model,
    networks: Sequence[keras.Model],
    training: tuple[FacePack, Targets],
    validation: tuple[FacePack, Targets],
    *,
    frozen: Collection[str] = (),
) -> keras.Model:
    """The network with the lowest validation loss among networks of different input sides with the same weights.

    Random crops enlarge faces during training compared with inference, so that another side than that of the crops can
    be better (Touvron et al. 2019, "Fixing the train-test resolution discrepancy").

    Args:
        selected: the trained network.
        networks: candidates with weights of the same shapes; their weights are set to those of `selected`.
        frozen: names of layers that keep their batch statistics.
    """
    if len(networks) == 1:
        return selected
    losses = []
    for network in networks:
        network.set_weights(selected.get_weights())
        recompute_batch_statistics(network, training[0], frozen=frozen)
        losses.append(validate(network, *validation)["validation_loss"])
    return networks[int(np.argmin(losses))]


def measure_names(targets: Targets) -> list[str]:
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
