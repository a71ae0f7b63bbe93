"""Image corruptions after Hendrycks & Dietterich (2019), "Benchmarking neural network robustness to common corruptions
and perturbations": eight corruptions at five severities, applied to the cropped face.

Lengths are in 48ths of the side of the face, so that they do not depend on its size.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from core.data.face_pack import FacePack

SEVERITIES = (1, 2, 3, 4, 5)

#: Grey level of the occluding square.
GREY = 128


def _blur(face, amount, rng):
    sigma = amount * face.shape[0] / 48
    return ndimage.gaussian_filter(face.astype(np.float32), (sigma, sigma, 0), mode="nearest")


def _noise(face, amount, rng):
    return face + rng.normal(0, amount, face.shape)


def _brightness(face, amount, rng):
    return face.astype(np.float32) + _random_sign(amount, rng)


def _contrast(face, amount, rng):
    mean = face.mean()
    return (face - mean) * amount + mean


def _rotation(face, amount, rng):
    degrees = _random_sign(amount, rng)
    return ndimage.rotate(face.astype(np.float32), degrees, reshape=False, order=1, mode="nearest")


def _occlusion(face, amount, rng):
    side = face.shape[0]
    hidden = max(round(amount * side), 1)
    top, left = rng.integers(0, side - hidden + 1, 2)
    corrupted_face = face.copy()
    corrupted_face[top : top + hidden, left : left + hidden] = GREY
    return corrupted_face


def _jpeg(face, amount, rng):
    file = io.BytesIO()
    _image(face).save(file, "JPEG", quality=amount)
    with Image.open(file, formats=("JPEG",)) as image:
        return _pixels(image)


def _low_resolution(face, amount, rng):
    side = face.shape[0]
    small = max(round(side * amount), 2)
    image = _image(face).resize((small, small), Image.Resampling.BOX)
    return _pixels(image.resize((side, side), Image.Resampling.BILINEAR))


#: Corruption -> (function, amount at severities 1 to 5, unit of the amount).
CORRUPTIONS: dict[str, tuple[Callable, tuple[float, ...], str]] = {
    "blur": (_blur, (0.4, 0.7, 1.0, 1.5, 2.0), "standard deviation in 48ths of the side"),
    "noise": (_noise, (8, 15, 25, 38, 55), "standard deviation in grey levels"),
    "brightness": (_brightness, (20, 40, 60, 80, 100), "grey levels added or subtracted"),
    "contrast": (_contrast, (0.75, 0.55, 0.4, 0.25, 0.15), "share of the contrast that remains"),
    "rotation": (_rotation, (5, 10, 20, 30, 45), "degrees, in either direction"),
    "occlusion": (
        _occlusion,
        (0.2, 0.3, 0.4, 0.5, 0.6),
        "side of a grey square as a share of the face's side",
    ),
    "jpeg": (_jpeg, (40, 25, 15, 10, 5), "quality"),
    "low resolution": (
        _low_resolution,
        (0.7, 0.5, 0.4, 0.3, 0.2),
        "share of the resolution that remains",
    ),
}


def corrupt_face(face: np.ndarray, corruption: str, severity: int, *, seed: int) -> np.ndarray:
    """Corrupt one face.

    Args:
        face: (S, S, C) uint8, C 1 or 3.
        corruption: a name in CORRUPTIONS.
        severity: 1 (slight) to 5 (severe).
        seed: determines position, direction and noise.

    Returns:
        (S, S, C) uint8.
    """
    corrupt, amounts, _ = CORRUPTIONS[corruption]
    changed = corrupt(face, amounts[severity - 1], np.random.default_rng(seed))
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class CorruptedFaces:
    """A pack whose faces are corrupted on access; face i uses seed i."""

    pack: FacePack
    corruption: str
    severity: int

    def __len__(self) -> int:
        return len(self.pack)

    def __getitem__(self, rows: slice) -> np.ndarray:
        numbers = range(*rows.indices(len(self.pack)))
        return np.stack(
            [
                corrupt_face(face, self.corruption, self.severity, seed=number)
                for number, face in zip(numbers, self.pack[rows], strict=True)
            ]
        )


def _random_sign(amount: float, rng: np.random.Generator) -> float:
    return amount if rng.random() < 0.5 else -amount


def _image(face: np.ndarray) -> Image.Image:
    return Image.fromarray(face[..., 0] if face.shape[-1] == 1 else face)


def _pixels(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels
