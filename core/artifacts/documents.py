"""JSON documents and digests of a run's files."""

import hashlib
import json
from pathlib import Path

from core.errors import AffectoscopeError
from core.files import replacing


def write_json(path: Path, document: dict) -> None:
    """Strict JSON, written beside `path` and renamed, so that a reader never sees half of it."""
    write_text(path, json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """UTF-8 text, written beside `path` and renamed."""
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8")


def read_json(path: Path):
    """The document in a run's file.

    Raises:
        AffectoscopeError: it cannot be read, or is no JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AffectoscopeError(
            f"{path.name} of '{path.parent.name}' cannot be read as JSON ({error}); train the run again."
        ) from error


def network_digest(folder: Path) -> str:
    """SHA-256 of the network in a run's folder, for run.json: a file put in its place is noticed."""
    return digest(folder / "model.keras")


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
