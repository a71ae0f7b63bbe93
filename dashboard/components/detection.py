"""Detector evaluation on the page Protocol: recall of the detector and accuracy on its boxes."""

import streamlit as st

from core.analysis.detection import DetectedScores
from core.analysis.protocol import Protocol
from core.metrics.text import PERCENT
from core.runs.run import Run
from dashboard.components import empty_state, number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.tables import protocol as tables
from dashboard.text import protocol as text


def show(run: Run, protocol: Protocol, scores: DetectedScores | None) -> None:
    """Misses and accuracy, overall and per label; without `scores`, the command that measures them."""
    if scores is None and not run.has_network:
        st.info(run.no_network("Scoring detected faces"), icon=":material/center_focus_strong:")
        return
    if scores is None:
        empty_state.show(
            text.not_detected(run, protocol), text.detection_command(run), icon="center_focus_strong"
        )
        return
    overall, labels = tables.detected(scores), tables.detected_per_label(scores)
    st.markdown(text.detected(scores, protocol))
    number_table.show(tables.as_text(overall), {"of faces": number_table.COUNT}, width="content")
    csv_button(overall, f"{run.name}-detected")
    number_table.show(
        labels,
        {
            "recall_of_found": Number(PERCENT, "recall of the found"),
            "recall_of_all": Number(PERCENT, "recall with misses as errors"),
        },
        csv=f"{run.name}-detected-per-label",
        height="content",
    )
