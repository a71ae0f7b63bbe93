"""Paths that hold no annotated data set: what is there instead, and what can be done with it."""

import os
from collections import Counter
from pathlib import Path

from core.data.face_table import FaceTable
from core.data.readers import open_dataset
from core.data.readers.spec import Source, layouts
from core.errors import AffectoscopeError


def open_annotated(path: Path, *, format: str | None = None, **options) -> FaceTable:
    """Open a data set like core.data.readers.open_dataset, with an error that says what else lies at `path`.

    Raises:
        AffectoscopeError: as open_dataset.
    """
    source = Source(Path(path).expanduser())
    if format is None and source.path.exists() and not any(each.recognise(source) for each in layouts()):
        names = source.listing.names
        images = source.listing.images
        if source.path.is_dir() and not names:
            raise AffectoscopeError(
                f"{path} is empty: no images and no table of labels. Expected the folder, zip or table of a data set."
            )
        if images:
            kinds = Counter(os.path.splitext(name)[1].lower() for name in images)
            found = ", ".join(f"{count:,} {suffix}" for suffix, count in kinds.most_common(3))
            folders = len({name.rpartition("/")[0] for name in images})
            raise AffectoscopeError(
                f"{path} is no data set of annotated faces: {len(images):,} images ({found}) in {folders:,} "
                f"{'folder' if folders == 1 else 'folders'}, none of them named after an expression, and no known table of "
                f"labels. To predict the expressions in photos: python -m core.predict {path}; to train on them, sort the "
                "faces into folders such as train/happy and train/sad."
            )
    return open_dataset(path, format=format, **options)
