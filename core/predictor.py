"""A run's network on photos: find the faces, crop them as the run was trained, and say what is not sure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from core.artifacts import Run, open_run
from core.detector import DetectedFace, detect_faces
from core.environment import quiet_tensorflow
from core.errors import AffectoscopeError
from core.faces import PreprocessingContract, crop_face, read_upright, upright

#: Most faces of one photo that are scored: those found with the highest scores.
MAX_FACES = 50

#: A face whose box (longer side) has fewer pixels is 'too small': it would be blown up more than twice.
SMALLEST_FACE = 24

#: A face whose most probable label has a lower probability is 'not sure'.
SURE = 0.4

NO_FACE = "no face found"

BOX = ("box_x", "box_y", "box_width", "box_height")


@dataclass(frozen=True, eq=False)
class FacePrediction:
    """What the network says of one face.

    Attributes:
        number: from 1, left to right.
        box: (x, y, width, height) in pixels of the upright photo, may hang over its border; None: the
            photo is a cropped face.
        score: the detector's, 0 to 1; None for a cropped face.
        label: the most probable label, also where `abstained` warns of it.
        probabilities: label -> probability, in the order of the network's output nodes, summing to 1.
        valence, arousal: -1 to 1; None where the network has no such output.
        crop: (size, size, channels) uint8, the face as the network saw it.
        abstained: 'too small', 'not sure' (SMALLEST_FACE, SURE) or '': do not rely on the label.
    """

    number: int
    box: tuple[float, float, float, float] | None
    score: float | None
    label: str
    probabilities: dict[str, float]
    valence: float | None
    arousal: float | None
    crop: np.ndarray
    abstained: str


@dataclass(frozen=True)
class PhotoPrediction:
    """Every face of one photo; width and height in pixels of the upright photo.

    `reason` is '' or says why there is no face, or why not every face found is here.
    """

    width: int
    height: int
    faces: tuple[FacePrediction, ...]
    reason: str = ""


class Predictor:
    """A run's network, ready for photos. Holds no photo; may be shared between threads."""

    def __init__(self, run: Run) -> None:
        with quiet_tensorflow():
            network = run.load_model()
        self.run = run
        self.contract = PreprocessingContract(**run.info["preprocessing"])
        self._outputs = _compiled(network)
        self._outputs(np.zeros((1, *self.contract.shape), np.uint8))

    @classmethod
    def load(cls, run: str | Path) -> "Predictor":
        """The predictor of a run, given as `open_run` takes it.

        Raises:
            AffectoscopeError: there is no such run or its network cannot be loaded.
        """
        return cls(open_run(run))

    def predict(
        self,
        image: bytes | Image.Image | np.ndarray | Path,
        *,
        crops: bool = False,
        found: Sequence[DetectedFace] | None = None,
    ) -> PhotoPrediction:
        """Find and score the faces of a photo.

        Args:
            image: an image file's bytes or path, a Pillow image (turned upright by its EXIF orientation),
                or uint8 pixels, (h, w), (h, w, 1) or (h, w, 3) RGB.
            crops: the photo is a cropped face already, framed like the run's training images; the
                detector is not asked.
            found: the photo's faces where they are known already, as `detect_faces` gives them.

        Raises:
            AffectoscopeError: the image cannot be read.
        """
        photo = read_photo(image)
        if crops:
            found = [None]
        elif found is None:
            found = detect_faces(photo)
        reason = "" if found else NO_FACE
        if len(found) > MAX_FACES:
            reason = f"{len(found)} faces found; only the {MAX_FACES} surest are scored"
            lowest = sorted(found, key=lambda face: face.score)[len(found) - MAX_FACES :]
            found = [face for face in found if face in lowest]
        faces = [(face, self._crop(photo, face)) for face in found]
        return PhotoPrediction(photo.width, photo.height, tuple(self._score(photo, faces)), reason)

    def _crop(self, photo: Image.Image, face: DetectedFace | None) -> np.ndarray:
        if face is None:
            return crop_face(photo, None, self.contract)
        return crop_face(photo, face.box, self.contract, detected=True)

    def _score(
        self, photo: Image.Image, faces: list[tuple[DetectedFace | None, np.ndarray]]
    ) -> Iterator[FacePrediction]:
        if not faces:
            return
        outputs = self._outputs(np.stack([crop for _, crop in faces]))
        for row, (face, crop) in enumerate(faces):
            probabilities = outputs["expression"][row].astype(np.float64)
            probabilities /= probabilities.sum()
            affect = outputs["affect"][row].tolist() if "affect" in outputs else (None, None)
            side = max(photo.size if face is None else (face.width, face.height))
            abstained = (
                "too small" if side < SMALLEST_FACE else "not sure" if probabilities.max() < SURE else ""
            )
            yield FacePrediction(
                number=row + 1,
                box=None if face is None else face.box,
                score=None if face is None else face.score,
                label=self.run.labels[int(probabilities.argmax())],
                probabilities=dict(zip(self.run.labels, probabilities.tolist(), strict=True)),
                valence=affect[0],
                arousal=affect[1],
                crop=crop,
                abstained=abstained,
            )


