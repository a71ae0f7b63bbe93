"""Create a run with a million synthetic predictions, to test pages: `python benchmarks/large_run.py FOLDER`.

Through the project's own writers, so that it is a run like any other. Takes about a minute and 1 GiB.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.runs.run import Run
from tests.made_runs import make_run

FACES = 1_000_000
NAME = "a-million-faces"


def large_run(folder: Path, *, faces: int = FACES) -> Run:
    """A run of `faces` predictions over eight labels, with valence, arousal and embeddings, under `folder`."""
    return make_run(folder, NAME, faces=faces, label_set=8, affect=True, embeddings=True, resamples=200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--faces", type=int, default=FACES)
    options = parser.parse_args()
    run = large_run(options.folder, faces=options.faces)
    print(f"{run.path}: {run.scores.faces:,} predictions")


if __name__ == "__main__":
    main()
