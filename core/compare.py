"""`python -m core.compare A B`: is run B better than run A, on the faces that both scored?"""

import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from core.analysis.comparison.pairing import pair
from core.analysis.comparison.runs import RESAMPLES, Comparison, compare_paired
from core.errors import AffectoscopeError
from core.runs.catalogue import open_run
from core.runtime.console import Console, run_command
from core.runtime.files import check_file_name, write_json, write_text

SUFFIXES = (".json", ".csv")

#: With fewer resamples no p-value from them could stay below 0.05 once it is corrected for all numbers.
FEWEST_RESAMPLES = 500


@dataclass(frozen=True)
class CompareOptions:
    """Is run B better than run A, and on what? On the faces that both scored: McNemar's mid-p on accuracy, approximate
    randomisation on macro-F1 and M, a paired bootstrap on calibration error and CCC, p-values corrected for all of them
    together (Holm)."""

    a: Annotated[str, tyro.conf.Positional]
    """The run to compare with: a folder, or a name under artifacts/."""
    b: Annotated[str, tyro.conf.Positional]
    """The run in question; differences are B minus A."""
    out: Path | None = None
    """Write the result to this file: everything (.json), or the table (.csv)."""
    resamples: int = RESAMPLES
    """Resamples of the bootstrap and swaps of the randomisation behind intervals and p-values."""
    seed: int = 0
    """Of resamples and swaps; the same seed gives the same result."""


def main() -> None:
    run_command(
        lambda: compare_runs(tyro.cli(CompareOptions, prog="python -m core.compare", args=sys.argv[1:]))
    )


def compare_runs(options: CompareOptions) -> Comparison:
    """Run B against run A, printed and, with --out, written to a file.

    Raises:
        AffectoscopeError: an option is out of its range, a run cannot be read, the two cannot be compared
            (core.analysis.comparison.pairing), or the result cannot be written.
    """
    _check(options)
    console = Console()
    paired = pair(open_run(options.a), open_run(options.b))
    console.say(paired.coverage())
    comparison = compare_paired(paired, resamples=options.resamples, seed=options.seed)
    console.say(comparison.verdict())
    console.say(comparison.change())
    _say_table(console, comparison)
    _write(options.out, comparison)
    return comparison


def _check(options: CompareOptions) -> None:
    if options.resamples < FEWEST_RESAMPLES:
        raise AffectoscopeError(
            f"--resamples {options.resamples} is too few: no corrected p-value could be small; expected "
            f"{FEWEST_RESAMPLES} or more."
        )
    if options.seed < 0:
        raise AffectoscopeError(f"--seed {options.seed} is none; expected 0 or more.")
    if options.out is not None:
        check_file_name(options.out, SUFFIXES)


def _say_table(console: Console, comparison: Comparison) -> None:
    console.say(f"{'':20s}{'A':>9s}{'B':>9s}{'B - A':>10s}   {'95%':20s}{'p':>9s}{'corrected':>11s}")
    for row in comparison.table().itertuples():
        ends = "no interval" if math.isnan(row.low) else f"{row.low:+.4f} to {row.high:+.4f}"
        console.say(
            f"{row.number:20s}{row.a:9.4f}{row.b:9.4f}{row.difference:+10.4f}   {ends:20s}{_p_value(row.p):>9s}"
            f"{_p_value(row.p_corrected):>11s}  {row.significance}"
        )


def _p_value(p: float) -> str:
    return "-" if math.isnan(p) else "<0.0001" if p < 0.0001 else f"{p:.4f}"


def _write(out: Path | None, comparison: Comparison) -> None:
    if out is None:
        return
    try:
        if out.suffix.lower() == ".json":
            write_json(out, comparison.as_dict())
        else:
            write_text(out, comparison.table().to_csv(index=False, lineterminator="\n"))
    except OSError as error:
        raise AffectoscopeError(f"{out} cannot be written ({error.strerror or error}).") from error


if __name__ == "__main__":
    main()
