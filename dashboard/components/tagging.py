"""Tags of faces on pages: load, show, change."""

import pandas as pd
import streamlit as st

from core.errors import AffectoscopeError
from core.runs.run import Run
from core.runs.tags import TAGS, empty_tags, for_spreadsheets, remove_tag, set_tag
from dashboard import loading
from dashboard.components import note_form
from dashboard.components.downloads import csv_button
from dashboard.tables import faces as tables
from dashboard.text import faces as face_text


def load(run: Run) -> pd.DataFrame:
    """The run's tags; none, with one sentence on the page, where their file is damaged."""
    try:
        return loading.tags(run)
    except AffectoscopeError as error:
        st.warning(str(error), icon=":material/flag:")
        return empty_tags()


def show_counts(run: Run, tags: pd.DataFrame) -> None:
    """Number of faces with each tag, in one line, with their CSV; nothing where none is tagged."""
    if tags.empty:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(face_text.count_tags(tables.count_tags(tags)), width="content")
        csv_button(for_spreadsheets(tags), f"{run.name}-marks", label="CSV of the tags")


def show_form(run: Run, face: pd.Series, tags: pd.DataFrame) -> None:
    """Form that tags one face (a row of a `faces` table), or changes or removes its tag."""
    reference = face["reference"]
    kept = tags[tags["reference"] == reference]
    tag = kept.iloc[0] if len(kept) else None
    name = f"mark-{run.name}-{reference}-{'' if tag is None else tag['marked']}"
    answer = note_form.show(
        name,
        "Tag",
        TAGS,
        default=None if tag is None else tag["mark"],
        note="" if tag is None else tag["note"],
        entry="tag",
        icon=":material/flag:",
        former="" if tag is None else face_text.format_tag_time(tag, face["predicted"]),
        remove="Remove the tag",
        unanswered="Choose one of the four tags first.",
    )
    if answer is None:
        return
    if answer.removed:
        _change(lambda: remove_tag(run.tags_path, reference))
    else:
        labels = {"true": str(face["true"]), "predicted": str(face["predicted"])}
        chosen = {"tag": answer.choice, "note": answer.note}
        _change(lambda: set_tag(run.tags_path, reference=reference, **labels, **chosen))


def _change(change) -> None:
    """Save and rerun the page, or show why that failed."""
    try:
        change()
    except AffectoscopeError as error:
        st.warning(str(error), icon=":material/flag:")
    else:
        st.rerun()
