"""Columns of a table of predictions, found by their names: what identifies the faces, and what was predicted for them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import AffectoscopeError
from core.label_orders import LabelOrder, undecided
from core.labels import EXPRESSIONS, find_code

#: Names of the column that identifies the face of a row, in order of preference; case-insensitive, as all names here.
REFERENCES = (
    "reference", "path", "file", "filename", "file_name", "image_path", "file_path", "image_name", "image", "face",
)  # fmt: skip

#: Names of the column with the row number of the face in the data set, from 0.
ROW_NUMBERS = ("row", "row_number", "row_index", "index")

#: Names of the column with the annotated label, which must agree with the data.
TRUTHS = (
    "truth", "true", "true_label", "ground_truth", "y_true", "target", "annotated", "annotation", "label", "expression",
    "emotion", "class",
)  # fmt: skip

SPLITS = ("split", "subset", "usage", "partition", "fold")

#: Names of splits in tables -> those of this program; others stay as they are.
SPLIT_NAMES = {
    "training": "train",
    "trn": "train",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "testing": "test",
    "publictest": "test",
    "privatetest": "private_test",
}

_PREDICTED = ("predicted_{}", "pred_{}", "p_{}", "{}_predicted", "{}_pred", "{}")
_EMBEDDING = re.compile(r"(?:embeddings?|features?|emb)[_.\- ]?(\d+)")
_EMBEDDINGS = ("embedding", "embeddings", "feature", "features")
_OUTPUT = re.compile(r"(p|prob|probs|probability|probabilities|logits?|scores?|outputs?)[_.\- ](.+)")

#: Bad cells that an error names.
_NAMED = 3


@dataclass(frozen=True)
class PredictionColumns:
    """Names of the columns of a table.

    Attributes:
        reference: path or file name of each face, or '' where `row` identifies it.
        row: row number of each face in the data set, or ''.
        outputs: column per label, by AffectNet code, in ascending order of the codes.
        logits: the names of these columns say that they are logits.
        truth, split: '' for none.
        affect: columns of predicted valence and arousal, or ().
        embedding: columns of the embedding in order; a single one may hold lists.
    """

    reference: str
    row: str
    outputs: dict[int, str]
    logits: bool
    truth: str = ""
    split: str = ""
    affect: tuple[str, ...] = ()
    embedding: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The column that identifies the faces."""
        return self.reference or self.row


def find_columns(frame: pd.DataFrame, name: str, order: LabelOrder | None) -> PredictionColumns:
    """Find the columns of a table whose column names are text.

    Args:
        name: of the table, for messages.
        order: what numbered columns mean; None: they are refused.

    Raises:
        AffectoscopeError: a column is there twice, none identifies the faces, or there are not at least two labels.
    """
    plain: dict[str, str] = {}
    for column in frame.columns:
        if (lower := column.strip().lower()) in plain:
            raise AffectoscopeError(
                f"{name} has the column '{column}' twice, with '{plain[lower]}'; rename one."
            )
        plain[lower] = column
    reference = next((plain[each] for each in REFERENCES if each in plain), "")
    row = "" if reference else next((plain[each] for each in ROW_NUMBERS if each in plain), "")
    if not reference and not row:
        raise AffectoscopeError(
            f"{name} has no column that identifies the faces, only {quoted(frame.columns)}; name one of them reference "
            f"(or {', '.join(REFERENCES[1:4])}: a path or file name), or row (the row number in the data set, from 0)."
        )
    outputs, logits = _outputs(frame, plain, name, order)
    taken = {*outputs.values(), reference, row}
    affect = [
        next((plain[each] for pattern in _PREDICTED if (each := pattern.format(dimension)) in plain), "")
        for dimension in ("valence", "arousal")
    ]
    if bool(affect[0]) != bool(affect[1]):
        raise AffectoscopeError(
            f"{name} has a column '{affect[0] or affect[1]}' alone; pass valence and arousal, or neither."
        )
    return PredictionColumns(
        reference=reference,
        row=row,
        outputs=outputs,
        logits=logits,
        truth=next((plain[each] for each in TRUTHS if each in plain and plain[each] not in taken), ""),
        split=next((plain[each] for each in SPLITS if each in plain), ""),
        affect=tuple(affect) if affect[0] else (),
        embedding=_embedding(plain),
    )


