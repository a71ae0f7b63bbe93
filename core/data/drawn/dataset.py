"""The embedded default dataset: drawn faces, laid out on disk like AffectNet's 2017 distribution.

Every face is drawn by this program from parameters (see drawn_expressions, drawn_anatomy and
drawn_painting); they are never data about people. A network that reads them well has shown that the
whole workbench runs, and nothing about real faces.

The training list is imbalanced like AffectNet's manually annotated list (Mollahosseini et al. 2017), but
tempered, so that a small set can be learned: the share of a label is proportional to the square root of
its count there. The validation list holds the same number of every label, as AffectNet's does.
"""

import csv
import hashlib
import io
import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np

from core.data.drawn.portrait import DrawnFace, draw_face, draw_scene
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.runtime.cache import cache_folder
from core.runtime.executor import executor

__all__ = ["DRAWING_VERSION", "DrawnFace", "draw_face", "draw_scene", "drawn_faces_folder", "training_counts",
           "write_drawn_faces"]  # fmt: skip

#: Raised whenever the same seed draws other pictures than before.
DRAWING_VERSION = 1

#: AffectNet's manually annotated training list, by label code.
AFFECTNET_COUNTS = (74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750, 33088, 11645, 82415)
TEMPER = 0.5  # exponent on those counts

HEADER = ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks",
          "expression", "valence", "arousal")  # fmt: skip
SPLITS = ("training", "validation")
IMAGES, LISTS = "Manually_Annotated/Manually_Annotated_Images", "Manually_Annotated_file_lists"
IMAGE_SIZE, JPEG_QUALITY = 160, 90
MARKER = "drawn-faces.json"  # at the top of the tree: what lies here is drawn
FOLDERS = 40  # image folders, as AffectNet spreads its images over numbered folders
BATCH = 50  # faces a worker draws at a time


def training_counts(training: int) -> dict[str, int]:
    """Faces per label in a list of `training` faces: tempered AffectNet shares, one at least of each."""
    shares = np.array(AFFECTNET_COUNTS, dtype=float) ** TEMPER
    exact = 1 + (training - len(EXPRESSIONS)) * shares / shares.sum()
    counts = np.floor(exact).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: training - counts.sum()]] += 1
    return dict(zip(EXPRESSIONS, counts.tolist(), strict=True))


def write_drawn_faces(
    folder: Path,
    *,
    training: int = 6000,
    validation_per_label: int = 80,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write an AffectNet 2017 tree of drawn faces into `folder`, whole or not at all.

    It is drawn in a hidden sibling, renamed at the end. The same seed and sizes give the same bytes,
    whatever the number of workers.

    Args:
        folder: must not exist, or be empty.
        training: faces in training.csv, at least 11; see `training_counts` for their labels.
        validation_per_label: faces of each of the 11 labels in validation.csv, at least 1.
        workers: processes; all processors by default, and one (this one) for small sets.
        progress: called with (faces done, faces in all); what it raises stops the drawing.

    Returns:
        `folder`.

    Raises:
        AffectoscopeError: a count is too small, or the folder is not empty.
    """
    folder = Path(folder)
    if training < len(EXPRESSIONS) or validation_per_label < 1:
        raise AffectoscopeError(
            f"A drawn set needs at least {len(EXPRESSIONS)} training faces and 1 validation face per label; "
            f"{training} and {validation_per_label} were asked for."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise AffectoscopeError(
            f"{folder} is not empty; name a new folder for the drawn faces, or empty this one."
        )
    partial = folder.parent / f".{folder.name}.{uuid.uuid4().hex[:8]}.partial"
    try:
        for number in range(FOLDERS):
            (partial / IMAGES / str(number)).mkdir(parents=True)
        (partial / LISTS).mkdir()
        labels = _labels(training, validation_per_label, seed)
        rows = _draw_all(partial / IMAGES, labels, seed, workers, progress)
        for split in SPLITS:
            with open(partial / LISTS / f"{split}.csv", "w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(HEADER)
                writer.writerows(rows[split])
        (partial / MARKER).write_text(json.dumps({"drawing_version": DRAWING_VERSION, "seed": seed}) + "\n")
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def drawn_faces_folder(
    *,
    training: int = 6000,
    validation_per_label: int = 80,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Folder of the default drawn set in the user's cache, which is drawn first if it does not exist."""
    name = f"drawn-faces-v{DRAWING_VERSION}-{training}-{validation_per_label}-seed{seed}"
    folder = cache_folder() / name
    if not (folder / LISTS / "validation.csv").is_file():
        write_drawn_faces(
            folder, training=training, validation_per_label=validation_per_label, seed=seed, progress=progress
        )
    return folder


def _labels(training: int, validation_per_label: int, seed: int) -> dict[str, list[str]]:
    """The label of every face of both splits, in a shuffled order."""
    counts = {
        "training": training_counts(training),
        "validation": dict.fromkeys(EXPRESSIONS, validation_per_label),
    }
    labels = {}
    for place, split in enumerate(SPLITS):
        listed = np.repeat(EXPRESSIONS, [counts[split][label] for label in EXPRESSIONS])
        labels[split] = np.random.default_rng((seed, place)).permutation(listed).tolist()
    return labels


def _draw_all(
    images: Path,
    labels: dict[str, list[str]],
    seed: int,
    workers: int | None,
    progress: Callable[[int, int], None] | None,
) -> dict[str, list[list]]:
    """Draw every face; the rows of both lists, in order."""
    batches = [
        (images, split, start, labels[split][start : start + BATCH], seed)
        for split in SPLITS
        for start in range(0, len(labels[split]), BATCH)
    ]
    total = sum(len(listed) for listed in labels.values())
    if workers is None and total < 400:
        workers = 1
    done, found = 0, {}
    for (split, start), rows in executor().map(_draw_batch, batches, workers=workers):
        found[split, start] = rows
        done += len(rows)
        if progress:
            progress(done, total)
    return {
        split: [row for start in range(0, len(labels[split]), BATCH) for row in found[split, start]]
        for split in SPLITS
    }


def _draw_batch(batch: tuple[Path, str, int, list[str], int]) -> tuple[tuple[str, int], list[list]]:
    """Draw and write `labels`' faces, numbered from `start`; what identifies the batch, and its rows."""
    images, split, start, labels, seed = batch
    return (split, start), [
        _write_face(images, split, start + offset, label, seed) for offset, label in enumerate(labels)
    ]


def _write_face(images: Path, split: str, index: int, label: str, seed: int) -> list:
    place = SPLITS.index(split)
    face = draw_face(label, np.random.default_rng((seed, place, index)), size=IMAGE_SIZE)
    name = hashlib.blake2b(f"{seed} {split} {index}".encode(), digest_size=28).hexdigest()
    path = f"{int(name[:8], 16) % FOLDERS}/{name}.jpg"
    encoded = io.BytesIO()
    face.image.save(encoded, "JPEG", quality=JPEG_QUALITY)
    (images / path).write_bytes(encoded.getvalue())
    landmarks = ";".join(f"{value:.2f}" for value in face.landmarks.ravel())
    affect = (f"{face.valence:.6f}", f"{face.arousal:.6f}") if face.valence > -2 else ("-2", "-2")
    return [path, *face.box, landmarks, EXPRESSIONS.index(label), *affect]
