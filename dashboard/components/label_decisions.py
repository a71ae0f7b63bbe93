"""Decisions about labels on pages: load, make with one click, undo, apply."""

import pandas as pd
import streamlit as st

from core.data.decisions import KEEP, REMOVE, decide, no_decisions, take_back
from core.data.user_table import for_spreadsheets
from core.errors import AffectoscopeError
from core.runs.run import Run
from dashboard import loading
from dashboard.components import note_form
from dashboard.components.downloads import csv_button
from dashboard.tables import label_errors as tables
from dashboard.text import label_errors as text

_PROBLEM, _MADE = "_decision_problem", "_decisions_made"

SUGGESTED = "suggested"


def load(run: Run) -> pd.DataFrame:
    """The run's decisions; none, with one sentence on the page, where their file is damaged."""
    if problem := st.session_state.pop(_PROBLEM, None):
        st.warning(problem, icon=":material/rule:")
    try:
        return loading.decisions(run)
    except AffectoscopeError as error:
        st.warning(str(error), icon=":material/rule:")
        return no_decisions()


def make(run: Run, faces: pd.DataFrame, choice: str, note: str = "") -> None:
    """Decide about these rows of a ranking; for a button's on_click. See `tables.decisions_about`."""
    _keep(lambda: decide(run.decisions_path, tables.decisions_about(faces, choice, note=note)))


def undo(run: Run, references: list[str]) -> None:
    """Undo decisions; for a button's on_click."""
    _keep(lambda: take_back(run.decisions_path, references))


def times_decided() -> int:
    """Number of decisions made or undone in this session."""
    return st.session_state.get(_MADE, 0)


def show_progress(shown: pd.DataFrame, faces: str) -> None:
    """Share of the faces passing the filters that are decided."""
    counts = tables.progress(shown)
    st.progress(counts["decided"] / max(counts["faces"], 1), text=text.format_progress(counts, faces))


def show_buttons(run: Run, face: pd.Series, *, key: str) -> None:
    """Buttons that decide about a face (a row of a ranking with decisions), or undo its decision."""
    row = pd.DataFrame([face])
    if face["decision"]:
        st.markdown(f":small[:material/check: **{text.format_decision(face['decision'])}**]")
        st.button("Undo", icon=":material/undo:", key=f"undo-{key}", type="tertiary", on_click=undo,
                  args=(run, [face["reference"]]))  # fmt: skip
        return
    st.button(
        f"Relabel to {face['suggested']}",
        key=f"relabel-{key}",
        on_click=make,
        args=(run, row, SUGGESTED),
        width="stretch",
    )
    with st.container(horizontal=True, gap="xxsmall"):
        for title, choice, help in (
            ("Keep", KEEP, f"The label {face['given']} is right"),
            ("Remove", REMOVE, "Leave this face out of training"),
        ):
            st.button(
                title,
                key=f"{choice}-{key}",
                type="tertiary",
                on_click=make,
                args=(run, row, choice),
                help=help,
            )


def show_form(run: Run, face: pd.Series, decisions: pd.DataFrame) -> None:
    """Decide about one face, with any label and a note; change or undo it."""
    kept = decisions[decisions["reference"] == face["reference"]]
    former = kept.iloc[0] if len(kept) else None
    name = f"decide-{run.name}-{face['reference']}-{times_decided()}"
    options = [*run.labels, REMOVE]
    default = None
    if former is not None:
        default = str(face["annotated"]) if former["decision"] == KEEP else former["decision"]
    answer = note_form.show(
        name,
        "What should its label be?",
        options,
        default=default if default in options else None,
        note="" if former is None else former["note"],
        entry="decision",
        icon=":material/rule:",
        former="" if former is None else text.format_decision_time(former),
        remove="Undo",
        unanswered="Choose a label first, or remove.",
        format_option=lambda option: _option(option, face),
    )
    if answer is None:
        return
    if answer.removed:
        undo(run, [face["reference"]])
    else:
        make(run, pd.DataFrame([face]), answer.choice, answer.note)
    st.rerun()


def show_results(run: Run, decisions: pd.DataFrame) -> None:
    """The decisions as CSV, and the commands that apply them."""
    st.subheader("Apply the decisions")
    if decisions.empty:
        st.caption(text.NOTHING_DECIDED)
        return
    st.markdown(text.count_decisions(decisions))
    csv_button(for_spreadsheets(decisions), f"{run.name}-decisions", label="CSV of the decisions")
    st.code(text.apply_commands(run, decisions), language="bash", wrap_lines=True)


def _option(option: str, face: pd.Series) -> str:
    if option == REMOVE:
        return ":material/delete: remove the face"
    hint = {str(face["given"]): " (given)", str(face["suggested"]): " (suggested)"}.get(option, "")
    return f"{option}{hint}"


def _keep(change) -> None:
    """Save, or keep the reason of a failure for the next run of the page."""
    st.session_state[_MADE] = times_decided() + 1
    try:
        change()
    except AffectoscopeError as error:
        st.session_state[_PROBLEM] = str(error)
