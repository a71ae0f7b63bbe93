"""Command line `python -m core.report RUN`: write the HTML report and the model card of a run."""

import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from core.analysis.slices.user_columns import JoinedColumns, read_joined_columns
from core.errors import AffectoscopeError
from core.report.review import compute_review
from core.report.writing import write_review
from core.runs.catalogue import open_run
from core.runs.run import Run
from core.runtime.console import Console, run_command


@dataclass(frozen=True)
class ReportOptions:
    """Write the report of a run as a self-contained, printable HTML file, and its model card."""

    run: tyro.conf.Positional[str]
    """A run's folder, or its name under artifacts/."""
    against: str | None = None
    """Another run to compare with, scored on the same faces."""
    join: Path | None = None
    """CSV file with columns for additional slices: age group, gender, skin tone, camera, ..."""
    out: Path | None = None
    """Folder for report.html and card.md, or a file name ending in .html. Default: the run's folder."""


def main() -> None:
    run_command(lambda: report(tyro.cli(ReportOptions, prog="python -m core.report", args=sys.argv[1:])))


def report(options: ReportOptions) -> tuple[Path, Path]:
    """Write the report and the model card of a run; returns their paths.

    Raises:
        AffectoscopeError: a run or the joined table cannot be read, the runs cannot be compared, or a file cannot be
            written.
    """
    run = open_run(options.run)
    against = open_run(options.against) if options.against else None
    joined = _read_joined(options.join, run) if options.join else None
    review = compute_review(run, against=against, joined=joined)
    written = write_review(review, options.out)
    console = Console()
    for path in written:
        console.say(f"{path} ({_size(path.stat().st_size)})")
    for missing in review.missing.values():
        if missing.command:
            console.say(f"Missing: {missing.reason} Create it with: {missing.command}")
    return written


def _read_joined(path: Path, run: Run) -> JoinedColumns:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AffectoscopeError(f"--join {path} cannot be read ({error.strerror or error}).") from error
    return read_joined_columns(content, path.name, list(run.predictions().frame["reference"]))


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


if __name__ == "__main__":
    main()
