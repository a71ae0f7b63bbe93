"""Occlusion maps: how much the probability of a label drops when a patch of the face is replaced by its mean colour.

Zeiler & Fergus (2014), "Visualizing and Understanding Convolutional Networks", ECCV, section 4.2. Only outputs of the network
are used, so that networks of any kind can be explained. The map is of a single forward pass per position, also if the
predictions of the run use test-time augmentation.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.errors import AffectoscopeError
from core.network.gradcam import Explanation
from core.runs.imported_network import Network

#: Patches per side of the face; the stride is half a patch.
PATCHES = 6


@dataclass(frozen=True, eq=False)
class OcclusionMap(Explanation):
    """Occlusion map and probabilities of one face.

    Attributes:
        heat: (size, size) float32, the mean drop over the patches that cover a pixel, negative ones 0, divided by the
            largest; all 0 if no patch lowers the probability.
        drop: largest drop of the probability by one patch, -1 to 1.
        patch, stride: side of the patch and distance of two positions, in pixels of the network's input.
    """

    drop: float
    patch: int
    stride: int


def explain_by_occlusion(
    network: Network,
    face: np.ndarray,
    label: int,
    *,
    patch: int | None = None,
    stride: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> OcclusionMap:
    """Compute the occlusion map of one label for one face.

    Args:
        face: (size, size, channels) uint8, preprocessed for the network.
        label: index among the network's labels.
        patch, stride: in pixels; default: a PATCHES-th of the side, and half of it. The last position of a row or column is
            at the border of the face, so that every pixel is covered.
        progress: called as progress(done, total), in forward passes.

    Raises:
        AffectoscopeError: dtype or shape of the face differs from the network's input, or patch or stride are out of range.
    """
    from core.network.inference import run_network

    expected = tuple(network.input_shape[1:])
    if face.shape != expected or face.dtype != np.uint8:
        raise AffectoscopeError(
            f"The face has dtype {face.dtype} and shape {face.shape}; expected uint8 of shape {expected}."
        )
    side = face.shape[0]
    patch = max(round(side / PATCHES), 2) if patch is None else patch
    stride = max(patch // 2, 1) if stride is None else stride
    if not (1 <= patch <= side and 1 <= stride <= patch):
        raise AffectoscopeError(
            f"A patch of {patch} pixels with stride {stride} does not cover a face of {side}; expected 1 <= stride <= patch <= {side}."
        )
    starts = sorted({*range(0, side - patch + 1, stride), side - patch})
    corners = [(top, left) for top in starts for left in starts]
    faces = _Occluded(face, corners, patch)
    probabilities = run_network(network, faces, progress=progress)["expression"].astype(np.float64)
    drops = probabilities[0, label] - probabilities[1:, label]
    total, covered = np.zeros((side, side)), np.zeros((side, side))
    for (top, left), drop in zip(corners, drops.tolist(), strict=True):
        place = np.s_[top : top + patch, left : left + patch]
        total[place] += drop
        covered[place] += 1
    heat = np.maximum(total / covered, 0).astype(np.float32)
    return OcclusionMap(
        heat=heat / (heat.max() or np.float32(1)),
        probabilities=probabilities[0] / probabilities[0].sum(),
        drop=float(drops.max()),
        patch=patch,
        stride=stride,
    )


class _Occluded:
    """The face, then its copies with one patch at each corner replaced by the mean colour; made when they are sliced."""

    def __init__(self, face: np.ndarray, corners: list[tuple[int, int]], patch: int) -> None:
        self._face, self._corners, self._patch = face, corners, patch
        self._mean = np.rint(face.reshape(-1, face.shape[-1]).mean(axis=0)).astype(np.uint8)

    def __len__(self) -> int:
        return len(self._corners) + 1

    def __getitem__(self, rows: slice) -> np.ndarray:
        places = range(len(self))[rows]
        faces = np.repeat(self._face[None], len(places), axis=0)
        for face, place in zip(faces, places, strict=True):
            if place:
                top, left = self._corners[place - 1]
                face[top : top + self._patch, left : left + self._patch] = self._mean
        return faces
