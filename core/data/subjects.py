"""Who is shown: subjects from a user's table, and groups of faces that a split must keep together."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from core.data.face_table import FaceTable
from core.data.user_table import cells
from core.errors import AffectoscopeError


def add_subjects(table: FaceTable, path: Path) -> FaceTable:
    """The faces with the subjects of a CSV with the columns reference and subject; other faces keep theirs.

    Raises:
        AffectoscopeError: the file cannot be read, names two subjects of one face, or names no face of the table.
    """
    subjects = read_subjects(path)
    faces = table.faces
    named = faces["reference"].map(subjects)
    if not named.notna().any():
        raise AffectoscopeError(
            f"--subjects {path} names no face of {table.title}, whose references are such as "
            f"{', '.join(faces['reference'].head(2))}; found {', '.join(list(subjects)[:2]) or 'no row'}."
        )
    return replace(table, faces=faces.assign(subject=named.fillna(faces["subject"]).astype("str")))


def read_subjects(path: Path) -> dict[str, str]:
    """Subjects by reference, of a CSV with these two columns, and others, in any order.

    Raises:
        AffectoscopeError: the file cannot be read, or names two subjects of one face.
    """
    try:
        header, *rows = cells(path.expanduser().read_bytes()) or [[]]
    except (OSError, ValueError, csv.Error) as error:  # what is not UTF-8 is a ValueError
        raise AffectoscopeError(
            f"--subjects {path} cannot be read ({error}); expected a CSV in UTF-8."
        ) from error
    names = [name.strip().lower() for name in header]
    if not {"reference", "subject"} <= set(names) or any(len(row) != len(names) for row in rows):
        raise AffectoscopeError(
            f"--subjects {path} has the columns {', '.join(header) or 'none'}; expected reference and subject, and as many "
            "cells in every row."
        )
    reference, subject = names.index("reference"), names.index("subject")
    subjects: dict[str, str] = {}
    for row in rows:
        known = subjects.setdefault(row[reference], row[subject].strip())
        if known != row[subject].strip():
            raise AffectoscopeError(
                f"--subjects {path} names two subjects of {row[reference]}, {known} and {row[subject].strip()}; keep one."
            )
    return subjects


def join_subjects(groups: np.ndarray, subjects: Sequence[str]) -> np.ndarray:
    """Groups of faces that chains of `groups` and of equal subjects join.

    Args:
        groups: (n,) int64 ids, such as those of core.data.near_duplicates.near_duplicate_groups.
        subjects: (n,) identifiers, "" where unknown.

    Returns:
        (n,) int64 ids, from 0; `groups` where no subject is known.
    """
    subjects = np.asarray(subjects, dtype=object)
    known = np.flatnonzero(subjects != "")
    if not known.size:
        return groups
    group = np.unique(groups, return_inverse=True)[1]
    person = pd.factorize(subjects[known])[0]
    nodes = int(group.max()) + int(person.max()) + 2
    edges = np.ones(known.size, bool), (group[known], group.max() + 1 + person)
    component = sparse.csgraph.connected_components(
        sparse.coo_array(edges, shape=(nodes, nodes)), directed=False
    )[1]
    return np.unique(component[group], return_inverse=True)[1].astype(np.int64)
