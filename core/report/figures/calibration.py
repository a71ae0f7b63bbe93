"""The reliability diagram (Plotly): how often the network is right when it is as sure as it says."""

import pandas as pd
import plotly.graph_objects as go

from core.metrics.text import PERCENT, WHOLE_PERCENT
from core.report.figures import REFERENCE_LINE, base_figure, run_colour, unit_axes
from core.report.figures.contrast import INK, mixed, page_of

#: Reading -> (number of its colour, symbol): told apart without colours too.
_MARKS = {"uncalibrated": (0, "circle"), "calibrated": (1, "diamond")}

#: Where the diagram ends and the spread of the probabilities begins, as shares of the height.
_LOWER_PANEL, _UPPER_PANEL = (0.0, 0.18), (0.27, 1.0)


def reliability(
    bins: pd.DataFrame,
    spread: pd.DataFrame,
    titles: dict[str, str],
    *,
    expression: str | None = None,
    ink: str = INK,
) -> go.Figure:
    """Accuracy over confidence in equal-mass bins with Wilson intervals; below, how many faces are how sure.

    `bins` and `spread` are those of `core.analysis.calibration.review.Reliability`, `titles` the names of their readings.
    With `expression` they are of its probability, one versus rest.
    """
    of = "confidence" if expression is None else f"probability of {expression}"
    figure = base_figure(height=560, x=of, y="accuracy" if expression is None else f"share of {expression}")
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": REFERENCE_LINE, "dash": "dash", "width": 1},
        name="calibrated", hoverinfo="skip",
    )  # fmt: skip
    for reading in dict.fromkeys(bins["reading"]):
        number, symbol = _MARKS[reading]
        colour = run_colour(number, ink)
        _add_bins(figure, bins[bins["reading"] == reading], titles[reading], colour, symbol)
        _add_spread(
            figure,
            spread[spread["reading"] == reading],
            titles[reading],
            colour,
            mixed(colour, page_of(ink), 0.35),
        )
    unit_axes(figure)
    figure.update_layout(
        yaxis={"domain": _UPPER_PANEL},
        yaxis2={
            "domain": _LOWER_PANEL, "title": "faces", "gridcolor": "rgba(138,147,166,0.25)", "automargin": True,
            "rangemode": "tozero", "nticks": 3,
        },
        xaxis={"anchor": "y2"},
        barmode="overlay",
        bargap=0.08,
    )  # fmt: skip
    return figure


def _add_bins(figure: go.Figure, rows: pd.DataFrame, title: str, colour: str, symbol: str) -> None:
    figure.add_scatter(
        x=rows["confidence"],
        y=rows["accuracy"],
        name=title,
        legendgroup=title,
        mode="lines+markers",
        line={"color": colour, "width": 1.5},
        marker={"color": colour, "size": 8, "symbol": symbol},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": rows["high"] - rows["accuracy"],
            "arrayminus": rows["accuracy"] - rows["low"],
            "color": colour,
            "thickness": 1.5,
            "width": 4,
        },
        customdata=rows[["lowest", "highest", "low", "high", "faces"]],
        hovertemplate=(
            f"{title}, %{{customdata[0]:{PERCENT.d3}}} to %{{customdata[1]:{PERCENT.d3}}}, %{{customdata[4]:,.1f}} faces<br>"
            f"mean %{{x:{PERCENT.d3}}}, true in %{{y:{PERCENT.d3}}} (95% %{{customdata[2]:{PERCENT.d3}}} to %{{customdata[3]:{PERCENT.d3}}})<extra></extra>"
        ),
    )


def _add_spread(figure: go.Figure, rows: pd.DataFrame, title: str, colour: str, faint: str) -> None:
    figure.add_bar(
        x=(rows["from"] + rows["to"]) / 2,
        y=rows["faces"],
        yaxis="y2",
        name=title,
        legendgroup=title,
        showlegend=False,
        marker={"color": faint, "opacity": 0.7, "line": {"color": colour, "width": 1}},
        customdata=rows[["from", "to"]],
        hovertemplate=(
            f"{title}, %{{customdata[0]:{WHOLE_PERCENT.d3}}} to %{{customdata[1]:{WHOLE_PERCENT.d3}}}: %{{y:,}} faces<extra></extra>"
        ),
    )
