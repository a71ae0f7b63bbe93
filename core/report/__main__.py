"""`python -m core.report RUN`: the report of a run as one HTML file, and its model card."""

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
    """Write all that is known of a run into one HTML file, which needs no network and can be printed, and its model card."""

    run: tyro.conf.Positional[str]
    """A run's folder, or its name under artifacts/."""
    against: str | None = None
    """Another run that was scored on the same faces, to compare with."""
    join: Path | None = None
    """A CSV of your own with columns to cut the faces by: age group, gender, skin tone, camera."""
    out: Path | None = None
    """A folder for report.html and card.md, or a name ending in .html. Default: the run's own folder."""


def main() -> None:
    run_command(lambda: report(tyro.cli(ReportOptions, prog="python -m core.report", args=sys.argv[1:])))


def report(options: ReportOptions) -> tuple[Path, Path]:
    """The command line's work; returns where the report and the card are.

    Raises:
        AffectoscopeError: a run or the joined table cannot be read, the two cannot be compared, or nothing can be written.
    """
    run = open_run(options.run)
    against = open_run(options.against) if options.against else None
    joined = _joined(options.join, run) if options.join else None
    review = compute_review(run, against=against, joined=joined)
    written = write_review(review, options.out)
    console = Console()
    for path in written:
        console.say(f"{path} ({_size(path.stat().st_size)})")
    for missing in review.missing.values():
        if missing.command:
            console.say(f"Not in it: {missing.reason} This gives it: {missing.command}")
    return written


def _joined(path: Path, run: Run) -> JoinedColumns:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AffectoscopeError(f"--join {path} cannot be read ({error.strerror or error}).") from error
    return read_joined_columns(content, path.name, list(run.predictions().frame["reference"]))


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


if __name__ == "__main__":
    main()
