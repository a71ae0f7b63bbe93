"""Sweep: many trainings compared, and what each option is worth."""

import streamlit as st

from core.errors import AffectoscopeError
from core.options import train_command
from core.sweep.spaces import trial_config
from dashboard import loading, url_state
from dashboard.charts import sweeps as charts
from dashboard.components import appearance
from dashboard.components.downloads import csv_button
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
percent = st.column_config.NumberColumn(format="percent")
st.dataframe(
    ranked,
    column_config={
        "accuracy": percent,
        "low": st.column_config.NumberColumn("95% from", format="percent"),
        "high": st.column_config.NumberColumn("to", format="percent"),
        "macro_f1": st.column_config.NumberColumn("macro-F1", format="%.3f"),
        "loss": st.column_config.NumberColumn("log loss", format="%.3f"),
        "best_epoch": "best epoch",
        "network_parameters": st.column_config.NumberColumn("parameters", format="localized"),
        "seconds": st.column_config.NumberColumn(format="%.0f"),
    },
    hide_index=True,
    width="stretch",
)
csv_button(trials, f"{found.name}-trials")

st.subheader("All trials at once")
appearance.plot(
    charts.parallel(
        tables.axes(ranked, found), ranked[found.objective], objective=objective, ink=appearance.ink()
    ),
    key="parallel",
    alt="Parallel coordinates: one line per trial through its parameters, darker the better it did.",
)
st.caption(
    "A line per trial. Drag along an axis to keep the trials that pass there; drag a title to move its axis."
)

done = tables.finished(trials)
st.subheader("What each parameter is worth")
if len(done) < 2:
    st.info("That takes at least two finished trials.", icon=":material/hourglass_empty:")
else:
    worth = tables.effects(trials, found)
    st.markdown(text.matters(tables.tests(trials, found)))
    st.altair_chart(
        charts.effects(worth, objective=objective, points=found.objective != "loss"), width="stretch"
    )
    st.caption(
        f"Difference in {objective} to the reference (diamond), all else equal, with 95% intervals: a linear model over "
        f"{len(done)} finished trials. Where a sampler sought the best (tpe) or trials were pruned, poor values are "
        "rarely tried and effects are rough."
    )
    csv_button(worth, f"{found.name}-effects")

if not importance.empty:
    st.subheader("Importance")
    st.altair_chart(charts.importance(importance), width="stretch")
    st.caption("Share of the differences between finished trials that goes with each parameter, alone and together with "
               "others: functional analysis of variance over a random forest (Hutter et al. 2014, as in Optuna).")  # fmt: skip
    csv_button(importance, f"{found.name}-importance")

st.subheader("Course of the trials")
numbers = [str(number) for number in ranked["trial"]]
chosen = url_state.selectbox("Trial", numbers, key="trial", placeholder=numbers[0]) or numbers[0]
course = tables.courses(epochs, trials)
appearance.plot(
    charts.courses(course, objective=objective, chosen=int(chosen), ink=appearance.ink()),
    key="courses",
    alt=f"Validation {objective} of every trial over its epochs.",
)
st.caption("Dotted red: pruned. Strong: the trial chosen above.")
csv_button(course, f"{found.name}-courses")
row = ranked[ranked["trial"] == int(chosen)].iloc[0]
st.markdown(f"**Trial {chosen}**: {tables.choice(row, found)}.")
try:
    config = trial_config(
        found.info["space"], found.info["config"], {name: row[name] for name in found.parameters}
    )
except AffectoscopeError as error:
    st.caption(f"The command that trains it in full cannot be given: {error}")
else:
    st.markdown("Train it on all training faces; more epochs may pay:")
    st.code(train_command(config), language="bash", wrap_lines=True)
