"""Reading AffectNet 2021's annotations, first from their .npy files and then from the cached table:
`python benchmarks/annotations.py`.

Writes a tree of 287,651 training and 3,999 validation faces, four .npy files each as the distribution has them and hard
links to one small JPEG, into a temporary folder (5 GiB, a minute or two), and opens it with core.data.readers.open_dataset:
with an empty cache, then again. Beside it, np.load of the same files in a loop, which a part of the faces stands for.
"""

import argparse
import io
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.packing import cache_at
from benchmarks.side_by_side import keep, progress, row
from core.data.readers import open_dataset

TRAINING, VALIDATION = 287_651, 3_999

#: Hard links to one file, of which a file system allows only so many.
LINKS = 30_000

#: Every how many-th face np.load stands for all.
PART = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the faces, to try it on fewer")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    began = time.time()
    counts = {"train_set": round(TRAINING * options.share), "val_set": round(VALIDATION * options.share)}
    faces = sum(counts.values())
    with tempfile.TemporaryDirectory() as temporary:
        tree = Path(temporary) / "affectnet"
        progress(f"Writing {4 * faces:,} annotation files")
        for name, count in counts.items():
            write_set(tree / name, count)
        first, again, loop = [], [], []
        for number in range(options.rounds):
            progress(f"Reading them, round {number + 1} of {options.rounds}")
            with tempfile.TemporaryDirectory() as cache, cache_at(cache):
                first.append(seconds_to_open(tree, faces))
                again.append(seconds_to_open(tree, faces))
            loop.append(PART * seconds_to_load(tree, counts))
        progress("Removing them")
    how = f"{faces:,} faces, files in the system's cache; the best of {options.rounds} rounds"
    rows = [
        row("AffectNet 2021's table, from .npy files", min(first), "s", beside=("np.load in a loop", min(loop)),
            how=f"{how}; np.load timed on every {PART}th face"),
        row("the same, from the cached table", min(again), "s", beside=("from .npy files", min(first)), how=how),
    ]  # fmt: skip
    keep(__file__, rows, title="Reading annotations", began=began)


def write_set(folder: Path, faces: int) -> None:
    """A set of `faces` numbered faces: expression as text, valence and arousal as numbers, 68 landmarks."""
    images, annotations = folder / "images", folder / "annotations"
    images.mkdir(parents=True)
    annotations.mkdir()
    rng = np.random.default_rng(0)
    picture = io.BytesIO()
    Image.new("RGB", (224, 224), (128, 128, 128)).save(picture, "JPEG")
    affect = rng.uniform(-1, 1, (faces, 2)).round(6)
    expressions = rng.integers(0, 8, faces)
    landmarks = rng.uniform(20, 200, (64, 136))
    for number in range(faces):
        if number % LINKS == 0:
            linked = images / f"{number}.jpg"
            linked.write_bytes(picture.getvalue())
        else:
            os.link(linked, images / f"{number}.jpg")
        for kind, value in (
            ("exp", np.str_(expressions[number])),
            ("val", np.float64(affect[number, 0])),
            ("aro", np.float64(affect[number, 1])),
            ("lnd", landmarks[number % 64]),
        ):
            np.save(annotations / f"{number}_{kind}.npy", value)


def seconds_to_open(tree: Path, faces: int) -> float:
    began = time.perf_counter()
    table = open_dataset(tree)
    seconds = time.perf_counter() - began
    if len(table) != faces:
        raise SystemExit(f"{len(table):,} faces were read of {faces:,}: {table.ledger.sentence()}")
    return seconds


def seconds_to_load(tree: Path, counts: dict[str, int]) -> float:
    """Seconds of np.load over the four files of every PART-th face."""
    began = time.perf_counter()
    for name, count in counts.items():
        for number in range(0, count, PART):
            for kind in ("exp", "val", "aro", "lnd"):
                np.load(tree / name / "annotations" / f"{number}_{kind}.npy", allow_pickle=False)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
