"""Small colour pictures of faces for galleries, framed as the network sees them."""

from collections.abc import Callable

import numpy as np

from core.data.face_table import FaceTable
from core.data.images import as_webp, read_upright
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.errors import AffectoscopeError
from core.metrics.predictions import BOX_COLUMNS

#: Side of a kept thumbnail in pixels.
THUMBNAIL_SIZE = 96


def make_thumbnails(
    table: FaceTable,
    preprocessing: PreprocessingConfig,
    *,
    size: int = THUMBNAIL_SIZE,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[str], list[bytes]]:
    """References and WebP thumbnails, `size` pixels a side, of the table's faces that can be read."""
    shown = PreprocessingConfig(colour="rgb", size=size, margin=preprocessing.margin)
    references, images = [], []
    boxes = table.faces[list(BOX_COLUMNS)].to_numpy(np.float32)
    for row, (reference, box) in enumerate(zip(table.faces["reference"], boxes, strict=True)):
        try:
            image = read_upright(table.read_image(reference))
            images.append(as_webp(crop_face(image, None if np.isnan(box).any() else tuple(box), shown)))
        except (OSError, AffectoscopeError):
            continue
        references.append(reference)
        if progress:
            progress(row + 1, len(table))
    return references, images
