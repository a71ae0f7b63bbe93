"""Rows of a table of predictions joined to the faces of a data set, by reference or by row number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from core.data.prediction_table import PredictionTable
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS

FoundBy = Literal["reference", "end of the path", "file name", "row number"]

#: Rows or faces that a message names.
_NAMED = 3

#: Number of a reference that is one: those of tables such as fer2013.csv.
_ROW_REFERENCE = "row-{}"


@dataclass(frozen=True, eq=False)
class JoinedPredictions:
    """Where the rows of a table are in a data set.

    Attributes:
        rows: (m,) rows of the table, ascending.
        faces: (m,) the face of each, without repetition.
        found_by: rows by how their face was found.
        unknown: rows about no face of the data.
        repeated: rows that repeat another one exactly.
    """

    rows: np.ndarray
    faces: np.ndarray
    found_by: dict[FoundBy, int]
    unknown: int
    repeated: int


def join_predictions(
    table: PredictionTable,
    faces: pd.DataFrame,
    *,
    numbered: Sequence[str] | None = None,
    most_unknown: float,
    title: str,
) -> JoinedPredictions:
    """Join the rows of a table to faces: by the whole reference, by the end of the path, or by file name.

    One path is the end of the other, component by component, after Windows separators became slashes; what is the end of
    several paths is refused. By file name alone only where no row is found otherwise. Rows that repeat another exactly
    count once, and rows that differ about one face are refused.

    Args:
        faces: reference (unique) and expression (code) of each.
        numbered: references of the faces in the order of the data set, for a table with row numbers.
        most_unknown: largest share of rows without a face, 0 to 1.
        title: of the data set, for messages.

    Raises:
        AffectoscopeError: see above; or the true labels of the table differ from those of the data.
    """
    references = faces["reference"].to_numpy(object)
    places, found_by = (
        _by_number(table, references, numbered or ()) if table.columns.row else _by_path(table, references)
    )
    unknown = np.flatnonzero(places < 0)
    if len(unknown) > most_unknown * len(table):
        example = f"'{table.keys[unknown[0]]}'" if table.columns.reference else str(table.keys[unknown[0]])
        raise AffectoscopeError(
            f"{len(unknown):,} of the {len(table):,} rows of {table.name} are about no usable face of {title} (first row "
            f"{unknown[0] + 1}, {example}; expected {'row numbers from 0, or ' if table.columns.row else ''}references such "
            f"as '{references[0]}'); at most {most_unknown:.0%} are left out, see --most-unknown."
        )
    rows = np.flatnonzero(places >= 0)
    kept, repeated = _once(table, rows, places, references)
    _check_truth(table, kept, faces["expression"].to_numpy()[places[kept]], references[places[kept]])
    return JoinedPredictions(kept, places[kept], found_by, len(unknown), repeated)


def _by_number(
    table: PredictionTable, references: np.ndarray, numbered: Sequence[str]
) -> tuple[np.ndarray, dict[FoundBy, int]]:
    index = pd.Index(references)
    wanted = np.array([_ROW_REFERENCE.format(number) for number in table.keys], object)
    places = index.get_indexer(wanted)
    if (places < 0).all():
        inside = table.keys < len(numbered)
        wanted = np.full(len(table), None, object)
        wanted[inside] = np.asarray(numbered, object)[table.keys[inside]]
        places = index.get_indexer(wanted)
    return places, {"row number": int((places >= 0).sum())}


def _by_path(table: PredictionTable, references: np.ndarray) -> tuple[np.ndarray, dict[FoundBy, int]]:
    paths, known = _plain(table.keys), _plain(references)
    places = pd.Index(references).get_indexer(table.keys)
    of_plain = pd.Index(known)
    if of_plain.is_unique:
        places = np.where(places >= 0, places, of_plain.get_indexer(paths))
    found_by: dict[FoundBy, int] = {"reference": int((places >= 0).sum())}
    open_rows = np.flatnonzero(places < 0)
    if len(open_rows):
        places[open_rows] = _by_ends(table, open_rows, paths[open_rows], known)
        found_by["end of the path"] = int((places[open_rows] >= 0).sum())
    if (places < 0).all():
        places = _by_name(paths, known)
        found_by["file name"] = int((places >= 0).sum())
    return places, {how: count for how, count in found_by.items() if count}


def _plain(paths: np.ndarray) -> np.ndarray:
    plain = pd.Series(paths, dtype="str").str.replace("\\", "/").str.replace(r"/(?:\./|/)+", "/", regex=True)
    return plain.str.replace(r"^(?:\./)+", "", regex=True).str.lstrip("/").to_numpy(object)


def _ends(paths: np.ndarray, depth: int) -> np.ndarray:
    """The last `depth` components of each path."""
    return np.array(["/".join(path.split("/")[-depth:]) for path in paths], object)


def _depths(paths: np.ndarray) -> np.ndarray:
    return np.array([path.count("/") + 1 for path in paths], np.int64)


def _by_ends(table: PredictionTable, rows: np.ndarray, paths: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Face of each path that ends with a reference, or that a reference ends with; -1 for none.

    Raises:
        AffectoscopeError: several references end with a path.
    """
    places = np.full(len(paths), -1)
    depths, depths_known = _depths(paths), _depths(known)
    for depth in sorted(set(depths_known.tolist()), reverse=True):  # the longest reference first
        wanted, of_depth = (
            np.flatnonzero((places < 0) & (depths > depth)),
            np.flatnonzero(depths_known == depth),
        )
        index = pd.Index(known[of_depth])
        if len(wanted) and index.is_unique:
            found = index.get_indexer(_ends(paths[wanted], depth))
            places[wanted] = np.where(found >= 0, of_depth[found], -1)
    for depth in sorted(set(depths[places < 0].tolist())):
        wanted, longer = (
            np.flatnonzero((places < 0) & (depths == depth)),
            np.flatnonzero(depths_known > depth),
        )
        ends = pd.Index(_ends(known[longer], depth))
        several = np.flatnonzero(np.isin(paths[wanted], ends[ends.duplicated()].to_numpy(object)))
        if len(several):
            row = wanted[several[0]]
            fitting = known[longer][ends == paths[row]]
            raise AffectoscopeError(
                f"'{table.keys[rows[row]]}' in row {rows[row] + 1} of {table.name} fits {len(fitting):,} faces, such as "
                f"'{fitting[0]}' and '{fitting[1]}' ({len(several):,} such rows); give more of their paths."
            )
        unique = ~ends.duplicated(keep=False)
        found = pd.Index(ends[unique]).get_indexer(paths[wanted])
        places[wanted] = np.where(found >= 0, longer[unique][found] if unique.any() else -1, -1)
    return places


