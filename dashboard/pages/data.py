"""Data: the annotated faces of a run's data set, split by split."""

import pandas as pd
import streamlit as st

from core.errors import AffectoscopeError
from core.metrics.text import PERCENT, NumberFormat
from core.runs.tables import SUMMARY_COLUMNS
from dashboard import loading, run_selector, url_state
from dashboard.charts import bars
from dashboard.components import face_statistics, gallery, inspection, number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.images import image_source
from dashboard.tables import counts as tables
from dashboard.tables import faces as face_tables
from dashboard.tables import planes as plane_tables
from dashboard.text import data as data_text
from dashboard.text import runs as run_text

st.title("Data")
run = run_selector.choose_run()
(predictions,) = run_selector.load(run, "predictions")
data = run.info["data"]

st.markdown(f"**{data['title']}**")
for note in (run_text.drawn_note(run), data.get("note", "")):
    if note:
        st.info(note, icon=":material/info:")

inspection.show_verdict(run)

st.subheader("Faces per expression")
table = tables.class_counts(data["counts"])
with st.container(horizontal=True):
    as_share = url_state.toggle("Show shares", key="shares")
    logarithmic = url_state.toggle(
        "Logarithmic axis", key="log", help="Shows rare expressions beside common ones."
    )
st.altair_chart(bars.class_counts(table, logarithmic=logarithmic, share=as_share), width="stretch")
csv_button(table, f"{run.name}-class-counts")
for sentence in (
    data_text.out_of_set_labels(data["counts"], run.labels),
    data_text.left_out(tables.left_out(data["counts"], run.labels), run),
):
    if sentence:
        st.caption(sentence)

st.subheader("Imbalance")
trained = tables.class_counts(tables.of_labels(data["counts"], run.labels))
imbalance = tables.imbalance(trained)
number_table.show(
    imbalance,
    {
        "faces": number_table.COUNT,
        "largest": "largest class",
        "smallest": "smallest class",
        "ratio": Number(NumberFormat(1), "largest : smallest"),
    },
    csv=f"{run.name}-imbalance",
)

st.subheader("Differences between splits")
differences = tables.split_differences(trained)
st.markdown(data_text.split_difference(differences))
number_table.show(
    differences,
    dict.fromkeys(differences.columns[1:], Number(PERCENT)),
    csv=f"{run.name}-splits",
    height="content",
)

summary, every_split = pd.DataFrame(columns=SUMMARY_COLUMNS), True
try:
    summary, every_split = loading.data_summary(run)
except (AffectoscopeError, OSError) as error:
    st.warning(str(error), icon=":material/broken_image:")
face_statistics.show_split_means(run, summary)
has_plane, has_sizes = (bool(plane_tables.splits(summary, kind)) for kind in ("plane", "size"))
if has_sizes:
    face_statistics.show_sizes(run, summary)
    if not every_split:
        st.caption(face_statistics.ONLY_TEST)

inspection.show_inspection(run)

st.subheader("Rejected rows")
st.markdown(f"{run_text.ledger_sentence(run)}.")
ledger = tables.ledger(run)
if len(ledger):
    number_table.show(ledger, csv=f"{run.name}-ledger")

gallery_title = "Sample of drawn faces" if run_text.is_drawn(run) else "Sample faces"
st.subheader("Valence and arousal" if has_plane else gallery_title)
with st.container(horizontal=True, vertical_alignment="bottom"):
    expression = url_state.selectbox("Expression", run.labels, key="expression", placeholder="all")
    split = face_statistics.choose_split(summary) if has_plane else ""
if has_plane:
    face_statistics.show_plane(run, summary, split, expression)
    if not every_split:
        st.caption(face_statistics.ONLY_TEST)
    st.subheader(gallery_title)
if missing := data_text.unknown_of_faces(plane=has_plane, sizes=has_sizes):
    st.caption(missing)
rows = tables.example_rows(predictions, expression, most=gallery.PER_PAGE)
st.caption(data_text.examples(len(rows), expression))
faces = face_tables.faces_at(predictions, rows)
source = image_source(run, predictions)
if len(faces):
    gallery.show(faces, source, name=f"{run.name}-faces-{expression or 'all'}")

inspection.offer_inspection()
