"""FERPlus: ten people's votes on the faces of FER2013, and the labels that papers make of them.

Barsoum, Zhang, Canton Ferrer & Zhang (2016), "Training Deep Networks for Facial Expression Recognition with
Crowd-Sourced Label Distribution", ICMI 2016. The images are those of FER2013; only votes and image names are published.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.face_table import FaceTable
from core.data.readers.spec import Source
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS, SYNONYMS

FILE = "fer2013new.csv"

#: The vote columns in their order; a file without a header has them too.
COLUMNS = (
    "neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "nf",
)  # fmt: skip

_OWN_NAMES = {"unknown": "uncertain", "nf": "no-face"}
_PLACES = [EXPRESSIONS.index({**SYNONYMS, **_OWN_NAMES}.get(name, name)) for name in COLUMNS]

#: Values of --votes-protocol, and which label each gives a face; all leave out ties, `unknown` and `NF`.
PROTOCOLS = {
    "majority": "the label with more than half of the votes, without those for labels that one person alone chose, as in "
    "the code that Barsoum et al. (2016) published",
    "plurality": "the label with the most votes",
    "strict": "the label with more than half of all votes",
}

NO_VOTES = "no FERPlus votes"

#: Which row of fer2013new.csv each of Kaggle's JPEGs is: columns usage, number (of <usage>_<number>.jpg) and row. Found by
#: comparing pictures. A name that Kaggle has in two class folders has two rows, in the order of the folders' names.
_KAGGLE = Path(__file__).with_name("ferplus_kaggle_names.parquet")
_KAGGLE_NAME = re.compile(r"(Training|PublicTest|PrivateTest)_0*(\d{1,9})\.[^.]*$", re.IGNORECASE)


def read_votes(path: str | Path) -> pd.DataFrame:
    """Votes of fer2013new.csv, whose row i is row i of fer2013.csv, or of a label.csv in FERPlus's image folders.

    Columns:
        usage           Training, PublicTest or PrivateTest; "" in a label.csv
        image           name of the PNG; "" for the rows that FERPlus's authors dropped
        and one column for each of EXPRESSIONS, float32: how many people chose it, `unknown` as uncertain and `NF` as
        no-face. All are 0 in a row that has other cells than the header, or where a cell is no number of votes.

    Raises:
        AffectoscopeError: the file cannot be read, or is another table.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise AffectoscopeError(
            f"{path} cannot be read ({error.strerror or error}); pass {FILE} of FERPlus."
        ) from error
    return parse_votes(content, path.name)


def parse_votes(content: bytes, name: str) -> pd.DataFrame:
    """The table of `read_votes` from the bytes of a file; `name` is for the message of an error.

    Raises:
        AffectoscopeError: the file is another table.
    """
    text = content.decode("utf-8-sig", errors="replace")
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline="")) if row]
    except csv.Error:  # a cell of more than 128 KiB
        rows = []
    header = [cell.lower() for cell in rows[0]] if rows else []
    if "image name" in header:
        del rows[0]
    else:  # name, the ten votes; older copies have the face's box after the name
        header = ["image name", *["box"] * bool(rows and len(rows[0]) == 12), *COLUMNS]
    if not {"image name", *COLUMNS} <= set(header) or not rows or len(rows[0]) != len(header):
        beginning = content[:60].decode("latin-1").splitlines() or [""]
        raise AffectoscopeError(
            f"{name} has no FERPlus votes: expected the columns Usage, Image name and {', '.join(COLUMNS)}, or a label.csv "
            f"with an image name and ten numbers a row; found '{beginning[0]}'."
        )
    columns = [header.index(each) for each in COLUMNS]
    votes = np.zeros((len(rows), len(EXPRESSIONS)), np.float32)
    for number, row in enumerate(rows):
        cells = [row[column] for column in columns] if len(row) == len(header) else []
        if cells and all(cell.isascii() and cell.isdecimal() and len(cell) < 5 for cell in cells):
            votes[number, _PLACES] = [int(cell) for cell in cells]
    usage, image = (
        [row[header.index(each)] if each in header and len(row) == len(header) else "" for row in rows]
        for each in ("usage", "image name")
    )
    return pd.DataFrame({"usage": usage, "image": image}).join(pd.DataFrame(votes, columns=list(EXPRESSIONS)))


