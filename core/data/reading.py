"""Reading of a data set with the options of a command."""

from collections.abc import Callable
from pathlib import Path

from core.config import ReadingOptions
from core.data.face_table import FaceTable
from core.data.locations import remember_location
from core.data.readers import open_dataset
from core.data.subjects import add_subjects


def read_dataset(
    path: Path, options: ReadingOptions, *, progress: Callable[[int, int], None] | None = None
) -> FaceTable:
    """Open the data set at `path`, add the subjects of options.subjects, and remember where it lies.

    Raises:
        AffectoscopeError: as core.data.readers.open_dataset and core.data.subjects.add_subjects.
    """
    table = open_dataset(
        path,
        format=options.format,
        automatic=options.automatic,
        label_order=options.label_order,
        votes=options.votes,
        votes_protocol=options.votes_protocol,
        progress=progress,
    )
    remember_location(table.name, path)
    return add_subjects(table, options.subjects) if options.subjects else table
