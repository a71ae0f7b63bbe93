"""Marks of faces on pages: loading them, saving them, and saying what is wrong with them."""

import pandas as pd
import streamlit as st

from core.errors import AffectoscopeError
from core.runs.marks import LONGEST_NOTE, MARKS, for_spreadsheets, no_marks, remove_mark, set_mark
from core.runs.run import Run
from dashboard import loading, text
from dashboard.components.downloads import csv_button
from dashboard.tables import faces as tables


def load(run: Run) -> pd.DataFrame:
    """The run's marks; none, with one sentence on the page, where their file is damaged."""
    try:
        return loading.marks(run)
    except AffectoscopeError as error:
        st.warning(str(error), icon=":material/flag:")
        return no_marks()


def show_counts(run: Run, marks: pd.DataFrame) -> None:
    """How many faces have each mark, in one line, with their CSV; nothing where none is marked."""
    if marks.empty:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(text.marks(tables.count_marks(marks)), width="content")
        csv_button(for_spreadsheets(marks), f"{run.name}-marks", label="CSV of the marks")


def show_form(run: Run, face: pd.Series, marks: pd.DataFrame) -> None:
    """Mark one face (a row of a `faces` table), change its mark or take it back."""
    reference = face["reference"]
    kept = marks[marks["reference"] == reference]
    mark = kept.iloc[0] if len(kept) else None
    # Another key after each change, so that the controls show what is kept.
    name = f"mark-{run.name}-{reference}-{'' if mark is None else mark['marked']}"
    with st.form(name, border=True):
        what = st.pills(
            "What is wrong here?",
            MARKS,
            default=None if mark is None else mark["mark"],
            key=f"{name}-what",
        )
        note = st.text_input(
            "Note",
            "" if mark is None else mark["note"],
            max_chars=LONGEST_NOTE,
            key=f"{name}-note",
            placeholder="optional",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            saved = st.form_submit_button("Save the mark", icon=":material/flag:")
            removed = mark is not None and st.form_submit_button("Remove it", type="tertiary")
            if mark is not None:
                st.caption(text.marked(mark, face["predicted"]), width="content")
    if saved and what is None:
        st.warning("Choose one of the four marks first.", icon=":material/flag:")
    elif saved:
        labels = {"true": str(face["true"]), "predicted": str(face["predicted"])}
        _change(lambda: set_mark(run.marks_path, reference=reference, **labels, mark=what, note=note))
    elif removed:
        _change(lambda: remove_mark(run.marks_path, reference))


def _change(change) -> None:
    """Save, and show the page with it; or say why that cannot be done."""
    try:
        change()
    except AffectoscopeError as error:
        st.warning(str(error), icon=":material/flag:")
    else:
        st.rerun()
