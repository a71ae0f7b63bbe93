"""Faces side by side, each with truth, prediction and probability."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.metrics.text import DECIMAL, PERCENT, SHORT_DECIMAL, percent
from core.runs.tags import TAGS
from dashboard import url_state
from dashboard.components import number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.images import ImageSource
from dashboard.tables.faces import UNTAGGED
from dashboard.text import affect as affect_text
from dashboard.text import faces as face_text

PER_PAGE = 24

#: Columns of a face and its prediction.
FACE = {
    "reference": "face",
    "true": "annotated",
    "predicted": "predicted",
    "probability": Number(PERCENT),
}

_COLUMNS = FACE | {
    "probability_true": Number(PERCENT, "of the annotated"),
    "other_predicted": "by the other run",
    "other_probability": Number(PERCENT, "probability there"),
    "loss": Number(SHORT_DECIMAL),
    "margin": Number(SHORT_DECIMAL),
    "votes": "votes of people",
    "people": Number(SHORT_DECIMAL, "entropy of the votes"),
    "network": Number(SHORT_DECIMAL, "of the network"),
    "mark": "tag",
    "distance": Number(DECIMAL),
    "valence": Number(SHORT_DECIMAL),
    "arousal": Number(SHORT_DECIMAL),
    "predicted_valence": Number(SHORT_DECIMAL, "predicted valence"),
    "predicted_arousal": Number(SHORT_DECIMAL, "predicted arousal"),
}

#: A callback that opens the face of a reference.
Opener = Callable[[str], None]


def show(
    faces: pd.DataFrame, source: ImageSource | None, *, name: str, open_face: Opener | None = None
) -> pd.DataFrame:
    """One page of a `faces` table as pictures, or as a table without images; returns that page's rows.

    With `open_face`, a click on a face opens it.
    """
    pages = max(1, -(-len(faces) // PER_PAGE))
    page = url_state.page(pages, key="page", of=(name, len(faces)))
    shown = faces.iloc[(page - 1) * PER_PAGE : page * PER_PAGE]
    _lay_out(shown, source, name=name, open_face=open_face)
    csv_button(
        faces.drop(columns="correct"), name, label=f"CSV of all {len(faces):,}" if pages > 1 else "CSV"
    )
    return shown


def show_neighbours(
    faces: pd.DataFrame, source: ImageSource | None, *, name: str, open_face: Opener | None = None
) -> None:
    """The nearest neighbours of the chosen face by embedding, nearest first, each with its `distance`."""
    st.subheader("Nearest neighbours")
    st.caption(
        "By cosine distance of the network's embeddings (0: the same direction, 1: orthogonal). Their annotations may "
        "show why the face was misclassified."
    )
    _lay_out(faces, source, name=name, open_face=open_face)
    csv_button(faces.drop(columns="correct"), name)


def _lay_out(faces: pd.DataFrame, source: ImageSource | None, *, name: str, open_face: Opener | None) -> None:
    if source is not None:
        with st.grid("auto", min_column_width=128, gap="small"):
            for row, face in faces.iterrows():
                with st.container(gap="xxsmall"):
                    _picture(source(row), face, key=f"open-{name}-{row}", open_face=open_face)
        return
    if open_face is None:
        number_table.show(faces, _COLUMNS, column_order=list(_COLUMNS))
        return
    key = f"rows-{name}"

    def take_row() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            open_face(faces["reference"].iloc[rows[0]])

    number_table.show(
        faces,
        _COLUMNS,
        column_order=list(_COLUMNS),
        key=key,
        on_select=take_row,
        selection_mode="single-row",
    )


def _picture(image: bytes | None, face: pd.Series, *, key: str, open_face: Opener | None) -> None:
    if image is None:
        st.caption(":material/hide_image: This image cannot be read.")
    else:
        alt = f"Face annotated {face['true']}, predicted {face['predicted']}"
        st.image(image, width="stretch", alt=alt)
    share = percent(face["probability"], digits=0).replace(" ", "\u00a0")
    caption = f"{face['true']} → **{face['predicted']}** {share}"
    if open_face is None:
        st.markdown(f":small[{caption}]")
    else:
        reference = face["reference"]
        help = f"Open {reference}"
        st.button(
            f":small[{caption}]", key=key, type="tertiary", on_click=open_face, args=(reference,), help=help
        )
    about = [f"distance {face['distance']:.3f}"] if "distance" in face else []
    if "votes" in face:
        about.append(f"people: {face['votes']}")
    if "other_predicted" in face:
        about.append(face_text.format_other_run(face))
    if "predicted_valence" in face:
        about.append(affect_text.format_affect(face))
    if face.get("mark", UNTAGGED) in TAGS:
        about.append(f":material/flag: {face['mark']}")
    if about:
        st.caption("  \n".join(about))
