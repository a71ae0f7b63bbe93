"""Label errors: labels that are likely wrong, and the user's decisions about them."""

import streamlit as st

from core.data.relabelling import trained_with
from core.metrics.text import PERCENT
from dashboard import run_selector, url_state
from dashboard.components import empty_state, label_decisions, label_error_gallery, number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.images import image_source
from dashboard.tables import label_errors as tables
from dashboard.text import label_errors as text
from dashboard.text.runs import TRAIN_COMMAND


def open_face(reference: str) -> None:
    st.session_state["face"] = reference


st.title("Label errors")
run = run_selector.choose_run()
if corrected := trained_with(run.info["data"]):
    st.caption(corrected)
of = url_state.segments("Labels of", tables.SOURCES, key="source")
(errors,) = run_selector.load(run, "label_errors" if of == "scored" else "training_label_errors")
if errors is None and not run.has_network:
    empty_state.stop(run.no_network("Ranking training faces"), TRAIN_COMMAND, icon="label_off")
if errors is None:
    empty_state.stop(text.not_ranked(run), text.command(run), icon="label_off")
st.markdown(errors.sentence())
if errors.about:
    st.caption(text.held_out(errors.about))

decisions = label_decisions.load(run)
every = tables.with_decisions(errors.table, decisions)
with st.container(horizontal=True, vertical_alignment="bottom"):
    choices = tables.faces_choices(every)
    faces = url_state.segments("Faces", choices, key="faces")
    given = url_state.selectbox("Given", run.labels, key="given")
    suggested = url_state.selectbox("Suggested", run.labels, key="suggested")
    decided = url_state.selectbox("Decided", (tables.UNDECIDED, tables.DECIDED), key="decided")
wanted = tables.select(every, faces=faces, given=given, suggested=suggested)
shown = tables.select(wanted, decided=decided)
label_decisions.show_progress(wanted, choices[faces])

asked = st.session_state["face"] if "face" in st.session_state else st.query_params.get("face")
face = every[every["reference"] == asked] if asked else every.iloc[:0]
options = [asked] if len(face) else list(shown["reference"].head(label_error_gallery.PER_PAGE))
url_state.selectbox("Face", options, key="face", placeholder="choose one to see it large")
source = image_source(run, errors.predictions, errors.thumbnails if of == "training" else None)
if len(face):
    label_error_gallery.choose_among(shown, asked, open_face)
    label_error_gallery.show_one(run, errors, face.iloc[0], source, decisions)
elif shown.empty:
    st.info(text.NO_FACE, icon=":material/filter_alt_off:")
else:
    name = f"{run.name}-{of}-{faces}-{given}-{suggested}-{decided}"
    label_error_gallery.show(run, shown, source, name=name, open_face=open_face)
csv_button(lambda: tables.download(errors), f"{run.name}-{of}-label-errors", label="CSV of the ranking")
st.caption(text.METHOD)

label_decisions.show_results(run, decisions)

st.subheader("Estimated label errors")
number_table.show(
    errors.per_label(),
    {
        "faces": number_table.count("faces with this label"),
        "errors": number_table.count("estimated errors"),
        "share": Number(PERCENT, "share of errors"),
        "mostly": "most frequent correct label",
    },
    csv=f"{run.name}-{of}-wrong-labels",
    height="content",
)
st.caption(text.PER_LABEL)
