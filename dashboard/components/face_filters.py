"""Filters of faces, as controls whose choices live in the URL."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.runs.tags import TAGS
from dashboard import url_state
from dashboard.tables import faces as tables

#: Titles of ORDERS in addresses of earlier versions.
FORMER_ORDERS = {"Surest first": "confidence", "Narrowest miss first": "margin"}


def choose(labels: tuple[str, ...]) -> dict:
    """The order and the main filters, as `select_faces` takes them."""
    orders = {key: title for key, (title, _, _) in tables.ORDERS.items()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = {
            "order": url_state.segments("Order", orders, key="order", former=FORMER_ORDERS),
            "true": url_state.selectbox("True", labels, key="true"),
            "predicted": url_state.selectbox("Predicted", labels, key="predicted"),
            "within": {},
        }
        span = url_state.span("Confidence (%)", 0, 100, step=5, key="confidence")
    if span != (0, 100):
        chosen["within"]["probability"] = (span[0] / 100, span[1] / 100)
    return chosen


def choose_more(table: pd.DataFrame, chosen: dict) -> None:
    """Add further filters to those chosen."""
    with st.popover("More filters", icon=":material/filter_list:"):
        chosen["tags"] = url_state.several("Tag", [*TAGS, tables.UNTAGGED], key="mark")
        splits = sorted(table["split"].unique())
        if len(splits) > 1:
            chosen["splits"] = url_state.several("Split", splits, key="split")
        for name, (title, low, high, step) in tables.number_ranges(table).items():
            span = url_state.span(title, low, high, step=step, key=name)
            if span != (low, high):
                chosen["within"][name] = span


def clear(table: pd.DataFrame) -> Callable[[], None]:
    """A callback that lets every face of the table pass."""
    ranges = {name: (low, high) for name, (_, low, high, _) in tables.number_ranges(table).items()}
    choices = {"true": None, "predicted": None, "confidence": (0, 100), "mark": [], "split": []}
    return lambda: st.session_state.update(choices | ranges)
