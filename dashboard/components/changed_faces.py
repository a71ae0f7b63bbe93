"""Faces whose prediction differs between two runs: a gallery, and one face with the probabilities of both."""

import numpy as np
import pandas as pd
import streamlit as st

from core.analysis.comparison.pairing import PairedRuns
from core.runs.run import Run
from dashboard import loading, url_state
from dashboard.charts import bars
from dashboard.components import face_view, gallery
from dashboard.components.downloads import csv_button
from dashboard.images import image_source
from dashboard.tables.faces import face_probabilities


def open_face(reference: str) -> None:
    st.session_state["face"] = reference


def show(run: Run, other: Run, paired: PairedRuns, faces: pd.DataFrame) -> None:
    """A page of `faces`, rows of a `changed_faces` table of run B, which is `run`; `other` is run A."""
    predictions = loading.predictions(run)
    large = st.container()
    # Both runs have the same faces, so the thumbnails of either one serve.
    pictured = other if other.has_thumbnails and not run.has_thumbnails else run
    source = image_source(pictured, predictions)
    listed = gallery.show(faces, source, name=f"{run.name}-changed-from-{other.name}", open_face=open_face)
    with large:
        chosen = url_state.selectbox(
            "Face", list(listed["reference"]), key="face", placeholder="choose one to see it large"
        )
        if chosen is None:
            return
        face = listed[listed["reference"] == chosen].iloc[0]
        face_view.show(run, predictions, face, int(face.name), source)
        row = int(paired.rows_a[np.flatnonzero(paired.rows_b == face.name)[0]])
        st.markdown(f"Probabilities of '{other.name}':")
        table = face_probabilities(loading.predictions(other), row)
        st.altair_chart(bars.probabilities(table, true=face["true"]), width="stretch")
        csv_button(table, f"{other.name}-face-probabilities")
