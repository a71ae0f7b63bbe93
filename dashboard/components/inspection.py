"""Inspection of data sets: that of a run's data, and that of a path."""

import streamlit as st

from core.analysis.data_inspection.inspection import inspect_faces, load_inspection, recorded_verdict
from core.analysis.data_inspection.text import inspection_lines
from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.metrics.text import DECIMAL, PERCENT
from core.runs.run import Run
from dashboard.charts import inspection as charts
from dashboard.components import number_table
from dashboard.components.number_table import Number
from dashboard.tables import inspection as tables
from dashboard.text import data as data_text

#: Faces that are decoded where a page waits for them.
_FACES = 10_000


def show_verdict(run: Run) -> None:
    """The verdict on the run's data, as a warning where anything is wrong with it."""
    verdict = recorded_verdict(run)
    if verdict is None:
        return
    if verdict.problems:
        st.warning(verdict.sentence, icon=":material/warning:")
    else:
        st.caption(verdict.sentence)


def show_inspection(run: Run) -> None:
    """Counts and pixels of the run's data beside the published ones, and its duplicates."""
    st.subheader("Is it the published data?")
    try:
        found = load_inspection(run)
    except AffectoscopeError as error:
        st.warning(str(error), icon=":material/broken_image:")
        return
    if found is None:
        st.markdown(data_text.NOT_INSPECTED)
        return
    for remark in found.verdict.remarks:
        st.markdown(f"- {remark}")
    published = tables.published_counts(found)
    if published["published"].notna().any():
        number_table.show(
            published,
            {
                "faces": number_table.COUNT,
                "published": number_table.COUNT,
                "difference": number_table.COUNT,
            },
            csv=f"{run.name}-published",
        )
    pixels = tables.pixel_statistics(found)
    st.altair_chart(charts.pixel_ranges(pixels), width="stretch")
    st.caption(data_text.pixels(found))
    quantiles = {
        name: Number(DECIMAL, name.replace("_", " "))
        for name in pixels.columns
        if name.endswith(("low", "median", "high"))
    }
    number_table.show(pixels, {"faces": number_table.COUNT, **quantiles}, csv=f"{run.name}-pixels")
    duplicates = tables.duplicates(found)
    shares = {name: Number(PERCENT, name.replace("_", " ")) for name in duplicates.columns[2:]}
    number_table.show(duplicates, {"faces": number_table.COUNT, **shares}, csv=f"{run.name}-duplicates")


def offer_inspection() -> None:
    """An input for a path, and what `core.inspect` says of the data set there."""
    with st.expander("Inspect another data set", icon=":material/search:"):
        st.caption(data_text.INSPECTS)
        with st.form("inspect", border=False):
            path = st.text_input(
                "Path of a data set on this machine", key="inspected-path", placeholder="/path/to/data.zip"
            )
            wanted = st.form_submit_button("Inspect")
        if not wanted or not path.strip():
            return
        with st.spinner("Decoding faces ..."):
            lines, problem = _inspect(path.strip())
        if problem:
            st.error(problem, icon=":material/folder_off:")
        else:
            st.markdown(f"**{lines[0]}**")
            st.code("\n".join(lines[2:]), language=None)


def _inspect(path: str) -> tuple[list[str], str]:
    """Lines of an inspection, and why there are none."""
    try:
        table = open_dataset(path)
        return inspection_lines(table, inspect_faces(table, most=_FACES)), ""
    except (AffectoscopeError, OSError) as error:
        return [], str(error)
