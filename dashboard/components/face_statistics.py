"""Distributions of a run's faces: valence and arousal, and face size."""

import pandas as pd
import streamlit as st

from core.analysis.data_summary import BIN
from core.runs.run import Run
from dashboard import url_state
from dashboard.charts import planes
from dashboard.components import appearance
from dashboard.components.downloads import csv_button
from dashboard.tables import planes as tables
from dashboard.text import affect as affect_text
from dashboard.text import data as data_text

_FACES = st.column_config.NumberColumn(format="localized")
_MEAN = st.column_config.NumberColumn(format="%.3f")

#: Caption where training kept no counts of its own.
ONLY_TEST = "Of the test faces only: this run was trained before the other splits were counted."


def show_split_means(run: Run, summary: pd.DataFrame) -> None:
    """Mean valence and arousal and median face size of every split, where there are several."""
    means = tables.split_means(summary)
    sentence = data_text.split_means(means)
    if not sentence:
        return
    st.markdown(sentence)
    st.dataframe(
        means,
        column_config={
            "valence": st.column_config.NumberColumn("mean valence", format="%.3f"),
            "arousal": st.column_config.NumberColumn("mean arousal", format="%.3f"),
            "size": st.column_config.NumberColumn("median face size in pixels", format="%d"),
        },
        hide_index=True,
        width="stretch",
    )
    csv_button(means, f"{run.name}-split-means")


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
        config = {"faces": _FACES, "valence": _MEAN, "arousal": _MEAN}
        st.dataframe(centres, column_config=config, hide_index=True, width="stretch", height="content")
        csv_button(centres, f"{run.name}-mean-positions-{split}")


def show_sizes(run: Run, summary: pd.DataFrame) -> None:
    """Histogram of the face sizes, with the input size of the network."""
    st.subheader("Face sizes")
    side, margin = run.info["preprocessing"].get("size", 0), run.info["preprocessing"].get("margin", 0.0)
    smallest = side / (1 + 2 * margin)
    numbers, sizes = tables.size_numbers(summary, smallest), tables.sizes(summary)
    st.markdown(data_text.enlarged(numbers, side, margin))
    figure = planes.sizes(sizes, side=smallest, ink=appearance.ink())
    appearance.plot(figure, key="sizes", alt="Histogram of face sizes per split.")
    csv_button(sizes, f"{run.name}-face-sizes")
    st.dataframe(
        numbers,
        column_config={
            "faces": _FACES,
            "median": st.column_config.NumberColumn("median size in pixels", format="%d"),
            "smaller": st.column_config.NumberColumn(f"under {smallest:.0f} pixels", format="percent"),
        },
        hide_index=True,
        width="stretch",
    )
    csv_button(numbers, f"{run.name}-face-size-numbers")


def choose_split(summary: pd.DataFrame) -> str:
    splits = tables.splits(summary, "plane")
    return url_state.segments("Split", {name: name for name in splits}, key="split_shown")
