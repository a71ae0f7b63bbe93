"""Every stage on 10,000, 100,000 and 1,000,000 faces, with time and memory: `python benchmarks/million.py FOLDER`.

FOLDER takes a tree in AffectNet 2017's form: its lists have that many rows, its images are links to a few hundred
drawn ones. Every stage runs in a process of its own. Memory is the peak of what the process itself holds
(anonymous pages); pages of memory-mapped files, which the system takes back when it needs them, stand beside it.
Training takes --steps steps whatever the number of faces, so its time does not grow with them; every other
stage goes through all faces. One table, and benchmarks/results/million.json.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.config import TrainConfig
from core.datasets import open_dataset
from core.datasets.drawn import HEADER, IMAGES, LISTS, write_drawn_faces
from core.datasets.table import FaceTable
from core.facepack import FacePack, pack_faces
from core.faces import PreprocessingContract
from core.labels import LABEL_SETS

ROOT = Path(__file__).resolve().parent.parent

SIZES = (10_000, 100_000, 1_000_000)
STAGES = ("table", "pack", "hashes", "train", "predict", "score")

#: Drawn images that the rows are links to, and the folders that links are spread over.
IMAGES_DRAWN, FOLDERS = 330, 400

LABELS = LABEL_SETS[8]
CONTRACT = PreprocessingContract(colour="grey", size=48, margin=-0.1)

#: A small network: what is measured is the way there and back.
CONFIG = TrainConfig(filters=(8, 16), dense=(16,), batch_size=256)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--stage", nargs=2, help="used by this program itself")
    options = parser.parse_args()
    if options.stage:
        name, faces = options.stage
        print(json.dumps(measured(name, options.folder / faces, options.steps)))
        return
    rows = []
    for faces in options.sizes:
        make_tree(options.folder / str(faces), faces)
        environment = os.environ | {"AFFECTOSCOPE_CACHE": str(options.folder / f"cache-{faces}")}
        for stage in STAGES:
            command = [sys.executable, __file__, str(options.folder), "--steps", str(options.steps)]
            command += ["--stage", stage, str(faces)]
            shown = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            ).stdout
            rows.append({"stage": stage, "faces": faces, **json.loads(shown.splitlines()[-1])})
            print(line(rows[-1]), flush=True)
    keep(rows)


def line(row: dict) -> str:
    return (
        f"{row['stage']:8s}{row['faces']:12,}{row['seconds']:10.1f} s{1e6 * row['seconds'] / row['faces']:10.0f} µs/face"
        f"{row['own_gib']:8.2f} GiB own{row['mapped_gib']:8.2f} GiB mapped"
    )


def keep(rows: list[dict]) -> None:
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    document = {"cores": os.cpu_count(), "rows": rows}
    (results / "million.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def make_tree(folder: Path, faces: int) -> None:
    """A tree of `faces` rows, one in twenty of them in the validation list; kept if it is there."""
    if (folder / LISTS).is_dir():
        return
    drawn = folder.with_name("drawn")
    if not drawn.is_dir():
        write_drawn_faces(drawn, training=IMAGES_DRAWN, validation_per_label=1)
    with open(drawn / LISTS / "training.csv", newline="", encoding="utf-8") as file:
        known = [row for row in csv.reader(file)][1:]
    known = [row for row in known if int(row[6]) < len(LABELS)]
    partial = folder.with_name(f".{folder.name}.partial")
    for number in range(FOLDERS):
        (partial / IMAGES / str(number)).mkdir(parents=True, exist_ok=True)
    (partial / LISTS).mkdir(exist_ok=True)
    files = {name: open(partial / LISTS / f"{name}.csv", "w", newline="", encoding="utf-8")  # noqa: SIM115
             for name in ("training", "validation")}  # fmt: skip
    writers = {name: csv.writer(file, lineterminator="\n") for name, file in files.items()}
    for writer in writers.values():
        writer.writerow(HEADER)
    for number in range(faces):
        row = known[number % len(known)]
        reference = f"{number % FOLDERS}/{number:08d}.jpg"
        os.link(drawn / IMAGES / row[0], partial / IMAGES / reference)
        writers["training" if number % 20 else "validation"].writerow([reference, *row[1:]])
    for file in files.values():
        file.close()
    partial.rename(folder)


def measured(stage: str, tree: Path, steps: int) -> dict:
    """Seconds of one stage and the peak of its process's memory; what it needs is made ready before."""
    work = STAGE_WORK[stage](tree, steps)
    with Peak() as peak:
        began = time.perf_counter()
        work()
        seconds = time.perf_counter() - began
    return {"seconds": round(seconds, 2), "own_gib": peak.own, "mapped_gib": peak.mapped}


