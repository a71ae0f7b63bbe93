"""Faces side by side, each with truth, prediction and probability; and one face large."""

import pandas as pd
import streamlit as st

from core.predictions import Predictions
from dashboard import links, words
from dashboard.charts import bars
from dashboard.downloads import csv_button
from dashboard.images import ImageSource
from dashboard.tables import faces as tables

PER_PAGE = 24

_COLUMNS = {
    "reference": st.column_config.TextColumn("face"),
    "true": st.column_config.TextColumn("annotated"),
    "predicted": st.column_config.TextColumn("predicted"),
    "probability": st.column_config.NumberColumn("probability", format="percent"),
    "probability_true": st.column_config.NumberColumn("of the annotated", format="percent"),
    "loss": st.column_config.NumberColumn("loss", format="%.2f"),
    "margin": st.column_config.NumberColumn("margin", format="%.2f"),
}


def show(faces: pd.DataFrame, source: ImageSource | None, *, name: str) -> pd.DataFrame:
    """One page of a `faces` table as pictures, or as a table without images; returns that page's rows."""
    pages = max(1, -(-len(faces) // PER_PAGE))
    page = links.page(pages, key="page", of=(name, len(faces)))
    shown = faces.iloc[(page - 1) * PER_PAGE : page * PER_PAGE]
    if source is None:
        st.dataframe(
            shown, column_order=list(_COLUMNS), column_config=_COLUMNS, hide_index=True, width="stretch"
        )
    else:
        with st.grid("auto", min_column_width=128, gap="small"):
            for row, face in shown.iterrows():
                with st.container(gap="xxsmall"):
                    _picture(source(row), face)
    csv_button(
        faces.drop(columns="correct"), name, label=f"CSV of all {len(faces):,}" if pages > 1 else "CSV"
    )
    return shown


def show_one(predictions: Predictions, face: pd.Series, row: int, source: ImageSource | None) -> None:
    """One face large, with all of its probabilities."""
    left, right = st.columns([1, 2], gap="large")
    with left:
        image = source(row) if source else None
        if image:
            st.image(image, width="stretch", alt=_caption(face))
        else:
            st.caption("No image: see above where images would come from.")
        st.markdown(f"**{face['true']}** read as **{face['predicted']}**")
        st.caption(f"{face['reference']} ({face['split']})")
        st.caption(f"Loss {face['loss']:.2f}, margin {face['margin']:+.2f}")
    with right:
        table = tables.face_probabilities(predictions, row)
        st.altair_chart(bars.probabilities(table, true=face["true"]), width="stretch")
        csv_button(table, "face-probabilities")


def show_neighbours(faces: pd.DataFrame, source: ImageSource | None) -> None:
    """The faces that the network sees most like the chosen one, nearest first."""
    st.markdown("**Seen as most alike**")
    st.caption(
        "Nearest by the angle between the network's embeddings: what they are annotated as hints at the cause."
    )
    if source is None:
        st.dataframe(
            faces, column_order=list(_COLUMNS)[:5], column_config=_COLUMNS, hide_index=True, width="stretch"
        )
        return
    with st.grid("auto", min_column_width=128, gap="small"):
        for row, face in faces.iterrows():
            with st.container(gap="xxsmall"):
                _picture(source(row), face)


def _picture(image: bytes | None, face: pd.Series) -> None:
    if image is None:
        st.caption(":material/hide_image: This image cannot be read.")
    else:
        st.image(image, width="stretch", alt=_caption(face))
    st.markdown(
        f":small[{face['true']} → **{face['predicted']}** {words.percent(face['probability'], digits=0)}]"
    )


def _caption(face: pd.Series) -> str:
    return f"Face annotated {face['true']}, predicted {face['predicted']}"
