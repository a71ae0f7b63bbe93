"""Test-time averaging: a network's answers to several views of each face, averaged (Krizhevsky et al. 2012)."""

from typing import Literal

import keras
from keras import ops

Views = Literal["one", "mirror", "ten"]

#: Side of the ten crops as a share of the face's: 46 of 48 pixels.
CROP = 23 / 24


def averaged(network: keras.Model, views: Views) -> keras.Model:
    """A network of the same input and outputs that averages every output over views of the face.

    Args:
        network: uint8 faces (n, S, S, C) -> name -> (n, ...).
        views: "one", the face as it is; "mirror", and mirrored; "ten", four corners and the centre of the face,
            CROP of its side and resized bilinearly, and all mirrored (Krizhevsky et al. 2012, section 4.1).
    """
    if views == "one":
        return network
    faces = keras.Input(network.input_shape[1:], dtype="uint8")
    shown = [faces] if views == "mirror" else _five_crops(faces)
    answers = [network(view) for face in shown for view in (face, ops.flip(face, axis=2))]
    return keras.Model(
        faces, {name: sum(each[name] for each in answers) / len(answers) for name in answers[0]}
    )


def _five_crops(faces) -> list:
    side = faces.shape[1]
    crop = round(side * CROP)
    far = side - crop
    near = far // 2
    corners = ((0, 0), (0, far), (far, 0), (far, far), (near, near))
    return [_resized(faces[:, top : top + crop, left : left + crop], side) for top, left in corners]


def _resized(faces, side: int):
    larger = ops.image.resize(ops.cast(faces, "float32"), (side, side), interpolation="bilinear")
    return ops.cast(ops.round(larger), "uint8")
