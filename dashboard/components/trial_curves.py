"""The learning curves of a sweep's trials, and the command that trains the chosen one in full."""

import pandas as pd
import streamlit as st

from core.errors import AffectoscopeError
from core.options import train_command
from core.runs.sweeps import Sweep
from core.sweep.spaces import trial_config
from dashboard import url_state
from dashboard.charts import sweeps as charts
from dashboard.components import appearance
from dashboard.components.downloads import csv_button
from dashboard.tables import sweeps as tables
from dashboard.text import sweeps as text


def show(found: Sweep, trials: pd.DataFrame, ranked: pd.DataFrame, epochs: pd.DataFrame) -> None:
    """Curves of all `trials` and the choice of one among `ranked`, a `tables.sweeps.ended` table."""
    objective = text.objective(found)
    numbers = [str(number) for number in ranked["trial"]]
    chosen = url_state.selectbox("Trial", numbers, key="trial", placeholder=numbers[0]) or numbers[0]
    curves = tables.learning_curves(epochs, trials)
    appearance.plot(
        charts.learning_curves(curves, objective=objective, chosen=int(chosen), ink=appearance.ink()),
        key="courses",
        alt=f"Validation {objective} of every trial over its epochs.",
    )
    st.caption("Dotted red: pruned. Bold: the trial chosen above.")
    csv_button(curves, f"{found.name}-courses")
    row = ranked[ranked["trial"] == int(chosen)].iloc[0]
    st.markdown(f"**Trial {chosen}**: {tables.format_parameters(row, found)}.")
    try:
        config = trial_config(
            found.info["space"], found.info["config"], {name: row[name] for name in found.parameters}
        )
    except AffectoscopeError as error:
        st.caption(f"The command that trains it in full cannot be given: {error}")
    else:
        st.markdown("Train it on all training faces; more epochs may help:")
        st.code(train_command(config), language="bash", wrap_lines=True)
