"""Tags of faces on pages: loading them, saving them, and saying what is wrong with them."""

import pandas as pd
import streamlit as st

from core.errors import AffectoscopeError
from core.runs.run import Run
from core.runs.tags import LONGEST_NOTE, TAGS, for_spreadsheets, no_tags, remove_tag, set_tag
from dashboard import loading
from dashboard.components.downloads import csv_button
from dashboard.tables import faces as tables
from dashboard.text import faces as face_text


def load(run: Run) -> pd.DataFrame:
    """The run's tags; none, with one sentence on the page, where their file is damaged."""
    try:
        return loading.tags(run)
    except AffectoscopeError as error:
        st.warning(str(error), icon=":material/flag:")
        return no_tags()


def show_counts(run: Run, tags: pd.DataFrame) -> None:
    """How many faces have each tag, in one line, with their CSV; nothing where none is tagged."""
    if tags.empty:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(face_text.tags(tables.count_tags(tags)), width="content")
        csv_button(for_spreadsheets(tags), f"{run.name}-tags", label="CSV of the tags")


def show_form(run: Run, face: pd.Series, tags: pd.DataFrame) -> None:
    """Tag one face (a row of a `faces` table), change its tag or take it back."""
    reference = face["reference"]
    kept = tags[tags["reference"] == reference]
    tag = kept.iloc[0] if len(kept) else None
    # Another key after each change, so that the controls show what is kept.
    name = f"mark-{run.name}-{reference}-{'' if tag is None else tag['marked']}"
    with st.form(name, border=True):
        what = st.pills(
            "What is wrong here?",
            TAGS,
            default=None if tag is None else tag["mark"],
            key=f"{name}-what",
        )
        note = st.text_input(
            "Note",
            "" if tag is None else tag["note"],
            max_chars=LONGEST_NOTE,
            key=f"{name}-note",
            placeholder="optional",
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            saved = st.form_submit_button("Save the tag", icon=":material/flag:")
            removed = tag is not None and st.form_submit_button("Remove it", type="tertiary")
            if tag is not None:
                st.caption(face_text.tagged(tag, face["predicted"]), width="content")
    if saved and what is None:
        st.warning("Choose one of the four tags first.", icon=":material/flag:")
    elif saved:
        labels = {"true": str(face["true"]), "predicted": str(face["predicted"])}
        _change(lambda: set_tag(run.tags_path, reference=reference, **labels, tag=what, note=note))
    elif removed:
        _change(lambda: remove_tag(run.tags_path, reference))


def _change(change) -> None:
    """Save, and show the page with it; or say why that cannot be done."""
    try:
        change()
    except AffectoscopeError as error:
        st.warning(str(error), icon=":material/flag:")
    else:
        st.rerun()
