"""The threshold explorer of the page Per class: metrics of one expression over a threshold on its probability."""

import streamlit as st

from core.metrics.scoring import Scores
from core.metrics.text import percent, span
from core.metrics.thresholds import counts_at
from core.runs.run import Run
from dashboard import loading, url_state
from dashboard.charts import thresholds
from dashboard.components import appearance, number_table
from dashboard.components.downloads import csv_button
from dashboard.tables import thresholds as tables
from dashboard.text import scores as text


def show(run: Run, scores: Scores) -> None:
    """Choice of expression and threshold, the metrics there, and their curves."""
    st.markdown(text.THRESHOLD_MEANING)
    left, right = st.columns(2)
    with left:
        first = scores.present_labels[0]
        expression = (
            url_state.selectbox("Expression", scores.labels, key="expression", placeholder=first) or first
        )
    with right:
        threshold = url_state.number("Threshold", 0.0, 1.0, default=0.5, step=0.01, key="threshold")
    points, curve = loading.threshold_points(run, expression), loading.threshold_curve(run, expression)
    counts = counts_at(points, threshold)
    numbers = tables.numbers_at(counts)
    if gaps := text.threshold_gaps(expression, counts):
        st.info(gaps, icon=":material/info:")
    with st.container(horizontal=True):
        for (_, row), title in zip(numbers.iterrows(), tables.NUMBERS.values()):
            st.metric(
                title,
                percent(row["value"]),
                delta=span(row["low"], row["high"]) or None,
                delta_color="off",
                delta_arrow="off",
                border=True,
                width="content",
                height="stretch",
            )
    st.caption("In grey the Wilson 95% interval of precision and of recall.")
    number_table.show(tables.four_counts(counts, expression), {"faces": number_table.COUNT}, width="content")
    csv_button(numbers, f"{run.name}-{expression}-at-{threshold:g}")
    appearance.plot(
        thresholds.thresholds(curve, numbers, threshold=threshold, best=points.best_f1),
        key="thresholds",
        alt=f"Precision, recall and F1 of {expression} over the threshold from 0 to 1.",
    )
    csv_button(curve, f"{run.name}-{expression}-thresholds")
    if best := text.best_threshold(expression, *points.best_f1):
        st.markdown(best)
