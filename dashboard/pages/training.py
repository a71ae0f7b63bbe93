"""Training: learning curves of one run or several."""

import streamlit as st

from core.metrics.text import PERCENT, WHOLE, NumberFormat
from core.report import score_tables, wording
from core.report.figures import training as training_figures
from dashboard import loading, run_selector, url_state
from dashboard.charts import curves
from dashboard.components import appearance, empty_state, number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.tables import runs as tables
from dashboard.text import runs as run_text

_AT_BEST = "At the best epoch."

st.title("Training")
run = run_selector.choose_run()
if not run.has_network:
    empty_state.stop(run.no_network("A learning curve"), run_text.TRAIN_COMMAND, icon="show_chart")
if run.imported:
    st.info(f"{run_text.imported(run)} Its learning curves are not known.", icon=":material/info:")
    st.stop()
(history,) = run_selector.load(run, "history")

runs = loading.runs()
others = [name for name, other in runs.items() if name != run.name and other.trained_here]
histories = {run.name: history}
if others:
    compared = url_state.several("Compare with", others, key="with", placeholder="none", most=5)
    for name in compared:
        (histories[name],) = run_selector.load(runs[name], "history")

summary = tables.trainings(runs, histories)
number_table.show(
    summary,
    {
        "best_epoch": "best epoch",
        "training_accuracy": Number(PERCENT, "training accuracy", _AT_BEST),
        "validation_accuracy": Number(PERCENT, "validation accuracy", _AT_BEST),
        "faces_per_second": Number(WHOLE, "faces per second"),
        "minutes": Number(NumberFormat(1)),
    },
    csv="trainings",
)
st.markdown(run_text.training(run, history))
if started := wording.starting_weights(run):
    st.markdown(started)
best = {name: runs[name].info["training"].get("best_epoch") for name in histories}
for name, epochs in histories.items():
    if overfitting := run_text.overfitting(epochs, best[name]):
        st.markdown(f"**{name}**: {overfitting}" if len(histories) > 1 else overfitting)

for measure in ("loss", "accuracy"):
    st.subheader(measure.capitalize())
    table = score_tables.learning_curves(histories, measure)
    appearance.plot(
        training_figures.learning(table, title=measure, best_epochs=best, ink=appearance.ink()),
        key=measure,
        alt=f"Training and validation {measure} over the epochs.",
    )
    csv_button(table, f"{run.name}-{measure}")
st.caption(
    "Dotted: training faces as augmented. Solid: validation faces. The star is the epoch that was kept."
)

st.subheader("Learning rate")
rates = tables.learning_rates(histories)
appearance.plot(
    curves.learning_rate(rates, ink=appearance.ink()),
    key="learning-rate",
    alt="Learning rate over the epochs.",
)
csv_button(rates, f"{run.name}-learning-rate")
