"""Misclassified faces: where the network was wrong, and how sure it was."""

import streamlit as st

from dashboard import data, gallery, guard, links, words
from dashboard.images import image_source
from dashboard.tables import faces as tables

#: Faces shown beside the chosen one.
NEIGHBOURS = 6

st.title("Misclassified faces")
run = guard.choose_run()
(predictions,) = guard.load(run, "predictions")
table = tables.faces(predictions)
wrong = int((~table["correct"]).sum())
if not wrong:
    faces = "the one face" if len(table) == 1 else f"all {len(table):,} faces"
    st.success(
        f"None: {faces} of this run was recognised." if len(table) == 1 else f"None: {faces} were recognised."
    )
    st.stop()
drawn = "drawn faces" if words.is_drawn(run) else "faces"
st.markdown(f"{wrong:,} of {len(table):,} {drawn} were misread, {words.percent(wrong / len(table))}.")

with st.container(horizontal=True, vertical_alignment="bottom"):
    order = links.segments("Order", {key: title for key, (title, _, _) in tables.ORDERS.items()}, key="order")
    true = links.selectbox("True", run.labels, key="true")
    predicted = links.selectbox("Predicted", run.labels, key="predicted")
    confidence = links.span("Confidence (%)", 0, 100, step=5, key="confidence")
faces = tables.select_faces(
    table,
    wrong_only=True,
    true=true,
    predicted=predicted,
    lowest_probability=confidence[0] / 100,
    order=order,
)
if faces.empty:
    st.info("No misread face passes these filters: widen them.", icon=":material/filter_alt_off:")
    st.stop()
if len(faces) < wrong:
    st.caption(f"{len(faces):,} of them pass the filters.")
source = image_source(run, predictions)
shown = gallery.show(faces, source, name=f"{run.name}-misclassified")

st.subheader("One face")
options = list(shown["reference"])
asked = st.query_params.get("face")
if asked in set(table["reference"]) and asked not in options:
    options.insert(0, asked)
face = links.selectbox("Face", options, key="face", placeholder="choose one of the faces above")
if face:
    row = int(table.index[table["reference"] == face][0])
    gallery.show_one(predictions, table.loc[row], row, source)
    alike = data.neighbours(run, row, NEIGHBOURS)
    if len(alike):
        gallery.show_neighbours(table.loc[alike], source)
