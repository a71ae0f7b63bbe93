"""Files that are written whole or not at all, JSON documents, and digests."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import AffectoscopeError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file under another name; it becomes `path` when the block ends, and is removed where the block raises.

    Yields a hidden name in the folder of `path`, of no file yet. A reader of `path` finds the old file or the
    whole new one, and of several writers at once the last one's. Nothing is forced from the system's memory to
    the disk.
    """
    beside = path.with_name(f".{path.name[-40:]}.{uuid.uuid4().hex[:8]}.new")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


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
