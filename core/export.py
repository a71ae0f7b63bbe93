"""Command line `python -m core.export RUN --to onnx|litert|saved-model --out FOLDER`: a network for use elsewhere."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from core.analysis.scored_faces import ScoringOptions, read_faces
from core.network.exporting import FACES, Parity, Target, export_run
from core.runs.catalogue import open_run
from core.runtime.console import Console, run_command


@dataclass(frozen=True)
class ExportOptions:
    """Export a run's network with its preprocessing, labels, an example that needs nothing of this project, and a comparison
    of its probabilities with the run's."""

    run: tyro.conf.Positional[str]
    """A run's folder, or its name under artifacts/."""
    to: Target
    """onnx, litert (a .tflite file), or saved-model (of TensorFlow)."""
    out: Path
    """Folder to write; it must not exist yet."""
    data: Path | None = None
    """Compare on faces of this data; default: drawn faces."""
    format: str | None = None
    """Format of the data, if it is not recognised."""
    label_order: str | None = None
    """What the numbers of numbered classes mean, as in core.train."""


def main() -> None:
    run_command(lambda: export(tyro.cli(ExportOptions, prog="python -m core.export", args=sys.argv[1:])))


def export(options: ExportOptions) -> Parity:
    """Export a network; nothing is left where it fails.

    Raises:
        AffectoscopeError: the run or the data cannot be read, the folder exists, a package is missing, or the exported
            network gives other probabilities.
    """
    console, run = Console(), open_run(options.run)
    faces, source = None, ""
    if options.data:
        scoring = ScoringOptions(
            str(run.path), options.data, format=options.format, label_order=options.label_order
        )
        read = read_faces(scoring, console=console)
        rows = np.sort(np.random.default_rng(0).permutation(len(read.pack))[:FACES])
        faces, source = read.pack[rows], f"{read.split} faces of {read.table.title}"
    parity = export_run(run, options.to, options.out, faces=faces, source=source)
    console.say(f"{options.out}: {', '.join(sorted(path.name for path in options.out.iterdir()))}.")
    console.say(parity.sentence())
    return parity


if __name__ == "__main__":
    main()
