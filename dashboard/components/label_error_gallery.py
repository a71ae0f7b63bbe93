"""Faces whose label may be wrong: a gallery, a table, or one of them large."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.analysis.label_errors import LabelErrors
from core.data.decisions import KEEP, REMOVE
from core.metrics.text import PERCENT
from core.runs.run import Run
from dashboard import url_state
from dashboard.charts import bars
from dashboard.components import label_decisions, number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.images import ImageSource
from dashboard.tables import faces as face_tables
from dashboard.tables import label_errors as tables
from dashboard.text import label_errors as text

PER_PAGE = 24

_COLUMNS = {
    "reference": st.column_config.TextColumn("face"),
    "given": st.column_config.TextColumn("given"),
    "suggested": st.column_config.TextColumn("suggested"),
    "decision": st.column_config.TextColumn("decision"),
    "p_given": Number(PERCENT, "p of the given"),
    "p_suggested": Number(PERCENT, "p of the suggested"),
    "contradiction": st.column_config.CheckboxColumn("contradiction"),
    "split": st.column_config.TextColumn("split"),
}


def show(
    run: Run,
    faces: pd.DataFrame,
    source: ImageSource | None,
    *,
    name: str,
    open_face: Callable[[str], None],
) -> None:
    """One page of a ranking with decisions: pictures with buttons, or a table to tick rows of."""
    pages = max(1, -(-len(faces) // PER_PAGE))
    page = url_state.page(pages, key="page", of=name)
    shown = faces.iloc[(page - 1) * PER_PAGE : page * PER_PAGE]
    if source is None:
        # Another key after each decision, so that nothing stays ticked.
        key = f"rows-{name}-{page}-{label_decisions.times_decided()}"
        _show_table(run, shown, key=key, open_face=open_face)
        return
    with st.grid("auto", min_column_width=150, gap="small"):
        for row, face in shown.iterrows():
            with st.container(gap="xxsmall"):
                _picture(source(row), face)
                st.button(
                    f":small[{text.format_suggestion(face)}]",
                    key=f"open-{name}-{row}",
                    type="tertiary",
                    on_click=open_face,
                    args=(face["reference"],),
                    help=f"Open {face['reference']}",
                )
                if face["contradiction"]:
                    st.caption(":material/bolt: contradiction")
                label_decisions.show_buttons(run, face, key=f"{name}-{row}")


def _show_table(run: Run, shown: pd.DataFrame, *, key: str, open_face: Callable[[str], None]) -> None:
    """Ticked rows are decided about together; one ticked row can be opened."""
    ticked = st.session_state.get(key, {}).get("selection", {}).get("rows", [])
    rows = shown.iloc[[row for row in ticked if row < len(shown)]]
    with st.container(horizontal=True, vertical_alignment="center"):
        for title, choice in (
            ("Relabel as suggested", label_decisions.SUGGESTED),
            ("Keep", KEEP),
            ("Remove", REMOVE),
        ):
            st.button(
                title,
                key=f"{choice}-{key}",
                on_click=label_decisions.make,
                args=(run, rows, choice),
                disabled=rows.empty,
            )
        references = list(rows["reference"])
        st.button(
            "Undo",
            icon=":material/undo:",
            key=f"undo-{key}",
            type="tertiary",
            on_click=label_decisions.undo,
            args=(run, references),
            disabled=not (rows["decision"] != "").any(),
        )
        st.button(
            "Open",
            key=f"open-{key}",
            type="tertiary",
            on_click=open_face,
            args=(references[0] if references else "",),
            disabled=len(references) != 1,
        )
        st.caption("Tick rows, then decide." if rows.empty else f"{len(rows)} ticked", width="content")
    number_table.show(
        shown,
        _COLUMNS,
        column_order=list(_COLUMNS),
        key=key,
        on_select="rerun",
        selection_mode="multi-row",
    )


def choose_among(faces: pd.DataFrame, reference: str, open_face: Callable[[str], None]) -> None:
    """Buttons of the open face: previous, next, back to the gallery."""
    position, previous, following = tables.neighbours(faces, reference)
    with st.container(horizontal=True, vertical_alignment="center"):
        for title, icon, other in (
            ("Previous", "arrow_back", previous),
            ("Next", "arrow_forward", following),
        ):
            st.button(
                title,
                icon=f":material/{icon}:",
                key=f"to-{title}",
                on_click=open_face,
                args=(other,),
                disabled=other is None,
            )
        page = 1 if position is None else position // PER_PAGE + 1
        st.button(
            "All faces",
            icon=":material/grid_view:",
            on_click=lambda: st.session_state.update({"face": None, "page": page}),
        )
        st.caption(
            "not among the filtered faces" if position is None else f"{position + 1:,} of {len(faces):,}",
            width="content",
        )


def show_one(
    run: Run, errors: LabelErrors, face: pd.Series, source: ImageSource | None, decisions: pd.DataFrame
) -> None:
    """One face large (a row of a ranking with decisions): its probabilities, contradictions and decision."""
    row = int(face.name)
    columns = st.columns([1, 2], gap="medium")
    with columns[0]:
        _picture(source(row) if source else None, face)
        st.markdown(text.describe_label(face))
        frame = errors.predictions.frame
        contradiction = text.contradiction(
            face, float(frame["valence"].iat[row]), float(frame["arousal"].iat[row])
        )
        if contradiction:
            st.markdown(f":material/bolt: {contradiction}")
        st.caption(f"{face['reference']} ({face['split']})")
    with columns[1]:
        table = face_tables.face_probabilities(errors.predictions, row)
        st.altair_chart(bars.probabilities(table, true=face["given"], mark="given"), width="stretch")
        csv_button(table, "face-probabilities")
    label_decisions.show_form(run, face, decisions)


def _picture(image: bytes | None, face: pd.Series) -> None:
    if image is None:
        st.caption(":material/hide_image: No image of this face.")
        return
    st.image(image, width="stretch", alt=f"Face labelled {face['given']}, suggested {face['suggested']}")
