"""Table of recipes: runs that differ in the seed only, as one result."""

from collections.abc import Collection
from urllib.parse import quote

import streamlit as st

from core.metrics.headline import HEADLINES
from dashboard import loading
from dashboard.components import number_table
from dashboard.components.downloads import csv_button
from dashboard.tables import runs as tables

_COLUMNS = {
    "recipe": st.column_config.TextColumn(pinned=True),
    "seeds": number_table.COUNT,
    **{
        name: st.column_config.TextColumn(metric.short, help=metric.meaning)
        for name, metric in HEADLINES.items()
        if metric.compared
    },
}


def show(*, of: Collection[str] | None = None) -> None:
    """A table of the recipes, with links to their runs; nothing if there is none.

    Args:
        of: only the recipes that one of these runs belongs to.
    """
    pairs = []
    for recipe in loading.recipes():
        scores = [loading.scores_or_none(run) for run in recipe.runs]
        wanted = of is None or any(run.name in of for run in recipe.runs)
        if wanted and all(scores):
            pairs.append((recipe, scores))
    if not pairs:
        return
    st.subheader("Recipes")
    table = tables.recipes(pairs)
    number_table.show(table[list(_COLUMNS)], _COLUMNS)
    st.caption(
        "Runs that differ in the seed only: mean ± standard deviation over the seeds (lowest to highest)."
    )
    for recipe, _ in pairs:
        links = ", ".join(f"[{run.name}](?run={quote(run.name)})" for run in recipe.runs)
        st.markdown(f"{recipe.name}: {links}")
    csv_button(table, "recipes")
