"""Test-time augmentation: outputs averaged over shift_faces and mirrored copies of each face.

"ten-crop" averages over the four corner crops and the centre crop and their mirror images (Krizhevsky et al. 2012,
"ImageNet Classification with Deep Convolutional Neural Networks", section 4.1). A corner crop is a shift_faces face of which
the network's first layer crops the centre.
"""

from collections.abc import Mapping

import numpy as np

from core.metrics.calibration import log_losses
from core.runs.imported_network import Network
from core.runs.test_time_augmentation import PASSES, TestTimeAugmentation

#: Name of the layer that crops the centre of a face; see core.network.model.
CENTRE_CROP = "centre_crop"

#: A cheaper augmentation is preferred if its log loss exceeds the lowest by at most this.
TOLERANCE = 0.002


def shift_faces(faces, down: int, right: int):
    """Shift faces by whole pixels, repeating the pixels of the edge.

    Args:
        faces: (n, S, S, C) of any type.
        down, right: shift in pixels; negative for up and left.
    """
    from keras import ops

    side = np.arange(faces.shape[1])
    rows, columns = (np.clip(side - by, 0, len(side) - 1) for by in (down, right))
    return ops.take(ops.take(faces, rows, axis=1), columns, axis=2)


def corner_shifts(network: Network) -> tuple[tuple[int, int], tuple[int, int]]:
    """Shifts in pixels, (down, up) and (right, left), that move the corners of a face into the network's centre crop.

    They are the margins of the layer CENTRE_CROP, so that no pixel is repeated; without it, a 24th of the side.
    """
    for layer in network.layers:
        if layer.name == CENTRE_CROP:
            (top, bottom), (left, right) = layer.cropping
            return (top, bottom), (left, right)
    pixels = round(network.input_shape[1] / 24)
    return (pixels, pixels), (pixels, pixels)


def augmented_copies(faces, network: Network, augmentation: TestTimeAugmentation) -> list:
    """The PASSES[augmentation] augmented_copies copies of (n, S, S, C) uint8 faces; the first are the faces themselves."""
    if augmentation == "none":
        return [faces]
    from keras import ops

    both = [faces, ops.flip(faces, axis=2)]
    if augmentation == "mirror":
        return both
    (down, up), (right, left) = corner_shifts(network)
    corners = [(y, x) for y in (down, -up) for x in (right, -left)]
    return both + [shift_faces(each, y, x) for y, x in corners for each in both]


def choose_augmentation(
    truth: np.ndarray, probabilities: Mapping[TestTimeAugmentation, np.ndarray]
) -> dict[str, object]:
    """Choose the cheapest augmentation whose log loss is within TOLERANCE of the lowest, for run.json.

    Args:
        truth: (n,) label indices of validation faces, n at lowest 1.
        probabilities: augmentation -> (n, c) probabilities of the same faces.

    Returns:
        {"chosen": its name, "validation": {name: {"log_loss": ..., "accuracy": 0 to 1}}}.
    """
    losses = {name: float(log_losses(truth, each).mean()) for name, each in probabilities.items()}
    lowest = min(losses.values())
    return {
        "chosen": next(name for name in PASSES if losses.get(name, np.inf) <= lowest + TOLERANCE),
        "validation": {
            name: {
                "log_loss": round(losses[name], 5),
                "accuracy": round(float((each.argmax(axis=1) == truth).mean()), 5),
            }
            for name, each in probabilities.items()
        },
    }
