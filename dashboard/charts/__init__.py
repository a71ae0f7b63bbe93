"""From tables to Altair and Plotly charts. They compute nothing and know no Streamlit.

Altair draws what is clicked or counted (matrices, bars), Plotly what is a curve or a cloud of points.
Backgrounds stay transparent and text takes the page's colour, so that light and dark themes both work.
"""

from core.labels import COLOURS

#: For marks that stand for no expression.
ACCENT = "#4059AD"
SECOND = "#D1495B"

#: Readable on light and dark backgrounds.
REFERENCE_LINE = "#8A93A6"

#: One per run where several are overlaid; none of them is an expression's.
RUN_COLOURS = ("#4059AD", "#D1495B", "#2E8B7A", "#B8860B", "#7D5BA6", "#5F6B7A")


def colour_of(expression: str) -> str:
    """The expression's colour, the same on every chart."""
    return COLOURS.get(expression, REFERENCE_LINE)
