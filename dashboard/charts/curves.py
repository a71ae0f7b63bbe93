"""Curves and clouds of points (Plotly): training, ROC, precision-recall, valence and arousal."""

import pandas as pd
import plotly.graph_objects as go

from core.labels import EXPRESSIONS
from core.metrics.text import PERCENT
from core.report.figures import REFERENCE_LINE, base_figure, colour_of, run_colour, unit_axes
from core.report.figures.contrast import DARK_PAGE, INK, PAGE, mixed, page_of

#: Colour of the highest density, by the colour of the page.
DENSE = {PAGE: "#2E4494", DARK_PAGE: "#B4C2FF"}


def learning_rate(table: pd.DataFrame, *, ink: str = INK) -> go.Figure:
    """The learning rate over the epochs, one line per run."""
    figure = base_figure(height=240, x="epoch", y="learning rate")
    for number, run in enumerate(dict.fromkeys(table["run"])):
        line = table[table["run"] == run]
        figure.add_scatter(
            x=line["epoch"],
            y=line["value"],
            name=run,
            mode="lines+markers" if len(line) < 3 else "lines",
            line={"color": run_colour(number, ink), "width": 2},
            hovertemplate="epoch %{x}: %{y:.2e}<extra></extra>",
        )
    figure.update_yaxes(tickformat=".1e", rangemode="tozero")
    figure.update_layout(showlegend=len(figure.data) > 1)
    return figure


def roc(table: pd.DataFrame, *, height: int = 420) -> go.Figure:
    """ROC curves of a `curves` table, one per label, with the line of chance."""
    figure = base_figure(height=height, x="false positive rate", y="true positive rate (recall)")
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": REFERENCE_LINE, "dash": "dash", "width": 1},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    _add_label_lines(figure, table, area="area")
    unit_axes(figure)
    return figure


def precision_recall(table: pd.DataFrame, *, height: int = 420) -> go.Figure:
    """Precision over recall, one line per label."""
    figure = base_figure(height=height, x="recall", y="precision")
    _add_label_lines(figure, table, area="average precision")
    unit_axes(figure)
    return figure


def affect(table: pd.DataFrame, dimension: str, *, ink: str = INK) -> go.Figure:
    """Predicted over true valence or arousal: a `points` table by expression, or a `binned` one as a density."""
    figure = base_figure(height=460, x=f"true {dimension}", y=f"predicted {dimension}")
    figure.add_scatter(
        x=[-1, 1], y=[-1, 1], mode="lines", line={"color": REFERENCE_LINE, "dash": "dash", "width": 1},
        hoverinfo="skip", showlegend=False,
    )  # fmt: skip
    if "faces" in table:
        grid = table.pivot(index="predicted", columns="true", values="faces")
        figure.add_heatmap(
            x=grid.columns,
            y=grid.index,
            z=grid.to_numpy(),
            colorscale=density_scale(ink),
            colorbar={"title": "faces", "thickness": 12},
            hovertemplate="true %{x:.2f}, predicted %{y:.2f}: %{z:,} faces<extra></extra>",
            hoverongaps=False,
        )
    else:
        for expression in sorted(table["expression"].unique(), key=EXPRESSIONS.index):
            part = table[table["expression"] == expression]
            figure.add_scatter(
                x=part["true"],
                y=part["predicted"],
                name=expression,
                mode="markers",
                marker={"color": colour_of(expression), "size": 6, "opacity": 0.65},
                customdata=part[["reference"]],
                hovertemplate="%{customdata[0]}<br>true %{x:.2f}, predicted %{y:.2f}<extra>"
                + expression
                + "</extra>",
            )
    figure.update_xaxes(range=[-1.05, 1.05])
    figure.update_yaxes(range=[-1.05, 1.05])
    return figure


def density_scale(ink: str) -> list[list]:
    """From few faces to many: away from the page on which text is written in `ink`."""
    page, most = page_of(ink), DENSE[page_of(ink)]
    return [[share, mixed(most, page, strength)] for share, strength in ((0, 0.08), (0.15, 0.4), (1, 1))]


def _add_label_lines(figure: go.Figure, table: pd.DataFrame, *, area: str) -> None:
    for label in dict.fromkeys(table["label"]):
        line = table[table["label"] == label]
        figure.add_scatter(
            x=line["x"],
            y=line["y"],
            name=f"{label} ({line['area'].iloc[0]:.3f})",
            mode="lines",
            line={"color": colour_of(label), "width": 2},
            customdata=line[["threshold"]],
            hovertemplate=(
                f"{label}, {area} {line['area'].iloc[0]:.3f}<br>"
                f"%{{x:{PERCENT.d3}}} / %{{y:{PERCENT.d3}}} at a probability of %{{customdata[0]:.3f}}<extra></extra>"
            ),
        )
