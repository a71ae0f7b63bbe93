"""Training: how one run, or several, learned."""

import streamlit as st

from dashboard import data, guard, words
from dashboard.charts import curves
from dashboard.downloads import csv_button
from dashboard.tables import runs as tables

st.title("Training")
run = guard.choose_run()
(history,) = guard.load(run, "history")

runs = data.runs()
others = [name for name in runs if name != run.name]
histories = {run.name: history}
if others:
    compared = st.multiselect("Lay other runs over it", others, max_selections=5)
    for name in compared:
        (histories[name],) = guard.load(runs[name], "history")

summary = tables.trainings(runs, histories)
st.dataframe(
    summary,
    column_config={
        "best_epoch": "best epoch",
        "validation_accuracy": st.column_config.NumberColumn("validation accuracy there", format="percent"),
        "faces_per_second": st.column_config.NumberColumn("faces per second", format="%.0f"),
        "minutes": st.column_config.NumberColumn(format="%.1f"),
    },
    hide_index=True,
    width="stretch",
)
csv_button(summary, "trainings")
st.markdown(words.training(run, history))

best = {name: runs[name].info["training"].get("best_epoch") for name in histories}
for measure in ("loss", "accuracy"):
    st.subheader(measure.capitalize())
    table = tables.learning_curves(histories, measure)
    st.plotly_chart(curves.learning(table, title=measure, best_epochs=best), width="stretch", key=measure)
    csv_button(table, f"{run.name}-{measure}")
st.caption(
    "Dotted: training faces as augmented. Solid: validation faces. The star is the epoch that was kept."
)

st.subheader("Learning rate")
rates = tables.learning_rates(histories)
st.plotly_chart(curves.learning_rate(rates), width="stretch", key="learning-rate")
csv_button(rates, f"{run.name}-learning-rate")
