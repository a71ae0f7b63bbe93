"""Random image augmentation as one Keras layer, for every backend."""

import math

import keras
from keras import ops

from core.config import Augmentation

#: Area of an erased rectangle as a share of the face, and its aspect ratio (Zhong et al. 2020).
ERASED_AREA = (0.02, 0.2)
ERASED_ASPECT = (0.3, 3.3)


@keras.saving.register_keras_serializable("affectoscope")
class FaceAugmentation(keras.layers.Layer):
    """Augment faces during training; crop their centre during inference.

    Random crop, shift, horizontal flip, rotation and scale are composed into one affine transform, so that each face
    is resampled once (bilinear interpolation, edge pixels repeated). Contrast, brightness and random erasing follow.

    Input: uint8 faces, (n, S, S, C). Output: uint8 faces, (n, crop, crop, C).

    Args:
        augment: ranges of the random changes.
        crop: side of the random crop in pixels; None for the whole face.
        seed: seed of the random generator.
    """

    def __init__(self, augment: Augmentation | dict, *, crop: int | None = None, seed: int = 0, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.augment = Augmentation(**augment) if isinstance(augment, dict) else augment
        self.crop = crop
        self.seed = seed
        self.seeds = keras.random.SeedGenerator(seed)

    def get_config(self) -> dict:
        return {**super().get_config(), "augment": vars(self.augment), "crop": self.crop, "seed": self.seed}

    def compute_output_spec(self, faces, training=None):
        side = self.crop or faces.shape[1]
        return keras.KerasTensor((faces.shape[0], side, side, faces.shape[3]), dtype="uint8")

    def call(self, faces, training=None):
        if not training:
            return self._crop_centre(faces)
        x = ops.cast(faces, "float32")
        x = self._crop_centre(self._transform(x))
        x = self._change_lighting(x)
        if self.augment.erasing:
            x = self._erase(x)
        return ops.cast(ops.round(ops.clip(x, 0, 255)), "uint8")

    def _crop_centre(self, faces):
        if not self.crop:
            return faces
        start = (faces.shape[1] - self.crop) // 2
        return faces[:, start : start + self.crop, start : start + self.crop]

    def _uniform(self, count, low: float, high: float):
        return keras.random.uniform((count,), low, high, seed=self.seeds)

    def _transform(self, x):
        a = self.augment
        count, side = ops.shape(x)[0], x.shape[1]
        max_shift = a.shift * side + (side - (self.crop or side)) / 2  # pixels
        if not (max_shift or a.flip or a.rotation or a.scale):
            return x
        angle = self._uniform(count, -a.rotation, a.rotation) * (math.pi / 180)
        size = 1 / self._uniform(count, 1 - a.scale, 1 + a.scale) if a.scale else ops.ones((count,))
        mirror = ops.where(self._uniform(count, 0, 1) < 0.5, -1.0, 1.0) if a.flip else ops.ones((count,))
        shift_x = self._uniform(count, -max_shift, max_shift)
        shift_y = self._uniform(count, -max_shift, max_shift)
        # Output pixel -> input pixel: rotate and scale about the centre, mirror, then shift.
        cos, sin, centre = ops.cos(angle) * size, ops.sin(angle) * size, (side - 1) / 2
        x_x, x_y, y_x, y_y = cos * mirror, -sin * mirror, sin, cos
        x_0 = centre + shift_x - (x_x + x_y) * centre
        y_0 = centre + shift_y - (y_x + y_y) * centre
        zero = ops.zeros((count,))
        transform = ops.stack([x_x, x_y, x_0, y_x, y_y, y_0, zero, zero], axis=1)
        return ops.image.affine_transform(x, transform, interpolation="bilinear", fill_mode="nearest")

    def _change_lighting(self, x):
        a = self.augment
        count = ops.shape(x)[0]
        if a.contrast:
            mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
            x = (x - mean) * self._per_face(self._uniform(count, 1 - a.contrast, 1 + a.contrast)) + mean
        if a.brightness:
            x = x + 255 * self._per_face(self._uniform(count, -a.brightness, a.brightness))
        return x

    def _erase(self, x):
        """Fill a random rectangle of some faces with one random grey (random erasing, Zhong et al. 2020)."""
        count, side = ops.shape(x)[0], x.shape[1]
        area = self._uniform(count, *ERASED_AREA) * side * side
        aspect = ops.exp(self._uniform(count, math.log(ERASED_ASPECT[0]), math.log(ERASED_ASPECT[1])))
        inside_y = self._span(ops.sqrt(area * aspect), side)
        inside_x = self._span(ops.sqrt(area / aspect), side)
        chosen = self._uniform(count, 0, 1) < self.augment.erasing
        mask = ops.logical_and(inside_y[:, :, None, None], inside_x[:, None, :, None])
        mask = ops.logical_and(mask, chosen[:, None, None, None])
        return ops.where(mask, self._per_face(self._uniform(count, 0, 255)), x)

    def _span(self, length, side: int):
        """(n, side) mask, True on `length` consecutive pixels at a random position, clipped at the border."""
        start = self._uniform(ops.shape(length)[0], 0, 1) * side - length / 2
        pixels = ops.arange(side, dtype="float32")[None, :]
        return ops.logical_and(pixels >= start[:, None], pixels < (start + length)[:, None])

    def _per_face(self, values):
        return values[:, None, None, None]
