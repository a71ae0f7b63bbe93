"""A detector as the rest of the program knows it, and the detectors by name."""

from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from core.errors import AffectoscopeError


@dataclass(frozen=True)
class DetectedFace:
    """One face in a photo, in pixels of the photo as it was handed in.

    The box is the detector's own and may hang over the photo's border: clipping it would shift the centre around which
    the face is cropped.

    Attributes:
        score: 0 to 1.
        points: (x, y) of left eye, right eye, nose, left and right corner of the mouth, as seen by the viewer; empty
            where the detector gives none.
    """

    x: float
    y: float
    width: float
    height: float
    score: float
    points: tuple[tuple[float, float], ...]

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x, y, width, height)."""
        return (self.x, self.y, self.width, self.height)


class Detector(Protocol):
    """Finds faces in photos. Cheap to construct: weights are loaded with the first photo."""

    def detect(self, image: Image.Image) -> list[DetectedFace]:
        """Every face of an upright photo of any mode and size, from left to right; an empty list where there is none.

        Safe to call from several threads.

        Raises:
            AffectoscopeError: a package that the detector needs is not installed.
        """


_DETECTORS: dict[str, Detector] = {}


def register_detector(name: str, detector: Detector) -> None:
    """Make a detector known under a name, which runs keep.

    Raises:
        ValueError: the name is taken.
    """
    if name in _DETECTORS:
        raise ValueError(f"A detector '{name}' is registered already.")
    _DETECTORS[name] = detector


def get_detector(name: str) -> Detector:
    """The detector of that name.

    Raises:
        AffectoscopeError: there is none.
    """
    if name not in _DETECTORS:
        raise AffectoscopeError(
            f"There is no detector '{name}'; expected one of {', '.join(sorted(_DETECTORS))}."
        )
    return _DETECTORS[name]
