"""Precision, recall and F1 over a threshold on the probability of one expression (Plotly)."""

import math

import pandas as pd
import plotly.graph_objects as go

from core.metrics.text import PERCENT
from core.report.figures import REFERENCE_LINE, base_figure, unit_axes

#: Number -> (name, colour, dash); no colour is an expression's; the dashes distinguish the lines without colour.
LINES = {
    "precision": ("precision", "#4F79D6", "dash"),
    "recall": ("recall", "#C46A12", "dot"),
    "f1": ("F1", "#2E8B7A", "solid"),
}


def thresholds(
    curve: pd.DataFrame, numbers: pd.DataFrame, *, threshold: float, best: tuple[float, float]
) -> go.Figure:
    """Precision, recall and F1 of a `threshold_curve` table, the chosen threshold and the best F1 marked.

    `numbers` is the `numbers_at` table of the chosen threshold, `best` the threshold of the best F1 and that F1.
    """
    figure = base_figure(height=420, x="threshold on the probability", y="")
    figure.add_vline(x=threshold, line={"color": REFERENCE_LINE, "width": 1.5, "dash": "dash"})
    values = numbers.set_index("number")["value"]
    for number, (name, colour, dash) in LINES.items():
        figure.add_scatter(
            x=curve["threshold"],
            y=curve[number],
            name=name,
            mode="lines",
            line={"color": colour, "width": 2, "dash": dash},
            hovertemplate=f"{name} %{{y:{PERCENT.d3}}} at a threshold of %{{x:.3f}}<extra></extra>",
        )
        figure.add_scatter(
            x=[threshold],
            y=[values[number]],
            mode="markers",
            marker={"color": colour, "size": 10},
            showlegend=False,
            hovertemplate=f"{name} %{{y:{PERCENT.d3}}} at the chosen threshold of %{{x:.3f}}<extra></extra>",
        )
    if not math.isnan(best[0]):
        figure.add_scatter(
            x=[best[0]],
            y=[best[1]],
            name="best F1",
            mode="markers",
            marker={"color": LINES["f1"][1], "size": 13, "symbol": "star"},
            hovertemplate=f"best F1 %{{y:{PERCENT.d3}}} at a threshold of %{{x:.3f}}<extra></extra>",
        )
    unit_axes(figure)
    return figure