class Peak:
    """The most memory of this process while it is open, in GiB, looked at twenty times a second."""

    def __enter__(self) -> "Peak":
        self.own = self.mapped = 0.0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def __exit__(self, *_) -> None:
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            status = Path("/proc/self/status").read_text()
            held = {
                each.split(":")[0]: int(each.split()[1])
                for each in status.splitlines()
                if each.startswith("Rss")
            }
            self.own = max(self.own, round(held["RssAnon"] / 2**20, 3))
            self.mapped = max(self.mapped, round(held["RssFile"] / 2**20, 3))


def faces_of(tree: Path) -> tuple[FaceTable, FacePack]:
    return pack_faces(open_dataset(tree), CONTRACT)


def read_table(tree: Path, steps: int):
    return lambda: open_dataset(tree)


def pack(tree: Path, steps: int):
    table = open_dataset(tree)
    return lambda: pack_faces(table, CONTRACT)


def hash_faces(tree: Path, steps: int):
    from core.leaks.near_duplicates import cross_split_pairs, near_duplicate_groups
    from core.leaks.perceptual_hashes import pack_hashes

    table, faces = faces_of(tree)

    def work() -> None:
        hashes = pack_hashes(faces)
        near_duplicate_groups(hashes)
        cross_split_pairs(hashes, table.faces["split"], of=["test"])

    return work


def network_of(tree: Path):
    import keras

    from core.model import build_model

    kept = tree.with_name(f"{tree.name}.keras")
    if kept.exists():
        return keras.saving.load_model(kept, compile=False)
    keras.utils.set_random_seed(0)
    made = build_model(CONFIG, CONTRACT, len(LABELS), affect=True)
    made.save(kept)
    return made


def train(tree: Path, steps: int):
    from itertools import islice

    from core.batches import Targets, training_batches
    from core.environment import keep_freed_memory, quiet_tensorflow

    keep_freed_memory()
    table, faces = faces_of(tree)
    with quiet_tensorflow():
        from core.fit import _trainer

        targets = Targets(
            LABELS.positions(table.faces["expression"].to_numpy()),
            len(LABELS),
            table.faces[["valence", "arousal"]].to_numpy(np.float32),
        )
        trainer = _trainer(network_of(tree), CONFIG, targets, steps)
    batches = training_batches(faces, targets, batch_size=CONFIG.batch_size, seed=0)

    def work() -> None:
        for batch in islice(batches, steps):
            trainer.train_on_batch(*batch)

    return work


def predict(tree: Path, steps: int):
    from core.environment import quiet_tensorflow

    table, faces = faces_of(tree)
    with quiet_tensorflow():
        from core.inference import predict_table

        network = network_of(tree)
    return lambda: predict_table(network, table, faces, LABELS).save(tree.with_name(f"{tree.name}.parquet"))


def score_faces(tree: Path, steps: int):
    from core.predictions import Predictions
    from core.scoring import score

    return lambda: score(Predictions.load(tree.with_name(f"{tree.name}.parquet")))


STAGE_WORK = {
    "table": read_table,
    "pack": pack,
    "hashes": hash_faces,
    "train": train,
    "predict": predict,
    "score": score_faces,
}

if __name__ == "__main__":
    main()
