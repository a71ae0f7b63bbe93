"""Packing, compared with decoding alone on all cores: `python benchmarks/packing.py`.

Packing reads and decodes each image, crops and resizes the face, and writes it into the pack on disk. Beside it, in as
many processes and on the same files: Pillow, which does nothing but read and decode them; and the same reading,
decoding, cropping and resizing with nothing handed on or written, so that what is lost to workers and disk stands apart
from what resizing costs. Each file is taken several times, so that there are --faces faces; starting the workers is
part of packing's time and not of the others'.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.crops import crops_folder
from benchmarks.side_by_side import Row, keep, progress, row
from core.config import PRESETS
from core.data.drawn.dataset import drawn_faces_folder
from core.data.face_pack import CHUNK, pack_faces
from core.data.face_table import FaceTable
from core.data.images import read_upright
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.data.readers import open_dataset
from core.metrics.predictions import BOX_COLUMNS

AT_LEAST = 0.9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=30_000, help="faces that are packed in each round")
    parser.add_argument(
        "--images", type=int, default=4096, help="drawn images of 224 pixels that they come from"
    )
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    began = time.time()
    rows = []
    for title, folder, preset in (
        (
            "packing 224x224 crops to colour 64x64 (--preset affectnet)",
            crops_folder(options.images),
            "affectnet",
        ),
        ("packing drawn photos to grey 48x48 (--preset quick)", drawn_faces_folder(), "quick"),
    ):
        config = PRESETS[preset]
        table = open_dataset(folder)
        table = table.select(np.resize(np.arange(len(table)), options.faces))
        boxed = bool(table.faces["box_width"].notna().any())
        preprocessing = PreprocessingConfig(config.colour, config.size, config.margin if boxed else 0.0)
        rows += packing(title, table, preprocessing, options.rounds)
    keep(__file__, rows, title=f"Packing, best of {options.rounds} rounds in turns", began=began)


def packing(title: str, table: FaceTable, preprocessing: PreprocessingConfig, rounds: int) -> list[Row]:
    timed = {
        "packing": lambda: pack_once(table, preprocessing),
        "decoding": lambda: work_once(table, None),
        "cropping": lambda: work_once(table, preprocessing),
    }
    times: dict[str, list[float]] = {name: [] for name in timed}
    processor: dict[str, list[float]] = {name: [] for name in timed}
    for number in range(rounds):
        progress(f"{title}, round {number + 1} of {rounds}")
        for name, once in timed.items():
            before = sum(os.times()[:4])  # of this process and of those that it waited for
            times[name].append(once())
            processor[name].append(sum(os.times()[:4]) - before)
    speeds = {name: len(table) / min(values) for name, values in times.items()}
    spent = {name: min(values) for name, values in processor.items()}
    how = f"{len(table):,} faces, {os.cpu_count()} processes each; the files are in the system's cache"
    return [
        row(title, speeds["packing"], "faces/s", beside=("Pillow decoding alone, all cores", speeds["decoding"]),
            at_least=AT_LEAST, how=f"{how}. The decoder neither crops nor resizes",
            note=f"by processor time {spent['decoding'] / spent['packing']:.2f}"),
        row(title, speeds["packing"], "faces/s", beside=("decoding and cropping, nothing kept", speeds["cropping"]),
            how=f"{how}. What is lost to starting workers, handing faces on and writing them",
            note=f"by processor time {spent['cropping'] / spent['packing']:.2f}"),
    ]  # fmt: skip


def pack_once(table: FaceTable, preprocessing: PreprocessingConfig) -> float:
    """Seconds of packing into an empty cache."""
    with tempfile.TemporaryDirectory() as folder, cache_at(folder):
        began = time.perf_counter()
        pack_faces(table, preprocessing)
        return time.perf_counter() - began


@contextmanager
def cache_at(folder: str):
    before = os.environ.get("AFFECTOSCOPE_CACHE")
    os.environ["AFFECTOSCOPE_CACHE"] = folder
    try:
        yield
    finally:
        if before is None:
            del os.environ["AFFECTOSCOPE_CACHE"]
        else:
            os.environ["AFFECTOSCOPE_CACHE"] = before


def work_once(table: FaceTable, preprocessing: PreprocessingConfig | None) -> float:
    """Seconds of reading and decoding, and with `preprocessing` of cropping, in a running process per core."""
    references = table.faces["reference"].to_numpy(dtype=object)
    boxes = table.faces[list(BOX_COLUMNS)].to_numpy()
    parts = [slice(start, start + CHUNK) for start in range(0, len(table), CHUNK)]
    tasks = [(table.read_image, references[part], boxes[part], preprocessing) for part in parts]
    with ProcessPoolExecutor() as pool:
        list(pool.map(work, tasks[: os.cpu_count()]))
        began = time.perf_counter()
        list(pool.map(work, tasks))
        return time.perf_counter() - began


def work(task: tuple) -> None:
    read_image, references, boxes, preprocessing = task
    for reference, box in zip(references, boxes, strict=True):
        image = read_upright(read_image(reference))
        if preprocessing:
            crop_face(image, None if np.isnan(box).any() else tuple(box), preprocessing)


if __name__ == "__main__":
    main()