def labels_by_protocol(votes: np.ndarray, protocol: str) -> tuple[np.ndarray, np.ndarray]:
    """Labels of faces by the votes of several people.

    Args:
        votes: (n, 11) numbers of votes, in the order of EXPRESSIONS.
        protocol: one of PROTOCOLS.

    Returns:
        (n,) int8 codes, -1 where a face is left out, and (n,) reasons, "" where it is not.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol is '{protocol}'; expected one of {', '.join(PROTOCOLS)}.")
    counted = np.where(votes > 1, votes, 0) if protocol == "majority" else votes
    most, code = counted.max(axis=1), counted.argmax(axis=1)
    reasons = np.select(
        [
            votes.sum(axis=1) == 0,
            (counted == most[:, None]).sum(axis=1) > 1,
            code == EXPRESSIONS.index("uncertain"),
            code == EXPRESSIONS.index("no-face"),
            (2 * most <= counted.sum(axis=1)) & (protocol != "plurality"),
        ],
        [
            NO_VOTES,
            "votes tied",
            "most votes: unknown",
            "most votes: no face",
            "no label with half the votes",
        ],
        "",
    )
    return np.where(reasons == "", code, -1).astype(np.int8), reasons


def find_votes(source: Source) -> Path | None:
    """The file of votes that the user names, or fer2013new.csv in the source, or beside it; None where there is none."""
    if source.votes is not None:
        return source.votes.expanduser()
    for file in source.files:
        if file.name.lower() == FILE:
            return file
    beside = source.path.absolute().parent / FILE
    return beside if beside.is_file() else None


def add_votes(table: FaceTable, path: Path, *, splits: Mapping[str, str]) -> FaceTable:
    """FER2013 with FERPlus's votes on its faces; zeros for those that have none, or that FERPlus's authors dropped.

    Faces are found by the row of fer2013.csv (`row-<n>`), or by Kaggle's file name.

    Args:
        splits: split of the table by usage, in lower case.

    Raises:
        AffectoscopeError: the votes cannot be read, or are of other rows than the table.
    """
    known = read_votes(path)
    references = table.faces["reference"].tolist()
    if references and references[0].startswith("row-"):
        rows = np.array([int(reference.removeprefix("row-")) for reference in references])
    else:
        rows = _kaggle_rows(references)
    rows = np.where(rows < len(known), rows, -1)
    split = known["usage"].str.lower().map(splits).fillna("").to_numpy(object)[rows]
    _check_splits(table, np.where(rows < 0, "", split), rows, path)
    usable = (rows >= 0) & (known["image"].to_numpy(object)[rows] != "")
    votes = known[list(EXPRESSIONS)].to_numpy(np.float32)[rows]
    votes[~usable] = 0
    return replace(table, votes=votes)


def _check_splits(table: FaceTable, splits: np.ndarray, rows: np.ndarray, path: Path) -> None:
    """Refuse votes whose official split differs from that of the face: a row is missing, or one too many."""
    named = table.faces["split"].to_numpy(object)
    differ = np.flatnonzero((splits != named) & (splits != "") & (named != ""))
    if differ.size:
        first = differ[0]
        raise AffectoscopeError(
            f"{path.name} is of other rows than {table.title}: its row {rows[first]:,} is {splits[first]}, and the face "
            f"{table.faces['reference'].iloc[first]} is {named[first]}; pass the file as FERPlus published it."
        )


def _kaggle_rows(references: Sequence[str]) -> np.ndarray:
    """(n,) rows of fer2013new.csv of Kaggle's JPEGs, -1 where unknown."""
    rows, met = np.full(len(references), -1), {}
    for place, reference in sorted(enumerate(references), key=lambda item: item[1]):
        if match := _KAGGLE_NAME.search(reference):
            key = match[1].lower(), int(match[2])
            of_name = _kaggle_names().get(key, ())
            nth = met[key] = met.get(key, -1) + 1
            rows[place] = of_name[nth] if nth < len(of_name) else -1
    return rows


@cache
def _kaggle_names() -> dict[tuple[str, int], list[int]]:
    names: dict[tuple[str, int], list[int]] = {}
    table = pd.read_parquet(_KAGGLE)
    for usage, number, row in zip(table["usage"], table["number"], table["row"]):
        names.setdefault((usage.lower(), int(number)), []).append(int(row))
    return names


def apply_protocol(table: FaceTable, protocol: str) -> FaceTable:
    """The faces that have a label by the votes, with that label; the others are counted in a copy of the ledger."""
    codes, reasons = labels_by_protocol(table.votes, protocol)
    ledger = table.ledger.copy()
    for reference, reason in zip(table.faces["reference"], reasons.tolist(), strict=True):
        if reason:
            ledger.reject(reason, reference)
    faces = table.faces.assign(expression=codes)
    return replace(replace(table, faces=faces).select(reasons == ""), ledger=ledger)
