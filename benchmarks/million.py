"""Every command on 10,000, 100,000 and 1,000,000 faces, with time and memory: `python benchmarks/million.py FOLDER`.

FOLDER takes a tree in AffectNet 2017's form: its lists have that many rows, its images are links to a few hundred
drawn ones. Every stage is a command of its own, with nothing kept from an earlier run of this program. Memory is the
peak of what the command and its workers hold themselves (anonymous pages, summed over all of them); pages of
memory-mapped files, which the system takes back when it needs them, do not count. One table, and
benchmarks/results/million.json, from which `python benchmarks/all.py --write` takes them into docs/benchmarks.md.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.data.drawn.dataset import HEADER, IMAGES, LISTS, write_drawn_faces
from core.data.readers import open_dataset

ROOT = Path(__file__).resolve().parent.parent

SIZES = (10_000, 100_000, 1_000_000)

#: Drawn images that the rows are links to, and the folders that links are spread over.
IMAGES_DRAWN, FOLDERS = 330, 400

#: Photos are read one by one, as many as there are; more than this would say nothing new.
MOST_PHOTOS = 100_000

#: A small network: what is measured is the way there and back. Its embedding is as wide as the shipped one's.
NETWORK = ["--filters", "8", "16", "--dense", "128", "--batch-size", "256", "--epochs", "1"]

RUN = "million"


def commands(tree: Path, out: Path) -> dict[str, list[str]]:
    """Stage -> what follows the interpreter."""
    data = ["--data", str(tree)]
    return {
        "read the lists": [__file__, str(tree), "--stage", "read"],
        "core.pack": ["-m", "core.pack", *data],
        "core.train, 1 epoch": ["-m", "core.train", *data, "--name", RUN, "--overwrite", *NETWORK],
        "core.evaluate, all faces": [
            *("-m", "core.evaluate", *data, "--run", RUN, "--split", "all", "--out", str(out)),
        ],
        "core.predict --crops": [
            *("-m", "core.predict", str(tree / IMAGES), "--crops", "--run", RUN, "--overwrite"),
            *("--out", str(out.with_name("photos.parquet"))),
        ],
        "every metric": [__file__, str(out), "--stage", "metrics"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument(
        "--only", nargs="*", help="stages whose name has one of these words; needs those before it"
    )
    parser.add_argument("--stage", choices=["read", "metrics"], help="used by this program itself")
    options = parser.parse_args()
    if options.stage:
        {"read": open_dataset, "metrics": every_metric}[options.stage](options.folder)
        return
    rows = []
    for faces in options.sizes:
        folder = options.folder.resolve()
        tree, home = folder / str(faces), folder / f"home-{faces}"
        make_tree(tree, faces)
        if not options.only:
            shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(ROOT / "core", home / "core", dirs_exist_ok=True)
        for stage, command in commands(tree, home / "predictions.parquet").items():
            if "predict" in stage and faces > MOST_PHOTOS:
                continue
            if options.only and not any(word in stage for word in options.only):
                continue
            rows.append({"stage": stage, "faces": faces, **measured(command, home)})
            print(line(rows[-1]), flush=True)
    keep(rows)


def line(row: dict) -> str:
    return (
        f"{row['stage']:26s}{row['faces']:12,}{row['seconds']:10.1f} s{1e6 * row['seconds'] / row['faces']:8.0f} µs/face"
        f"{row['gib']:8.2f} GiB in {row['processes']} processes"
    )


def keep(rows: list[dict]) -> None:
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    document = {
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "rows": rows,
    }
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
    known = [row for row in known if int(row[6]) < 8]
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


def measured(command: list[str], home: Path) -> dict:
    """Seconds of a command, the peak of its and its workers' memory in GiB, and how many processes it was."""
    surroundings = os.environ | {"AFFECTOSCOPE_CACHE": str(home / "cache"), "PYTHONPATH": str(home)}
    began = time.perf_counter()
    with open(home / "said.txt", "ab") as said:
        process = subprocess.Popen(
            [sys.executable, *command], cwd=home, env=surroundings, stdout=said, stderr=said
        )
        peak, most = 0.0, 0
        while process.poll() is None:
            held = [own_gib(each) for each in family(process.pid)]
            peak, most = max(peak, sum(held)), max(most, len(held))
            time.sleep(0.05)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}; see {home / 'said.txt'}")
    return {"seconds": round(seconds, 2), "gib": round(peak, 3), "processes": most}


def family(process: int) -> list[int]:
    """A process and those that it started."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [process, *(each for child in children for each in family(int(child)))]


def own_gib(process: int) -> float:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    return (
        next((int(each.split()[1]) for each in status.splitlines() if each.startswith("RssAnon")), 0) / 2**20
    )


def every_metric(path: Path) -> None:
    """All that is computed of a file of predictions, one after the other."""
    import numpy as np

    from core.analysis.calibration.review import compute_calibration
    from core.analysis.label_errors import label_errors
    from core.analysis.selective.abstention import compute_abstention
    from core.analysis.slices.review import review_slices
    from core.metrics.comparison import compare_predictions
    from core.metrics.predictions import Predictions
    from core.metrics.scoring import score
    from core.runs.catalogue import open_run

    run = open_run(path.parent / "artifacts" / RUN)
    predictions = Predictions.load(path)
    score(predictions)
    other = np.roll(predictions.probabilities, 1, axis=0)
    compare_predictions(predictions.truth, predictions.probabilities, other)
    compute_calibration(run, predictions)
    compute_abstention(run)
    label_errors(predictions)
    review_slices(predictions, None)


if __name__ == "__main__":
    main()
