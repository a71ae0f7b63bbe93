"""Detector evaluation on the page Protocol: recall of the detector and accuracy on its boxes."""

import streamlit as st

from core.analysis.detection import DetectedScores
from core.analysis.protocol import Protocol
from core.metrics.text import PERCENT
from core.runs.run import Run
from dashboard.components.downloads import csv_button
from dashboard.tables import protocol as tables
from dashboard.text import protocol as text

_FACES = st.column_config.NumberColumn(format="localized")
_PERCENT = st.column_config.NumberColumn(format=PERCENT.printf)


def show(run: Run, protocol: Protocol, scores: DetectedScores | None) -> None:
    """Misses and accuracy, overall and per label; without `scores`, the command that measures them."""
    if scores is None:
        st.info(text.not_detected(run, protocol), icon=":material/center_focus_strong:")
        st.code(text.detection_command(run), language="bash", wrap_lines=True)
        return
    overall, labels = tables.detected(scores), tables.detected_per_label(scores)
    st.markdown(text.detected(scores, protocol))
    st.dataframe(
        tables.as_text(overall), column_config={"of faces": _FACES}, hide_index=True, width="content"
    )
    csv_button(overall, f"{run.name}-detected")
    st.dataframe(
        labels,
        column_config={
            "recall_of_found": {**_PERCENT, "label": "recall of the found"},
            "recall_of_all": {**_PERCENT, "label": "recall with misses as errors"},
        },
        hide_index=True,
        width="stretch",
        height="content",
    )
    csv_button(labels, f"{run.name}-detected-per-label")
