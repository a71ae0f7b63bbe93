"""A small set of drawn faces and a run trained on it for seconds, shared by the tests of one process."""

from dataclasses import replace
from pathlib import Path

from core.config import PRESETS, TrainConfig
from core.datasets.drawn import write_drawn_faces


def small_config(data: Path, **changes) -> TrainConfig:
    """Seconds of training: two narrow blocks, grey 24x24 faces."""
    small = {"data": data, "size": 24, "filters": (8, 16), "dense": (16,), "epochs": 2, "batch_size": 16}
    return replace(PRESETS["quick"], **small | changes)


def small_drawn_tree(folder: Path) -> Path:
    return write_drawn_faces(folder / "drawn", training=150, validation_per_label=5, seed=3, workers=1)
