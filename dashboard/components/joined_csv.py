"""A user's CSV on the page of slices: in this visitor's session and memory only, never in a shared cache."""

import hashlib
from dataclasses import dataclass

import streamlit as st

from core.analysis.slices.review import SliceReview, review_slices
from core.analysis.slices.user_columns import MEGABYTES, JoinedColumns, read_joined_columns
from core.errors import AffectoscopeError
from core.runs.run import Run
from dashboard import loading
from dashboard.caching import run_state
from dashboard.text import slices as text

TYPES = ("csv", "tsv", "txt")

# Kept beside the widget, whose own state is dropped on pages that do not draw it.
_FILE, _TIMES, _JOINED, _REVIEW = "joined_file", "joined_times", "joined_columns", "joined_review"


@dataclass(frozen=True)
class _File:
    name: str
    content: bytes
    digest: str


def choose(run: Run) -> JoinedColumns | None:
    """The columns that the user joined to the run's faces; None without a file, or with one that cannot be used."""
    with st.expander(
        "Join a table of your own", icon=":material/table_view:", expanded=_FILE in st.session_state
    ):
        st.markdown(text.JOINING)
        key = f"joined-{st.session_state.get(_TIMES, 0)}"
        st.file_uploader(
            "CSV",
            type=list(TYPES),
            max_upload_size=MEGABYTES,
            key=key,
            on_change=_take,
            args=(key,),
            help="UTF-8; commas, semicolons or tabs. Empty cells are missing values.",
        )
        file = st.session_state.get(_FILE)
        if file is None:
            return None
        try:
            joined = _read(run, file)
        except AffectoscopeError as error:
            st.error(str(error), icon=":material/table_view:")
            joined = None
        else:
            st.success(f"{file.name}: {joined.sentence()}", icon=":material/join_inner:")
        st.button("Remove this table", icon=":material/delete:", on_click=forget)
        return joined


def review(run: Run, joined: JoinedColumns | None, parts: int) -> SliceReview:
    """The run's slices, by the joined columns too."""
    if joined is None:
        return loading.slices(run, parts)
    key = (*run_state(run), st.session_state[_FILE].digest, parts)
    kept = st.session_state.get(_REVIEW)
    if kept is None or kept[0] != key:
        with st.spinner("Comparing slices of the faces ..."):
            made = review_slices(
                loading.predictions(run), loading.face_attributes(run), joined.frame, parts=parts
            )
        kept = st.session_state[_REVIEW] = key, made
    return kept[1]


def forget() -> None:
    """Drop the user's table and what was made of it."""
    for name in (_FILE, _JOINED, _REVIEW):
        st.session_state.pop(name, None)
    st.session_state[_TIMES] = (
        st.session_state.get(_TIMES, 0) + 1
    )  # an empty widget in place of the filled one


def _take(key: str) -> None:
    uploaded = st.session_state[key]
    if uploaded is None:
        forget()
        return
    content = uploaded.getvalue()
    st.session_state[_FILE] = _File(uploaded.name, content, hashlib.sha256(content).hexdigest())


def _read(run: Run, file: _File) -> JoinedColumns:
    """The file's columns, read once for each run that it is joined to."""
    key = (*run_state(run), file.digest)
    kept = st.session_state.get(_JOINED)
    if kept is None or kept[0] != key:
        references = loading.predictions(run).frame["reference"].tolist()
        kept = st.session_state[_JOINED] = key, read_joined_columns(file.content, file.name, references)
    return kept[1]
