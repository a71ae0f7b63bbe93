"""A run's network on photos: find the faces, crop them as the run was trained, and say what is not sure."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from core.data.detector import DetectedFace, detect_faces
from core.data.images import read_photo
from core.data.preprocessing import crop_face
from core.errors import AffectoscopeError
from core.photos.face_classifier import FaceClassifier
from core.photos.results import (
    TOO_SMALL,
    FacePrediction,
    PhotoPrediction,
)
from core.runs.catalogue import open_run
from core.runs.run import Run

#: Most faces of one photo that are scored: those found with the highest scores.
MAX_FACES = 50

#: A face whose box (longer side) has fewer pixels is 'too small': it would be blown up more than twice.
SMALLEST_FACE = 24

NO_FACE = "no face found"

#: Cropped faces, or the copies of them that are averaged over, that go through the network at once.
BATCH = 256

Photo = bytes | Image.Image | np.ndarray | Path | str


@dataclass(frozen=True)
class _Read:
    """A photo on its way: its size, the faces to score (None: the photo is one), and their crops."""

    size: tuple[int, int]
    faces: Sequence[DetectedFace | None]
    crops: Sequence[np.ndarray]
    reason: str = ""


class Predictor:
    """A run's network, ready for photos. Holds no photo; may be shared between threads.

    Runs trained before calibration was kept work too: their confidence is the plain highest probability,
    and no face is unlike their training faces. `python -m core.upgrade` adds what they lack.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.preprocessing = run.preprocessing
        self.network = FaceClassifier(run)

    @classmethod
    def load(cls, run: str | Path) -> "Predictor":
        """The predictor of a run, given as `open_run` takes it: a folder that core.train wrote, no mere model.

        Raises:
            AffectoscopeError: there is no such run, or its network cannot be loaded or is not the run's.
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
        """Find and score the faces of a photo.

        Args:
            image: an image file's bytes or path, a Pillow image (turned upright by its EXIF orientation),
                or uint8 pixels, (h, w), (h, w, 1) or (h, w, 3) RGB.
            crops: the photo is a cropped face already, framed like the run's training images; the
                detector is not asked.
            found: the photo's faces where they are known already, as `detect_faces` gives them.
            neighbours: how many of the nearest training faces each face is given, with its distance from them.

        Raises:
            AffectoscopeError: the image cannot be read.
        """
        photo = read_photo(image)
        return self._score([self._read(photo, [None] if crops else found)], neighbours)[0]

    def predict_many(
        self, images: Iterable[Photo], *, crops: bool = False
    ) -> Iterator[PhotoPrediction | AffectoscopeError]:
        """`predict` for any number of photos, in order; for one that cannot be read, the error instead.

        Photos are read ahead in threads, a few at a time, so memory does not grow with their number. Cropped
        faces go through the network together, BATCH at once.
        """
        size, prepare = (BATCH // self.network.passes, self._read_crop) if crops else (1, read_photo)
        for photos in _ahead(prepare, images, size):
            read = [one if isinstance(one, (_Read, AffectoscopeError)) else self._read(one) for one in photos]
            good = iter(self._score([one for one in read if isinstance(one, _Read)], 0))
            yield from (next(good) if isinstance(one, _Read) else one for one in read)

    def _read_crop(self, image: Photo) -> _Read:
        if (
            isinstance(image, np.ndarray)
            and image.dtype == np.uint8
            and image.shape == self.preprocessing.shape
        ):
            return _Read(image.shape[1::-1], [None], [image])  # what cropping it would give
        return self._read(read_photo(image), [None])

    def _read(self, photo: Image.Image, found: Sequence[DetectedFace | None] | None = None) -> _Read:
        """The faces to score and their crops; the detector is asked where they are not known."""
        found = detect_faces(photo) if found is None else found
        reason = "" if found else NO_FACE
        if len(found) > MAX_FACES:
            reason = f"{len(found)} faces found; only the {MAX_FACES} surest are scored"
            surest = sorted(range(len(found)), key=lambda place: -found[place].score)[:MAX_FACES]
            found = [found[place] for place in sorted(surest)]
        crops = [
            crop_face(photo, face and face.box, self.preprocessing, detected=face is not None)
            for face in found
        ]
        return _Read(photo.size, found, crops, reason)

    def _score(self, photos: Sequence[_Read], neighbours: int) -> list[PhotoPrediction]:
        """Every face of all photos through the network, and back to its photo."""
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
    """A face of a photo of `size` with what the network says of its crop."""
    side = max(size if face is None else (face.width, face.height))
    if side < SMALLEST_FACE:
        reason = f"its longer side has {side:.0f} pixels, {SMALLEST_FACE} are needed"
        prediction |= {"abstained": TOO_SMALL, "reason": reason}
    if face is None:
        return FacePrediction(number=number, box=None, score=None, crop=crop, **prediction)
    return FacePrediction(number=number, box=face.box, score=face.score, crop=crop, **prediction)


def _prepared(prepare: Callable, images: list) -> list:
    """`prepare` of each image, one after the other so that one photo is held at a time; or its error."""
    done = []
    for image in images:
        try:
            done.append(prepare(image))
        except AffectoscopeError as error:
            done.append(error)
    return done


def _ahead(prepare: Callable, images: Iterable, size: int) -> Iterator[list]:
    """`prepare` of each image or its error, `size` at a time, in order, a step ahead of who takes them."""
    workers = min(2, os.cpu_count() or 1)
    images, waiting = iter(images), deque[Future]()
    with ThreadPoolExecutor(workers, thread_name_prefix="photos") as pool:
        while batch := list(islice(images, size)):
            waiting.append(pool.submit(_prepared, prepare, batch))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