def read_photo(image: bytes | Image.Image | np.ndarray | Path | str) -> Image.Image:
    """Any of the kinds that `Predictor.predict` takes as an upright image, mode 'RGB' or 'L'.

    Raises:
        AffectoscopeError: it cannot be read, or pixels have another shape or type.
    """
    if isinstance(image, Image.Image):
        return upright(image)
    if isinstance(image, np.ndarray):
        pixels = image[..., 0] if image.ndim == 3 and image.shape[-1] == 1 else image
        if (
            pixels.dtype != np.uint8
            or pixels.ndim not in (2, 3)
            or pixels.shape[2:] not in ((), (3,))
            or not pixels.size
        ):
            raise AffectoscopeError(
                f"The pixels are {image.dtype} of shape {image.shape}; expected uint8, (height, width) or "
                "(height, width, 3)."
            )
        return Image.fromarray(pixels)
    if isinstance(image, (str, Path)):
        try:
            image = Path(image).read_bytes()
        except OSError as error:
            raise AffectoscopeError(f"The file cannot be read ({error.strerror or error}).") from error
    return read_upright(bytes(image))


def _compiled(network) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """The network as a function of a batch of any size: traced once, by TensorFlow where it is the backend."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return lambda batch: {
            name: np.asarray(value) for name, value in network(batch, training=False).items()
        }
    import tensorflow

    signature = tensorflow.TensorSpec(network.input_shape, "uint8")
    graph = tensorflow.function(partial(network, training=False), input_signature=[signature])
    return lambda batch: {name: value.numpy() for name, value in graph(tensorflow.constant(batch)).items()}


def as_rows(photo: str, prediction: PhotoPrediction, labels: Sequence[str]) -> list[dict]:
    """One row per face, or one for the photo where there is none, with its reason under `abstained`."""
    empty = dict.fromkeys(
        ("face", *BOX, "score", "label", *(f"p_{label}" for label in labels), "valence", "arousal")
    )
    if not prediction.faces:
        return [{"photo": photo, **empty, "abstained": prediction.reason}]
    rows = []
    for face in prediction.faces:
        rows.append(
            {
                "photo": photo,
                **empty,
                "face": face.number,
                **dict(zip(BOX, face.box or (None,) * 4, strict=True)),
                "score": face.score,
                "label": face.label,
                **{f"p_{label}": probability for label, probability in face.probabilities.items()},
                "valence": face.valence,
                "arousal": face.arousal,
                "abstained": face.abstained,
            }
        )
    return rows


def as_table(rows: list[dict]) -> pd.DataFrame:
    """Rows of `as_rows` as a table whose column types do not depend on what was found."""
    table = pd.DataFrame(rows)
    texts = {"run": "str", "photo": "str", "label": "str", "abstained": "str"}
    return table.astype({name: texts.get(name, "Int64" if name == "face" else "float64") for name in table})
