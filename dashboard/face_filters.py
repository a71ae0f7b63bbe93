"""Filters of faces, as controls whose choices live in the URL."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.runs.marks import MARKS
from dashboard import links
from dashboard.tables import faces as tables


def choose(labels: tuple[str, ...]) -> dict:
    """The order and the filters that are needed most, as `select_faces` takes them."""
    orders = {key: title for key, (title, _, _) in tables.ORDERS.items()}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = {
            "order": links.segments("Order", orders, key="order"),
            "true": links.selectbox("True", labels, key="true"),
            "predicted": links.selectbox("Predicted", labels, key="predicted"),
            "within": {},
        }
        span = links.span("Confidence (%)", 0, 100, step=5, key="confidence")
    if span != (0, 100):
        chosen["within"]["probability"] = (span[0] / 100, span[1] / 100)
    return chosen


def choose_more(table: pd.DataFrame, chosen: dict) -> None:
    """Add the rarer filters to those chosen."""
    with st.popover("More filters", icon=":material/filter_list:"):
        chosen["marks"] = links.several("Mark", [*MARKS, tables.UNMARKED], key="mark")
        splits = sorted(table["split"].unique())
        if len(splits) > 1:
            chosen["splits"] = links.several("Split", splits, key="split")
        for name, (title, low, high, step) in tables.number_ranges(table).items():
            span = links.span(title, low, high, step=step, key=name)
            if span != (low, high):
                chosen["within"][name] = span


def clear(table: pd.DataFrame) -> Callable[[], None]:
    """A callback that lets every face of the table pass."""
    ranges = {name: (low, high) for name, (_, low, high, _) in tables.number_ranges(table).items()}
    choices = {"true": None, "predicted": None, "confidence": (0, 100), "mark": [], "split": []}
    return lambda: st.session_state.update(choices | ranges)
