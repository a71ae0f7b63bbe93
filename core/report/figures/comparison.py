"""Differences between two runs by metric (Plotly)."""

import pandas as pd
import plotly.graph_objects as go

from core.report.figures import ACCENT, REFERENCE_LINE, SECOND, add_intervals, base_figure
from core.report.figures.contrast import INK

#: How a number is drawn by what the test says of the run: (title, colour, symbol): told apart without colours too.
_SIGNIFICANCES = {
    "better": ("better", ACCENT, "circle"),
    "worse": ("worse", SECOND, "diamond"),
    "undecided": ("not distinguishable", REFERENCE_LINE, "circle-open"),
    "unknown": ("cannot be tested", REFERENCE_LINE, "x-thin-open"),
}


def advantages(table: pd.DataFrame, *, a: str, b: str, ink: str = INK) -> go.Figure:
    """A forest plot of a `Comparison.table`: run b's advantage over run a with its 95% interval, one row per number.

    Right of the line b is better, whether high or low values of the number are good.
    """
    figure = base_figure(height=112 + 46 * len(table), x=f"advantage of {b}<br>over {a}", y="")
    figure.add_vline(x=0, line={"color": ink, "width": 1, "dash": "dot"})
    for significance, rows in table.groupby("significance", sort=False):
        title, colour, symbol = _SIGNIFICANCES[significance]
        add_intervals(
            figure,
            rows["advantage"],
            rows["advantage_low"],
            rows["advantage_high"],
            y=rows["number"],
            name=title,
            colour=colour,
            symbol=symbol,
            ink=ink,
            customdata=rows[["a", "b", "difference", "low", "high", "p_corrected"]],
            hovertemplate=(
                f"%{{y}}: %{{customdata[0]:.4f}} in {a}, %{{customdata[1]:.4f}} in {b}<br>difference "
                "%{customdata[2]:+.4f} (95% %{customdata[3]:+.4f} to %{customdata[4]:+.4f}), "
                "corrected p %{customdata[5]:.4f}<extra></extra>"
            ),
        )
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=list(table["number"])[::-1],
        title=None,
        gridcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(tickformat="+.3~f")
    return figure
