"""Optional tables of a run: Parquet files with JSON metadata."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.data.decisions import write_decisions
from core.data.face_table import FaceTable
from core.data.preprocessing import PreprocessingConfig
from core.data.relabelling import Relabelling
from core.data.thumbnails import make_thumbnails
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.runs.layout import CARD_FILE, DECISIONS_FILE, RELABELLED_FILE, REPORT_FILE, TAGS_FILE
from core.runtime.files import replacing

T = TypeVar("T")

_METADATA_KEY = b"affectoscope"

SUMMARY_COLUMNS = ("split", "expression", "kind", "x", "y", "faces")

ROBUSTNESS_COLUMNS = ("corruption", "strength", "amount", "faces", "accuracy", "low", "high", "macro_f1")


@dataclass(frozen=True)
class RunTable:
    """An optional table of a run.

    Attributes:
        file: file name in the run's folder.
        columns: required columns.
        command: command that recreates the table; R stands for the run.
    """

    file: str
    columns: tuple[str, ...]
    command: str


#: Counts over the faces of every split; see core.analysis.data_summary.
SUMMARY = RunTable("data_summary.parquet", SUMMARY_COLUMNS, "python -m core.train")

#: Pairs of a scored face and a near-duplicate in another split; see core.leaks.
LEAKS = RunTable(
    "leaks.parquet",
    (
        "reference",
        "split",
        "expression",
        "other",
        "other_split",
        "other_expression",
        "distance",
        "near_duplicates",
    ),
    "python -m core.leaks --run R --data PATH",
)

#: Predictions for out-of-label-set faces of the scored split; see core.analysis.selective.out_of_set.
OUT_OF_SET = RunTable(
    "outside.parquet",
    ("reference", "split", "expression"),  # and p_<label> for each of the run's labels
    "python -m core.upgrade --run R --data PATH",
)

#: Size, brightness, sharpness and pose of each scored face, and further columns that the data set annotates; see
#: core.analysis.slices.face_attributes.
ATTRIBUTES = RunTable(
    "face_attributes.parquet",
    ("reference", "face_size", "brightness", "sharpness", "turn", "roll"),
    "python -m core.upgrade --run R --data PATH",
)

#: Training faces ranked by label quality; see core.label_errors.
LABEL_ERRORS = RunTable(
    "label_errors.parquet",
    (
        "reference",
        "split",
        "annotated",
        "given",
        "suggested",
        "quality",
        "p_given",
        "p_suggested",
        "issue",
        "contradiction",
    ),  # and p_<label> for each of the run's labels, valence, arousal, box; image (WebP) if it may be redistributed
    "python -m core.label_errors --run R --data PATH",
)

#: Votes of the annotators on the scored faces, or their soft labels; see core.analysis.votes.
VOTES = RunTable("votes.parquet", ("reference", *EXPRESSIONS), "python -m core.evaluate --run R --data PATH")

#: The scored faces in two dimensions; see core.face_map.
MAP = RunTable("map.parquet", ("row", "pca_x", "pca_y", "tsne_x", "tsne_y"), "python -m core.face_map R")

#: Files that are added to a finished run and do not count as a change of it.
ADDED_FILES = (MAP.file, TAGS_FILE, DECISIONS_FILE, CARD_FILE, REPORT_FILE)


def save_table(folder: Path, kind: RunTable, table: pd.DataFrame, about: dict | None = None) -> None:
    """Save a table atomically in a run's folder.

    Args:
        about: JSON metadata, stored in the schema of the file.

    Raises:
        ValueError: a required column is missing.
        OSError: the folder cannot be converted; no file is left behind.
    """
    missing = [name for name in kind.columns if name not in table]
    if missing:
        raise ValueError(f"{kind.file} needs the columns {', '.join(missing)}.")
    converted = pa.Table.from_pandas(table, preserve_index=False)
    with replacing(folder / kind.file) as temporary:
        pq.write_table(
            converted.replace_schema_metadata({_METADATA_KEY: json.dumps(about or {})}),
            temporary,
            compression="zstd",
        )


def read_table(folder: Path, kind: RunTable) -> tuple[pd.DataFrame, dict] | None:
    """Read a table and its metadata; None if the run does not have it.

    Raises:
        AffectoscopeError: the file is damaged, or a column is missing.
    """
    path = folder / kind.file
    if not path.exists():
        return None
    try:
        table = pq.read_table(path)
        about = json.loads((table.schema.metadata or {}).get(_METADATA_KEY, b"{}"))
        frame = table.to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise AffectoscopeError(
            f"{kind.file} of '{folder.name}' cannot be read ({error}); recreate it with {kind.command}."
        ) from error
    missing = [name for name in kind.columns if name not in frame]
    if missing:
        raise AffectoscopeError(
            f"{kind.file} of '{folder.name}' has no column {', '.join(missing)}; recreate it with {kind.command}."
        )
    return frame, about


def parse_table(folder: Path, kind: RunTable, parse: Callable[[pd.DataFrame, dict], T]) -> T | None:
    """What `parse` makes of a table and its metadata; None if the run does not have it.

    Raises:
        AffectoscopeError: the file is damaged, or `parse` finds a value or a key of the metadata missing or wrong.
    """
    stored = read_table(folder, kind)
    if stored is None:
        return None
    try:
        return parse(*stored)
    except (AffectoscopeError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise AffectoscopeError(
            f"{kind.file} of '{folder.name}' holds wrong values ({error}); recreate it with {kind.command}."
        ) from error


def write_thumbnails(path: Path, references: list[str], images: list[bytes]) -> None:
    """Write thumbnails (encoded WebP) by face reference as Parquet."""
    table = pa.table({"reference": pa.array(references, pa.string()), "image": pa.array(images, pa.binary())})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="none")


def save_relabelling(folder: Path, relabelling: Relabelling) -> None:
    """Save the decisions that a run was trained with, also as the initial decisions of the user on the new run.

    Raises:
        AffectoscopeError: the folder cannot be converted.
    """
    (folder / RELABELLED_FILE).write_bytes(relabelling.content)
    write_decisions(folder / DECISIONS_FILE, relabelling.table)


def save_thumbnails(
    path: Path,
    table: FaceTable,
    preprocessing: PreprocessingConfig,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write WebP thumbnails of the table's faces to `path`; returns how many.

    A face that cannot be read is left out.
    """
    references, images = make_thumbnails(table, preprocessing, progress=progress)
    write_thumbnails(path, references, images)
    return len(references)
