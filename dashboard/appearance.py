"""What charts have to know about the page's theme."""

import streamlit as st

from dashboard.charts import matrices

_INK_ON_DARK = "#E8EAF0"


def ink() -> str:
    """The colour of text on the page."""
    return _INK_ON_DARK if st.context.theme.type == "dark" else matrices.INK
