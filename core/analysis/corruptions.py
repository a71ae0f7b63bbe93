"""Corrupted faces, in the manner of Hendrycks & Dietterich (2019), "Benchmarking neural network robustness to common
corruptions and perturbations": eight corruptions at five severities, on the cropped face as the network sees it.

Lengths are in 48ths of the face's side, so that faces of any size are corrupted alike.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from core.data.face_pack import FacePack

SEVERITIES = (1, 2, 3, 4, 5)

#: What is drawn in place of a hidden part, and where a rotated face has no pixels the edge is repeated.
GREY = 128


def _blur(face, amount, rng):
    sigma = amount * face.shape[0] / 48
    return ndimage.gaussian_filter(face.astype(np.float32), (sigma, sigma, 0), mode="nearest")


def _noise(face, amount, rng):
    return face + rng.normal(0, amount, face.shape)


def _brightness(face, amount, rng):
    return face.astype(np.float32) + _either_way(amount, rng)


def _contrast(face, amount, rng):
    mean = face.mean()
    return (face - mean) * amount + mean


def _rotation(face, amount, rng):
    degrees = _either_way(amount, rng)
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


#: Corruption -> (function, its amount at severities 1 to 5, what the amount is).
CORRUPTIONS: dict[str, tuple[Callable, tuple[float, ...], str]] = {
    "blur": (_blur, (0.4, 0.7, 1.0, 1.5, 2.0), "standard deviation in 48ths of the side"),
    "noise": (_noise, (8, 15, 25, 38, 55), "standard deviation in grey levels"),
    "brightness": (_brightness, (20, 40, 60, 80, 100), "grey levels added or taken away"),
    "contrast": (_contrast, (0.75, 0.55, 0.4, 0.25, 0.15), "share of the contrast that is left"),
    "rotation": (_rotation, (5, 10, 20, 30, 45), "degrees, either way"),
    "occlusion": (_occlusion, (0.2, 0.3, 0.4, 0.5, 0.6), "side of a grey square as a share of the face's"),
    "jpeg": (_jpeg, (40, 25, 15, 10, 5), "quality"),
    "low resolution": (
        _low_resolution,
        (0.7, 0.5, 0.4, 0.3, 0.2),
        "share of the side in pixels that is left",
    ),
}


def corrupt_face(face: np.ndarray, corruption: str, severity: int, *, seed: int) -> np.ndarray:
    """Corrupt one face.

    Args:
        face: (S, S, C) uint8, C 1 or 3.
        corruption: a name in CORRUPTIONS.
        severity: 1 (slight) to 5 (severe).
        seed: decides place, direction and noise; the same for all severities of a face.

    Returns:
        (S, S, C) uint8.
    """
    corrupt, amounts, _ = CORRUPTIONS[corruption]
    changed = corrupt(face, amounts[severity - 1], np.random.default_rng(seed))
    return np.clip(np.rint(changed), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class CorruptedFaces:
    """A pack's faces, corrupted as they are read: face number i with seed i, however the pack is read."""

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


def _either_way(amount: float, rng: np.random.Generator) -> float:
    return amount if rng.random() < 0.5 else -amount


def _image(face: np.ndarray) -> Image.Image:
    return Image.fromarray(face[..., 0] if face.shape[-1] == 1 else face)


def _pixels(image: Image.Image) -> np.ndarray:
    pixels = np.asarray(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels
