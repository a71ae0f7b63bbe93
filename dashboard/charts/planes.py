"""The plane of valence and arousal, and face sizes: densities (Plotly) and errors by region (Altair)."""

import math

import altair as alt
import pandas as pd
import plotly.graph_objects as go

from core.analysis.contradictions import AFFECTNET_REGIONS
from core.labels import EXPRESSIONS
from core.metrics.text import PERCENT, WHOLE_PERCENT
from core.report.figures import REFERENCE_LINE, SECOND, base_figure, colour_of, run_colour
from core.report.figures.contrast import INK, mixed, page_of, readable_on
from dashboard.charts.curves import density_scale

#: Name of the selection in `errors`.
SELECTION = "region"

#: The quadrants of the circumplex, named in its corners: Russell (1980).
_CORNERS = (
    (-1, 1, "unpleasant, active"),
    (1, 1, "pleasant, active"),
    (-1, -1, "unpleasant, calm"),
    (1, -1, "pleasant, calm"),
)

#: Expressions differ in shape too, for colour-blind readers.
_SYMBOLS = (
    "circle", "square", "diamond", "triangle-up", "triangle-down", "star", "cross", "x", "pentagon", "hexagram",
    "bowtie",
)  # fmt: skip

_PLANE = alt.Scale(domain=[-1, 1])
_HALVES = alt.Axis(values=[-1, -0.5, 0, 0.5, 1], grid=False)


def density(
    table: pd.DataFrame, centres: pd.DataFrame, *, bin_width: float, happy: bool, ink: str
) -> go.Figure:
    """A `density` table as a heat map, with the mean position of each expression of a `centres` table.

    Args:
        happy: draw AffectNet's region of happy.
        ink: colour of the text, that of the page.
    """
    figure = base_figure(height=560, x="valence", y="arousal")
    grid = table.pivot(index="arousal", columns="valence", values="faces")
    figure.add_heatmap(
        x=grid.columns,
        y=grid.index,
        z=grid.to_numpy(),
        dx=bin_width,
        dy=bin_width,
        colorscale=density_scale(ink),
        colorbar={"title": "faces", "thickness": 10, "orientation": "h", "y": -0.18, "yanchor": "top"},
        hovertemplate="valence %{x:.2f}, arousal %{y:.2f}: %{z:,} faces<extra></extra>",
        hoverongaps=False,
    )
    for row in centres.itertuples():
        figure.add_scatter(
            x=[row.valence],
            y=[row.arousal],
            name=row.expression,
            mode="markers",
            marker={
                "size": 12,
                "color": colour_of(row.expression),
                "symbol": _SYMBOLS[EXPRESSIONS.index(row.expression)],
                "line": {"width": 1.5, "color": page_of(ink)},
            },
            hovertemplate=f"{row.expression}, mean of {row.faces:,} faces: %{{x:.2f}}, %{{y:.2f}}<extra></extra>",
            showlegend=True,
        )
    for x, y, text in _CORNERS:
        figure.add_annotation(
            x=x,
            y=1.07 * y,
            text=text,
            showarrow=False,
            xanchor="left" if x < 0 else "right",
            yanchor="top" if y < 0 else "bottom",
            font={"color": REFERENCE_LINE, "size": 11},
        )
    axis = {"color": REFERENCE_LINE, "width": 1}
    figure.add_shape(type="line", x0=-1, x1=1, y0=0, y1=0, line=axis)
    figure.add_shape(type="line", x0=0, x1=0, y0=-1, y1=1, line=axis)
    figure.add_shape(type="circle", x0=-1, x1=1, y0=-1, y1=1, line=axis | {"dash": "dot"})
    if happy:
        left, right, bottom, top = AFFECTNET_REGIONS["happy"]
        line = {"color": colour_of("happy"), "width": 2, "dash": "dash"}
        figure.add_shape(type="rect", x0=left, x1=right, y0=bottom, y1=top, line=line)
    figure.update_xaxes(range=[-1.05, 1.05], dtick=0.5, constrain="domain")
    figure.update_yaxes(
        range=[-1.2, 1.2], dtick=0.5, scaleanchor="x", constrain="domain", constraintoward="bottom"
    )
    return figure


