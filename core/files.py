"""Files that are written whole or not at all."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
