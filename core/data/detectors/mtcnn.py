"""The multi-task cascade of Zhang et al. (2016), IEEE Signal Processing Letters 23(10).

The `mtcnn` package carries its weights and runs on TensorFlow. It is imported with the first photo, because
that takes seconds, and nothing is fetched from anywhere.
"""

import threading
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import numpy as np
from PIL import Image

from core.data.detectors.detector import DetectedFace, register_detector
from core.errors import AffectoscopeError
from core.runtime.environment import quiet_tensorflow

#: Photos are reduced to this longer side before the search; faces under 20 pixels there are not found.
LONGEST_SIDE = 1280

#: Photos with a shorter side under SMALL_SIDE are enlarged to ENLARGED_SIDE.
SMALL_SIDE, ENLARGED_SIDE = 100, 192

#: Lowest score, 0 to 1, of what counts as a face.
MIN_SCORE = 0.9

#: Border, as a share of the longer side, added for the second look at a photo in which nothing was found.
BORDER = 0.25

_lock = threading.Lock()


@dataclass(frozen=True)
class Mtcnn:
    """The cascade as a `Detector`. Threads take turns.

    A photo in which nothing is found is searched once more with a border around it, because the cascade does not see a
    face that fills the frame.

    Attributes:
        min_score: lowest score that counts as a face, 0 to 1.
    """

    min_score: float = MIN_SCORE

    def detect(self, image: Image.Image) -> list[DetectedFace]:
        shorter, longer = sorted(image.size)
        scale = min(ENLARGED_SIDE / shorter if shorter < SMALL_SIDE else 1.0, LONGEST_SIDE / longer)
        size = tuple(max(1, round(side * scale)) for side in image.size)
        looked_at = image.convert("RGB")
        if size != image.size:
            looked_at = looked_at.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
        faces = _search(looked_at, self.min_score)
        if not len(faces):
            border = round(BORDER * max(size))
            framed = Image.new("RGB", (size[0] + 2 * border, size[1] + 2 * border), (127, 127, 127))
            framed.paste(looked_at, (border, border))
            faces = _search(framed, self.min_score)
            faces[:, [0, 2, 5, 6, 7, 8, 9]] -= border
            faces[:, [1, 3, 10, 11, 12, 13, 14]] -= border
        across, down = image.width / size[0], image.height / size[1]
        found = []
        for left, top, right, bottom, score, *points in faces.tolist():
            found.append(
                DetectedFace(
                    x=left * across,
                    y=top * down,
                    width=(right - left) * across,
                    height=(bottom - top) * down,
                    score=score,
                    points=tuple((x * across, y * down) for x, y in zip(points[:5], points[5:], strict=True)),
                )
            )
        return sorted(found, key=lambda face: (face.x + face.width / 2, face.y))


def _search(image: Image.Image, min_score: float) -> np.ndarray:
    """(faces, 15): left, top, right, bottom, score, five x and five y, in pixels of `image`."""
    pixels = np.asarray(image, dtype=np.float32)
    with _lock:
        rows = _cascade().detect_faces(pixels, fit_to_image=False, box_format="xyxy", output_type="numpy")
    rows = np.asarray(rows, dtype=np.float64).reshape(-1, 16)[:, 1:]
    usable = np.isfinite(rows).all(axis=1) & (rows[:, 2] > rows[:, 0]) & (rows[:, 3] > rows[:, 1])
    return rows[usable & (rows[:, 4] >= min_score)]


@lru_cache(maxsize=1)
def _cascade():
    with quiet_tensorflow():
        try:
            from mtcnn import MTCNN
            from mtcnn.stages import StageONet, StagePNet, StageRNet
        except ImportError as error:
            raise AffectoscopeError(
                f"Finding faces needs TensorFlow and mtcnn ({error}): pip install -r requirements.txt."
            ) from error
        weights = files("mtcnn.assets.weights")
        # Given by name alone, a file of that name in the working folder would be unpickled instead.
        return MTCNN(
            stages=[
                StagePNet(weights=str(weights / "pnet.lz4")),
                StageRNet(weights=str(weights / "rnet.lz4")),
                StageONet(weights=str(weights / "onet.lz4")),
            ]
        )


register_detector("mtcnn", Mtcnn())
