"""Atomic writes, JSON files and digests."""

import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from core.errors import AffectoscopeError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Context for an atomic write: yields a temporary path, which is renamed to `path` at the end of the block.

    The temporary path is a hidden name in the same folder; the file is removed if the block raises. Concurrent readers
    find the old or the new file; with concurrent writers, the last one wins. There is no fsync.
    """
    temporary = path.with_name(f".{path.name[-40:]}.{uuid.uuid4().hex[:8]}.new")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, document: dict) -> None:
    """Write strict JSON atomically."""
    write_text(path, json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def check_file_name(out: Path, suffixes: Sequence[str]) -> None:
    """Check the value of --out before the work.

    Raises:
        AffectoscopeError: it has none of the suffixes, is a folder, or lies in a folder that does not exist.
    """
    if out.suffix.lower() not in suffixes:
        known = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
        raise AffectoscopeError(f"--out {out} has no known format; expected a name ending in {known}.")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise AffectoscopeError(
            f"--out {out} cannot be written: it is a folder, or its folder does not exist."
        )


def read_json(path: Path, *, remedy: str = "train the run again"):
    """Read a JSON file of a run or sweep.

    Args:
        remedy: what the user can do about a damaged one.

    Raises:
        AffectoscopeError: it cannot be read, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AffectoscopeError(
            f"{path.name} of '{path.parent.name}' cannot be read as JSON ({error}); {remedy}."
        ) from error


def network_file(folder: Path) -> Path:
    """Path of the network in a run's folder: model.onnx where there is one, otherwise model.keras."""
    onnx = folder / "model.onnx"
    return onnx if onnx.is_file() else folder / "model.keras"


def network_digest(folder: Path) -> str:
    """SHA-256 of the network in a run's folder."""
    return digest(network_file(folder))


def digest(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
