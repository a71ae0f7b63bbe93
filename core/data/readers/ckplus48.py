"""Copies of CK+ as faces of 48x48 pixels: class folders of three peak frames a sequence, and a table like FER2013's."""

import re
from dataclasses import replace

from core.data.face_table import FaceTable
from core.data.readers import ckplus, fer2013
from core.data.readers.file_names import NamedFace, named_layout
from core.data.readers.spec import Layout, Source, register
from core.label_orders import FER2013
from core.labels import expression_code

#: Codes of the table: FER2013's, and contempt.
EMOTIONS = (*FER2013, "contempt")

_FILE = re.compile(
    r"(?P<head>(?:.*/)?)(?P<emotion>[A-Z][^/]*)/(?P<subject>S\d{2,3})_(?P<sequence>\d{3})_\d{4,8}\.[^./]+$",
    re.IGNORECASE,
)

#: Name of the table, and its rows, where it has another name.
_TABLE = re.compile(r"ck[^a-z]*(?:plus|ext|48|$)", re.IGNORECASE)
_TABLE_ROWS = 920
_LARGEST_TABLE = 2**25  # bytes; FER2013's is nine times as large


def _read_face(match: re.Match[str]) -> NamedFace | str:
    """The face of a path: its folder names the expression, its name begins with the person."""
    try:
        return NamedFace(expression_code(match["emotion"]), subject=match["subject"].upper())
    except ValueError:
        return "unknown label"


def _is_table(source: Source) -> bool:
    """Return whether the table that FER2013's reader would take is named after CK+, or has its rows and its contempt."""
    path = fer2013.find_table(source)
    if path is None or _TABLE.match(path.stem):
        return path is not None
    if path.stat().st_size > _LARGEST_TABLE:
        return False
    header, *rows = [line for line in path.read_bytes().splitlines() if line.strip()]
    column = fer2013.header_columns(header)["emotion"]
    contempt = str(EMOTIONS.index("contempt")).encode()
    return len(rows) == _TABLE_ROWS and any(row.split(b",")[column].strip() == contempt for row in rows)


def _open_table(source: Source) -> FaceTable | None:
    path = fer2013.find_table(source)
    if path is None:
        return None
    table = fer2013.open_csv(path, emotions=EMOTIONS, progress=source.progress)
    return replace(table, name=TABLE.name, title=TABLE.title, note=TABLE.note)


SPEC = register(
    replace(
        ckplus.SPEC,
        name="ckplus-48",
        title="CK+48",
        boxes=False,
        layouts=(
            named_layout(
                "ckplus-48",
                _FILE,
                _read_face,
                example="anger/S010_004_00000017.png",
                labels="the names of the class folders",
            ),
        ),
        published={"": 981},
        published_labels={
            "": {label: 3 * faces for label, faces in ckplus.SPEC.published_labels[""].items()}
        },
        note=(
            "CK+48 has no official splits: those made here share no person. It has the last three frames of each sequence, "
            "which are nearly the same."
        ),
    )
)

TABLE = register(
    replace(
        ckplus.SPEC,
        name="ckplus-csv",
        title="CK+ (table of pixels)",
        boxes=False,
        layouts=(
            Layout(
                "ckplus-csv",
                "ckextended.csv, with FER2013's columns and 7 for contempt",
                _is_table,
                _open_table,
                precedence=-1,  # before FER2013's table
                labels="FER2013's codes in the column emotion, and 7 contempt",
            ),
        ),
        official={"test": "PublicTest of the table", "private_test": "PrivateTest of the table"},
        subjects=False,
        published={"": _TABLE_ROWS},
        published_labels={"": ckplus.SPEC.published_labels[""] | {"neutral": 593}},
        note=(
            "The splits are those of the table's author, who drew them by images and not by people: the same person can be in "
            "several, and the table does not say who is shown, so that scores are too high."
        ),
    )
)
