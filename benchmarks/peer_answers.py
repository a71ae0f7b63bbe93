"""Predictions of another package, for benchmarks/peers.py; run by the interpreter that has the package installed.

`python benchmarks/peer_answers.py NAME PHOTO...` loads the peer, writes a line of JSON with its version, and then
answers each line of standard input, the number of a photo, with the seconds from the JPEG's bytes to the expression of
every face, and how many faces it found. Imports nothing of this project, whose packages may not be there.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np


def fer_with(*, mtcnn: bool) -> Callable[[np.ndarray], int]:
    if mtcnn:
        import facenet_pytorch  # noqa: F401  # after TensorFlow, as fer imports it, its torchvision may crash

    from fer.fer import FER

    peer = FER(mtcnn=mtcnn)
    return lambda pixels: len(peer.detect_emotions(pixels))


def deepface_with(detector: str) -> Callable[[np.ndarray], int]:
    """DeepFace.analyze for the expression alone. Its weights are fetched at run time, so they stay random here: all of
    its own code runs, on its own layers, and takes as long."""
    os.environ["DEEPFACE_BACKEND_ENGINE"] = "tensorflow"
    os.environ["DEEPFACE_LOG_LEVEL"] = "40"
    from deepface import DeepFace
    from deepface.commons import weight_utils

    weight_utils.download_weights_if_necessary = lambda file_name, source_url, compress_type=None: file_name
    weight_utils.load_model_weights = lambda model, weight_file: model

    def answer(pixels: np.ndarray) -> int:
        found = DeepFace.analyze(
            pixels, actions=["emotion"], detector_backend=detector, enforce_detection=False, silent=True
        )
        return sum(
            1 for face in found if face["face_confidence"] > 0
        )  # no face: the whole photo, confidence 0

    return answer


PEERS: dict[str, tuple[str, Callable[[], Callable[[np.ndarray], int]]]] = {
    "fer, Haar cascade": ("fer", lambda: fer_with(mtcnn=False)),
    "fer, mtcnn": ("fer", lambda: fer_with(mtcnn=True)),
    "DeepFace, Haar cascade": ("deepface", lambda: deepface_with("opencv")),
    "DeepFace, mtcnn": ("deepface", lambda: deepface_with("mtcnn")),
}


def main() -> None:
    name, *paths = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)  # what the packages print themselves is no answer
    os.dup2(2, 1)
    package, load = PEERS[name]
    answer = load()
    photos = [Path(path).read_bytes() for path in paths]
    print(json.dumps({"package": f"{package} {version(package)}"}), file=answers)
    for line in sys.stdin:
        began = time.perf_counter(), time.process_time()
        faces = answer(cv2.imdecode(np.frombuffer(photos[int(line)], np.uint8), cv2.IMREAD_COLOR))
        seconds = time.perf_counter() - began[0], time.process_time() - began[1]
        print(json.dumps({"faces": faces, "seconds": seconds}), file=answers)


if __name__ == "__main__":
    main()
