"""`python -m core.predict PHOTO_OR_FOLDER...`: a run's network on photos, one row per face."""

import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import tyro

from core import artifacts
from core.artifacts import list_runs
from core.console import Console
from core.errors import AffectoscopeError
from core.predictor import PhotoPrediction, Predictor, as_rows, as_table

__all__ = ["PhotoPrediction", "Predictor"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
OUT_SUFFIXES = (".csv", ".json", ".parquet")


@dataclass(frozen=True)
class PredictOptions:
    """A run's network on photos, one row per face.

    Exit status: 0 if every photo was read, 1 if some were not, 2 if none was or an option is wrong.
    """

    photos: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Photos, or folders of photos (searched through)."""
    run: str | None = None
    """A run's folder, or its name under artifacts/; default: the newest."""
    out: Path | None = None
    """Where the rows go: .csv, .json or .parquet, replaced if it exists; default: a table on the terminal."""
    crops: bool = False
    """The photos are cropped faces already, framed like the run's training images."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns its exit status."""
    options = tyro.cli(PredictOptions, prog="python -m core.predict", args=arguments)
    try:
        check_out(options.out)
        photos = find_photos(options.photos)
        predictor = Predictor.load(options.run or newest_run())
        rows, failures = predict_photos(predictor, photos, crops=options.crops)
        if rows:
            write_rows(rows, options.out)
    except AffectoscopeError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    report(rows, failures, options.out)
    return 0 if not failures else 1 if rows else 2


def check_out(out: Path | None) -> None:
    """Find out before the work whether its result can be kept.

    Raises:
        AffectoscopeError: another suffix than OUT_SUFFIXES, or no folder to write into.
    """
    if out is None:
        return
    if out.suffix.lower() not in OUT_SUFFIXES:
        raise AffectoscopeError(
            f"--out {out} has no known format; expected a name ending in {', '.join(OUT_SUFFIXES)}."
        )
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise AffectoscopeError(
            f"--out {out} cannot be written: it is a folder, or its folder does not exist."
        )


def find_photos(paths: Iterable[Path]) -> list[Path]:
    """Files as given, and the images (SUFFIXES) anywhere in folders, by name; hidden ones are passed over.

    Raises:
        AffectoscopeError: there is none.
    """
    photos: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(
                file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file()
            )
            hidden = [any(part.startswith(".") for part in file.relative_to(path).parts) for file in inside]
            photos.update(dict.fromkeys(file for file, hide in zip(inside, hidden, strict=True) if not hide))
        else:
            photos[path] = None
    if not photos:
        given = ", ".join(str(path) for path in paths) or "nothing"
        raise AffectoscopeError(
            f"There is no photo in {given}; expected files or folders of {', '.join(SUFFIXES)}."
        )
    return list(photos)


def newest_run() -> Path:
    """The folder of the newest whole run under artifacts/.

    Raises:
        AffectoscopeError: there is none.
    """
    for listing in list_runs(artifacts.ARTIFACTS_FOLDER):
        if listing.run:
            return listing.path
    raise AffectoscopeError(
        "There is no run under artifacts/ yet; train one with python -m core.train, or pass --run."
    )


def predict_photos(
    predictor: Predictor, photos: list[Path], *, crops: bool
) -> tuple[list[dict], dict[Path, str]]:
    """Rows of all photos that could be read, and the reason for each other one."""
    rows: list[dict] = []
    failures: dict[Path, str] = {}
    with Console().progress("Reading faces") as progress:
        for done, photo in enumerate(photos):
            progress(done, len(photos))
            try:
                prediction = predictor.predict(photo, crops=crops)
            except AffectoscopeError as error:
                failures[photo] = str(error)
            else:
                rows += as_rows(str(photo), prediction, predictor.run.labels)
    return rows, failures


def write_rows(rows: list[dict], out: Path | None) -> None:
    """The rows as a file, whole or not at all, or on the terminal.

    Raises:
        AffectoscopeError: the file cannot be written.
    """
    table = as_table(rows)
    if out is None:
        print_table(table)
        return
    beside = None
    try:
        handle, beside = tempfile.mkstemp(prefix=f".{out.name}.", dir=out.absolute().parent)
        os.close(handle)
        if out.suffix.lower() == ".csv":
            table.to_csv(beside, index=False)
        elif out.suffix.lower() == ".json":
            table.to_json(beside, orient="records", indent=1, force_ascii=False)
        else:
            table.to_parquet(beside, index=False)
        os.chmod(beside, 0o666 & ~_umask())  # mkstemp's files are the owner's alone
        os.replace(beside, out)
    except OSError as error:
        raise AffectoscopeError(f"{out} cannot be written ({error.strerror or error}).") from error
    finally:
        if beside and os.path.exists(beside):
            os.unlink(beside)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def print_table(table: pd.DataFrame) -> None:
    """The headline of each row; --out has all of it."""
    for row in table.to_dict("records"):
        if pd.isna(row["face"]):
            print(f"{row['photo']}: {row['abstained']}")
            continue
        text = f"{row['photo']}: face {row['face']}, {row['label']} {row['p_' + row['label']]:.0%}"
        if not np.isnan(row["valence"]):
            text += f", valence {row['valence']:+.2f}, arousal {row['arousal']:+.2f}"
        print(text + (f" ({row['abstained']})" if row["abstained"] else ""))


def report(rows: list[dict], failures: dict[Path, str], out: Path | None) -> None:
    """What was done, and every photo that could not be read, on standard error."""
    faces = sum(row["face"] is not None for row in rows)
    photos = len({row["photo"] for row in rows})
    where = f", written to {out}" if out and rows else ""
    print(
        f"{photos:,} photos read, {faces:,} faces{where}; {len(failures):,} could not be read.",
        file=sys.stderr,
    )
    for photo, problem in failures.items():
        print(f"  {photo}: {problem}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
