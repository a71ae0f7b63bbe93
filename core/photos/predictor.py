"""Prediction on photos: detect faces, crop them with the run's preprocessing, and classify them."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image

from core.data.detectors.detector import DetectedFace, get_detector
from core.data.images import read_photo
from core.data.preprocessing import crop_face
from core.errors import AffectoscopeError
from core.network.explaining import Explainer, Method
from core.network.gradcam import Explanation
from core.photos.face_classifier import FaceClassifier
from core.photos.results import (
    TOO_SMALL,
    FacePrediction,
    PhotoPrediction,
)
from core.runs.catalogue import open_run
from core.runs.run import Run

#: Largest number of faces per photo; those with the highest detection scores are used.
MAX_FACES = 50

#: The network abstains (TOO_SMALL) on a face whose longer side has fewer pixels.
SMALLEST_FACE = 24

NO_FACE = "no face found"

#: Largest batch of cropped faces, augmented copies included.
BATCH = 256

Photo: TypeAlias = bytes | Image.Image | np.ndarray | Path | str


@dataclass(frozen=True)
class _DecodedPhoto:
    """A decoded photo: its size, the faces to classify (None: the photo is a cropped face), and their crops."""

    size: tuple[int, int]
    faces: Sequence[DetectedFace | None]
    crops: Sequence[np.ndarray]
    reason: str = ""


class Predictor:
    """Predictions of a run's network on photos. Stores no photos and may be shared between threads.

    For runs without calibration, the confidence is the highest probability and the distance from the training faces is
    not tested. `python -m core.upgrade` adds the calibration.
    """

    def __init__(self, run: Run) -> None:
        run.require_network("A prediction on photos")
        self.run = run
        self.preprocessing = run.preprocessing
        self.detector = get_detector(run.detector)
        self.network = FaceClassifier(run)

    @classmethod
    def load(cls, run: str | Path) -> "Predictor":
        """Load the predictor of a run: a folder written by core.train, or its name under artifacts/.

        Raises:
            AffectoscopeError: the run does not exist, or its network cannot be loaded.
        """
        return cls(open_run(run))

    def predict(
        self,
        image: Photo,
        *,
        crops: bool = False,
        found: Sequence[DetectedFace] | None = None,
        neighbours: int = 0,
    ) -> PhotoPrediction:
        """Detect and classify the faces of a photo.

        Args:
            image: an image file's bytes or path, a Pillow image (turned upright by its EXIF orientation),
                or uint8 pixels, (h, w), (h, w, 1) or (h, w, 3) RGB.
            crops: treat the photo as a cropped face, framed like the run's training images, without detection.
            found: the result of `self.detector`, if it is already known.
            neighbours: number of nearest training faces to return per face.

        Raises:
            AffectoscopeError: the image cannot be decoded.
        """
        photo = read_photo(image)
        return self._classify([self._crop_faces(photo, [None] if crops else found)], neighbours)[0]

    def predict_many(
        self, images: Iterable[Photo], *, crops: bool = False
    ) -> Iterator[PhotoPrediction | AffectoscopeError]:
        """Predict any number of photos, in order; yields the error for a photo that cannot be decoded.

        Photos are decoded ahead in threads, with bounded memory. Cropped faces are classified in batches of BATCH.
        """
        size, prepare = (BATCH // self.network.passes, self._decode_crop) if crops else (1, read_photo)
        for photos in _prepare_ahead(prepare, images, size):
            decoded = [
                one if isinstance(one, (_DecodedPhoto, AffectoscopeError)) else self._crop_faces(one)
                for one in photos
            ]
            predictions = iter(self._classify([one for one in decoded if isinstance(one, _DecodedPhoto)], 0))
            yield from (next(predictions) if isinstance(one, _DecodedPhoto) else one for one in decoded)

    def explain(self, crop: np.ndarray, label: str, *, method: Method | None = None) -> Explanation:
        """Compute the heat map of one label for a face; the network is loaded again at the first call.

        Args:
            crop: `FacePrediction.crop`.
            method: 'grad-cam', 'hirescam' or 'occlusion'; default: Grad-CAM for a network of core.train, an occlusion map for
                any other.

        Raises:
            AffectoscopeError: the label is not one of the run's, or the network does not admit the method.
        """
        if label not in self.run.labels:
            raise AffectoscopeError(
                f"Run '{self.run.name}' has no label '{label}'; expected one of {', '.join(self.run.labels)}."
            )
        return self._explainer.explain(crop, self.run.labels.index(label), method=method)

    @cached_property
    def _explainer(self) -> Explainer:
        return Explainer(self.run)

    def _decode_crop(self, image: Photo) -> _DecodedPhoto:
        if (
            isinstance(image, np.ndarray)
            and image.dtype == np.uint8
            and image.shape == self.preprocessing.shape
        ):
            return _DecodedPhoto(image.shape[1::-1], [None], [image])  # equal to the result of cropping
        return self._crop_faces(read_photo(image), [None])

    def _crop_faces(
        self, photo: Image.Image, found: Sequence[DetectedFace | None] | None = None
    ) -> _DecodedPhoto:
        """Crop the faces of a photo, detecting them if `found` is None."""
        found = self.detector.detect(photo) if found is None else found
        reason = "" if found else NO_FACE
        if len(found) > MAX_FACES:
            reason = f"{len(found)} faces found; only the {MAX_FACES} with the highest scores are used"
            highest = sorted(range(len(found)), key=lambda place: -found[place].score)[:MAX_FACES]
            found = [found[place] for place in sorted(highest)]
        crops = [
            crop_face(photo, face.box if face else None, self.preprocessing, detected=face is not None)
            for face in found
        ]
        return _DecodedPhoto(photo.size, found, crops, reason)

    def _classify(self, photos: Sequence[_DecodedPhoto], neighbours: int) -> list[PhotoPrediction]:
        """Classify the faces of all photos in one batch and group the results by photo."""
        crops = [crop for photo in photos for crop in photo.crops]
        predictions = iter(self.network.predict(np.stack(crops), neighbours) if crops else ())
        return [
            PhotoPrediction(
                *photo.size,
                tuple(
                    _face(number, photo.size, face, crop, next(predictions))
                    for number, (face, crop) in enumerate(zip(photo.faces, photo.crops, strict=True), 1)
                ),
                photo.reason,
            )
            for photo in photos
        ]


def _face(
    number: int, size: tuple[int, int], face: DetectedFace | None, crop: np.ndarray, prediction: dict
) -> FacePrediction:
    """Combine the prediction of a crop with the position of its face in a photo of `size`."""
    side = max(size if face is None else (face.width, face.height))
    if side < SMALLEST_FACE:
        reason = f"its longer side has {side:.0f} pixels, at least {SMALLEST_FACE} are required"
        prediction |= {"abstained": TOO_SMALL, "reason": reason}
    if face is None:
        return FacePrediction(number=number, box=None, score=None, crop=crop, **prediction)
    return FacePrediction(number=number, box=face.box, score=face.score, crop=crop, **prediction)


def _prepare_all(prepare: Callable, images: list) -> list:
    """Apply `prepare` to each image sequentially; errors are returned in place of results."""
    done = []
    for image in images:
        try:
            done.append(prepare(image))
        except AffectoscopeError as error:
            done.append(error)
    return done


def _prepare_ahead(prepare: Callable, images: Iterable, size: int) -> Iterator[list]:
    """Apply `prepare` in background threads; yields lists of `size` results or errors, in order."""
    workers = min(2, os.cpu_count() or 1)
    images, waiting = iter(images), deque[Future]()
    with ThreadPoolExecutor(workers, thread_name_prefix="photos") as pool:
        while batch := list(islice(images, size)):
            waiting.append(pool.submit(_prepare_all, prepare, batch))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
