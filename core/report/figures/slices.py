"""Metrics of slices of the faces with intervals (Plotly)."""

import pandas as pd
import plotly.graph_objects as go

from core.metrics.text import PERCENT, WHOLE_PERCENT
from core.report.figures import ACCENT, REFERENCE_LINE, SECOND, add_intervals, base_figure
from core.report.figures.contrast import INK

#: By what the test says of a slice: (title, colour, symbol): told apart without colours too.
_SIGNIFICANCES = {
    "gap": ("differs from the other faces", SECOND, "diamond"),
    "no gap": ("not distinguishable", ACCENT, "circle"),
    "too few": ("not compared", REFERENCE_LINE, "circle-open"),
}

_TITLES = {"accuracy": "accuracy", "macro_f1": "macro-F1"}

#: Longer names are cut: a telephone has to show the dots too.
_LONGEST_NAME = 24


def dots(table: pd.DataFrame, name: str, *, overall: float, ink: str = INK) -> go.Figure:
    """A `SliceTable.numbers` of 'accuracy' or 'macro_f1', one row per slice, and a line where all faces stand."""
    figure = base_figure(height=112 + 38 * len(table), x=_TITLES[name], y="")
    figure.add_vline(x=overall, line={"color": ink, "width": 1, "dash": "dot"})
    places = pd.Series(range(len(table)), index=table.index)
    for significance, (title, colour, symbol) in _SIGNIFICANCES.items():
        rows = table[(table["significance"] == significance) & table["value"].notna()]
        if rows.empty:
            continue
        add_intervals(
            figure,
            rows["value"],
            rows["low"],
            rows["high"],
            y=places[rows.index],
            name=title,
            colour=colour,
            symbol=symbol,
            ink=ink,
            customdata=rows[["slice", "faces", "low", "high", "gap", "p_corrected"]],
            hovertemplate=_hover(name, compared=significance != "too few"),
        )
    for place, (_, row) in enumerate(table.iterrows()):
        if pd.isna(row["value"]):
            figure.add_annotation(
                x=overall, y=place, text=f"too few faces ({row['faces']:,})", showarrow=False, font={"color": ink}
            )  # fmt: skip
    figure.update_yaxes(
        tickmode="array",
        tickvals=list(range(len(table))),
        ticktext=[_cut(name) for name in table["slice"]],
        range=[len(table) - 0.5, -0.5],
        title=None,
        gridcolor="rgba(0,0,0,0)",
    )
    figure.update_xaxes(tickformat=WHOLE_PERCENT.d3 if name == "accuracy" else ".2f", nticks=6)
    return figure


def _hover(name: str, *, compared: bool) -> str:
    form = PERCENT.d3 if name == "accuracy" else ".3f"
    ends = f"(95% %{{customdata[2]:{form}}} to %{{customdata[3]:{form}}})"
    gap = f"<br>gap %{{customdata[4]:+{form}}}, corrected p %{{customdata[5]:.4f}}" if compared else ""
    return f"%{{customdata[0]}}: %{{x:{form}}} {ends}, %{{customdata[1]:,}} faces{gap}<extra></extra>"


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
