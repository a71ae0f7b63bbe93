"""Documents of runs and sweeps, checked when they are read: run.json and sweep.json, and their CSV tables."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from core.errors import AffectoscopeError
from core.runtime.files import read_json


def read_document(path: Path, *, version: int, keys: Sequence[str], remedy: str) -> dict:
    """Read a JSON object that names its schema_version.

    Args:
        path: the file, in the folder of its run or sweep.
        version: the newest schema that is supported.
        keys: required keys.
        remedy: what the user can do about a damaged one: 'train the run again'.

    Raises:
        AffectoscopeError: it cannot be read, is of a newer version, or lacks a key.
    """
    title = f"{path.name} of '{path.parent.name}'"
    document = read_json(path, remedy=remedy)
    found = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(found, int):
        raise AffectoscopeError(f"{title} has no schema_version; {remedy}.")
    if found > version:
        raise AffectoscopeError(
            f"{title} was written by a newer version of Affectoscope (schema {found}; supported: up to {version}); update "
            "Affectoscope to open it."
        )
    if absent := [key for key in keys if key not in document]:
        raise AffectoscopeError(f"{title} has no {', '.join(absent)}; {remedy}.")
    return document


def read_csv(path: Path, *, columns: Sequence[str], remedy: str) -> pd.DataFrame:
    """Read a CSV table that has at least `columns`.

    Raises:
        AffectoscopeError: it cannot be read, or lacks a column.
    """
    title = f"{path.name} of '{path.parent.name}'"
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:  # pandas' parsing errors are ValueErrors
        raise AffectoscopeError(f"{title} cannot be read ({error}); {remedy}.") from error
    if missing := [column for column in columns if column not in table]:
        raise AffectoscopeError(f"{title} has no column {', '.join(missing)}; {remedy}.")
    return table
