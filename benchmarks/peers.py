"""Latency of predictions on photos, compared with the packages `fer` and DeepFace: `python benchmarks/peers.py`.

All get the same JPEGs, a portrait of 380 pixels and a photo of 1280x960 with six people, and give the expression of every
face that they find; each in a process of its own, taking turns. fer is timed as it is, with its own weights and either
of its detectors. DeepFace fetches its weights at run time: it is timed with random ones in its own layers, all of its own
code around them, with the Haar cascades of OpenCV and with the mtcnn that is the detector here too. No one's answers are
judged. What a peer needs need not be in this environment: --python names the interpreter of one that has it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.live import GROUP_SEED, PORTRAIT_SEED, drawn_photo
from benchmarks.side_by_side import CLOCK, PROCESSOR, ROOT, Row, keep, middle_ratio, progress, row

#: What makes an environment for --python.
INSTALL = "python3 -m venv peers && peers/bin/pip install fer deepface tf-keras mtcnn flask 'setuptools<81'"

PEERS = ("fer, Haar cascade", "fer, mtcnn", "DeepFace, Haar cascade", "DeepFace, mtcnn")


class Peer:
    """A peer that is loaded and answers, in its own process.

    Raises:
        OSError: it cannot be loaded; the last line of what it said is in the message.
    """

    def __init__(self, name: str, interpreter: str, photos: list[Path]) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            [interpreter, str(ROOT / "benchmarks" / "peer_answers.py"), name, *map(str, photos)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            bufsize=1,
            env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        self.package = self._line()["package"]

    def _line(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            said = [
                line for line in self.errors.read().splitlines() if re.match(r"\w+(Error|Exception)\b", line)
            ]
            raise OSError(said[-1] if said else f"its process ended with status {self.process.wait(60)}")
        return json.loads(line)

    def answer(self, photo: int) -> dict:
        with suppress(BrokenPipeError):  # what it said last is read below
            print(photo, file=self.process.stdin)
        return self._line()

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(60)
        self.errors.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter whose packages the peers are in"
    )
    parser.add_argument("--run", default="fer2013-standard")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    began = time.time()
    from core.photos.predictor import Predictor

    photos = {
        "a portrait of 380 pixels": drawn_photo(1, (380, 380), PORTRAIT_SEED),
        "1280x960 pixels, six people": drawn_photo(6, (1280, 960), GROUP_SEED),
    }
    predictor = Predictor.load(options.run)
    rows: list[Row] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        paths = [folder / f"{number}.jpg" for number in range(len(photos))]
        for path, photo in zip(paths, photos.values(), strict=True):
            path.write_bytes(photo)
        peers: dict[str, Peer] = {}
        missing: dict[str, str] = {}
        for name in PEERS:
            progress(f"Loading {name}")
            try:
                peers[name] = Peer(name, options.python, paths)
                peers[name].answer(0)
                stack.callback(peers[name].close)
            except OSError as error:
                peers.pop(name, None)
                missing[name] = str(error)
        if missing:
            why = "; ".join(f"{name}: {error}" for name, error in missing.items())
            print(f"Left out ({why}); to add them, {INSTALL}, and pass --python peers/bin/python.")
        for number, (title, photo) in enumerate(photos.items()):
            progress(title)
            rows += answers(title, number, photo, predictor, peers, options.rounds)
    keep(__file__, rows, title="Answers to photos beside other packages", began=began)


def answers(
    title: str, number: int, photo: bytes, predictor, peers: dict[str, Peer], rounds: int
) -> list[Row]:
    """A row per peer: seconds from the JPEG to the expression of every face, ours and theirs in turns."""
    seconds: dict[str, list] = {name: [] for name in ("ours", *peers)}
    found: dict[str, int] = {}
    for counted in range(-1, rounds):
        start = time.perf_counter(), time.process_time()
        found["ours"] = len(predictor.predict(photo).faces)
        taken = {"ours": (time.perf_counter() - start[0], time.process_time() - start[1])}
        for name, peer in peers.items():
            told = peer.answer(number)
            found[name], taken[name] = told["faces"], told["seconds"]
        if counted >= 0:
            for name, both in taken.items():
                seconds[name].append(both)
    arrays = {name: np.array(values) for name, values in seconds.items()}
    middle = {name: float(np.median(values[:, CLOCK])) for name, values in arrays.items()}
    how = f"median of {rounds} answers, run {predictor.run.name}"
    if not peers:
        return [row(f"answer to {title}", middle["ours"], "s", how=how, note=f"{found['ours']} faces found")]
    return [
        row(
            f"answer to {title}",
            middle["ours"],
            "s",
            beside=(
                f"{name} ({peer.package}{', random weights' if 'DeepFace' in name else ''})",
                middle[name],
            ),
            ratio=middle_ratio(arrays["ours"], arrays[name]),
            how=how,
            note=f"{found['ours']} and {found[name]} faces found; "
            f"processor {middle_ratio(arrays['ours'], arrays[name], PROCESSOR):.2f}",
        )
        for name, peer in peers.items()
    ]


if __name__ == "__main__":
    main()
