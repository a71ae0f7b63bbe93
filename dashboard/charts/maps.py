"""The face map: a scatter plot of faces with box and lasso selection (Plotly)."""

import pandas as pd
import plotly.graph_objects as go

from core.metrics.text import WHOLE_PERCENT
from core.report.figures import ACCENT, REFERENCE_LINE, SECOND, colour_of

#: Names and colours of correct and wrong predictions; wrong ones are drawn on top.
_OUTCOMES = {True: ("right", ACCENT), False: ("wrong", SECOND)}


def face_map(
    table: pd.DataFrame,
    *,
    colour: str,
    expressions: tuple[str, ...],
    area: tuple[float, float, float, float] | None = None,
    ringed: pd.Series | None = None,
) -> go.Figure:
    """The faces of a `placed` table.

    Args:
        colour: 'true', 'predicted' (in the expression's colour) or 'correct'.
        expressions: order of the legend.
        area: x from, x to, y from, y to of a frame to draw.
        ringed: the row of a face to ring.
    """
    figure = go.Figure()
    if colour == "correct":
        groups = [
            (name, shade, table[table["correct"] == right]) for right, (name, shade) in _OUTCOMES.items()
        ]
    else:
        groups = [(name, colour_of(name), table[table[colour] == name]) for name in expressions]
    for name, shade, part in groups:
        if part.empty:
            continue
        figure.add_scattergl(
            x=part["x"],
            y=part["y"],
            name=name,
            mode="markers",
            marker={"color": shade, "size": 6, "opacity": 0.75},
            customdata=list(
                zip(
                    part.index,
                    part["reference"],
                    part["true"],
                    part["predicted"],
                    part["probability"],
                    strict=True,
                )
            ),
            hovertemplate=f"%{{customdata[1]}}<br>%{{customdata[2]}} predicted as %{{customdata[3]}}, %{{customdata[4]:{WHOLE_PERCENT.d3}}}"
            "<extra></extra>",
        )
    if area:
        left, right, bottom, top = area
        figure.add_shape(
            type="rect", x0=left, x1=right, y0=bottom, y1=top, line={"color": REFERENCE_LINE, "dash": "dash"}
        )
    if ringed is not None:
        figure.add_scattergl(
            x=[ringed["x"]],
            y=[ringed["y"]],
            mode="markers",
            marker={"symbol": "circle-open", "size": 18, "color": REFERENCE_LINE, "line": {"width": 3}},
            hoverinfo="skip",
            showlegend=False,
        )
    figure.update_layout(
        height=620,
        margin={"l": 8, "r": 8, "t": 32, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "top", "y": -0.02, "x": 0, "itemsizing": "constant"},
        hovermode="closest",
        dragmode="lasso",
    )
    # One unit is as long across as up, or distances would mislead.
    hidden = {"showgrid": False, "zeroline": False, "showticklabels": False}
    figure.update_xaxes(**hidden)
    figure.update_yaxes(**hidden, scaleanchor="x")
    return figure
