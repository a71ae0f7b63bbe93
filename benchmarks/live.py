"""Latency of predictions on photos, compared with detector and network alone: `python benchmarks/live.py`.

Prints the time of a fresh process to its first answer; median and 95th percentile of later answers to a
380-pixel portrait and to a photo of 1280x960 pixels with six people, both drawn and given as JPEG; and faces per
second of 10,000 cropped faces. What is compared is measured in alternation, in one process. On a machine that
does other work at the same time, time on the clock varies from one answer to the next all the same; each ratio is
therefore given a second time in processor seconds of this process, all threads together. Other packages stand beside
it in benchmarks/peers.py.
"""

import io
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.side_by_side import CLOCK, PROCESSOR, ROOT, Row, keep, middle_ratio, row, take_turns

#: What is aimed at: a whole answer over detector and network, crops over the network's own throughput,
#: and the memory of the process in GiB.
ANSWER, CROPS, MEMORY = 1.15, 0.9, 1.5

#: Seeds of drawn photos in which every face is found.
PORTRAIT_SEED, GROUP_SEED = 1, 1


#: Cropped faces after which predictor and network take turns.
PART = 2048


@dataclass(frozen=True)
class Options:
    run: str = "drawn-faces"
    """A run's folder, or its name under artifacts/."""
    rounds: int = 20
    """Answers that are timed, of each photo."""
    crops: int = 10_000
    """Cropped faces whose throughput is timed."""
    first: bool = False
    """Only answer once and print the seconds; used by this program itself."""


def main(options: Options) -> None:
    if options.first:
        first_answer(options.run)
        return
    began = time.time()
    started, loaded, answered = (float(value) for value in fresh_process(options.run))
    from core.photos.predictor import Predictor

    predictor = Predictor.load(options.run)
    fresh = f"a fresh process, run {predictor.run.name}"
    rows = [
        row("imports, network and detector", loaded - started, "s", how=fresh),
        row("the first answer after that", answered - loaded, "s", how=fresh),
    ]
    for title, photo in (
        ("a portrait of 380 pixels", drawn_photo(1, (380, 380), PORTRAIT_SEED)),
        ("1280x960 pixels, six people", drawn_photo(6, (1280, 960), GROUP_SEED)),
    ):
        rows.append(answers(title, predictor, photo, options.rounds))
    rows.append(throughput(predictor, options.crops))
    rows.append(
        row("memory of the process after all of it", memory(), "GiB", at_most=MEMORY, how="resident",
            note=f"at most {memory(peak=True):.2f} GiB")
    )  # fmt: skip
    keep(__file__, rows, title="Answers beside detector and network", began=began)


def fresh_process(run: str) -> list[str]:
    """Times at which a new process was started, had loaded everything, and had returned a prediction; seconds of one clock."""
    command = [sys.executable, __file__, "--first", "--run", run]
    started = time.time()
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    return [str(started), *shown[-2:]]


def first_answer(run: str) -> None:
    from core.data.detectors.mtcnn import _cascade
    from core.photos.predictor import Predictor

    photo = drawn_photo(1, (380, 380), PORTRAIT_SEED)
    predictor = Predictor.load(run)
    _cascade()
    loaded = time.time()
    predictor.predict(photo)
    print(loaded, time.time())


def drawn_photo(faces: int, size: tuple[int, int], seed: int) -> bytes:
    from core.data.drawn.dataset import draw_scene

    scene, _, _ = draw_scene(np.random.default_rng(seed), faces=faces, size=size)
    file = io.BytesIO()
    scene.save(file, "JPEG", quality=90)
    return file.getvalue()


def answers(title: str, predictor, photo: bytes, rounds: int) -> Row:
    """Whole answers beside the detector alone, on decoded pixels, and the network alone, on the crops."""
    from core.data.detectors.mtcnn import _cascade
    from core.data.images import read_upright

    faces = predictor.predict(photo).faces
    crops = np.repeat([face.crop for face in faces], predictor.network.passes, axis=0)
    network = predictor.run.load_model()
    pixels = np.asarray(read_upright(photo), np.float32)
    seconds = take_turns(
        {
            "whole": lambda: predictor.predict(photo),
            "detector": lambda: _cascade().detect_faces(pixels, output_type="numpy", fit_to_image=False),
            "network": lambda: network.predict_on_batch(crops),
        },
        rounds,
    )
    whole, parts = seconds["whole"], seconds["detector"] + seconds["network"]
    middle, high = np.percentile(whole[:, CLOCK], [50, 95])
    return row(
        f"answer to {title}",
        middle,
        "s",
        beside=("detector and network alone", np.median(parts[:, CLOCK])),
        ratio=middle_ratio(whole, parts),
        at_most=ANSWER,
        how=f"median of {rounds} answers, from the JPEG to {len(faces)} faces",
        note=f"95th percentile {high:.3f} s; processor {middle_ratio(whole, parts, PROCESSOR):.2f}",
    )


def throughput(predictor, count: int) -> Row:
    """Cropped faces per second through the predictor and through the network's own predict."""
    from core.data.images import read_upright
    from core.data.preprocessing import crop_face
    from core.photos.predictor import BATCH

    random = np.random.default_rng(0)
    photo = read_upright(drawn_photo(6, (1280, 960), GROUP_SEED))
    boxes = np.array([face.box for face in predictor.predict(photo).faces])
    moved = boxes[random.integers(0, len(boxes), count)] + random.normal(0, 6, (count, 4))
    crops = [crop_face(photo, tuple(box), predictor.preprocessing, detected=True) for box in moved]
    copies = np.stack([crops] * predictor.network.passes, axis=1)
    network = predictor.run.load_model()
    parts = [slice(start, start + PART) for start in range(0, count, PART)]
    rounds = [
        take_turns(
            {
                "predictor": lambda: sum(1 for _ in predictor.predict_many(crops[part], crops=True)),  # noqa: B023
                "network": lambda: network.predict(np.concatenate(copies[part]), batch_size=BATCH, verbose=0),  # noqa: B023
            },
            1,
        )
        for part in parts
    ]
    clock, processor = (
        {name: sum(each[name][0, column] for each in rounds) for name in ("predictor", "network")}
        for column in (CLOCK, PROCESSOR)
    )
    return row(
        f"{count:,} cropped faces through the predictor",
        count / clock["predictor"],
        "faces/s",
        beside=("the network's own predict", count / clock["network"]),
        at_least=CROPS,
        how=f"in turns after every {PART:,} faces",
        note=f"processor {processor['network'] / processor['predictor']:.2f}",
    )


def memory(*, peak: bool = False) -> float:
    """GiB that this process holds, or held at most; NaN where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    name = "VmHWM:" if peak else "VmRSS:"
    line = next(line for line in status.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 2**20


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
