"""Sweep: the trials of a hyperparameter search, and the effect of each parameter."""

import streamlit as st

from core.errors import AffectoscopeError
from core.metrics.text import DECIMAL, PERCENT, WHOLE
from dashboard import loading, url_state
from dashboard.charts import sweeps as charts
from dashboard.components import appearance, number_table, trial_curves
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.tables import sweeps as tables
from dashboard.text import sweeps as text

st.title("Sweep")
url_state.open_notices()
sweeps, damaged = loading.sweeps()
for name, problem in damaged.items():
    st.warning(f"Sweep '{name}' cannot be shown: {problem}", icon=":material/broken_image:")
if not sweeps:
    st.info("There is no sweep yet. One trains many networks and compares them on validation faces:",
            icon=":material/tune:")  # fmt: skip
    st.code(text.SWEEP_COMMAND, language="bash")
    st.stop()
found = sweeps[
    url_state.selectbox("Sweep", list(sweeps), key="sweep", placeholder=next(iter(sweeps)))
    or next(iter(sweeps))
]
try:
    trials, epochs, importance = loading.sweep_tables(found)
except AffectoscopeError as error:
    st.error(f"Sweep '{found.name}' cannot be shown: {error}", icon=":material/broken_image:")
    st.stop()

st.markdown(text.sweep(found, trials))
st.caption(text.VALIDATION_ONLY)
if note := found.info["data"].get("note"):
    st.warning(note, icon=":material/info:")
st.code(found.info["command"].replace("core.train", f"core.sweep --name {found.name} --space {found.info['space']}"),
        language="bash", wrap_lines=True)  # fmt: skip
ranked = tables.ended(trials, found)
if ranked.empty:
    st.info("No trial has ended yet; this page shows them as they end.", icon=":material/hourglass_empty:")
    st.stop()
objective = text.objective(found)

st.subheader("Best trials")
st.markdown(text.best(found, ranked))
number_table.show(
    ranked,
    {
        "accuracy": Number(PERCENT),
        "low": Number(PERCENT, "95% from"),
        "high": Number(PERCENT, "to"),
        "macro_f1": Number(DECIMAL, "macro-F1"),
        "loss": Number(DECIMAL, "log loss"),
        "best_epoch": "best epoch",
        "network_parameters": number_table.count("parameters"),
        "seconds": Number(WHOLE),
    },
)
csv_button(trials, f"{found.name}-trials")

st.subheader("All trials at once")
appearance.plot(
    charts.parallel(
        tables.axes(ranked, found), ranked[found.objective], objective=objective, ink=appearance.ink()
    ),
    key="parallel",
    alt="Parallel coordinates: one line per trial through its parameters, darker where the objective is better.",
)
st.caption(
    "A line per trial. Drag along an axis to keep the trials that pass there; drag a title to move its axis."
)

done = tables.finished(trials)
st.subheader("Parameter effects")
if len(done) < 2:
    st.info("That takes at least two finished trials.", icon=":material/hourglass_empty:")
else:
    effects = tables.effects(trials, found)
    st.markdown(text.significant_parameters(tables.tests(trials, found)))
    st.altair_chart(
        charts.effects(effects, objective=objective, points=found.objective != "loss"), width="stretch"
    )
    st.caption(
        f"Difference in {objective} to the reference (diamond), all else equal, with 95% intervals: a linear model over "
        f"{len(done)} finished trials. With an adaptive sampler (tpe) or pruning, poor values are "
        "rarely tried and their effects are imprecise."
    )
    csv_button(effects, f"{found.name}-effects")

if not importance.empty:
    st.subheader("Importance")
    st.altair_chart(charts.importance(importance), width="stretch")
    st.caption("Share of the variance between finished trials that is attributed to each parameter, alone and with "
               "others: functional analysis of variance over a random forest (Hutter et al. 2014, as in Optuna).")  # fmt: skip
    csv_button(importance, f"{found.name}-importance")

st.subheader("Learning curves of the trials")
trial_curves.show(found, trials, ranked, epochs)
