"""Command line `python -m core.import_predictions TABLE --data PATH --name N`: predictions made anywhere, as a run.

From Python, `import_predictions(frame, data=..., name=...)` does the same with a table in memory.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import tyro

from core.analysis.imported_run import ImportSettings, join_run, review_imported
from core.analysis.leaks import load_leaks
from core.analysis.protocol import load_protocol
from core.data.prediction_table import read_prediction_table
from core.errors import AffectoscopeError
from core.report.card import write_card
from core.report.score_tables import prominent_headlines
from core.runs.catalogue import has_checkpoint, open_run, publish, working_folder
from core.runs.layout import ARTIFACTS_FOLDER
from core.runs.run import Run
from core.runtime.console import Console, run_command


@dataclass(frozen=True)
class _ImportOptions:
    """Import the predictions in a table as a run, with everything of a run but its network: one row per face, with its
    reference, path, file name or row number, and the probability or logit of each label."""

    table: Annotated[Path, tyro.conf.Positional]
    """CSV or Parquet file; docs/any-model.md describes its columns."""
    settings: Annotated[ImportSettings, tyro.conf.arg(name="")]


def main() -> None:
    options = tyro.cli(_ImportOptions, prog="python -m core.import_predictions", args=sys.argv[1:])
    run_command(lambda: _import(options.table, options.settings, ARTIFACTS_FOLDER))


def import_predictions(
    table: pd.DataFrame | str | Path,
    *,
    data: str | Path,
    name: str,
    folder: str | Path = ARTIFACTS_FOLDER,
    **options,
) -> Run:
    """Import predictions as a run.

    Args:
        table: one row per face; columns as docs/any-model.md describes them. Or the path of a CSV or Parquet file.
        data: folder, zip or table of the annotated faces that the predictions are about.
        name: of the run.
        folder: folder of runs.
        options: further fields of core.analysis.imported_run.ImportSettings, such as split or label_order.

    Raises:
        AffectoscopeError: the table or the data cannot be read, they do not fit, or a run of that name exists.
        TypeError: there is no such option.
    """
    paths = {key: Path(value) for key, value in options.items() if key in ("votes", "subjects") and value}
    settings = ImportSettings(data=Path(data), name=name, **(options | paths))
    return _import(table if isinstance(table, pd.DataFrame) else Path(table), settings, Path(folder))


def _import(source: Path | pd.DataFrame, settings: ImportSettings, folder: Path) -> Run:
    console = Console()
    working = _prepare(settings, folder)
    table = read_prediction_table(
        source,
        label_order=settings.label_order,
        outputs=settings.outputs,
        fewer_labels=settings.fewer_labels,
    )
    imported = join_run(table, settings, console)
    console.say(imported.report.sentence())
    working.mkdir(parents=True, exist_ok=True)
    try:
        scores = review_imported(working, imported, settings, console)
        write_card(open_run(working))
        run = publish(working, replace=settings.overwrite)
    except BaseException:
        shutil.rmtree(working, ignore_errors=True)
        raise
    console.say(prominent_headlines(scores, of=imported.split))
    console.say(load_protocol(run).sentence())
    console.say(load_leaks(run, imported.predictions).summary.sentence())
    console.say(f"Run '{run.name}' is ready: {run.path}")
    return run


def _prepare(settings: ImportSettings, folder: Path) -> Path:
    """The working folder of the run, which must be free.

    Raises:
        AffectoscopeError: the name is invalid, or a run or an interrupted training has it.
    """
    working = working_folder(settings.name, folder)
    if (folder / settings.name).exists() and not settings.overwrite:
        raise AffectoscopeError(f"Run '{settings.name}' already exists; pass --overwrite or another --name.")
    if has_checkpoint(working):
        raise AffectoscopeError(
            f"An interrupted training '{settings.name}' exists; pass another --name, or delete {working.name} in the "
            "artifacts folder."
        )
    return working


if __name__ == "__main__":
    main()
