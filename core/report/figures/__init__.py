"""Plotly figures that pages and the report both draw, and the colours of every chart. They compute nothing.

Backgrounds stay transparent and text takes the page's colour, so that light and dark themes both work.
"""

import pandas as pd
import plotly.graph_objects as go

from core.labels import COLOURS
from core.metrics.text import WHOLE_PERCENT
from core.report.figures.contrast import DARK_PAGE, mixed, page_of

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


def run_colour(number: int, ink: str) -> str:
    """The colour of the run or split of this number, lighter where the page is dark."""
    colour = RUN_COLOURS[number % len(RUN_COLOURS)]
    return mixed(colour, "#FFFFFF", 0.75) if page_of(ink) == DARK_PAGE else colour


def unit_axes(figure: go.Figure) -> None:
    """Both axes from 0 to 100%."""
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=WHOLE_PERCENT.d3, dtick=0.25)
    figure.update_yaxes(range=[-0.01, 1.02], tickformat=WHOLE_PERCENT.d3, dtick=0.25)


def base_figure(*, height: int, x: str, y: str) -> go.Figure:
    """An empty figure with titled axes that suits both themes."""
    figure = go.Figure()
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 24, "t": 24, "b": 8},  # the last label of the axis needs room on the right
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0},
        hovermode="closest",
    )
    figure.update_xaxes(title=x, gridcolor="rgba(138,147,166,0.25)", zeroline=False, automargin=True)
    figure.update_yaxes(title=y, gridcolor="rgba(138,147,166,0.25)", zeroline=False, automargin=True)
    return figure


def add_intervals(
    figure: go.Figure,
    values: pd.Series,
    low: pd.Series,
    high: pd.Series,
    *,
    y: pd.Series,
    name: str,
    colour: str,
    symbol: str,
    ink: str,
    **options,
) -> None:
    """Points along x with their intervals as bars, lighter where the page is dark; `options` go to the trace."""
    if page_of(ink) == DARK_PAGE:
        colour = mixed(colour, "#FFFFFF", 0.75)
    figure.add_scatter(
        x=values,
        y=y,
        name=name,
        mode="markers",
        marker={"color": colour, "symbol": symbol, "size": 11, "line": {"width": 2, "color": colour}},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": high - values,
            "arrayminus": values - low,
            "color": colour,
            "thickness": 2.5,
            "width": 5,
        },
        **options,
    )
