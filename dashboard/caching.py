"""Caches of functions of runs, keyed by each run's path and the state of its files."""

import json
import os
from collections.abc import Callable
from pathlib import Path

from core.runs.run import Run
from core.runs.sweeps import Sweep
from core.runs.tables import ADDED_FILES

Fingerprint = tuple[tuple[str, int, int], ...]


def fingerprint(path: Path) -> Fingerprint:
    """Name, modification time and size of each file of a run: changes when the run does.

    What the dashboard itself keeps beside a run is left out: a tag must not make everything be read again.
    """
    try:
        with os.scandir(path) as entries:
            files = [
                (entry.name, entry.stat())
                for entry in entries
                # Names with a dot are of files that are being written, or left by a write that failed.
                if not entry.name.startswith((".", *ADDED_FILES)) and entry.is_file()
            ]
    except OSError:  # removed between listing and looking
        return ()
    return tuple(sorted((name, status.st_mtime_ns, status.st_size) for name, status in files))


def run_state(run: Run | Sweep) -> tuple:
    """Path, files and run.json of a run (or sweep) as a key of a cache.

    run.json, because the run may have been opened before its files changed: results of its old content must not be
    found under the new state of the files.
    """
    return str(run.path), fingerprint(run.path), json.dumps(run.info)


def file_state(path: Path) -> tuple:
    """Path, inode, modification time and size of one file; the path alone where there is no such file."""
    try:
        status = path.stat()
    except OSError:
        return (str(path),)
    return str(path), status.st_ino, status.st_mtime_ns, status.st_size


def cached(
    cache: Callable,
    *,
    max_entries: int,
    show_spinner: bool | str = False,
    state: Callable[[Run | Sweep], tuple] = run_state,
) -> Callable:
    """Decorate a function of runs: its results are kept until `state` of a run changes.

    Args:
        cache: st.cache_data for small results (each caller gets a copy), st.cache_resource for large ones (shared).
        max_entries: results kept, of all runs and options together.
        state: of one run, any tuple that changes whenever the result would.
    """
    return cache(max_entries=max_entries, show_spinner=show_spinner, hash_funcs={Run: state, Sweep: state})
