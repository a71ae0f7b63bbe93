"""The folder of runs: listing, opening and publishing."""

import json
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.config import TrainConfig
from core.errors import AffectoscopeError
from core.runs.documents import read_document
from core.runs.layout import (
    ARTIFACTS_FOLDER,
    DECISIONS_FILE,
    REQUIRED_FILES,
    RUN_KEYS,
    SCHEMA_VERSION,
    SWEEPS_FOLDER,
    TAGS_FILE,
    required_files,
)
from core.runs.run import Run, run_name
from core.runtime.files import read_json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True)
class Listing:
    """A folder under artifacts/.

    Attributes:
        run: None if the folder cannot be opened as a run.
        problem: the reason; '' for a run.
    """

    path: Path
    run: Run | None
    problem: str = ""


def open_run(path: str | Path) -> Run:
    """Open a run, given as a folder or as a name under artifacts/.

    Raises:
        AffectoscopeError: the folder does not exist, a file is missing or damaged, or the schema is newer.
    """
    folder = Path(path)
    if not folder.exists() and (ARTIFACTS_FOLDER / folder).is_dir():
        folder = ARTIFACTS_FOLDER / folder
    if not folder.is_dir():
        known = ", ".join(listing.path.name for listing in list_runs() if listing.run) or "none yet"
        raise AffectoscopeError(f"Run '{path}' not found; runs under artifacts/: {known}.")
    if not (folder / "run.json").is_file():
        _check_files(folder, REQUIRED_FILES)
    info = read_document(
        folder / "run.json", version=SCHEMA_VERSION, keys=RUN_KEYS, remedy="train the run again"
    )
    _check_files(folder, required_files(info))
    return Run(folder.resolve(), info)


def _check_files(folder: Path, names: Iterable[str]) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise AffectoscopeError(
            f"Run '{run_name(folder)}' is incomplete, {', '.join(missing)} missing; train it again."
        )


def list_runs(folder: Path = ARTIFACTS_FOLDER) -> list[Listing]:
    """List the folders under `folder`: runs, newest first, then folders that cannot be opened.

    The date of a run is that of its last core.upgrade, if any.
    """
    listings = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or path.name == SWEEPS_FOLDER or not path.is_dir():
            continue
        try:
            listings.append(Listing(path, open_run(path)))
        except (AffectoscopeError, OSError) as error:
            listings.append(Listing(path, None, str(error)))
    whole = [listing for listing in listings if listing.run]
    whole.sort(
        key=lambda listing: str(listing.run.info.get("renewed") or listing.run.info["created"]), reverse=True
    )
    return whole + [listing for listing in listings if not listing.run]


def check_run_name(name: str) -> str:
    """Validate the name of a run and return it.

    Raises:
        AffectoscopeError: it has other characters than letters, digits, '.', '_' and '-', or more than 80.
    """
    if not _NAME.fullmatch(name) or name == SWEEPS_FOLDER:
        raise AffectoscopeError(
            f"Invalid run name '{name}'; use up to 80 letters, digits, '.', '_' and '-', "
            "starting with a letter or digit."
        )
    return name


def working_folder(name: str, folder: Path = ARTIFACTS_FOLDER) -> Path:
    """The hidden folder in which a run is written before `publish` renames it."""
    return folder / f".{check_run_name(name)}.partial"


def checkpoint_file(working: Path) -> Path:
    """Path of the checkpoint in a working folder."""
    return working / "checkpoint" / "state.npz"


def has_checkpoint(working: Path) -> bool:
    """Return whether the working folder contains a checkpoint to resume from."""
    return checkpoint_file(working).exists()


def publish(working: Path, *, replace: bool = False) -> Run:
    """Rename a finished working folder to the name of its run and open it. The checkpoint is deleted.

    Args:
        replace: replace an existing run of the same name; the user's tags and decisions are moved to the new run.

    Raises:
        AffectoscopeError: a file is missing, or a run of that name exists and `replace` is False.
    """
    target = working.parent / run_name(working)
    if target.exists() and not replace:
        raise AffectoscopeError(f"Run '{target.name}' already exists; pass --overwrite or another --name.")
    open_run(working)
    shutil.rmtree(checkpoint_file(working).parent, ignore_errors=True)
    (working / "recipe.json").unlink(missing_ok=True)
    if target.exists():
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(target, old)
        for user_file in (TAGS_FILE, DECISIONS_FILE):
            for path in old.glob(f"{user_file}*"):
                os.replace(path, working / path.name)
        os.replace(working, target)
        shutil.rmtree(old)
    else:
        os.replace(working, target)
    return open_run(target)


def check_recipe(path: Path, recipe: dict) -> None:
    """Check that an interrupted training was started with `recipe`; options that did not exist then have their defaults.

    Raises:
        AffectoscopeError: an option differs; the message names it.
    """
    defaults = json.loads(json.dumps(TrainConfig().as_dict()))
    started = defaults | read_json(path)
    given = json.loads(json.dumps(recipe))
    changed = [name for name in given if started.get(name) != given[name]]
    if changed:
        raise AffectoscopeError(
            f"The interrupted training was started with different options {', '.join(changed)} "
            f"({', '.join(str(started.get(name)) for name in changed)}); resume it with the same options."
        )
