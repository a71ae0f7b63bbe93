"""Scores of a run on detected faces instead of annotated boxes.

A face is detected if the detected box with the greatest overlap has an intersection over union of at least 0.5 with the
annotated box (Everingham et al. 2010, "The PASCAL Visual Object Classes (VOC) Challenge", International Journal of
Computer Vision 88(2)). It is cropped around the detected box. Other faces are misses; accuracy is reported without
misses and with misses as errors.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

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
from core.runs.imported_network import Network
from core.runs.run import Run
from core.runs.test_time_augmentation import TestTimeAugmentation

#: Smallest intersection over union of matching boxes.
MIN_OVERLAP = 0.5

#: Batch size of the network.
_BATCH = 256

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class DetectedScores:
    """Scores on detected faces.

    Attributes:
        data, split: the scored data set and split.
        test_time_augmentation: augmentation over which outputs were averaged.
        faces, found, correct: label -> number of faces that are annotated, detected, and detected and correctly
            classified.
        correct_by_annotation: number of faces correctly classified with their annotated boxes.
        correct_by_annotation_of_found: the same, of the detected faces.
        median_overlap: median intersection over union of the detected faces, 0.5 to 1; NaN if there are none.
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
        """Accuracy on the detected faces."""
        return _share(sum(self.correct.values()), sum(self.found.values()))

    @property
    def of_all(self) -> Estimate:
        """Accuracy with misses as errors."""
        return _share(sum(self.correct.values()), sum(self.faces.values()))

    @property
    def by_annotation(self) -> Estimate:
        """Accuracy on all faces with annotated boxes."""
        return _share(self.correct_by_annotation, sum(self.faces.values()))

    @property
    def by_annotation_of_found(self) -> Estimate:
        """Accuracy on the detected faces with annotated boxes."""
        return _share(self.correct_by_annotation_of_found, sum(self.found.values()))

    def as_dict(self) -> dict:
        document = {each.name: getattr(self, each.name) for each in fields(self)}
        known = np.isfinite(self.median_overlap)
        return document | {
            "median_overlap": self.median_overlap if known else None,
            "min_overlap": MIN_OVERLAP,
        }

    def sentence(self) -> str:
        """Summary in one line."""
        faces = sum(self.faces.values())
        return (
            f"{self.data}, {faces:,} {self.split} faces located by the detector (overlap with the annotated box "
            f"{MIN_OVERLAP:g} or more): {self.misses:,} missed, {_format_share(self.miss_rate)}; accuracy {_format_share(self.of_found)} "
            f"on the faces found and {_format_share(self.of_all)} with misses as errors; by annotated boxes it is "
            f"{_format_share(self.by_annotation)}, on the faces found {_format_share(self.by_annotation_of_found)}."
        )


def load_detected_scores(run: Run) -> DetectedScores | None:
    """Load the scores of `core.evaluate --detect`; None if they were not computed.

    Raises:
        AffectoscopeError: detected.json is damaged.
    """
    document = run.detected()
    if document is None:
        return None
    try:
        stored = {each.name: document[each.name] for each in fields(DetectedScores)}
        overlap = float("nan") if stored["median_overlap"] is None else float(stored["median_overlap"])
        counts = {
            name: {str(label): int(count) for label, count in stored[name].items()}
            for name in ("faces", "found", "correct")
        }
        return DetectedScores(**stored | counts | {"median_overlap": overlap})
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
    """The detected face that matches an annotated box, or None, and the greatest overlap."""
    overlaps = [overlap(annotated, face.box) for face in found]
    best = max(overlaps, default=0.0)
    return (found[overlaps.index(best)] if best >= MIN_OVERLAP else None), best


def score_detected(
    network: Network,
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
    """Detect the faces of `table` in their photos and score the network on them.

    Args:
        network: model from uint8 faces to {"expression": (n, c) probabilities}.
        table: n faces with annotated boxes and readable images.
        truth: (n,) indices into `labels`.
        by_annotation: (n,) predicted indices with annotated boxes.
        tta: test-time augmentation.
        detect: function from an upright image to detected faces.
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
        if crops and (len(crops) == _BATCH or row == len(table) - 1):
            predicted[rows] = run_network(network, np.stack(crops), tta=tta)["expression"].argmax(axis=1)
            rows, crops = [], []
        if progress:
            progress(row + 1, len(table))
    found = predicted >= 0

    def count(mask: np.ndarray) -> dict[str, int]:
        return {label: int((truth[mask] == place).sum()) for place, label in enumerate(labels)}

    right = by_annotation == truth
    return DetectedScores(
        data=table.title,
        split=split,
        test_time_augmentation=tta,
        faces=count(np.ones(len(table), bool)),
        found=count(found),
        correct=count(predicted == truth),
        correct_by_annotation=int(right.sum()),
        correct_by_annotation_of_found=int(right[found].sum()),
        median_overlap=float(np.median(overlaps)) if overlaps else float("nan"),
    )


def _share(part: int, whole: int) -> Estimate:
    return Estimate(part / whole if whole else float("nan"), *wilson_interval(part, whole))


def _format_share(share: Estimate) -> str:
    if np.isnan(share.value):
        return "unknown"
    return with_interval(share, PERCENT, level=True)
