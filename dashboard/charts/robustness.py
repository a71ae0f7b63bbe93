"""Accuracy on corrupted faces (Plotly)."""

import pandas as pd
import plotly.graph_objects as go

from core.metrics.text import PERCENT, WHOLE_PERCENT
from core.report.figures import base_figure, run_colour
from core.report.figures.contrast import INK, mixed, page_of


def accuracies(table: pd.DataFrame, *, chosen: str | None = None, ink: str = INK) -> go.Figure:
    """A line per corruption over its severity, from a `lines` table; the chosen one with its interval, the others faint."""
    figure = base_figure(height=420, x="severity", y="accuracy")
    for number, (name, line) in enumerate(table.groupby("corruption", sort=False)):
        colour = run_colour(number, ink)
        faint = chosen is not None and name != chosen
        if name == chosen:
            figure.add_scatter(
                x=[*line["strength"], *line["strength"][::-1]],
                y=[*line["high"], *line["low"][::-1]],
                fill="toself",
                fillcolor=mixed(colour, page_of(ink), 0.25),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        figure.add_scatter(
            x=line["strength"],
            y=line["accuracy"],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2, "dash": "solid" if number < 6 else "dash"},
            opacity=0.25 if faint else 1.0,
            customdata=line[["low", "high", "faces"]],
            hovertemplate=(
                f"{name}, severity %{{x}}: %{{y:{PERCENT.d3}}} (%{{customdata[0]:{PERCENT.d3}}} to %{{customdata[1]:{PERCENT.d3}}}, "
                "%{customdata[2]:,} faces)<extra></extra>"
            ),
        )
    figure.update_xaxes(dtick=1)
    figure.update_yaxes(tickformat=WHOLE_PERCENT.d3, rangemode="tozero")
    return figure
