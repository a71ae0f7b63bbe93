"""FER2013: Kaggle's image folders (or a zip of them) and the original table of pixels.

Goodfellow et al. (2013), "Challenges in Representation Learning: A report on three machine learning
contests", ICONIP. 48x48 grey faces that fill the frame; seven expressions; no valence, no arousal.
"""

import io
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.readers.ferplus import add_votes, find_votes
from core.data.readers.file_names import NamedFace, most_match, open_by_name
from core.data.readers.listing import Listing
from core.data.readers.spec import DatasetSpec, Layout, Source, register
from core.errors import AffectoscopeError
from core.label_orders import FER2013
from core.labels import expression_code

#: The official split, as file names and the Usage column spell it.
USAGE = {"training": "train", "publictest": "test", "privatetest": "private_test"}

SIDE = 48

_FILE = re.compile(
    r"(?P<head>(?:.*/)?)(?P<reference>(?:train|test)/(?P<emotion>[^/]+)/"
    r"(?P<usage>Training|PublicTest|PrivateTest)_[^/]*)$",
    re.IGNORECASE,
)


def open_folders(listing: Listing) -> FaceTable:
    """FER2013 as `train/<class>/Training_<n>.jpg` and `test/<class>/PublicTest_<n>.jpg`.

    The split comes from the file name, because Kaggle's `test` folder holds both test splits.

    Raises:
        AffectoscopeError: no image is named that way.
    """
    return open_by_name(
        listing,
        _FILE,
        _read_name,
        spec=SPEC,
        other="no official split in the file name",
        expected="train/angry/Training_123.jpg and test/happy/PublicTest_456.jpg",
    )


def _read_name(match: re.Match[str]) -> NamedFace | str:
    try:
        return NamedFace(expression_code(match["emotion"]), USAGE[match["usage"].lower()])
    except ValueError:
        return "unknown label"


class CsvImages:
    """Reads face `row-<n>` of a FER2013 table, as PNG bytes, from where its line begins.

    Holds no handle: threads and processes may share it.

    Attributes:
        path: the table.
        starts: (rows,) byte offset of every data row; row 0 is the one after the header.
        column: position of the pixels among the columns.
    """

    def __init__(self, path: str, starts: np.ndarray, column: int):
        self.path, self.starts, self.column = path, starts, column

    def __call__(self, reference: str) -> bytes:
        try:
            start = self.starts[int(reference.removeprefix("row-"))]
            with open(self.path, "rb") as file:
                file.seek(start)
                line = file.readline()
            pixels = np.frombuffer(bytes(map(int, _fields(line)[self.column].split())), np.uint8)
            face = Image.fromarray(pixels.reshape(SIDE, SIDE))
        except (ValueError, IndexError) as error:
            raise OSError(f"{reference} in {self.path}: {error}") from error
        png = io.BytesIO()
        face.save(png, "PNG", compress_level=1)
        return png.getvalue()


def _fields(line: bytes) -> list[bytes]:
    return [field.strip(b' "\t') for field in line.strip(b"\r\n").split(b",")]


def header_columns(line: bytes) -> dict[str, int] | None:
    """Positions of emotion, pixels and (if there) usage in a header line; None if it is another table."""
    names = [field.decode("latin-1").lower() for field in _fields(line.removeprefix(b"\xef\xbb\xbf"))]
    columns: dict[str, int] = {
        name: names.index(name) for name in ("emotion", "pixels", "usage") if name in names
    }
    return columns if {"emotion", "pixels"} <= set(columns) else None


def open_csv(
    path: Path,
    *,
    emotions: tuple[str, ...] = FER2013,
    progress: Callable[[int, int], None] | None = None,
) -> FaceTable:
    """FER2013 as `fer2013.csv` (emotion,pixels,Usage) or `icml_face_data.csv` (emotion, Usage, pixels).

    A row's reference is `row-<n>`, n counting data rows from 0. A table without Usage is left unsplit.

    Args:
        emotions: labels by their codes, at most ten.

    Raises:
        AffectoscopeError: the header is another, or no row is usable.
    """
    ledger, starts = Ledger(), []
    columns: dict[str, list] = {"reference": [], "expression": [], "split": []}
    size = max(path.stat().st_size, 1)
    with open(path, "rb") as file:
        header = file.readline(2**16)
        positions = header_columns(header)
        if positions is None:
            raise AffectoscopeError(
                f"{path} is no FER2013 table: expected the columns emotion, pixels and Usage, "
                f"found '{header[:80].decode('latin-1').strip()}'."
            )
        start = len(header)
        for line in file:
            if line.strip():
                reference = f"row-{len(starts)}"
                ledger.read += 1
                face = _read_row(line, positions, emotions)
                if isinstance(face, str):
                    ledger.reject(face, reference)
                else:
                    columns["reference"].append(reference)
                    columns["expression"].append(face[0])
                    columns["split"].append(face[1])
                starts.append(start)
            start += len(line)
            if progress and len(starts) % 1000 == 0:
                progress(start, size)
    if not columns["reference"]:
        raise AffectoscopeError(
            f"{path} has no usable row: {ledger.sentence()}. Expected an emotion from 0 to 6 and "
            f"{SIDE * SIDE:,} pixels separated by spaces in each."
        )
    return FaceTable(
        name=SPEC.name,
        title=f"{SPEC.title} (table of pixels)",
        faces=as_face_frame(columns),
        ledger=ledger,
        read_image=CsvImages(os.fspath(path), np.array(starts, np.int64), positions["pixels"]),
        note=SPEC.note if "usage" in positions else "",
    )


