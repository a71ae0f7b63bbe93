"""Slices: accuracy and macro-F1 of faces grouped by size, brightness, sharpness, pose or the user's own columns."""

from dataclasses import replace

import streamlit as st

from core.analysis.slices.findings import slice_findings
from core.analysis.slices.review import SliceReview, SliceTable
from core.metrics.text import DECIMAL, DIFFERENCE, PERCENT, NumberFormat
from core.report.figures import slices as figures
from core.runs.run import Run
from dashboard import loading, run_selector, url_state
from dashboard.components import appearance, empty_state, gallery, joined_csv, number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.images import image_source
from dashboard.tables import slices as tables
from dashboard.text import slices as text

_NAME = st.column_config.TextColumn(pinned=True)
_POINTS = Number(NumberFormat(1, signed=True))
_COLUMNS = {
    "slice": _NAME,
    "accuracy": Number(replace(PERCENT, factor=1.0)),
    "gap": replace(_POINTS, title="gap (points)"),
    "gap, same mix": _POINTS,
    "macro-F1": Number(DECIMAL),
    "macro-F1 gap": Number(DIFFERENCE),
}


def choose_from(key: str, options: list[str], table: str) -> None:
    """Callback: set the choice of a key to the ticked row of a table."""
    rows = st.session_state[table].selection.rows
    if rows:
        st.session_state[key] = options[rows[0]]


def show_overview(run: Run, review: SliceReview) -> None:
    titles = list(review.overview["attribute"])
    key = f"attributes-{run.name}-{st.session_state.get('by')}-{len(titles)}"
    number_table.show(
        tables.overview(review),
        {"attribute": _NAME, "gap (points)": _POINTS},
        key=key,
        on_select=lambda: choose_from("by", titles, key),
        selection_mode="single-row",
    )
    st.caption(f"Tick a row to see its slices. {text.correction(review)}")
    csv_button(review.overview, f"{run.name}-slices")


def show_slices(run: Run, review: SliceReview, table: SliceTable, bins: str) -> None:
    for column, (name, title, overall) in zip(
        st.columns(2),
        (("accuracy", "Accuracy", review.accuracy), ("macro_f1", "Macro-F1", review.macro_f1)),
        strict=True,
    ):
        with column:
            figure = figures.dots(table.numbers(name), name, overall=overall, ink=appearance.ink())
            appearance.plot(figure, key=f"{name}-{table.key}", alt=text.dots(table, title))
    names = list(table.rows["slice"])
    key = f"slices-{run.name}-{table.key}-{bins}-{st.session_state.get('slice')}"
    number_table.show(
        tables.shown(table),
        _COLUMNS,
        key=key,
        on_select=lambda: choose_from("slice", names, key),
        selection_mode="single-row",
    )
    st.caption(text.COLUMNS)
    csv_button(lambda: tables.download(table), tables.file_name(run.name, "slices", table.key))


st.title("Slices")
run = run_selector.choose_run()
predictions, attributes = run_selector.load(run, "predictions", "face_attributes")
st.markdown(text.MEANING)
if attributes is None:
    empty_state.show(text.no_attributes(run), text.command(run), icon="straighten")
joined = joined_csv.choose(run)
bins = url_state.segments("Bins", {name: name for name in tables.PARTS}, key="cut")
review = joined_csv.review(run, joined, tables.PARTS[bins])
if not review.tables:
    st.info(text.no_slices(review), icon=":material/pie_chart:")
    st.stop()
st.markdown("\n".join(f"- {text.plain(finding)}" for finding in slice_findings(review)))
show_overview(run, review)

st.subheader("One attribute")
by_title = {table.attribute.title: table for table in review.tables.values()}
chosen = url_state.selectbox(
    "Group by",
    list(by_title),
    key="by",
    placeholder=next(iter(by_title)),
    of="joined" if joined else None,  # forgets a column of the table when the table is removed
)
table = by_title[chosen or next(iter(by_title))]
if meaning := text.meaning(table):
    st.caption(meaning)
show_slices(run, review, table, bins)

name = url_state.selectbox(
    "Slice",
    list(table.rows["slice"]),
    key="slice",
    placeholder="choose one to see its misclassified faces",
    of=(run.name, table.key, bins),
)
if name:
    faces, row = tables.misclassified_in(table, loading.misclassified(run), name)
    st.subheader(text.slice_faces(len(faces), row))
    if faces.empty:
        st.markdown(text.ALL_CORRECT)
    else:
        gallery.show(faces, image_source(run, predictions), name=tables.file_name(run.name, table.key, name))
