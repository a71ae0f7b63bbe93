"""A small set of drawn faces, and networks that are trained on it in seconds."""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from core.config import PRESETS, TrainConfig
from core.data.drawn.dataset import write_drawn_faces
from core.data.training_data import load_training_data
from core.network.training_job import TrainingJob, fit
from core.runtime.console import Console


def small_config(data: Path, **changes) -> TrainConfig:
    """Seconds of training: two narrow blocks, grey 24x24 faces."""
    small = {"data": data, "size": 24, "filters": (8, 16), "dense": (16,), "epochs": 2, "batch_size": 16}
    return replace(PRESETS["quick"], **small | changes)


def tiny_config(data: Path, **changes) -> TrainConfig:
    """As small as a network can be, for tests of what is around it: a step of it is traced in a second or two."""
    return small_config(data, **{"filters": (4,), "dense": (), "tta": "none"} | changes)


def made(folder: Path) -> Path:
    """The folder, made."""
    folder.mkdir(parents=True)
    return folder


def fit_epochs(config: TrainConfig, folder: Path) -> tuple:
    """The network and how its epochs went; nothing is reviewed or published. `folder` must exist."""
    return fit(TrainingJob.of(config, load_training_data(config, Console()), folder), say=lambda _: None)


def small_drawn_tree(folder: Path) -> Path:
    return write_drawn_faces(folder / "drawn", training=150, validation_per_label=5, seed=3, workers=1)


def sweep_in(home: Path, project_root: Path, data: Path, *arguments: str) -> tuple[Path, list[str]]:
    """The folder of a sweep "shared" over the factors, run as a command in a copy of core, and its two workers' logs."""
    shutil.copytree(project_root / "core", home / "core")
    small = ("--data", str(data), "--size", "24", "--epochs", "1", "--batch-size", "16", "--tta", "none")
    command = [
        sys.executable,
        "-m",
        "core.sweep",
        "--name",
        "shared",
        "--space",
        "factors",
        *arguments,
        *small,
    ]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=home, check=False)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    folder = home / "artifacts" / "sweeps" / "shared"
    return folder, [(folder / f"worker-{number}.log").read_text() for number in (1, 2)]
