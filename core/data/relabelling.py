"""A user's decisions applied to the labels of a data set: `--relabel decisions.csv`.

The split is fixed before, so a training with corrected labels has the faces of the one without in the same splits,
and its test faces keep their labels: the two stay comparable.
"""

import csv
import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.data import user_table
from core.data.decisions import COLUMNS, KEEP, REMOVE
from core.data.face_table import FaceTable
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS, LabelSet, expression_code

#: Columns that a file of decisions needs; of the others in core.data.decisions.COLUMNS those that are there are kept.
NEEDED = ("reference", "given", "decision")

#: Why a face is not used, in the ledger.
REMOVED = "removed by decision"

#: Splits whose labels a training learns from.
TRAINED_SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Relabelling:
    """Decisions as they were read from a file.

    Attributes:
        file: its name, without the folder.
        content: its bytes.
        table: text columns core.data.decisions.COLUMNS and line (of the file, from 1); labels by their AffectNet names.
    """

    file: str
    content: bytes
    table: pd.DataFrame

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Relabelled:
    """Effect of label decisions on a data set.

    Attributes:
        relabelling: the decisions.
        report: for run.json: file, sha256, relabelled, removed, kept, test_left_alone, not_found (faces each),
            changes ('sad -> neutral': faces).
    """

    relabelling: Relabelling
    report: dict

    def sentence(self) -> str:
        return format_relabelling(self.report)


def format_relabelling(report: dict) -> str:
    """'decisions.csv: 5 labels changed (sad -> neutral 3, fear -> surprise 2), 1 face removed, 4 kept' of a report."""
    changes = ", ".join(f"{change} {faces:,}" for change, faces in report["changes"].items())
    parts = [
        f"{_counted(report['relabelled'], 'label')} changed{f' ({changes})' if changes else ''}",
        f"{_counted(report['removed'], 'face')} removed",
        f"{report['kept']:,} kept",
    ]
    if report["test_left_alone"]:
        parts.append(
            f"{_counted(report['test_left_alone'], 'decision')} about test faces left alone, so that test scores stay "
            "comparable"
        )
    if report["not_found"]:
        parts.append(f"{_counted(report['not_found'], 'face')} not among these")
    return f"{report['file']}: {', '.join(parts)}"


def trained_with(data: dict) -> str:
    """Sentence about the label decisions that a run was trained with, from the data entry of run.json; '' for none."""
    report = data.get("relabelled")
    if not report:
        return ""
    try:
        return f"Trained with corrected labels: {format_relabelling(report)}."
    except (KeyError, TypeError, ValueError, AttributeError):
        return "Trained with corrected labels."


def read_relabelling(path: Path, labels: LabelSet) -> Relabelling:
    """The decisions in a CSV file, which the dashboard or a user wrote.

    Labels may be synonyms in any case (core.labels); columns beside NEEDED may be missing, in any order, or others.

    Args:
        labels: what a face may be relabelled to.

    Raises:
        AffectoscopeError: the file cannot be read, lacks columns, or a row makes no sense; the sentence names it.
    """
    try:
        content = path.read_bytes()
        header, *rows = user_table.cells(content) or [[]]
    except (OSError, ValueError, csv.Error) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise AffectoscopeError(f"--relabel {path} cannot be read as a CSV file ({reason}).") from error
    lacking = [name for name in NEEDED if name not in header]
    if lacking:
        raise AffectoscopeError(
            f"--relabel {path} lacks the columns {', '.join(lacking)}; expected those of a run's decisions.csv: "
            f"{', '.join(COLUMNS)}."
        )
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise _refused(path, line, f"has {len(row)} cells; expected {len(header)}, as the first row has")
    table = user_table.unescaped(pd.DataFrame(rows, columns=header, dtype="str"))
    table = table.reindex(columns=list(COLUMNS), fill_value="").assign(line=np.arange(len(rows)) + 2)
    twice = table["reference"].duplicated()
    if twice.any():
        row = table[twice].iloc[0]
        raise _refused(
            path, row["line"], f"decides about '{row['reference']}' a second time; keep one row per face"
        )
    for column in ("given", "decision"):
        table[column] = [
            _label(path, line, column, text) for line, text in zip(table["line"], table[column], strict=True)
        ]
    table["decision"] = table["decision"].mask(table["decision"] == table["given"], KEEP)
    outside = ~table["decision"].isin([*labels.labels, KEEP, REMOVE])
    if outside.any():
        row = table[outside].iloc[0]
        raise _refused(
            path,
            row["line"],
            f"relabels '{row['reference']}' as {row['decision']}, which is not among the {len(labels)} labels; write "
            f"'{REMOVE}' to leave the face out",
        )
    return Relabelling(path.name, content, table)