def _outputs(
    frame: pd.DataFrame, plain: dict[str, str], name: str, order: LabelOrder | None
) -> tuple[dict[int, str], bool]:
    """The column of each label by code, and whether their names say that they are logits.

    Named columns come before numbered ones, and those with a prefix (p_happy, logit_happy) before those without.
    """
    named: dict[str, dict[int, str]] = {}
    numbered: dict[str, dict[int, str]] = {}
    for lower, column in plain.items():
        match = _OUTPUT.fullmatch(lower)
        prefix, rest = match.groups() if match else ("", lower)
        if rest.isascii() and rest.isdigit():
            numbered.setdefault(prefix, {})[int(rest)] = column
        elif (code := find_code(rest)) is not None:
            of_prefix = named.setdefault(prefix, {})
            if code in of_prefix:
                raise AffectoscopeError(
                    f"{name} has two columns for {EXPRESSIONS[code]}, '{of_prefix[code]}' and '{column}'; keep one."
                )
            of_prefix[code] = column
    for groups in (named, numbered):
        found = {prefix: columns for prefix, columns in groups.items() if len(columns) > 1}
        if not found:
            continue
        prefix = max(found, key=bool)  # the first that has a prefix, where any has
        columns = found[prefix]
        if groups is numbered:
            columns = _by_order(frame, columns, name, order)
        return {code: columns[code] for code in sorted(columns)}, prefix.startswith("logit")
    raise AffectoscopeError(
        f"{name} has no probabilities: expected a column for each label, such as p_happy, happy, or 0 with --label-order; "
        f"there are {quoted(frame.columns)}."
    )


def _by_order(
    frame: pd.DataFrame, columns: dict[int, str], name: str, order: LabelOrder | None
) -> dict[int, str]:
    """Numbered columns by the code of their label."""
    if order is None:
        numbers = np.array(sorted(columns))
        values = np.column_stack(
            [pd.to_numeric(frame[columns[number]], errors="coerce") for number in numbers]
        )
        chosen = numbers[np.nan_to_num(values.astype(float), nan=-np.inf).argmax(axis=1)]
        counts = {int(number): int((chosen == number).sum()) for number in numbers}
        raise undecided(f"{name} has columns of labels", counts)
    codes = order.codes(set(columns))
    if lost := [str(number) for number in sorted(columns) if number not in codes]:
        raise AffectoscopeError(
            f"{name} has the columns {', '.join(str(number) for number in sorted(columns))}, and {order.title} has no label "
            f"for {', '.join(lost)}; pass the --label-order that the network was trained with."
        )
    return {codes[number]: column for number, column in columns.items()}


def _embedding(plain: dict[str, str]) -> tuple[str, ...]:
    numbered = {
        int(match[1]): column for lower, column in plain.items() if (match := _EMBEDDING.fullmatch(lower))
    }
    if numbered:
        return tuple(numbered[number] for number in sorted(numbered))
    return tuple(plain[each] for each in _EMBEDDINGS if each in plain)[:1]


def read_numbers(frame: pd.DataFrame, columns: Sequence[str], name: str) -> np.ndarray:
    """(n, columns) float64 of columns of finite numbers; text with a decimal comma is read as well.

    Raises:
        AffectoscopeError: a cell is empty or no finite number; the sentence names the first rows.
    """
    values = np.empty((len(frame), len(columns)))
    wrong: list[tuple[int, str, object]] = []
    bad = np.zeros(len(frame), bool)
    for place, column in enumerate(columns):
        cells = frame[column]
        if not pd.api.types.is_numeric_dtype(cells):
            text = cells.astype("str").str.strip()
            cells = pd.to_numeric(
                text.str.replace(r"^([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)$", r"\1.\2", regex=True),
                errors="coerce",
            )
        values[:, place] = cells.to_numpy(np.float64, na_value=np.nan)
        odd = ~np.isfinite(values[:, place])
        bad |= odd
        wrong += [(int(row), column, frame[column].iloc[row]) for row in np.flatnonzero(odd)[:_NAMED]]
    if wrong:
        named = ", ".join(
            f"row {row + 1} has {_shown(value)} in '{column}'" for row, column, value in sorted(wrong, key=lambda each: each[0])[:_NAMED]
        )  # fmt: skip
        raise AffectoscopeError(
            f"{name} has {bad.sum():,} {'row' if bad.sum() == 1 else 'rows'} without a finite number where one is expected: "
            f"{named}; correct or leave out these rows."
        )
    return values


def _shown(value: object) -> str:
    return "no value" if value is None or value != value or not str(value).strip() else f"'{value}'"


def quoted(names: Sequence[str], most: int = 8) -> str:
    """'a', 'b' and 3 more."""
    shown = ", ".join(f"'{name}'" for name in list(names)[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
