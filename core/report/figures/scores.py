"""Static figures of scores (Plotly): intervals per expression, matrices."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.metrics.text import PERCENT, WHOLE_PERCENT
from core.report.figures import ACCENT, REFERENCE_LINE, SECOND, base_figure, colour_of
from core.report.figures.contrast import INK, mixed, page_of

#: The faintest shade of a colour: an empty cell can still be seen.
_FAINTEST = 0.04


def per_class(table: pd.DataFrame, *, ink: str = INK) -> go.Figure:
    """Precision, recall and F1 of a `per_class_long` table with their intervals, one panel each."""
    expressions, numbers = list(dict.fromkeys(table["expression"])), list(dict.fromkeys(table["number"]))
    figure = make_subplots(cols=max(len(numbers), 1), shared_yaxes=True, horizontal_spacing=0.07)
    figure.update_layout(base_figure(height=72 + 36 * len(expressions), x="", y="").layout)
    for column, number in enumerate(numbers, 1):
        rows = table[table["number"] == number]
        colours = [colour_of(expression) for expression in rows["expression"]]
        for expression, colour, low, high in zip(
            rows["expression"], colours, rows["low"], rows["high"], strict=True
        ):
            figure.add_scatter(
                x=[low, high], y=[expression] * 2, mode="lines", hoverinfo="skip", showlegend=False,
                line={"color": mixed(colour, page_of(ink), 0.55), "width": 4}, row=1, col=column,
            )  # fmt: skip
        figure.add_scatter(
            x=rows["value"],
            y=rows["expression"],
            mode="markers",
            marker={"color": colours, "size": 10},
            customdata=rows[["low", "high", "support"]],
            hovertemplate=(
                f"%{{y}}: {number} %{{x:.3f}} (95% %{{customdata[0]:.3f}} to %{{customdata[1]:.3f}}), "
                "%{customdata[2]:,} faces<extra></extra>"
            ),
            showlegend=False,
            row=1,
            col=column,
        )
        figure.update_xaxes(title=number, col=column)
    figure.update_xaxes(
        range=[-0.04, 1.04],
        tickvals=[0, 0.5, 1],
        ticktext=["0", "50", "100"],
        gridcolor=_GRID,
        zeroline=False,
    )
    figure.update_yaxes(
        categoryorder="array", categoryarray=expressions[::-1], title=None, gridcolor=_GRID, automargin=True, zeroline=False,
        range=[-0.6, len(expressions) - 0.4],
    )  # fmt: skip
    return figure


def confusion(cells: pd.DataFrame, labels: tuple[str, ...], *, ink: str = INK) -> go.Figure:
    """Shares of each true label's faces, from a `confusion_cells` table: blue if correct, red if misclassified.

    Either colour has a scale of its own, so that rare errors can be seen beside what is read right.
    """
    table = cells[cells["row"].notna()]
    right = (table["true"] == table["predicted"]).to_numpy()
    share = table["row"].to_numpy()
    strength = np.where(
        right, _relative(np.where(right, share, 0.0)), -_relative(np.where(right, 0.0, share))
    )
    return _heatmap(
        table.assign(strength=strength, text=[WHOLE_PERCENT.text(value, unit=False) for value in share]),
        x="predicted",
        y="true",
        columns=list(labels),
        rows=[label for label in labels if label in set(table["true"])],
        colours=(SECOND, ACCENT),
        hover=f"%{{y}} read as %{{x}}: %{{customdata[0]:,}} faces, %{{customdata[1]:{PERCENT.d3}}} of %{{y}}",
        custom=["faces", "row"],
        titles=("predicted", "true"),
        ink=ink,
    )


def pairwise(cells: pd.DataFrame, labels: tuple[str, ...], *, ink: str = INK) -> go.Figure:
    """A(i, j) of each pair once, from a `pairwise_cells` table; the weakest pairs stand out."""
    order = [label for label in labels if label in set(cells["first"])]
    position = {label: place for place, label in enumerate(order)}
    table = cells[cells["first"].map(position) > cells["second"].map(position)]
    strength = -_relative(1.0 - table["value"].to_numpy())
    return _heatmap(
        table.assign(strength=strength, text=[f"{value:.2f}".removeprefix("0") for value in table["value"]]),
        x="second",
        y="first",
        columns=order[:-1],
        rows=order[1:],
        colours=(SECOND, page_of(ink)),
        hover="%{y} and %{x}: A = %{customdata[0]:.3f} (95% %{customdata[1]:.3f} to %{customdata[2]:.3f})",
        custom=["value", "low", "high"],
        titles=("", ""),
        ink=ink,
    )


_GRID = "rgba(138,147,166,0.25)"


def _heatmap(
    table: pd.DataFrame,
    *,
    x: str,
    y: str,
    columns: list[str],
    rows: list[str],
    colours: tuple[str, str],
    hover: str,
    custom: list[str],
    titles: tuple[str, str],
    ink: str,
) -> go.Figure:
    """Cells coloured by `strength`, -1 (the first colour) over 0 (the page) to 1 (the second), with their text."""
    figure = base_figure(height=110 + 38 * len(rows), x=titles[0], y=titles[1])
    page = page_of(ink)
    figure.add_heatmap(
        x=table[x],
        y=table[y],
        z=table["strength"],
        text=table["text"],
        texttemplate="%{text}",
        customdata=table[custom],
        hovertemplate=f"{hover}<extra></extra>",
        zmin=-1,
        zmax=1,
        colorscale=[[0, colours[0]], [0.5, page], [1, colours[1]]],
        showscale=False,
        xgap=2,
        ygap=2,
    )
    axis = {"showgrid": False, "ticks": "", "linecolor": REFERENCE_LINE}
    figure.update_xaxes(
        categoryorder="array", categoryarray=columns, range=[-0.5, len(columns) - 0.5], side="top", **axis
    )
    figure.update_yaxes(
        categoryorder="array", categoryarray=rows[::-1], range=[-0.5, len(rows) - 0.5], **axis
    )
    return figure


def _relative(values: np.ndarray) -> np.ndarray:
    """Shares of the strongest shade, the highest value being 1."""
    highest = values.max(initial=0.0)
    return _FAINTEST + (1 - _FAINTEST) * (values / highest if highest > 0 else 0.0 * values)
