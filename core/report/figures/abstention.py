"""Distribution of confidence in and out of the label set; risk and coverage."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.labels import EXPRESSIONS
from core.metrics.text import PERCENT, WHOLE_PERCENT
from core.report.figures import REFERENCE_LINE, base_figure, colour_of, run_colour
from core.report.figures.contrast import INK, contrast, mixed, page_of

#: Pixels of a group's row.
_ROW = 84


def confidences(table: pd.DataFrame, *, threshold: float | None = None, ink: str = INK) -> go.Figure:
    """Bars over the confidence, a row per group of faces, of a `confidence_bins` table, faces from
    `threshold` on are accepted."""
    groups = [group for group, bins in table.groupby("group", sort=False) if bins["faces"].sum()]
    figure = make_subplots(rows=len(groups), shared_xaxes=True, vertical_spacing=0.28 / max(len(groups), 2))
    figure.update_layout(base_figure(height=_ROW * len(groups) + 60, x="", y="").layout)
    for row, group in enumerate(groups, 1):
        bins = table[table["group"] == group]
        place = list(dict.fromkeys(table["group"])).index(group)
        colour = _readable(colour_of(group), ink) if group in EXPRESSIONS else run_colour(place, ink)
        figure.add_bar(
            x=(bins["low"] + bins["high"]) / 2,
            y=bins["share"],
            width=bins["high"] - bins["low"],
            marker={"color": colour, "line": {"width": 0}},
            customdata=bins[["low", "high", "faces"]],
            hovertemplate=(
                f"{group}: %{{customdata[2]:,}} faces (%{{y:{PERCENT.d3}}}) have a confidence of %{{customdata[0]:{WHOLE_PERCENT.d3}}} to "
                f"%{{customdata[1]:{WHOLE_PERCENT.d3}}}<extra></extra>"
            ),
            row=row,
            col=1,
        )
        figure.add_annotation(
            text=f"{group} ({bins['faces'].sum():,})",
            x=0, y=1, xref="paper", yref=f"y{row if row > 1 else ''} domain",
            xanchor="left", yanchor="bottom", showarrow=False, font={"color": ink, "size": 12},
        )  # fmt: skip
    if threshold is not None:
        figure.add_vline(x=threshold, line={"color": REFERENCE_LINE, "width": 1.5, "dash": "dash"})
    grid = "rgba(138,147,166,0.25)"
    figure.update_xaxes(range=[0, 1], tickformat=WHOLE_PERCENT.d3, dtick=0.25, gridcolor=grid, zeroline=False)
    figure.update_xaxes(title="confidence", row=len(groups))
    figure.update_yaxes(
        tickformat=WHOLE_PERCENT.d3,
        nticks=3,
        gridcolor=grid,
        zeroline=False,
        rangemode="tozero",
        automargin=True,
    )
    figure.update_layout(showlegend=False, bargap=0)
    return figure


def risk_coverage(
    table: pd.DataFrame, *, chosen: dict[str, tuple[float, float]] | None = None, ink: str = INK
) -> go.Figure:
    """Errors among the faces accepted over the share accepted, of a `risk_curves` table.

    `chosen`: curve -> (coverage, risk) of the chosen threshold.
    """
    figure = base_figure(height=420, x="coverage: share of the faces accepted", y="risk: errors among them")
    for number, (name, line) in enumerate(table.groupby("curve", sort=False)):
        judged = line["threshold"].notna().any()
        colour = run_colour(number, ink) if judged else REFERENCE_LINE
        figure.add_scatter(
            x=line["coverage"],
            y=line["risk"],
            name=name,
            mode="lines" if len(line) > 1 else "markers",
            line={"color": colour, "width": 2, "dash": "solid" if judged else "dot"},
            customdata=line[["threshold", "accepted", "errors"]],
            hovertemplate=f"{name}: %{{customdata[2]:,}} errors in %{{customdata[1]:,}} faces, %{{y:{PERCENT.d3}}}"
            + ("; confidence %{customdata[0]:.3f} or more" if judged else "")
            + "<extra></extra>",
        )
        if judged and chosen and name in chosen:
            figure.add_scatter(
                x=[chosen[name][0]],
                y=[chosen[name][1]],
                mode="markers",
                marker={"color": colour, "size": 11},
                showlegend=False,
                hovertemplate=f"{name}, chosen threshold: %{{y:{PERCENT.d3}}} of %{{x:{PERCENT.d3}}}<extra></extra>",
            )
    figure.update_xaxes(range=[0, 1.02], tickformat=WHOLE_PERCENT.d3, dtick=0.25)
    figure.update_yaxes(tickformat=WHOLE_PERCENT.d3, rangemode="tozero")
    return figure


def _readable(colour: str, ink: str) -> str:
    """An expression's colour, moved towards the ink where the page would swallow it as a line."""
    return colour if contrast(colour, page_of(ink)) >= 3 else mixed(colour, ink, 0.6)
