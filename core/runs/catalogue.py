"""The folder of runs: which there are, how one is opened, and how a finished one appears: whole or not at all."""

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from core.errors import AffectoscopeError
from core.runs.layout import (
    ARTIFACTS_FOLDER,
    DECISIONS_FILE,
    REQUIRED_FILES,
    RUN_KEYS,
    SCHEMA_VERSION,
    SWEEPS_FOLDER,
    TAGS_FILE,
)
from core.runs.run import Run, run_name
from core.runtime.files import read_json

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True)
class Listing:
    """A folder under artifacts/: a run, or the reason why it is none."""

    path: Path
    run: Run | None
    problem: str = ""


def open_run(path: str | Path) -> Run:
    """The run at `path`, a folder, or the name of one under artifacts/.

    Raises:
        AffectoscopeError: no such folder, a file is missing or damaged, or its schema is newer.
    """
    folder = Path(path)
    if not folder.exists() and (ARTIFACTS_FOLDER / folder).is_dir():
        folder = ARTIFACTS_FOLDER / folder
    if not folder.is_dir():
        known = ", ".join(listing.path.name for listing in list_runs() if listing.run) or "none yet"
        raise AffectoscopeError(f"There is no run '{path}'; runs under artifacts/: {known}.")
    missing = [name for name in REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise AffectoscopeError(
            f"'{folder.name}' is no whole run: it lacks {', '.join(missing)}; train it again."
        )
    info = read_json(folder / "run.json")
    version = info.get("schema_version") if isinstance(info, dict) else None
    if not isinstance(version, int):
        raise AffectoscopeError(f"run.json of '{folder.name}' names no schema version; train the run again.")
    if version > SCHEMA_VERSION:
        raise AffectoscopeError(
            f"'{folder.name}' was written by a newer Affectoscope (schema {version}, this one reads up to "
            f"{SCHEMA_VERSION}); update Affectoscope to open it."
        )
    absent = [key for key in RUN_KEYS if key not in info]
    if absent:
        raise AffectoscopeError(
            f"run.json of '{folder.name}' lacks {', '.join(absent)}; train the run again."
        )
    return Run(folder.resolve(), info)


def list_runs(folder: Path = ARTIFACTS_FOLDER) -> list[Listing]:
    """Every folder under `folder`, damaged ones last with their reason.

    The newest run comes first; one that core.upgrade brought up to date is as new as that.
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
    """`name` if it may name a run's folder.

    Raises:
        AffectoscopeError: it has other characters than letters, digits, '.', '_' and '-', or too many.
    """
    if not _NAME.fullmatch(name) or name == SWEEPS_FOLDER:
        raise AffectoscopeError(
            f"'{name}' cannot name a run; use up to 80 letters, digits, '.', '_' and '-', "
            "starting with a letter or digit."
        )
    return name


def working_folder(name: str, folder: Path = ARTIFACTS_FOLDER) -> Path:
    """The hidden sibling in which a run grows until `publish` renames it."""
    return folder / f".{check_run_name(name)}.partial"


def checkpoint_file(working: Path) -> Path:
    """The state that a training goes on from, in its working folder."""
    return working / "checkpoint" / "state.npz"


def has_checkpoint(working: Path) -> bool:
    """Whether a training was interrupted there after it had saved its state."""
    return checkpoint_file(working).exists()


def publish(working: Path, *, replace: bool = False) -> Run:
    """Rename a finished working folder to its run's name and open it.

    The checkpoint is dropped first. With `replace`, a run of that name gives way; its tags and decisions
    are the user's work and go over to the new one.

    Raises:
        AffectoscopeError: the run is not whole, or one of that name exists and `replace` is off.
    """
    target = working.parent / run_name(working)
    if target.exists() and not replace:
        raise AffectoscopeError(f"A run '{target.name}' exists already; pass --overwrite or another --name.")
    missing = [name for name in REQUIRED_FILES if not (working / name).is_file()]
    if missing:
        raise AffectoscopeError(f"Run '{target.name}' is not whole: it lacks {', '.join(missing)}.")
    shutil.rmtree(checkpoint_file(working).parent, ignore_errors=True)
    (working / "recipe.json").unlink(missing_ok=True)
    if target.exists():
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(target, old)
        for kept in (TAGS_FILE, DECISIONS_FILE):
            for written in old.glob(f"{kept}*"):
                os.replace(written, working / written.name)
        os.replace(working, target)
        shutil.rmtree(old)
    else:
        os.replace(working, target)
    return open_run(target)


def check_recipe(path: Path, recipe: dict) -> None:
    """See that an interrupted training was begun with `recipe`.

    Raises:
        AffectoscopeError: an option differs; the sentence names it.
    """
    begun = read_json(path)
    given = json.loads(json.dumps(recipe))
    changed = [name for name in given if begun.get(name) != given[name]]
    if changed:
        raise AffectoscopeError(
            f"The interrupted training was begun with another {', '.join(changed)} "
            f"({', '.join(str(begun.get(name)) for name in changed)}); resume it with the same options."
        )
