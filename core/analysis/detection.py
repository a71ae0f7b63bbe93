"""A run scored on faces that the detector has to find first, as in use, and not on annotated boxes.

A face is found where a detected box covers its annotated one: of the boxes in its photo the one with the greatest
overlap counts, from an overlap of 0.5 on (intersection over union; Everingham et al. 2010, "The PASCAL Visual Object
Classes (VOC) Challenge", International Journal of Computer Vision 88(2)). It is then cropped around the detected box,
with the run's margin for such boxes. A face that is not found is a miss; its accuracy is told with misses left out
and with misses as errors.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

from core.data.detectors.detector import DetectedFace, Detector
from core.data.face_table import FaceTable
from core.data.images import read_upright
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.errors import AffectoscopeError
from core.metrics.estimate import Estimate
from core.metrics.predictions import BOX_COLUMNS
from core.metrics.text import PERCENT, with_interval
from core.metrics.thresholds import wilson_interval
from core.runs.run import Run
from core.runs.test_time_augmentation import TestTimeAugmentation

if TYPE_CHECKING:
    import keras

#: Least intersection over union of a detected and an annotated box of one face.
MIN_OVERLAP = 0.5

#: Faces cropped before they go through the network.
_AT_ONCE = 256

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class DetectedScores:
    """What the detector costs. Counts are of faces; the dictionaries have a count per label of the run.

    Attributes:
        data, split: what was scored; test_time_augmentation: what the outputs were averaged over.
        faces, found, correct: of each label, annotated, found by the detector, and found and recognised.
        correct_by_annotation: recognised when cropped by their annotated boxes; `..._of_found`: those found.
        median_overlap: of the found faces' detected and annotated boxes, 0.5 to 1; NaN where none was found.
    """

    data: str
    split: str
    test_time_augmentation: TestTimeAugmentation
    faces: dict[str, int]
    found: dict[str, int]
    correct: dict[str, int]
    correct_by_annotation: int
    correct_by_annotation_of_found: int
    median_overlap: float

    @property
    def misses(self) -> int:
        return sum(self.faces.values()) - sum(self.found.values())

    @property
    def miss_rate(self) -> Estimate:
        return _share(self.misses, sum(self.faces.values()))

    @property
    def of_found(self) -> Estimate:
        """Accuracy with misses left out."""
        return _share(sum(self.correct.values()), sum(self.found.values()))

    @property
    def of_all(self) -> Estimate:
        """Accuracy with misses as errors."""
        return _share(sum(self.correct.values()), sum(self.faces.values()))

    @property
    def by_annotation(self) -> Estimate:
        """Accuracy of all faces by their annotated boxes."""
        return _share(self.correct_by_annotation, sum(self.faces.values()))

    @property
    def by_annotation_of_found(self) -> Estimate:
        """Accuracy of the found faces by their annotated boxes."""
        return _share(self.correct_by_annotation_of_found, sum(self.found.values()))

    def as_dict(self) -> dict:
        document = {each.name: getattr(self, each.name) for each in fields(self)}
        known = np.isfinite(self.median_overlap)
        return document | {
            "median_overlap": self.median_overlap if known else None,
            "min_overlap": MIN_OVERLAP,
        }

    def sentence(self) -> str:
        """All of it in one line."""
        faces = sum(self.faces.values())
        return (
            f"{self.data}, {faces:,} {self.split} faces located by the detector (overlap with the annotated box "
            f"{MIN_OVERLAP:g} or more): {self.misses:,} missed, {_told(self.miss_rate)}; accuracy {_told(self.of_found)} "
            f"on the faces found and {_told(self.of_all)} with misses as errors; by annotated boxes it is "
            f"{_told(self.by_annotation)}, on the faces found {_told(self.by_annotation_of_found)}."
        )


def load_detected_scores(run: Run) -> DetectedScores | None:
    """What `core.evaluate --detect` kept with the run; None where nobody asked for it.

    Raises:
        AffectoscopeError: it is damaged.
    """
    document = run.detected()
    if document is None:
        return None
    try:
        kept = {each.name: document[each.name] for each in fields(DetectedScores)}
        overlap = float("nan") if kept["median_overlap"] is None else float(kept["median_overlap"])
        counts = {
            name: {str(label): int(count) for label, count in kept[name].items()}
            for name in ("faces", "found", "correct")
        }
        return DetectedScores(**kept | counts | {"median_overlap": overlap})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AffectoscopeError(
            f"detected.json of '{run.name}' is damaged ({error}); run core.evaluate --detect again."
        ) from error


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (x, y, width, height), 0 to 1."""
    across = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    down = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def match(annotated: Box, found: list[DetectedFace]) -> tuple[DetectedFace | None, float]:
    """The detected face that is the annotated one, None where the detector missed it; and the greatest overlap."""
    overlaps = [overlap(annotated, face.box) for face in found]
    best = max(overlaps, default=0.0)
    return (found[overlaps.index(best)] if best >= MIN_OVERLAP else None), best


def score_detected(
    network: "keras.Model",
    table: FaceTable,
    truth: np.ndarray,
    by_annotation: np.ndarray,
    labels: tuple[str, ...],
    preprocessing: PreprocessingConfig,
    detector: Detector,
    *,
    split: str,
    tta: TestTimeAugmentation = "none",
    progress: Callable[[int, int], None] | None = None,
) -> DetectedScores:
    """Find the faces of `table` in their photos and score those found.

    Args:
        network: uint8 faces in, {"expression": (n, c) probabilities} out.
        table: n faces with annotated boxes, whose images can be read.
        truth: (n,) positions in `labels`.
        by_annotation: (n,) positions that the network predicts by the annotated boxes.
        tta: averages the network's outputs over copies of each face.
        progress: called as progress(done, total) in faces.
    """
    from core.network.inference import run_network

    boxes = table.faces[list(BOX_COLUMNS)].to_numpy(np.float64)
    predicted, overlaps = np.full(len(table), -1), []
    rows: list[int] = []
    crops: list[np.ndarray] = []
    for row, (reference, box) in enumerate(zip(table.faces["reference"], boxes.tolist(), strict=True)):
        image = read_upright(table.read_image(reference))
        face, shared = match(tuple(box), detector.detect(image))
        if face:
            overlaps.append(shared)
            rows.append(row)
            crops.append(crop_face(image, face.box, preprocessing, detected=True))
        if crops and (len(crops) == _AT_ONCE or row == len(table) - 1):
            predicted[rows] = run_network(network, np.stack(crops), tta=tta)["expression"].argmax(axis=1)
            rows, crops = [], []
        if progress:
            progress(row + 1, len(table))
    found = predicted >= 0

    def counted(mask: np.ndarray) -> dict[str, int]:
        return {label: int((truth[mask] == place).sum()) for place, label in enumerate(labels)}

    right = by_annotation == truth
    return DetectedScores(
        data=table.title,
        split=split,
        test_time_augmentation=tta,
        faces=counted(np.ones(len(table), bool)),
        found=counted(found),
        correct=counted(predicted == truth),
        correct_by_annotation=int(right.sum()),
        correct_by_annotation_of_found=int(right[found].sum()),
        median_overlap=float(np.median(overlaps)) if overlaps else float("nan"),
    )


def _share(part: int, whole: int) -> Estimate:
    return Estimate(part / whole if whole else float("nan"), *wilson_interval(part, whole))


def _told(share: Estimate) -> str:
    if np.isnan(share.value):
        return "not known"
    return with_interval(share, PERCENT, level=True)
