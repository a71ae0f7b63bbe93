"""`python -m core.face_map RUN`: lay out a run's test faces in two dimensions and save the map with the run."""

import sys
from dataclasses import dataclass

import tyro

from core.analysis.face_map import load_face_map
from core.errors import AffectoscopeError
from core.runs.catalogue import open_run
from core.runtime.console import run_command


def main() -> None:
    run_command(lambda: _make(tyro.cli(_Options, prog="python -m core.face_map", args=sys.argv[1:])))


@dataclass(frozen=True)
class _Options:
    """Lay out a run's test faces on a map and keep it with the run, before the dashboard has to."""

    run: tyro.conf.Positional[str]
    """A run's folder, or its name under artifacts/."""


def _make(options: _Options) -> None:
    run = open_run(options.run)
    made = load_face_map(run)
    if made is None:
        raise AffectoscopeError(f"Run '{run.name}' keeps no embeddings; train the run again.")
    print(f"The map of '{run.name}' shows {len(made.table):,} of {made.faces:,} faces.")


if __name__ == "__main__":
    main()
