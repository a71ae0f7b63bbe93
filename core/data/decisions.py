"""Decisions of a user on suspected label errors: decisions.csv in the run's folder, for `core.train --relabel`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.data import user_table
from core.data.user_table import UserTable
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS

#: Decisions beside the name of another expression: the label is right; the face is of no use.
KEEP, REMOVE = "keep", "remove"

COLUMNS = ("reference", "split", "given", "decision", "note", "decided")

_POSSIBLE = (*EXPRESSIONS, KEEP, REMOVE)


def _unknown(table: pd.DataFrame) -> str:
    for column, known, what in (("given", EXPRESSIONS, "label"), ("decision", _POSSIBLE, "decision")):
        unknown = table.loc[~table[column].isin(known), column]
        if len(unknown):
            return f"'{unknown.iloc[0]}' is no {what}"
    return ""


_KIND = UserTable("decision", COLUMNS, _unknown)


@dataclass(frozen=True)
class Decision:
    """Decision on the label of one face.

    Attributes:
        given: the label that the data gives the face.
        decision: the label it should have, KEEP or REMOVE; the given label means KEEP.
    """

    reference: str
    split: str
    given: str
    decision: str
    note: str = ""


def no_decisions() -> pd.DataFrame:
    """Decisions as `read_decisions` gives them, of nobody."""
    return user_table.empty(_KIND)


def read_decisions(path: Path) -> pd.DataFrame:
    """The decisions in a decisions.csv that this program wrote, oldest first; no rows where there is no such file.

    Returns:
        Text columns COLUMNS: reference (of the face, at most once), split, given (the data's label), decision (an
        expression, KEEP or REMOVE), note ('' for none), decided (UTC, ISO 8601).

    Raises:
        AffectoscopeError: the file is damaged or cannot be read.
    """
    return user_table.read(path, _KIND)


def decide(path: Path, decisions: Sequence[Decision]) -> pd.DataFrame:
    """Keep decisions in the decisions.csv at `path`, in place of former ones of their faces; returns all.

    Notes and damaged files are treated as `core.runs.tags.set_tag` treats them.

    Raises:
        AffectoscopeError: a note is too long, a label or decision is unknown, or the folder cannot be written.
    """
    decided = user_table.now()
    rows = []
    for each in decisions:
        if each.given not in EXPRESSIONS or each.decision not in _POSSIBLE:
            wrong = each.given if each.given not in EXPRESSIONS else each.decision
            raise AffectoscopeError(f"'{wrong}' is no decision; expected one of {', '.join(_POSSIBLE)}.")
        decision = KEEP if each.decision == each.given else each.decision
        note = user_table.plain_note(each.note)
        rows.append((each.reference, each.split, each.given, decision, note, decided))
    return user_table.put(path, _KIND, rows)


def write_decisions(path: Path, decisions: pd.DataFrame) -> None:
    """Decisions with COLUMNS, from wherever they come, kept at `path` as they are.

    Raises:
        AffectoscopeError: the folder cannot be written.
    """
    user_table.put(path, _KIND, list(decisions[list(COLUMNS)].itertuples(index=False, name=None)))


def take_back(path: Path, references: Collection[str]) -> pd.DataFrame:
    """Take decisions about these faces back, where there are any; returns the others.

    Raises:
        AffectoscopeError: the folder cannot be written.
    """
    return user_table.drop(path, _KIND, references)
