"""ExpW (Expression in-the-Wild): photos, and one list of the faces in them with boxes and labels.

Zhang, Luo, Loy & Tang (2018), "From Facial Expression Recognition to Interpersonal Relation Prediction", IJCV 126. A line
of label/label.lst: image name, face id in the image, top, left, right, bottom, confidence of the box, label 0 to 6.
"""

import numpy as np
import pandas as pd

from core.data.face_table import FaceTable
from core.data.readers.listing import MISSING, Listing, common_prefix, usable_lines
from core.data.readers.spec import DatasetSpec, Layout, Source, register, table_of_files
from core.data.readers.storage import OUTSIDE, FacesOfImages, face_reference, leaves_folder
from core.errors import AffectoscopeError
from core.label_orders import FER2013
from core.labels import expression_code

_LIST = "label.lst"

_FIELDS = 8


def looks_like_expw(listing: Listing) -> bool:
    """Return whether there is a label.lst whose first line is a face."""
    paths = listing.find(_LIST)
    lines = listing.read_text(paths[0]).lstrip().splitlines() if paths else []
    return bool(lines) and not isinstance(_read_line(lines[0]), str)


def open_list(listing: Listing) -> FaceTable | None:
    """ExpW, unsplit. A further face of an image has the reference `<image>#<face id>`.

    Returns:
        None where there is no label.lst.

    Raises:
        AffectoscopeError: no face is usable.
    """
    paths = listing.find(_LIST)
    if not paths:
        return None
    images = {name.rpartition("/")[2]: name for name in listing.images}
    ledger, met = listing.ledger(), set()
    names = ("reference", "expression", "box_x", "box_y", "box_width", "box_height")
    columns: dict[str, list] = {name: [] for name in names}
    confidences = []
    for face in usable_lines(listing.read_text(paths[0]), _read_line, ledger):
        name, number, confidence, *values = face
        if name not in images or (name, number) in met:
            problem = OUTSIDE if leaves_folder(name) else MISSING
            ledger.reject("duplicate row" if name in images else problem, name)
            continue
        met.add((name, number))
        confidences.append(confidence)
        for column, value in zip(names, (face_reference(images[name], number), *values), strict=True):
            columns[column].append(value)
    if not met:
        raise AffectoscopeError(
            f"{listing.path} has {paths[0]} and no usable face: {ledger.sentence()}. Expected lines such as "
            "'angry_actor_104.jpg 0 28 113 226 141 22.9 0' and the photos that they name, such as image/origin/"
            "angry_actor_104.jpg."
        )
    prefix = common_prefix({f"{images[name].rpartition('/')[0]}/" for name, _ in met})
    columns["reference"] = [reference[len(prefix) :] for reference in columns["reference"]]
    parts = {
        "read_image": FacesOfImages(listing.reader(prefix)),
        "attributes": pd.DataFrame({"box_confidence": np.array(confidences, np.float32)}),
    }
    return table_of_files(SPEC, listing, columns, ledger, prefix=prefix, **parts)


def _read_line(line: str) -> tuple[str, int, float, int, float, float, float, float] | str:
    """(name, face id, confidence, AffectNet code, x, y, width, height) of a line, or the reason it is rejected."""
    fields = line.strip().rsplit(None, _FIELDS - 1)  # a name may have spaces
    try:
        name, *numbers = fields
        number, label = int(numbers[0]), int(numbers[-1])
        top, left, right, bottom, confidence = map(float, numbers[1:-1])
    except (ValueError, IndexError):
        return "unreadable row"
    if label not in range(len(FER2013)):
        return "unknown label"
    if not (right > left and bottom > top):
        return "box without area"
    if right <= 0 or bottom <= 0:
        return "box outside the image"
    return name, number, confidence, expression_code(FER2013[label]), left, top, right - left, bottom - top


def _open(source: Source) -> FaceTable | None:
    return open_list(source.listing)


SPEC = register(
    DatasetSpec(
        name="expw",
        title="ExpW",
        layouts=(
            Layout(
                "expw",
                "label/label.lst and the photos that it names, in a folder or a zip",
                lambda source: looks_like_expw(source.listing),
                _open,
                labels="ExpW's codes in label.lst, those of FER2013",
            ),
        ),
        boxes=True,
        citation=(
            "Z. Zhang, P. Luo, C. C. Loy, X. Tang (2018), From Facial Expression Recognition to Interpersonal Relation "
            "Prediction, International Journal of Computer Vision 126, 550-569."
        ),
    )
)
