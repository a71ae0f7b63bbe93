"""Sweeps: parallel coordinates and learning curves (Plotly), parameter effects (Altair)."""

import altair as alt
import pandas as pd
import plotly.graph_objects as go

from core.metrics.text import PERCENT, WHOLE_PERCENT
from core.report.figures import ACCENT, REFERENCE_LINE, SECOND, base_figure
from core.report.figures.contrast import INK
from dashboard.charts.curves import density_scale

#: From here on parallel coordinates slant their titles, which would run into each other.
MANY_AXES = 7


def parallel(
    axes: list[tuple[str, list[float], list[str] | None]],
    values: pd.Series,
    *,
    objective: str,
    ink: str = INK,
) -> go.Figure:
    """One line per trial through the values of its parameters, coloured by the objective."""
    dimensions = []
    for title, numbers, words in axes:
        spread = max(len(words) - 1, 1) if words else 0
        ticks = {
            "tickvals": list(range(len(words))),
            "ticktext": words,
            "range": [-0.08 * spread, 1.08 * spread],
        }
        dimensions.append({"label": title, "values": numbers, **(ticks if words else {})})
    dimensions.append(
        {"label": objective, "values": values, "tickformat": WHOLE_PERCENT.d3 if values.max() <= 1 else ".2f"}
    )
    figure = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            line={"color": values, "colorscale": density_scale(ink), "showscale": False},
            labelfont={"color": ink, "size": 12},
            tickfont={"color": ink, "size": 11},
            rangefont={"color": "rgba(0,0,0,0)", "size": 1},
            labelangle=-20 if len(dimensions) >= MANY_AXES else 0,
        )
    )
    longest = max((len(word) for word in axes[0][2] or ()), default=0) if axes else 0
    figure.update_layout(
        height=380, margin={"l": max(60, 7 * longest), "r": 60, "t": 70, "b": 24}, paper_bgcolor="rgba(0,0,0,0)",
    )  # fmt: skip
    return figure


def learning_curves(
    table: pd.DataFrame, *, objective: str, chosen: int | None = None, ink: str = INK
) -> go.Figure:
    """The objective of every trial over its epochs: finished ones solid, pruned ones dotted, the chosen one strong."""
    figure = base_figure(height=340, x="epoch", y=f"validation {objective}")
    for trial, line in table.groupby("trial"):
        pruned = line["state"].iloc[0] == "pruned"
        strong = trial == chosen
        colour = ink if strong else SECOND if pruned else ACCENT
        figure.add_scatter(
            x=line["epoch"],
            y=line["value"],
            mode="lines+markers" if len(line) == 1 or strong else "lines",
            line={"color": colour, "width": 3 if strong else 1, "dash": "dot" if pruned else "solid"},
            opacity=1.0 if strong else 0.45,
            showlegend=False,
            hovertemplate=f"trial {trial}{', pruned' if pruned else ''}<br>epoch %{{x}}: %{{y:.3f}}<extra></extra>",
        )
    return figure


def effects(table: pd.DataFrame, *, objective: str, points: bool) -> alt.LayerChart:
    """Effect of each value relative to its parameter's reference, with 95% intervals; `points`: in percentage points."""
    times = 100 if points else 1
    shown = table.assign(
        name=table["parameter"] + ": " + table["level"].astype(str),
        effect=times * table["effect"],
        low=times * table["low"],
        high=times * table["high"],
    )
    order = list(shown["name"])
    unit = "points" if points else objective
    base = alt.Chart(shown).encode(
        y=alt.Y("name:N", sort=order, title=None, axis=alt.Axis(labelLimit=260, labelOverlap=False)),
        color=alt.Color("parameter:N", legend=None, sort=list(dict.fromkeys(shown["parameter"]))),
        tooltip=[
            alt.Tooltip("parameter:N"),
            alt.Tooltip("level:N", title="value"),
            alt.Tooltip("effect:Q", title=f"effect ({unit})", format="+.2f"),
            alt.Tooltip("low:Q", title="95% from", format="+.2f"),
            alt.Tooltip("high:Q", title="to", format="+.2f"),
            alt.Tooltip("trials:Q"),
        ],
    )
    x = alt.X(
        "effect:Q",
        title=f"{objective} minus the reference ({unit})" if points else f"{objective} minus the reference",
    )
    whiskers = base.mark_rule(strokeWidth=3, opacity=0.5).encode(x=alt.X("low:Q"), x2="high:Q")
    marks = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=x,
        shape=alt.Shape(
            "reference:N", scale=alt.Scale(domain=[False, True], range=["circle", "diamond"]), legend=None
        ),
    )
    zero = (
        alt.Chart(pd.DataFrame({"zero": [0.0]}))
        .mark_rule(color=REFERENCE_LINE, strokeDash=[4, 4])
        .encode(x="zero:Q")
    )
    return alt.layer(zero, whiskers, marks).properties(
        height=24 * len(shown) + 40, description=f"Effect of each value on {objective}."
    )


def importance(table: pd.DataFrame) -> alt.LayerChart:
    """Share of the variance between trials that is attributed to each parameter."""
    order = list(table["parameter"])
    base = alt.Chart(table).encode(
        y=alt.Y("parameter:N", sort=order, title=None, axis=alt.Axis(labelLimit=200, labelOverlap=False)),
        x=alt.X("importance:Q", title="importance", axis=alt.Axis(format="%"), scale=alt.Scale(domainMin=0)),
        tooltip=[alt.Tooltip("parameter:N"), alt.Tooltip("importance:Q", format=PERCENT.d3)],
    )
    bars = base.mark_bar(cornerRadiusEnd=2, color=ACCENT)
    text = base.mark_text(align="left", dx=4, color="#7B8496").encode(
        text=alt.Text("importance:Q", format=WHOLE_PERCENT.d3)
    )
    return alt.layer(bars, text).properties(
        height=26 * len(order) + 80, description="Importance of each parameter."
    )