def _read_row(line: bytes, positions: dict[str, int], emotions: tuple[str, ...]) -> tuple[int, str] | str:
    """(AffectNet code, split) of a row, or the reason it is rejected."""
    fields = _fields(line)
    if len(fields) <= max(positions.values()):
        return "unreadable row"
    emotion, usage = fields[positions["emotion"]].decode("latin-1"), ""
    if not (re.fullmatch("[0-9]", emotion) and int(emotion) < len(emotions)):
        return "unknown label"
    pixels = fields[positions["pixels"]]
    # Counting the spaces takes a tenth of the time, and is right unless some are doubled.
    if pixels.count(b" ") + 1 != SIDE * SIDE and len(pixels.split()) != SIDE * SIDE:
        return "wrong number of pixels"
    if "usage" in positions:
        usage = USAGE.get(fields[positions["usage"]].decode("latin-1").lower())
        if usage is None:
            return "unknown split"
    return expression_code(emotions[int(emotion)]), usage


def _open_folders(source: Source) -> FaceTable | None:
    return _with_votes(open_folders(source.listing), source) if source.listing.images else None


def _open_table(source: Source) -> FaceTable | None:
    table = find_table(source)
    return _with_votes(open_csv(table, progress=source.progress), source) if table else None


def _with_votes(table: FaceTable, source: Source) -> FaceTable:
    """The faces with FERPlus's votes, where there are any; labels stay FER2013's."""
    path = find_votes(source)
    return add_votes(table, path, splits=USAGE) if path else table


def find_table(source: Source) -> Path | None:
    """The table with the most of FER2013's columns, the largest of these; None where there is none."""
    columns = {
        file: len(found)
        for file in source.files
        if (file.suffix.lower() == ".csv" or file == source.path) and (found := _file_columns(file))
    }
    # Kaggle's contest folder holds train.csv, test.csv and icml_face_data.csv: the last has all of it.
    return max(columns, key=lambda file: (columns[file], file.stat().st_size), default=None)


def _file_columns(path: Path) -> dict[str, int] | None:
    try:
        with open(path, "rb") as file:
            return header_columns(file.readline(2**16))
    except OSError:
        return None


SPEC = register(
    DatasetSpec(
        name="fer2013",
        title="FER2013",
        layouts=(
            Layout(
                "fer2013-csv",
                "a table with the columns emotion, pixels, Usage",
                lambda source: find_table(source) is not None,
                _open_table,
                precedence=-2,  # beside a folder of images, it is those that are read
                labels=f"FER2013's codes in the column emotion: {', '.join(f'{code} {name}' for code, name in enumerate(FER2013))}",
            ),
            Layout(
                "fer2013-folders",
                "train/angry/Training_1.jpg and so on, in a folder or a zip",
                lambda source: most_match(source.listing, _FILE),
                _open_folders,
                labels="the names of the class folders",
            ),
        ),
        official={"test": "PublicTest", "private_test": "PrivateTest"},
        published={"train": 28_709, "test": 3_589, "private_test": 3_589},
        published_labels={
            split: dict(zip(FER2013, faces, strict=True))
            for split, faces in {
                "train": (3995, 436, 4097, 7215, 4830, 3171, 4965),
                "test": (467, 56, 496, 895, 653, 415, 607),
                "private_test": (491, 55, 528, 879, 594, 416, 626),
            }.items()
        },
        frame_margins={"mtcnn": -0.02},
        citation=(
            "I. J. Goodfellow et al. (2013), Challenges in Representation Learning: A Report on Three Machine Learning "
            "Contests, International Conference on Neural Information Processing (ICONIP), 117-124."
        ),
        note=(
            "FER2013's official splits: PublicTest is the test split reported here; "
            "PrivateTest, where present, is kept apart as 'private_test'."
        ),
        limits=(
            "People name the expressions of FER2013 as it labels them in about 65% (± 5) of the faces: its labels are "
            "uncertain, and an accuracy above that is agreement with them, not with the people shown.",
        ),
    )
)
