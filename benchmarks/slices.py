"""Time and memory of slices: `python benchmarks/slices.py`.

Seconds of core.analysis.slices.review_slices on made-up faces of eight labels with five measured attributes and two joined
columns, and the most memory it added, from 4,000 faces to a million; and the faces per second of
core.analysis.slices.face_attributes.face_attributes on grey and colour crops.
"""

import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.analysis.slices.bins import MEASURED
from core.analysis.slices.face_attributes import face_attributes
from core.analysis.slices.review import review_slices
from core.data.face_pack import FacePack
from core.data.face_table import FaceTable, Ledger, as_face_frame
from tests.made_runs import make_predictions

SIZES = (4_000, 40_000, 1_000_000)


def review_cost(faces: int) -> tuple[float, float, int]:
    """Seconds, MB added at most, and tests of one review."""
    random = np.random.default_rng(0)
    predictions = make_predictions(faces=faces, label_set=8)
    references = predictions.frame["reference"]
    measured = pd.DataFrame({"reference": references} | {name: random.random(faces) for name in MEASURED})
    joined = pd.DataFrame(
        {
            "reference": references,
            "group": random.choice([f"group {number}" for number in range(9)], faces),
            "age": random.integers(1, 90, faces).astype(float),
        }
    )
    predictions.correct  # noqa: B018 (arrays that every page has already)
    started = time.perf_counter()
    review = review_slices(predictions, measured, joined)
    seconds = time.perf_counter() - started
    tracemalloc.start()
    review_slices(predictions, measured, joined, resamples=100)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return seconds, peak, review.tests


def attribute_speed(faces: int, size: int, channels: int) -> float:
    """Faces per second."""
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (faces, size, size, channels), np.uint8)
    columns = {"reference": np.arange(faces).astype(str), "expression": np.zeros(faces)}
    landmarks = random.random((faces, 68, 2)).astype(np.float32)
    table = FaceTable("made", "Made", as_face_frame(columns), Ledger(), bytes, landmarks)
    started = time.perf_counter()
    face_attributes(table, FacePack(images, np.arange(faces)))
    return faces / (time.perf_counter() - started)


def main() -> None:
    for faces in SIZES:
        seconds, peak, tests = review_cost(faces)
        print(f"{faces:>9,} faces: {seconds:6.2f} s, {peak:5.0f} MB, {tests} tests")
    for size, channels in ((48, 1), (64, 3), (112, 3)):
        print(
            f"attributes, {size} x {size} x {channels}: {attribute_speed(4000, size, channels):8,.0f} faces/s"
        )


if __name__ == "__main__":
    main()