def _by_name(paths: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Face of each path whose file name only one face has; -1 for none."""
    names = pd.Index(_ends(known, 1))
    alone = np.flatnonzero(~names.duplicated(keep=False))
    found = names[alone].get_indexer(_ends(paths, 1))
    return np.where(found >= 0, alone[found] if len(alone) else -1, -1)


def _once(
    table: PredictionTable, rows: np.ndarray, places: np.ndarray, references: np.ndarray
) -> tuple[np.ndarray, int]:
    """The rows without those that repeat an earlier one exactly, and how many do.

    Raises:
        AffectoscopeError: two rows about one face differ.
    """
    first = pd.Series(rows).groupby(places[rows]).transform("first").to_numpy() if len(rows) else rows
    again = rows != first
    parts = [table.probabilities, table.affect, table.embeddings]
    same = np.ones(int(again.sum()), bool)
    for values in parts:
        if values is not None:
            same &= (values[rows[again]] == values[first[again]]).all(axis=1)
    for labels in (table.splits, table.truth):
        if labels is not None:
            same &= labels[rows[again]] == labels[first[again]]
    if not same.all():
        pairs = list(zip(first[again][~same], rows[again][~same], strict=True))
        named = ", ".join(
            f"rows {one + 1} and {other + 1} ('{references[places[one]]}')" for one, other in pairs[:_NAMED]
        )
        raise AffectoscopeError(
            f"{table.name} has different predictions for one face in {len(pairs):,} {'pair' if len(pairs) == 1 else 'pairs'} "
            f"of rows: {named}; keep one row per face."
        )
    return rows[~again], int(again.sum())


def _check_truth(
    table: PredictionTable, rows: np.ndarray, expression: np.ndarray, references: np.ndarray
) -> None:
    """Raise AffectoscopeError where the true labels of the table are not those of the data."""
    if table.truth is None:
        return
    truth = table.truth[rows]
    other = np.flatnonzero((truth >= 0) & (truth != expression))
    if len(other):
        named = "; ".join(
            f"row {rows[each] + 1}, '{references[each]}': {EXPRESSIONS[truth[each]]} in the table, "
            f"{EXPRESSIONS[expression[each]]} in the data"
            for each in other[:_NAMED]
        )
        raise AffectoscopeError(
            f"The column '{table.columns.truth}' of {table.name} differs from the labels of the data in {len(other):,} of "
            f"{len(rows):,} rows ({named}). Pass the data that the network was tested on and the right label orders, or rename "
            "the column if it does not hold the annotated label."
        )
