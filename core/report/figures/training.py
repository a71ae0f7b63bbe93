"""Learning curves (Plotly)."""

import pandas as pd
import plotly.graph_objects as go

from core.metrics.text import PERCENT
from core.report.figures import base_figure, run_colour
from core.report.figures.contrast import INK

_DASHES = {"training": "dot", "validation": "solid"}


def learning(
    table: pd.DataFrame, *, title: str, best_epochs: dict[str, int], height: int = 340, ink: str = INK
) -> go.Figure:
    """Training (dotted) and validation (solid) over the epochs, one colour per run, best epochs marked."""
    figure = base_figure(height=height, x="epoch", y=title)
    as_percent = title == "accuracy"
    runs = list(dict.fromkeys(table["run"]))
    for number, run in enumerate(runs):
        colour = run_colour(number, ink)
        for part, dash in _DASHES.items():
            line = table[(table["run"] == run) & (table["part"] == part)]
            name = part if len(runs) == 1 else f"{run}, {part}"
            figure.add_scatter(
                x=line["epoch"],
                y=line["value"],
                name=name,
                mode="lines+markers" if len(line) < 3 else "lines",
                line={"color": colour, "dash": dash, "width": 2},
                hovertemplate=f"{name}<br>epoch %{{x}}: %{{y:{PERCENT.d3 if as_percent else '.3f'}}}<extra></extra>",
            )
        validation = table[(table["run"] == run) & (table["part"] == "validation")]
        best = validation[validation["epoch"] == best_epochs.get(run)]
        figure.add_scatter(
            x=best["epoch"],
            y=best["value"],
            name="best epoch" if len(runs) == 1 else f"{run}, best epoch",
            mode="markers",
            marker={"color": colour, "size": 12, "symbol": "star"},
            showlegend=len(runs) == 1,
            hovertemplate=f"best epoch %{{x}}: %{{y:{PERCENT.d3 if as_percent else '.3f'}}}<extra></extra>",
        )
    if as_percent:
        figure.update_yaxes(tickformat=".1~%")
    return figure
