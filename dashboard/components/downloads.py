"""The numbers behind every chart, as CSV."""

from collections.abc import Callable

import pandas as pd
import streamlit as st


def csv_button(table: pd.DataFrame | Callable[[], pd.DataFrame], name: str, *, label: str = "CSV") -> None:
    """A small button that downloads `table`, or the table that it returns, as <name>.csv."""
    st.download_button(
        label,
        # A callable: the CSV is made on the click, not on every rerun.
        lambda: (table() if callable(table) else table).to_csv(index=False).encode("utf-8"),
        file_name=f"{name}.csv",
        mime="text/csv",
        key=f"download-{name}",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
        help=f"Download these numbers as {name}.csv",
    )
