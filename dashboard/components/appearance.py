"""Charts on pages: the theme's colours, alternative text, downloads."""

import plotly.graph_objects as go
import streamlit as st

from core.report.figures import REFERENCE_LINE
from dashboard.charts import matrices

_INK_ON_DARK = "#E8EAF0"


def ink() -> str:
    """The colour of text on the page."""
    return _INK_ON_DARK if st.context.theme.type == "dark" else matrices.INK


def plot(figure: go.Figure, *, key: str, alt: str, **options):
    """A Plotly chart with `alt` for screen readers; its toolbar saves it as <key>.svg.

    Altair charts need no such function: Streamlit's own toolbar saves them as PNG.
    """
    figure.update_layout(modebar={"bgcolor": "rgba(0,0,0,0)", "color": REFERENCE_LINE, "activecolor": ink()})
    config = {"displaylogo": False, "toImageButtonOptions": {"format": "svg", "filename": key}}
    return st.plotly_chart(figure, width="stretch", key=key, alt=alt, config=config, **options)
