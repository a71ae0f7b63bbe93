"""Time and memory of the search for near-duplicates among 10,000, 100,000 and a million faces:
`python benchmarks/leaks.py` on drawn faces, `--data PATH` on your own.

The faces of the data are repeated with small changes (shift, brightness, contrast, noise, mirror image; a few are
exact copies, one in a hundred is blank), so that hashes lie as unevenly as those of a real collection. Every stage
runs in a process of its own, whose peak memory is the stage's. Needs 2.4 GB of disk per million faces.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.config import PRESETS
from core.data.face_pack import FacePack
from core.data.near_duplicates import cross_split_pairs, near_duplicate_groups
from core.data.perceptual_hashes import HASHES_FILE, pack_hashes
from core.data.training_data import load_faces
from core.runtime.console import Console

RESULTS = Path(__file__).resolve().parent / "results" / "leaks.json"
SIZES = (10_000, 100_000, 1_000_000)
AT_ONCE = 4096


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="faces to repeat; default: drawn faces")
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument(
        "--folder", type=Path, help="where the faces are written; default: a temporary folder"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--stage", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stage:
        name, size = options.stage
        print(json.dumps(run_stage(STAGES[name], options.folder, int(size), options.data)))
        return
    rows = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            rows.append(
                {"size": size} | {name: measured(name, folder, size, options.data) for name in STAGES}
            )
            print(line(rows[-1]), flush=True)
    about = {
        "repeated": options.data.name if options.data else "drawn faces",
        "cores": os.cpu_count(),
        "load": os.getloadavg()[1],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(about | {"rows": rows}, indent=1) + "\n", encoding="utf-8")


def measured(name: str, folder: str, size: int, data: Path | None) -> dict:
    """A stage in a process of its own; see `run_stage`."""
    command = [sys.executable, __file__, "--stage", name, str(size), "--folder", folder]
    command += ["--data", str(data)] if data else []
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout.splitlines()[-1])


def run_stage(stage, folder: Path, size: int, data: Path | None) -> dict:
    """Seconds by the clock and of processor time, peak memory in MiB of this process and of its largest worker, and
    what the stage found. On a busy machine the processor time tells more than the clock."""
    started, before = time.perf_counter(), processor_seconds()
    found = stage(folder, size, data)
    seconds, used = time.perf_counter() - started, processor_seconds() - before
    own, worker = (
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    memory = {"mib": round(own), "worker_mib": round(worker)}
    return {"seconds": round(seconds, 2), "processor_seconds": round(used, 2)} | memory | found


def processor_seconds() -> float:
    """Of this process and of those of its workers that have ended."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def faces(folder: Path, size: int, data: Path | None) -> dict:
    """Write the faces to look among; no part of what is measured."""
    pack = load_faces(replace(PRESETS["quick"], data=data), Console()).pack
    shape = (size, *pack.images.shape[1:])
    if np.prod(shape) > shutil.disk_usage(folder).free:
        sys.exit(f"{size:,} faces need {np.prod(shape) / 1e9:.1f} GB in {folder}; pass another --folder.")
    random = np.random.default_rng(0)
    images = np.lib.format.open_memmap(folder / "faces.npy", mode="w+", dtype=np.uint8, shape=shape)
    for start in range(0, size, AT_ONCE):
        count = min(AT_ONCE, size - start)
        images[start : start + count] = changed(pack[random.integers(0, len(pack), count)], random)
    images.flush()
    return {}


def changed(faces: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(n, S, S, C) faces moved by up to 4 pixels, brighter or darker, noisy; a tenth mirrored or exact, some blank."""
    count, side = faces.shape[:2]
    at = np.arange(side)
    across, down = (np.clip(at + random.integers(-4, 5, (count, 1)), 0, side - 1) for _ in range(2))
    row = np.arange(count)[:, None, None]
    moved = faces[row, down[:, :, None], across[:, None, :]].astype(np.float32)

    def per_face(low: float, high: float) -> np.ndarray:
        return random.uniform(low, high, (count, 1, 1, 1)).astype(np.float32)

    noise = random.standard_normal(moved.shape, np.float32) * per_face(0, 12)
    moved = (moved - 128) * per_face(0.7, 1.3) + 128 + per_face(-30, 30) + noise
    result = np.clip(moved, 0, 255).astype(np.uint8)
    kind = random.random(count)
    result[kind < 0.05] = faces[kind < 0.05]
    mirrored = (kind >= 0.05) & (kind < 0.1)
    result[mirrored] = faces[mirrored, :, ::-1]
    result[kind > 0.99] = 0
    return result


def hashes(folder: Path, *_) -> dict:
    images = np.load(folder / "faces.npy", mmap_mode="r")
    pack_hashes(FacePack(images, np.arange(len(images))))
    return {}


def groups(folder: Path, *_) -> dict:
    found = near_duplicate_groups(np.load(folder / HASHES_FILE))
    return {"groups": int(found.max()) + 1, "largest": int(np.bincount(found).max())}


def pairs(folder: Path, size: int, *_) -> dict:
    split = np.random.default_rng(1).choice(["train", "validation", "test"], size, p=(0.8, 0.1, 0.1))
    found = cross_split_pairs(np.load(folder / HASHES_FILE), split, of=["test"])
    return {"listed": len(found.pairs), "leaked": int(found.pairs["face"].nunique())}


STAGES = {stage.__name__: stage for stage in (faces, hashes, groups, pairs)}


def line(row: dict) -> str:
    told = [
        f"{name} {row[name]['seconds']:.1f} s ({row[name]['processor_seconds']:.1f} s of processor, {row[name]['mib']:,} MiB)"
        for name in ("hashes", "groups", "pairs")
    ]
    return (
        f"{row['size']:9,} faces: {', '.join(told)}; largest worker {row['hashes']['worker_mib']:,} MiB; "
        f"{row['groups']['groups']:,} groups, {row['pairs']['leaked']:,} test faces leak"
    )


if __name__ == "__main__":
    main()
