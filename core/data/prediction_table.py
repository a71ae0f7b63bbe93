"""A table of predictions that were made anywhere: read, validated, and as probabilities of known labels."""

import csv
import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.special import softmax

from core.data.prediction_columns import (
    REFERENCES,
    SPLIT_NAMES,
    SPLITS,
    TRUTHS,
    PredictionColumns,
    find_columns,
    quoted,
    read_numbers,
)
from core.errors import AffectoscopeError
from core.label_orders import LabelOrder, parse_label_order
from core.labels import EXPRESSIONS, LABEL_SETS, LabelSet, find_code, smallest_label_set
from core.runtime.files import digest

Outputs = Literal["auto", "probabilities", "logits"]

#: How far the sum of a row's probabilities may be from 1: rounding to two decimals. Within it rows are normalised.
TABLE_SUM_TOLERANCE = 0.02

#: Share of the rows that must be probabilities for a table of them; below, its columns are logits.
_MOST = 0.5

#: Largest valence or arousal that can still be on the scale of -1 to 1.
_LARGEST_AFFECT = 2.0

#: Largest embedding that is stored unchanged: float16 ends at 65,504.
_LARGEST_EMBEDDING = 1e4

_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Predictions, one per row, before they are joined to faces.

    Attributes:
        name: file name, for messages and run.json.
        sha256: of the file, or of the content of a table in memory.
        columns: which columns were read.
        keys: (n,) references as text, or int64 row numbers where columns.row is set.
        labels: c labels, in the order of AffectNet's codes.
        probabilities: (n, c) float64.
        outputs: what the columns held.
        affect: (n, 2) predicted valence and arousal, or None.
        embeddings: (n, d) float16, or None.
        splits: (n,) names, '' where the table names none; None without a column.
        truth: (n,) AffectNet codes, -1 where unknown; None without a column.
    """

    name: str
    sha256: str
    columns: PredictionColumns
    keys: np.ndarray
    labels: LabelSet
    probabilities: np.ndarray
    outputs: Literal["probabilities", "logits"]
    affect: np.ndarray | None
    embeddings: np.ndarray | None
    splits: np.ndarray | None
    truth: np.ndarray | None

    def __len__(self) -> int:
        return len(self.keys)


def read_prediction_table(
    source: Path | pd.DataFrame,
    *,
    label_order: str | None = None,
    outputs: Outputs = "auto",
    fewer_labels: bool = False,
) -> PredictionTable:
    """Read a CSV or Parquet file, or a table in memory, and validate every row. Rows are counted from 1 in messages.

    Args:
        label_order: what numbers mean, in the names of columns and in a column of true labels; see parse_label_order.
        outputs: what the columns of the labels hold; auto: probabilities if most rows are non-negative and sum to 1.
        fewer_labels: accept labels that are none of the sets of 7, 8 and 11.

    Raises:
        AffectoscopeError: the table cannot be read, or a column or a row is not what it has to be.
    """
    order = parse_label_order(label_order) if label_order else None
    if isinstance(source, pd.DataFrame):
        frame, name = source.reset_index(drop=True), "The table"
        frame.columns = [str(column) for column in frame.columns]
    else:
        frame, name = _read(source), source.name
    if not len(frame):
        raise AffectoscopeError(f"{name} has no rows; expected one per face.")
    columns = find_columns(frame, name, order)
    labels = LabelSet(tuple(EXPRESSIONS[code] for code in columns.outputs))
    if not fewer_labels:
        _check_label_set(labels, name)
    values = read_numbers(frame, list(columns.outputs.values()), name)
    probabilities, kind = _as_probabilities(values, outputs, columns.logits, name)
    keys = _keys(frame, columns, name)
    affect = _affect(frame, columns, name)
    table = PredictionTable(
        name=name,
        sha256="",
        columns=columns,
        keys=keys,
        labels=labels,
        probabilities=probabilities,
        outputs=kind,
        affect=affect,
        embeddings=_embeddings(frame, columns, name),
        splits=_splits(frame, columns),
        truth=_truth(frame, columns, name, order),
    )
    sha256 = digest(source) if isinstance(source, Path) else _digest(keys, values, affect)
    return PredictionTable(**{**vars(table), "sha256": sha256})


def _read(path: Path) -> pd.DataFrame:
    """The columns of a file, with text where names are expected."""
    try:
        if path.suffix.lower() in (".parquet", ".pq"):
            frame = pd.read_parquet(path)
            frame.columns = [str(column) for column in frame.columns]
            return frame
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = max(_DELIMITERS, key=first.count)
            header = next(csv.reader([first], delimiter=delimiter), [])
        if not any(header):
            raise AffectoscopeError(f"{path.name} is empty; expected a header and one row per face.")
        if twice := [column for place, column in enumerate(header) if column in header[:place]]:
            raise AffectoscopeError(f"{path.name} has the column '{twice[0]}' twice; rename one.")
        text = {*REFERENCES, *TRUTHS, *SPLITS}
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of rows with more cells than the header
            return pd.read_csv(
                path,
                sep=delimiter,
                encoding="utf-8-sig",
                index_col=False,
                dtype={column: "str" for column in header if column.strip().lower() in text},
                low_memory=False,
            )
    except (
        OSError,
        ValueError,
        pd.errors.ParserWarning,
        pa.ArrowException,
    ) as error:  # pandas' parsing errors are ValueErrors
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error).strip().split("\n")[0]
        raise AffectoscopeError(
            f"{path} cannot be read as a table ({reason}); expected a CSV file in UTF-8 or a Parquet file."
        ) from error


def _check_label_set(labels: LabelSet, name: str) -> None:
    if labels in LABEL_SETS.values():
        return
    missing = [label for label in smallest_label_set(set(labels.codes)).labels if label not in labels.labels]
    raise AffectoscopeError(
        f"{name} has columns for {', '.join(labels.labels)}, and none for {', '.join(missing)}; add what is missing, or pass "
        "--fewer-labels if the network does not have these labels: their faces are then counted and not scored."
    )


def _as_probabilities(
    values: np.ndarray, outputs: Outputs, named_logits: bool, name: str
) -> tuple[np.ndarray, Literal["probabilities", "logits"]]:
    """(n, c) probabilities of (n, c) finite outputs, and what the outputs were."""
    sums = values.sum(axis=1)
    whole = (values >= 0).all(axis=1) & (np.abs(sums - 1) <= TABLE_SUM_TOLERANCE)
    if outputs == "auto":
        outputs = "logits" if named_logits or whole.mean() < _MOST else "probabilities"
        shares = (values >= 0).all() and (values <= 1).all()
        if outputs == "logits" and not named_logits and (shares or np.allclose(sums, 100, atol=2)):
            raise AffectoscopeError(
                f"{name}: the columns {'are from 0 to 1' if shares else 'are percentages'} and sum to "
                f"{np.median(sums):.3g} in the middle row, not to 1; expected probabilities of all labels, or logits. Add a "
                "missing label, divide by the sum, or pass --outputs logits if these are logits."
            )
    if outputs == "logits":
        return softmax(values, axis=1), "logits"
    if not whole.all():
        wrong = np.flatnonzero(~whole)
        named = ", ".join(
            f"row {row + 1} {f'sums to {sums[row]:.4g}' if (values[row] >= 0).all() else f'has {values[row].min():.4g}'}"
            for row in wrong[:3]
        )
        raise AffectoscopeError(
            f"{name}: the probabilities of {len(wrong):,} of {len(values):,} rows are negative or do not sum to 1 ({named}); "
            "correct these rows, or pass --outputs logits if all are logits."
        )
    return values / sums[:, None], "probabilities"


def _keys(frame: pd.DataFrame, columns: PredictionColumns, name: str) -> np.ndarray:
    cells = frame[columns.key]
    if columns.row:
        rows = read_numbers(frame, [columns.row], name)[:, 0]
        odd = np.flatnonzero((rows < 0) | (rows != np.floor(rows)))
        if len(odd):
            raise AffectoscopeError(
                f"{name}: row {odd[0] + 1} has {rows[odd[0]]:g} in '{columns.row}'; expected a row number of the data set, "
                "from 0."
            )
        return rows.astype(np.int64)
    absent = cells.isna() | (cells.astype("str").str.strip() == "")
    if absent.any():
        raise AffectoscopeError(
            f"{name}: {absent.sum():,} rows have no '{columns.key}', first row {int(absent.to_numpy().argmax()) + 1}; every "
            "row needs its face."
        )
    return cells.astype("str").str.strip().to_numpy(object)


def _affect(frame: pd.DataFrame, columns: PredictionColumns, name: str) -> np.ndarray | None:
    if not columns.affect or frame[list(columns.affect)].isna().all(axis=None):
        return None
    affect = read_numbers(frame, columns.affect, name)
    largest = np.abs(affect).max()
    if largest > _LARGEST_AFFECT:
        row = int(np.abs(affect).max(axis=1).argmax())
        raise AffectoscopeError(
            f"{name}: valence and arousal go up to {largest:.4g} (row {row + 1}); expected the scale from -1 to 1."
        )
    return affect


def _embeddings(frame: pd.DataFrame, columns: PredictionColumns, name: str) -> np.ndarray | None:
    """(n, d) float16; larger ones than it holds are divided by a common number, which keeps their cosines."""
    if not columns.embedding:
        return None
    if len(columns.embedding) > 1 or pd.api.types.is_numeric_dtype(frame[columns.embedding[0]]):
        values = read_numbers(frame, columns.embedding, name).astype(np.float32)
    else:
        values = _stack(frame[columns.embedding[0]], name)
    largest = np.abs(values).max(initial=0)
    return (values / max(1.0, largest / _LARGEST_EMBEDDING)).astype(np.float16)


def _stack(lists: pd.Series, name: str) -> np.ndarray:
    """(n, d) float32 of a column of lists."""
    rows: list[np.ndarray] = []
    for row, cell in enumerate(lists):
        try:
            values = np.asarray(cell, np.float32)
            right = values.ndim == 1 and len(values) and np.isfinite(values).all()
        except (TypeError, ValueError):
            right = False
        if not right or (rows and len(values) != len(rows[0])):
            expected = f"a list of {len(rows[0])}" if rows else "a list of"
            raise AffectoscopeError(
                f"{name}: row {row + 1} has another embedding in '{lists.name}' than {expected} finite numbers; every row "
                "needs as many."
            )
        rows.append(values)
    return np.stack(rows)


def _splits(frame: pd.DataFrame, columns: PredictionColumns) -> np.ndarray | None:
    if not columns.split:
        return None
    cells = frame[columns.split]
    plain = cells.astype("str").str.strip().str.lower().str.replace(r"[\s\-]+", "_", regex=True)
    return plain.where(cells.notna(), "").replace(SPLIT_NAMES).to_numpy(object)


def _truth(
    frame: pd.DataFrame, columns: PredictionColumns, name: str, order: LabelOrder | None
) -> np.ndarray | None:
    """(n,) codes of the column of true labels, -1 where a cell is empty."""
    if not columns.truth:
        return None
    cells = frame[columns.truth]
    text = cells.astype("str").str.strip().where(cells.notna(), "")
    text = text.str.replace(r"^(\d+)\.0$", r"\1", regex=True)  # whole numbers beside empty cells
    different = [each for each in text.unique() if each]
    numbers = {each: int(each) for each in different if each.isascii() and each.isdigit()}
    if numbers and order is None:
        raise AffectoscopeError(
            f"{name} has numbers in '{columns.truth}' ({quoted(sorted(numbers))}), and nothing says whose they are; pass "
            "--label-order, or leave the column out."
        )
    by_number = order.codes(set(numbers.values())) if order else {}
    codes = {"": -1}
    for each in different:
        code = by_number.get(numbers[each]) if each in numbers else find_code(each)
        if code is None:
            row = int((text == each).to_numpy().argmax())
            raise AffectoscopeError(
                f"{name}: row {row + 1} has '{each}' in '{columns.truth}', which is no known label; correct it, or rename the "
                "column if it does not hold the annotated label."
            )
        codes[each] = code
    return text.map(codes).to_numpy(np.int64)


def _digest(keys: np.ndarray, values: np.ndarray, affect: np.ndarray | None) -> str:
    """SHA-256 of the content of a table in memory."""
    found = hashlib.sha256("\n".join(map(str, keys)).encode())
    for array in (values, affect):
        if array is not None:
            found.update(np.ascontiguousarray(array, np.float64).tobytes())
    return found.hexdigest()
