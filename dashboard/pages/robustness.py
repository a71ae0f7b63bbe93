"""Robustness: accuracy on corrupted faces."""

import streamlit as st

from core.analysis.corruptions import CORRUPTIONS
from core.metrics.text import PERCENT
from dashboard import run_selector, url_state
from dashboard.charts import robustness as charts
from dashboard.components import appearance, empty_state, number_table
from dashboard.components.corrupted_faces import corrupted_faces
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.tables import robustness as tables
from dashboard.text import robustness as text
from dashboard.text import runs as run_text

#: Side of a picture on the page, in pixels: six beside each other on a wide screen, two on a telephone.
PICTURE = 112

st.title("Robustness")
run = run_selector.choose_run()
(kept,) = run_selector.load(run, "robustness")
if kept is None and not run.has_network:
    empty_state.stop(run.no_network("Scoring corrupted faces"), run_text.TRAIN_COMMAND, icon="blur_on")
if kept is None:
    empty_state.stop(text.none_yet(run), text.command(run), icon="blur_on")
table, about = kept
st.markdown(text.findings(table, about))

chosen = url_state.selectbox("Corruption", list(CORRUPTIONS), key="corruption", placeholder="all")
lines = tables.lines(table)
appearance.plot(
    charts.accuracies(lines, chosen=chosen, ink=appearance.ink()),
    key="accuracies",
    alt="Accuracy at each severity of each corruption, from none (0) to severe (5).",
)
st.caption("Severity 0: uncorrupted faces. The band is the 95% interval (Wilson) of the chosen corruption.")

st.subheader("Examples")
name = chosen or next(iter(CORRUPTIONS))
st.caption(text.corruption(name))
titles, faces = zip(*corrupted_faces(run.preprocessing, name), strict=True)
st.image(list(faces), caption=list(titles), width=PICTURE)
st.caption("A drawn face at the input size of this run's network, whatever data the run was scored on.")

st.subheader("Accuracy by severity")
grid = tables.grid(table)
number_table.show(grid, {column: Number(PERCENT) for column in grid.columns if column != "corruption"})
csv_button(table, f"{run.name}-robustness")
