"""Command line `python -m core.face_map RUN`: compute and save the two-dimensional map of a run's scored faces."""

import sys
from dataclasses import dataclass

import tyro

from core.analysis.face_map import load_face_map
from core.errors import AffectoscopeError
from core.runs.catalogue import open_run
from core.runtime.console import run_command


def main() -> None:
    run_command(lambda: _compute(tyro.cli(_Options, prog="python -m core.face_map", args=sys.argv[1:])))


@dataclass(frozen=True)
class _Options:
    """Compute the map of a run's scored faces and save it with the run, as the dashboard does on first use."""

    run: tyro.conf.Positional[str]
    """A run's folder, or its name under artifacts/."""


def _compute(options: _Options) -> None:
    run = open_run(options.run)
    face_map = load_face_map(run)
    if face_map is None:
        raise AffectoscopeError(
            f"Run '{run.name}' has no embeddings; train it, or import it with --embedding-output, again."
        )
    print(f"The map of '{run.name}' shows {len(face_map.table):,} of {face_map.faces:,} faces.")


if __name__ == "__main__":
    main()
