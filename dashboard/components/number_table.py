"""Tables on pages: every number in the format of its kind, and a button that downloads the table as CSV."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from core.metrics.text import NumberFormat
from dashboard.components.downloads import csv_button

#: Column of counts: 3,589.
COUNT = st.column_config.NumberColumn(format="localized")


@dataclass(frozen=True)
class Number:
    """A column of numbers.

    Attributes:
        format: how they are written.
        title: over the column; None: its name.
        help: explanation shown at the title.
    """

    format: NumberFormat
    title: str | None = None
    help: str | None = None


def count(title: str) -> dict:
    """A column of counts under another title."""
    return COUNT | {"label": title}


def show(
    table: pd.DataFrame,
    columns: Mapping[str, Any] | None = None,
    *,
    csv: str = "",
    width: str = "stretch",
    **options,
) -> None:
    """Show a table without its index.

    Args:
        table: values as they are computed: shares from 0 to 1.
        columns: per column its Number, its title, or a configuration of Streamlit's; others as they are.
        csv: name of the file that a button downloads the table as; no button where empty.
        width, options: of `st.dataframe`.
    """
    numbers = {name: column for name, column in (columns or {}).items() if isinstance(column, Number)}
    scaled = {
        name: pd.to_numeric(table[name]) * column.format.factor
        for name, column in numbers.items()
        if name in table and column.format.factor != 1
    }
    config = {
        name: st.column_config.NumberColumn(column.title, format=column.format.printf, help=column.help)
        for name, column in numbers.items()
    }
    st.dataframe(
        table.assign(**scaled),
        column_config={**(columns or {}), **config},
        hide_index=True,
        width=width,
        **options,
    )
    if csv:
        csv_button(table, csv)
