"""Network and annotators by the agreement of the annotators (Plotly)."""

import pandas as pd
import plotly.graph_objects as go

from core.metrics.text import PERCENT, WHOLE_PERCENT
from core.report.figures import base_figure, run_colour
from core.report.figures.contrast import INK


def agreement(bins: pd.DataFrame, *, ink: str = INK) -> go.Figure:
    """Accuracy with its interval, confidence and one annotator over the bins of `VoteReview.bins`."""
    figure = base_figure(height=380, x="agreement of the annotators", y="share of faces")
    titles = [
        f"{low:.0%}" if low == high else f"{low:.0%} to {high:.0%}" if low else f"below {high:.0%}"
        for low, high in zip(bins["from"], bins["to"], strict=True)
    ]
    series = {
        "accuracy": ("accuracy against the majority", "solid"),
        "confidence": ("mean confidence of the network", "dash"),
        "annotator": ("one annotator against the others", "dot"),
    }
    for number, (column, (name, dash)) in enumerate(series.items()):
        if bins[column].isna().all():
            continue
        colour = run_colour(number, ink)
        bars = (
            {
                "type": "data",
                "symmetric": False,
                "array": bins["high"] - bins[column],
                "arrayminus": bins[column] - bins["low"],
            }
            if column == "accuracy"
            else None
        )
        figure.add_scatter(
            x=titles,
            y=bins[column],
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2, "dash": dash},
            error_y=bars,
            customdata=bins[["faces"]],
            hovertemplate=f"{name}, agreement %{{x}}: %{{y:{PERCENT.d3}}} (%{{customdata[0]:,}} faces)<extra></extra>",
        )
    figure.update_xaxes(type="category")
    figure.update_yaxes(tickformat=WHOLE_PERCENT.d3, range=[0, 1.02])
    return figure
