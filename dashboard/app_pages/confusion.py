"""Confusion: what is taken for what, and on which faces."""

import streamlit as st

from dashboard import appearance, gallery, guard, links, words
from dashboard.charts import matrices
from dashboard.downloads import csv_button
from dashboard.images import image_source
from dashboard.tables import confusion as tables
from dashboard.tables import faces as face_tables

st.title("Confusion")
run = guard.choose_run()
scores, predictions = guard.load(run, "scores", "predictions")
for caution in (words.few_faces(scores), words.presence(scores)):
    if caution:
        st.warning(caution, icon=":material/warning:")

with st.container(horizontal=True, vertical_alignment="bottom"):
    shown = links.segments("Cells show", tables.NORMALISATIONS, key="cells")
    true = links.selectbox("True", scores.labels, key="true")
    predicted = links.selectbox("Predicted", scores.labels, key="predicted")
    hide_diagonal = links.toggle("Hide the diagonal", key="hide")

cells = tables.confusion_cells(scores.confusion, scores.labels)
# A new key for every choice: the cell that was clicked last can then be clicked again.
chart_key = f"confusion-{run.name}-{true}-{predicted}"
st.altair_chart(
    matrices.confusion(
        cells,
        scores.labels,
        show=shown,
        hide_diagonal=hide_diagonal,
        chosen=(true, predicted),
        ink=appearance.ink(),
    ),
    width="stretch",
    key=chart_key,
    on_select=links.take_click(chart_key, matrices.SELECTION, "true", "predicted"),
)
st.caption("Rows are annotated, columns predicted. Click on a cell, or choose above, to see its faces below.")
csv_button(cells, f"{run.name}-confusion")

st.subheader("Strongest confusions")
strongest = tables.strongest_confusions(cells)
if strongest.empty:
    st.markdown("None: every face was recognised.")
st.markdown("\n".join(f"1. {words.confusion(row)}" for _, row in strongest.iterrows()))

if true or predicted:
    faces = face_tables.select_faces(face_tables.faces(predictions), true=true, predicted=predicted)
    st.subheader(words.cell(len(faces), true, predicted))
    st.button(
        "Show no faces", icon=":material/close:", type="tertiary", on_click=links.clear("true", "predicted")
    )
    if faces.empty:
        st.markdown("No face is in this cell.")
    else:
        gallery.show(faces, image_source(run, predictions), name=f"{run.name}-{true}-{predicted}")
