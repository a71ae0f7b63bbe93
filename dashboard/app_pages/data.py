"""Data: the annotated faces behind a run."""

import streamlit as st

from dashboard import gallery, guard, words
from dashboard.charts import bars
from dashboard.downloads import csv_button
from dashboard.images import image_source
from dashboard.tables import counts as tables
from dashboard.tables import faces as face_tables

st.title("Data")
run = guard.choose_run()
(predictions,) = guard.load(run, "predictions")
data = run.info["data"]

st.markdown(f"**{data['title']}**")
for note in (words.drawn_note(run), data.get("note", "")):
    if note:
        st.info(note, icon=":material/info:")

st.subheader("Faces per expression")
table = tables.class_counts(data["counts"])
with st.container(horizontal=True):
    as_share = st.toggle("Shares instead of counts")
    logarithmic = st.toggle("Logarithmic axis", help="Shows rare expressions beside common ones.")
st.altair_chart(bars.class_counts(table, logarithmic=logarithmic, share=as_share), width="stretch")
csv_button(table, f"{run.name}-class-counts")
left_out = tables.left_out(data["counts"], run.labels)
if left_out:
    named = ", ".join(f"{faces:,} {name}" for name, faces in left_out.items())
    st.caption(f"Left out of training and scoring, because the run's {len(run.labels)} labels have no place for "
               f"them: {named}.")  # fmt: skip

st.subheader("Imbalance")
trained = table[table["expression"].isin(run.labels)]
imbalance = tables.imbalance(trained)
st.dataframe(
    imbalance,
    column_config={
        "faces": st.column_config.NumberColumn(format="localized"),
        "largest": "largest class",
        "smallest": "smallest class",
        "ratio": st.column_config.NumberColumn("largest : smallest", format="%.1f"),
    },
    hide_index=True,
    width="stretch",
)
csv_button(imbalance, f"{run.name}-imbalance")

st.subheader("Differences between splits")
differences = tables.split_differences(trained)
st.markdown(words.split_difference(differences))
shares = {name: st.column_config.NumberColumn(format="percent") for name in differences.columns[1:]}
st.dataframe(differences, column_config=shares, hide_index=True, width="stretch")
csv_button(differences, f"{run.name}-splits")

st.subheader("Rows refused")
st.markdown(f"{words.ledger_sentence(run)}.")
ledger = tables.ledger(run)
if len(ledger):
    st.dataframe(ledger, hide_index=True, width="stretch")
    csv_button(ledger, f"{run.name}-ledger")

st.subheader("Drawn faces to look at" if words.is_drawn(run) else "Faces to look at")
source = image_source(run, predictions)
faces = face_tables.faces(predictions)
expression = st.selectbox("Expression", [name for name in run.labels if name in set(faces["true"])])
gallery.show(faces[faces["true"] == expression], source, name=f"{run.name}-faces-{expression}")