def sizes(table: pd.DataFrame, *, side: float, ink: str = INK) -> go.Figure:
    """A `sizes` table as one line per split, with the size below which faces are enlarged marked."""
    figure = base_figure(height=320, x="longer side of the face box in pixels", y="share of the split")
    for number, split in enumerate(dict.fromkeys(table["split"])):
        part = table[table["split"] == split]
        figure.add_scatter(
            x=(part["from"] * part["to"]) ** 0.5,
            y=part["share"],
            name=split,
            mode="lines",
            line={"shape": "hvh", "width": 2, "color": run_colour(number, ink)},
            customdata=part[["from", "to", "faces"]],
            hovertemplate=f"{split}, %{{customdata[0]:.0f}} to %{{customdata[1]:.0f}} pixels: %{{customdata[2]:,}} "
            f"faces, %{{y:{PERCENT.d3}}}<extra></extra>",
        )
    # On a logarithmic axis Plotly places shapes by value, but text and ranges by its logarithm.
    edges = math.log10(min(table["from"].min(), side) / 1.3), math.log10(max(table["to"].max(), side) * 1.3)
    figure.add_shape(
        type="line",
        x0=side,
        x1=side,
        y0=0,
        y1=1,
        yref="paper",
        line={"color": REFERENCE_LINE, "dash": "dash"},
    )
    figure.add_annotation(
        x=math.log10(side), y=1, yref="paper", yanchor="top", xanchor="right", xshift=-4, showarrow=False,
        text=f"{side:.0f} px",
    )  # fmt: skip
    figure.update_xaxes(type="log", range=edges, tickvals=[8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096])
    figure.update_yaxes(tickformat=WHOLE_PERCENT.d3, rangemode="tozero")
    return figure


def errors(table: pd.DataFrame, *, region: float, chosen: str | None, ink: str) -> alt.LayerChart:
    """An `error_by_region` table: the redder a region of the plane, the larger the error; clickable.

    Args:
        region: side of a region.
        chosen: name of the region to frame, or None.
        ink: colour of the text on the page, which depends on the theme.
    """
    picked = alt.selection_point(name=SELECTION, fields=["region"], on="click", clear=False, toggle=False)
    # Mixed here rather than by opacity, so that the text on a region can be chosen by its contrast.
    highest = table["error"].max() or 1.0
    shades = [mixed(SECOND, page_of(ink), 0.05 + 0.9 * error / highest) for error in table["error"]]
    shown = table.assign(
        right=table["valence"] + region,
        top=table["arousal"] + region,
        middle=table["valence"] + region / 2,
        height=table["arousal"] + region / 2,
        shade=shades,
        text_colour=[readable_on(shade, ink) for shade in shades],
    )
    base = alt.Chart(shown)
    across, up = (
        alt.X("valence:Q", scale=_PLANE, axis=_HALVES, title="annotated valence"),
        alt.Y("arousal:Q", scale=_PLANE, axis=_HALVES, title="annotated arousal"),
    )
    corners = {"x": across, "x2": "right:Q", "y": up, "y2": "top:Q"}
    tooltip = [
        alt.Tooltip("region:N"),
        alt.Tooltip("faces:Q", format=",d"),
        alt.Tooltip("error:Q", format=".3f", title="root mean square distance"),
    ]
    cells = (
        base.mark_rect(cursor="pointer", stroke=REFERENCE_LINE, strokeOpacity=0.25)
        .encode(**corners, color=alt.Color("shade:N", scale=None), description="region:N", tooltip=tooltip)
        .add_params(picked)
    )
    numbers = base.mark_text(fontSize=11, aria=False).encode(
        x=alt.X("middle:Q", scale=_PLANE),
        y=alt.Y("height:Q", scale=_PLANE),
        text=alt.Text("error:Q", format=".2f"),
        color=alt.Color("text_colour:N", scale=None),
        tooltip=tooltip,
    )
    framed = (
        base.transform_filter(alt.FieldEqualPredicate(field="region", equal=chosen or ""))
        .mark_rect(filled=False, stroke=ink, strokeWidth=2.5, aria=False)
        .encode(**corners)
    )
    return alt.layer(cells, numbers, framed).properties(height=460)