def relabel(
    table: FaceTable, relabelling: Relabelling, *, splits: tuple[str, ...] | None = TRAINED_SPLITS
) -> tuple[FaceTable, np.ndarray, Relabelled]:
    """The decisions applied to the faces of `splits`; None for all faces.

    Removed faces are rejected in the ledger of the table that is returned; votes on faces with a changed label are
    dropped, so that soft targets learn the decision.

    Returns:
        The table that is left, with its labels; (n,) boolean, which rows of the one given that is; what was done.

    Raises:
        AffectoscopeError: a decision was made about another label than the data gives.
    """
    decisions = relabelling.table
    faces = table.faces.copy()
    rows = pd.Index(faces["reference"]).get_indexer(decisions["reference"])
    found = decisions[rows >= 0].assign(row=rows[rows >= 0])
    codes = faces["expression"].to_numpy().copy()
    names = np.array(EXPRESSIONS, object)
    other = names[codes[found["row"]]] != found["given"].to_numpy(object)
    if other.any():
        first = found[other].iloc[0]
        raise AffectoscopeError(
            f"Row {first['line']} of {relabelling.file} was decided about '{first['reference']}' labelled "
            f"{first['given']}, and the data labels it {names[codes[first['row']]]}; pass decisions about these labels."
        )
    inside = (
        np.ones(len(found), bool)
        if splits is None
        else faces["split"].iloc[found["row"]].isin(splits).to_numpy()
    )
    applied = found[inside]
    changed = applied[~applied["decision"].isin([KEEP, REMOVE])]
    codes[changed["row"]] = [EXPRESSIONS.index(name) for name in changed["decision"]]
    faces["expression"] = codes
    votes = table.votes
    if votes is not None and len(changed):
        votes = votes.copy()
        votes[changed["row"]] = 0
    removed = applied[applied["decision"] == REMOVE]
    ledger = table.ledger.copy()
    for reference in removed["reference"]:
        ledger.reject(REMOVED, reference)
    left = np.ones(len(faces), bool)
    left[removed["row"]] = False
    changes = Counter(f"{row.given} -> {row.decision}" for row in changed.itertuples())
    report = {
        "file": relabelling.file,
        "sha256": relabelling.sha256,
        "relabelled": len(changed),
        "removed": len(removed),
        "kept": int((applied["decision"] == KEEP).sum()),
        "test_left_alone": int((~inside).sum()),
        "not_found": len(decisions) - len(found),
        "changes": dict(changes.most_common()),
    }
    return (
        replace(table, faces=faces, ledger=ledger, votes=votes).select(left),
        left,
        Relabelled(relabelling, report),
    )


def _label(path: Path, line: int, column: str, text: str) -> str:
    """An expression's AffectNet name, KEEP or REMOVE."""
    plain = text.strip().lower()
    if column == "decision" and plain in (KEEP, REMOVE):
        return plain
    try:
        return EXPRESSIONS[expression_code(plain)]
    except ValueError as error:
        more = f", {KEEP} or {REMOVE}" if column == "decision" else ""
        raise _refused(
            path, line, f"has '{text}' under {column}; expected one of {', '.join(EXPRESSIONS)}{more}"
        ) from error


def _refused(path: Path, line: int, why: str) -> AffectoscopeError:
    return AffectoscopeError(f"Row {line} of --relabel {path} {why}.")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
