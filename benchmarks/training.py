"""Packing and training speed on drawn faces, side by side in one run: `python benchmarks/training.py`.

Prints one table. Ratios compare with what the stage could do at best, or with what it would do without us;
every pair is measured in alternation, so that a busy machine slows both.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.batches import Targets, training_batches
from core.config import PRESETS
from core.datasets import open_dataset
from core.datasets.drawn import drawn_faces_folder
from core.environment import keep_freed_memory
from core.facepack import FacePack, pack_faces
from core.faces import PreprocessingContract, read_upright

ROUNDS = 3
STEPS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="quick", choices=list(PRESETS))
    parser.add_argument("--steps-only", choices=["keep", "free"], help="used by this program itself")
    options = parser.parse_args()
    if options.steps_only:
        if options.steps_only == "keep":
            keep_freed_memory()
        print(*steps_per_second(options.preset))
        return
    rows = [("packing, all cores", *packing()), *training(options.preset)]
    print(f"\n{os.cpu_count()} cores, preset {options.preset}, best of {ROUNDS} rounds")
    print(f"{'stage':44s}{'faces/s':>10s}{'compared with':>36s}{'faces/s':>10s}{'ratio':>8s}")
    for stage, ours, other_name, other in rows:
        print(f"{stage:44s}{ours:10,.0f}{other_name:>36s}{other:10,.0f}{ours / other:8.2f}")


def packing() -> tuple[float, str, float]:
    """Faces per second of pack_faces, and of decoding alone in as many processes."""
    table = open_dataset(drawn_faces_folder())
    ours, decoder = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory() as cache:
            os.environ["AFFECTOSCOPE_CACHE"], before = cache, os.environ.get("AFFECTOSCOPE_CACHE")
            began = time.perf_counter()
            pack_faces(table, PreprocessingContract())
            ours.append(len(table) / (time.perf_counter() - began))
            os.environ.pop("AFFECTOSCOPE_CACHE")
            if before:
                os.environ["AFFECTOSCOPE_CACHE"] = before
        chunks = np.array_split(table.faces["reference"].to_numpy(dtype=object), 40)
        with ProcessPoolExecutor() as pool:
            began = time.perf_counter()
            list(pool.map(decode, repeat(table.read_image), chunks))
            decoder.append(len(table) / (time.perf_counter() - began))
    return max(ours), "decoding alone, all cores", max(decoder)


def decode(read_image, references) -> None:
    for reference in references:
        read_upright(read_image(reference))


def training(preset: str) -> list[tuple[str, float, str, float]]:
    """Training faces per second: from the pack against one constant batch, and with freed memory kept or not."""
    kept, freed = [], []
    for _ in range(ROUNDS):
        kept.append(measured("keep", preset))
        freed.append(measured("free", preset))
    pack, constant = (max(column) for column in zip(*kept, strict=True))
    returned = max(row[0] for row in freed)
    return [
        ("training from the pack, with augmentation", pack, "the same steps, one batch in memory", constant),
        ("training, freed memory kept", pack, "glibc's default", returned),
    ]


def measured(memory: str, preset: str) -> tuple[float, float]:
    command = [sys.executable, __file__, "--preset", preset, "--steps-only", memory]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return float(shown[0]), float(shown[1])


def steps_per_second(preset: str) -> tuple[float, float]:
    """Faces per second of training steps fed from the pack, and fed one constant batch."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from core.fit import _trainer
    from core.model import build_model

    config = replace(PRESETS[preset], data=None)
    contract = PreprocessingContract(colour=config.colour, size=config.size, margin=config.margin)
    table, pack = pack_faces(open_dataset(drawn_faces_folder()), contract)
    rows = np.flatnonzero(table.faces["expression"].to_numpy() < 8)
    pack, expression = (
        FacePack(pack.images, pack.positions[rows]),
        table.faces["expression"].to_numpy()[rows].astype(int),
    )
    targets = Targets(expression, 8)
    trainer = _trainer(build_model(config, contract, 8), config, targets, STEPS)
    batches = training_batches(pack, targets, batch_size=config.batch_size, seed=0)
    constant = repeat(next(batches))
    for _ in islice(range(3), 3):
        trainer.train_on_batch(*next(batches))
    speeds = []
    for source in (batches, constant):
        began = time.perf_counter()
        for faces, truth, weight in islice(source, STEPS):
            trainer.train_on_batch(faces, truth, weight)
        speeds.append(STEPS * config.batch_size / (time.perf_counter() - began))
    return tuple(speeds)


if __name__ == "__main__":
    main()
