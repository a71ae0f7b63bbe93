"""Test-time augmentation: a network's outputs averaged over shifted and mirrored copies of each face.

Krizhevsky et al. (2012), "ImageNet Classification with Deep Convolutional Neural Networks", section 4.1: the network
takes the four corner crops and the centre of an image, and their mirror images. Nothing is resized: a network whose
first layer cuts the centre out of the face sees a corner crop where the face is shifted.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from core.metrics.calibration import log_losses
from core.runs.test_time_augmentation import PASSES, TestTimeAugmentation

if TYPE_CHECKING:  # Keras takes seconds to import
    import keras


#: The layer that cuts the centre out of a face; see core.network.model.
CENTRE_CROP = "centre_crop"

#: Largest difference to the least log loss at which a cheaper augmentation is preferred.
TOLERANCE = 0.002


def shifted(faces, down: int, right: int):
    """Faces moved by whole pixels; where they came from, the pixels of the edge are repeated.

    Args:
        faces: (n, S, S, C) of any type.
        down, right: pixels, negative for up and left.
    """
    from keras import ops

    side = np.arange(faces.shape[1])
    rows, columns = (np.clip(side - by, 0, len(side) - 1) for by in (down, right))
    return ops.take(ops.take(faces, rows, axis=1), columns, axis=2)


def corner_shifts(network: "keras.Model") -> tuple[tuple[int, int], tuple[int, int]]:
    """Pixels by which a face moves (down, up) and (right, left) to bring its corners where the network sees its centre.

    They are what the layer CENTRE_CROP cuts off, so that no pixel is repeated; without it a 24th of the side.
    """
    for layer in network.layers:
        if layer.name == CENTRE_CROP:
            (top, bottom), (left, right) = layer.cropping
            return (top, bottom), (left, right)
    pixels = round(network.input_shape[1] / 24)
    return (pixels, pixels), (pixels, pixels)


def augmented(faces, network: "keras.Model", augmentation: TestTimeAugmentation) -> list:
    """The copies of (n, S, S, C) uint8 faces over which outputs are averaged: PASSES of them, the faces themselves first."""
    if augmentation == "none":
        return [faces]
    from keras import ops

    both = [faces, ops.flip(faces, axis=2)]
    if augmentation == "mirror":
        return both
    (down, up), (right, left) = corner_shifts(network)
    corners = [(y, x) for y in (down, -up) for x in (right, -left)]
    return both + [shifted(each, y, x) for y, x in corners for each in both]


def choose_augmentation(
    truth: np.ndarray, probabilities: Mapping[TestTimeAugmentation, np.ndarray]
) -> dict[str, object]:
    """The cheapest augmentation whose log loss is within TOLERANCE of the least, for run.json.

    Args:
        truth: (n,) label positions of validation faces, n at least 1.
        probabilities: augmentation -> (n, c), of the same faces.

    Returns:
        {"chosen": its name, "validation": {name: {"log_loss": ..., "accuracy": 0 to 1}}}.
    """
    losses = {name: float(log_losses(truth, each).mean()) for name, each in probabilities.items()}
    least = min(losses.values())
    return {
        "chosen": next(name for name in PASSES if losses.get(name, np.inf) <= least + TOLERANCE),
        "validation": {
            name: {
                "log_loss": round(losses[name], 5),
                "accuracy": round(float((each.argmax(axis=1) == truth).mean()), 5),
            }
            for name, each in probabilities.items()
        },
    }
