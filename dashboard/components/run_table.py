"""Table of runs, in which a tick chooses the run that all pages show."""

import pandas as pd
import streamlit as st

from dashboard.components import number_table
from dashboard.run_selector import CHOSEN


def show(table: pd.DataFrame, columns: dict) -> None:
    """An `overview` table of runs; choosing a row chooses its run."""
    names, chosen = list(table["run"]), st.session_state[CHOSEN]
    # A new key for every choice and filter: the ticked row is the chosen run, whatever was ticked before.
    key = f"runs-{chosen}-{','.join(names)}"

    def take() -> None:
        rows = st.session_state[key].selection.rows
        if rows:
            st.session_state[CHOSEN] = st.query_params["run"] = names[rows[0]]

    number_table.show(
        table,
        columns,
        key=key,
        on_select=take,
        selection_mode="single-row",
        selection_default={"selection": {"rows": [names.index(chosen)] if chosen in names else []}},
    )
    st.caption("Tick a row, or choose in the sidebar, to look at another run.")
