"""Command line `python -m core.inspect PATH`: what a data set is, and whether it is as it was published."""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from core.analysis.data_inspection.inspection import INSPECTED, Inspection, inspect_faces
from core.analysis.data_inspection.text import inspection_lines
from core.config import ReadingOptions
from core.data.reading import read_dataset
from core.errors import AffectoscopeError
from core.runtime.console import Console, run_command
from core.runtime.files import write_json


@dataclass(frozen=True)
class InspectOptions(ReadingOptions):
    """Say what a data set is and whether it is as published: rows, labels, pixels, duplicates, subjects."""

    data: tyro.conf.Positional[Path]
    """Folder, zip or table of annotated faces, in a format that the README lists."""
    faces: int = INSPECTED
    """Largest number of faces that are decoded and searched for duplicates, drawn at random."""
    out: Path | None = None
    """Write what was found to this JSON file."""


def main() -> None:
    run_command(lambda: inspect(tyro.cli(InspectOptions, prog="python -m core.inspect", args=sys.argv[1:])))


def inspect(options: InspectOptions) -> Inspection:
    """Inspect a data set and print what was found.

    Raises:
        AffectoscopeError: the data cannot be read, or the file cannot be written.
    """
    if options.faces < 1:
        raise AffectoscopeError(f"--faces {options.faces} is out of range; expected 1 or more.")
    console = Console()
    with console.progress("Reading annotations") as progress:
        table = read_dataset(options.data, options, progress=progress)
    with console.progress("Decoding faces") as progress:
        inspection = inspect_faces(table, most=options.faces, extended=options.automatic, progress=progress)
    for line in inspection_lines(table, inspection):
        console.say(line)
    if options.out:
        try:
            write_json(options.out, inspection.as_dict())
        except OSError as error:
            raise AffectoscopeError(
                f"{options.out} cannot be written ({error.strerror or error}); pass another --out."
            ) from error
    return inspection


if __name__ == "__main__":
    main()
