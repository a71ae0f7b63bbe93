"""Distributions of a run's faces: valence and arousal, and face size."""

import pandas as pd
import streamlit as st

from core.analysis.data_summary import BIN
from core.metrics.text import DECIMAL, PERCENT, WHOLE
from core.runs.run import Run
from dashboard import url_state
from dashboard.charts import planes
from dashboard.components import appearance, number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.tables import planes as tables
from dashboard.text import affect as affect_text
from dashboard.text import data as data_text

#: Caption where training kept no counts of its own.
ONLY_TEST = "Of the test faces only: this run was trained before the other splits were counted."


def show_split_means(run: Run, summary: pd.DataFrame) -> None:
    """Mean valence and arousal and median face size of every split, where there are several."""
    means = tables.split_means(summary)
    sentence = data_text.split_means(means)
    if not sentence:
        return
    st.markdown(sentence)
    columns = {
        "valence": Number(DECIMAL, "mean valence"),
        "arousal": Number(DECIMAL, "mean arousal"),
        "size": Number(WHOLE, "median face size in pixels"),
    }
    number_table.show(means, columns, csv=f"{run.name}-split-means")


def show_plane(run: Run, summary: pd.DataFrame, split: str, expression: str | None) -> None:
    """Density of a split's faces, all or those of one expression, over valence and arousal."""
    density = tables.density(summary, split, expression)
    if density.empty:
        st.markdown(f"No {split} face annotated {expression} has valence and arousal.")
        return
    centres = tables.centres(summary, split)
    if expression:
        centres = centres[centres["expression"] == expression]
    happy = data_text.has_affectnet_regions(run) and expression in (None, "happy")
    appearance.plot(
        planes.density(density, centres, bin_width=BIN, happy=happy, ink=appearance.ink()),
        key="plane",
        alt=f"Density of {split} faces annotated {expression or 'with any expression'} on the plane of valence "
        "and arousal.",
    )
    st.caption(affect_text.plane_note(happy))
    csv_button(density, f"{run.name}-plane-{split}-{expression or 'all'}")
    with st.expander("Mean positions"):
        columns = {"faces": number_table.COUNT, "valence": Number(DECIMAL), "arousal": Number(DECIMAL)}
        number_table.show(centres, columns, csv=f"{run.name}-mean-positions-{split}", height="content")


def show_sizes(run: Run, summary: pd.DataFrame) -> None:
    """Histogram of the face sizes, with the input size of the network."""
    st.subheader("Face sizes")
    side, margin = run.info["preprocessing"].get("size", 0), run.info["preprocessing"].get("margin", 0.0)
    smallest = side / (1 + 2 * margin)
    numbers, sizes = tables.size_numbers(summary, smallest), tables.sizes(summary)
    if run.has_network:
        st.markdown(data_text.enlarged(numbers, side, margin))
    figure = planes.sizes(sizes, side=smallest, ink=appearance.ink())
    appearance.plot(figure, key="sizes", alt="Histogram of face sizes per split.")
    csv_button(sizes, f"{run.name}-face-sizes")
    columns = {
        "faces": number_table.COUNT,
        "median": Number(WHOLE, "median size in pixels"),
        "smaller": Number(PERCENT, f"under {smallest:.0f} pixels"),
    }
    number_table.show(numbers, columns, csv=f"{run.name}-face-size-numbers")


def choose_split(summary: pd.DataFrame) -> str:
    splits = tables.splits(summary, "plane")
    return url_state.segments("Split", {name: name for name in splits}, key="split_shown")
