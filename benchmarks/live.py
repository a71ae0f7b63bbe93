"""How long an answer takes, beside what the detector and the network need on their own: `python benchmarks/live.py`.

Prints the time of a fresh process to its first answer; median and 95th percentile of later answers to a
380-pixel portrait and to a photo of 1280x960 pixels with six people, both drawn and given as JPEG; and faces per
second of 10,000 cropped faces. What is compared is measured in alternation, in one process. On a machine that
does other work at the same time, time on the clock varies from one answer to the next all the same; each ratio is
therefore given a second time in processor seconds of this process, all threads together. The `fer` package is
timed too where it is installed.
"""

import importlib.util
import io
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

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
    started, loaded, answered = (float(value) for value in fresh_process(options.run))
    from core.predictor import Predictor

    predictor = Predictor.load(options.run)
    print(f"run {predictor.run.name}, {options.rounds} answers each, {options.crops:,} crops\n")
    print("a fresh process")
    print(f"  imports, network and detector     {loaded - started:7.2f} s")
    print(f"  first answer after that           {answered - loaded:7.2f} s")
    for title, photo in (
        ("a portrait of 380 pixels", drawn_photo(1, (380, 380), PORTRAIT_SEED)),
        ("a photo of 1280x960 pixels, six people", drawn_photo(6, (1280, 960), GROUP_SEED)),
    ):
        answers(title, predictor, photo, options.rounds)
    throughput(predictor, options.crops)
    print(f"\nmemory of this process {memory():.2f} GiB now, at most {memory(peak=True):.2f}; aim {MEMORY}")


def fresh_process(run: str) -> list[str]:
    """When a new process was started, had loaded all, and had answered; seconds of one clock."""
    command = [sys.executable, __file__, "--first", "--run", run]
    started = time.time()
    shown = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    return [str(started), *shown[-2:]]


def first_answer(run: str) -> None:
    from core.detector import load_detector
    from core.predictor import Predictor

    photo = drawn_photo(1, (380, 380), PORTRAIT_SEED)
    load_detector()
    predictor = Predictor.load(run)
    loaded = time.time()
    predictor.predict(photo)
    print(loaded, time.time())


def drawn_photo(faces: int, size: tuple[int, int], seed: int) -> bytes:
    from core.datasets.drawn import draw_scene

    scene, _, _ = draw_scene(np.random.default_rng(seed), faces=faces, size=size)
    file = io.BytesIO()
    scene.save(file, "JPEG", quality=90)
    return file.getvalue()


def answers(title: str, predictor, photo: bytes, rounds: int) -> None:
    """Whole answers beside the detector alone, on decoded pixels, and the network alone, on the crops."""
    from core.detector import _cascade
    from core.faces import read_upright

    faces = predictor.predict(photo).faces
    crops = np.stack([face.crop for face in faces])
    network = predictor.run.load_model()
    pixels = np.asarray(read_upright(photo), np.float32)
    timed: dict[str, Callable[[], object]] = {
        "whole answer": lambda: predictor.predict(photo),
        "detector alone": lambda: _cascade().detect_faces(pixels, output_type="numpy", fit_to_image=False),
        "network alone": lambda: network.predict_on_batch(crops),
    }
    if importlib.util.find_spec("fer"):
        from fer import FER

        peer, bgr = FER(mtcnn=True), np.asarray(read_upright(photo).convert("RGB"))[..., ::-1]
        timed["fer with mtcnn"] = lambda: peer.detect_emotions(bgr)
    seconds = alternate(timed, rounds)
    print(f"\n{title}: {len(faces)} faces found")
    for name, values in seconds.items():
        middle, high = np.percentile([clock for clock, _ in values], [50, 95])
        print(f"  {name:34s}{middle:7.3f} s   95th percentile {high:7.3f} s")
    parts = np.array(seconds["detector alone"]) + np.array(seconds["network alone"])
    clock, processor = np.median(np.array(seconds["whole answer"]) / parts, axis=0)
    print(
        f"  whole over detector + network     {clock:7.2f}     aim at most {ANSWER}; processor {processor:.2f}"
    )


def alternate(timed: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds of each by the clock and of the processor, in turns; the first round is not counted."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
    for number in range(rounds + 1):
        for name, function in timed.items():
            began = time.perf_counter(), time.process_time()
            function()
            if number:
                seconds[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    return seconds


def throughput(predictor, count: int) -> None:
    """Cropped faces per second through the predictor and through the network's own predict."""
    from core.faces import crop_face, read_upright
    from core.predictor import BATCH

    random = np.random.default_rng(0)
    photo = read_upright(drawn_photo(6, (1280, 960), GROUP_SEED))
    boxes = np.array([face.box for face in predictor.predict(photo).faces])
    moved = boxes[random.integers(0, len(boxes), count)] + random.normal(0, 6, (count, 4))
    crops = [crop_face(photo, tuple(box), predictor.contract, detected=True) for box in moved]
    stacked = np.stack(crops)
    network = predictor.run.load_model()
    parts = [slice(start, start + PART) for start in range(0, count, PART)]
    rounds = [
        alternate(
            {
                "predictor": lambda: sum(1 for _ in predictor.predict_many(crops[part], crops=True)),  # noqa: B023
                "network's own predict": lambda: network.predict(stacked[part], batch_size=BATCH, verbose=0),  # noqa: B023
            },
            1,
        )
        for part in parts
    ]
    seconds = {name: np.sum([row[name][0] for row in rounds], axis=0) for name in rounds[0]}
    print(f"\n{count:,} cropped faces")
    for name, (clock, _) in seconds.items():
        print(f"  {name:34s}{count / clock:7,.0f} faces/s")
    clock, processor = seconds["network's own predict"] / seconds["predictor"]
    print(
        f"  predictor over network            {clock:7.2f}     aim at least {CROPS}; processor {processor:.2f}"
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
