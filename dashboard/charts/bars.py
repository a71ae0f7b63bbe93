"""Bars and intervals per expression (Altair)."""

import altair as alt
import pandas as pd

from core.metrics.text import PERCENT
from core.report.figures import REFERENCE_LINE, colour_of

#: Every label is written, however narrow the page.
_SLANTED = alt.Axis(labelAngle=-35, labelOverlap=False)


def class_counts(table: pd.DataFrame, *, logarithmic: bool = False, share: bool = False) -> alt.Chart:
    """Grouped bars of a `class_counts` table: one group per expression, one bar per split."""
    field, title = ("share", "share of the split") if share else ("faces", "faces")
    # A logarithmic axis has no zero: classes without faces get no bar there.
    shown = table[table[field] > 0] if logarithmic else table
    scale = alt.Scale(type="log") if logarithmic else alt.Scale(zero=True)
    value = alt.Y(f"{field}:Q", title=title, scale=scale, axis=alt.Axis(format="%" if share else ",d"))
    expressions, splits = _order(table["expression"]), _order(table["split"])
    return (
        alt.Chart(shown)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("expression:N", sort=expressions, title=None, axis=_SLANTED),
            xOffset=alt.XOffset("split:N", sort=splits),
            y=value if not logarithmic else value.stack(None),
            color=_expression_colours(expressions),
            opacity=alt.Opacity(
                "split:N",
                sort=splits,
                scale=alt.Scale(domain=splits, range=_steps(len(splits))),
                legend=alt.Legend(title="split", orient="top", symbolFillColor=REFERENCE_LINE),
            ),
            tooltip=[
                alt.Tooltip("split:N"),
                alt.Tooltip("expression:N"),
                alt.Tooltip("faces:Q", format=",d"),
                alt.Tooltip("share:Q", format=PERCENT.d3),
            ],
        )
        .properties(height=340, description="Faces per expression and split.")
    )


def per_class(table: pd.DataFrame) -> alt.FacetChart:
    """Precision, recall and F1 of a `per_class_long` table with their 95% intervals, one panel each."""
    expressions = _order(table["expression"])
    base = alt.Chart(table).encode(
        y=alt.Y("expression:N", sort=expressions, title=None, axis=alt.Axis(labelFlush=False)),
        color=_expression_colours(expressions),
        tooltip=[
            alt.Tooltip("expression:N"),
            alt.Tooltip("number:N"),
            alt.Tooltip("value:Q", format=".3f"),
            alt.Tooltip("low:Q", title="95% from", format=".3f"),
            alt.Tooltip("high:Q", title="to", format=".3f"),
            alt.Tooltip("support:Q", title="faces", format=",d"),
        ],
    )
    axis = alt.Axis(format="%", title=None, values=[0, 0.25, 0.5, 0.75, 1])
    scale = alt.Scale(domain=[0, 1])
    whiskers = base.mark_rule(strokeWidth=3, opacity=0.5).encode(
        x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q"
    )
    points = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=alt.X("value:Q", scale=scale, axis=axis)
    )
    return alt.layer(whiskers, points).properties(height=34 * len(expressions) + 20)


def probabilities(table: pd.DataFrame, *, true: str | None = None, mark: str = "true") -> alt.LayerChart:
    """One face's probabilities as bars; the annotated expression has `mark` on the axis."""
    order = list(table["expression"])
    shown = table.assign(name=[f"{label} ({mark})" if label == true else label for label in order])
    base = alt.Chart(shown).encode(
        y=alt.Y("name:N", sort=list(shown["name"]), title=None, axis=alt.Axis(labelLimit=160)),
        x=alt.X(
            "probability:Q", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", title="probability")
        ),
        tooltip=[alt.Tooltip("expression:N"), alt.Tooltip("probability:Q", format=PERCENT.d3)],
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(color=_expression_colours(order))
    text = base.mark_text(align="left", dx=4, color="#7B8496").encode(
        text=alt.Text("probability:Q", format=PERCENT.d3)
    )
    return alt.layer(bars, text).properties(
        height=26 * len(order) + 50, description="Probability of each expression."
    )


def affect_errors(table: pd.DataFrame) -> alt.Chart:
    """RMSE of each expression's faces, one bar for valence and one for arousal."""
    expressions = _order(table["expression"])
    return (
        alt.Chart(table)
        .mark_bar(cornerRadiusEnd=2)
        .encode(
            x=alt.X("expression:N", sort=expressions, title=None, axis=_SLANTED),
            xOffset=alt.XOffset("dimension:N", sort=["valence", "arousal"]),
            y=alt.Y("rmse:Q", title="RMSE"),
            color=_expression_colours(expressions),
            opacity=alt.Opacity(
                "dimension:N",
                sort=["valence", "arousal"],
                scale=alt.Scale(domain=["valence", "arousal"], range=[1.0, 0.5]),
                legend=alt.Legend(title=None, orient="top", symbolFillColor=REFERENCE_LINE),
            ),
            tooltip=[
                alt.Tooltip("expression:N"),
                alt.Tooltip("dimension:N"),
                alt.Tooltip("rmse:Q", format=".3f"),
                alt.Tooltip("bias:Q", title="mean of predicted minus true", format="+.3f"),
                alt.Tooltip("faces:Q", format=",d"),
            ],
        )
        .properties(height=300, description="Root mean square error per expression.")
    )


def pair_distributions(table: pd.DataFrame, of: str) -> alt.LayerChart:
    """Distribution of the probability of `of` over the faces of two expressions."""
    labels = _order(table["label"])
    return (
        alt.Chart(table)
        .mark_area(interpolate="step", fillOpacity=0.35, line={"strokeWidth": 2})
        .encode(
            x=alt.X(
                "probability:Q",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%", title=f"probability of {of}"),
            ),
            y=alt.Y("share:Q", stack=None, axis=alt.Axis(format="%", title="share of the faces")),
            color=_expression_colours(labels, title="true expression"),
            tooltip=[
                alt.Tooltip("label:N", title="true expression"),
                alt.Tooltip("probability:Q", format=PERCENT.d3),
                alt.Tooltip("faces:Q", format=",d"),
            ],
        )
        .properties(height=300)
    )


def _expression_colours(expressions: list[str], *, title: str | None = None) -> alt.Color:
    """Each expression in its colour; a legend only where a title is given."""
    field = "label" if title else "expression"
    legend = alt.Legend(title=title, orient="top") if title else None
    scale = alt.Scale(domain=expressions, range=[colour_of(name) for name in expressions])
    return alt.Color(f"{field}:N", scale=scale, legend=legend)


def _order(column: pd.Series) -> list[str]:
    """Its values in order of appearance."""
    return list(dict.fromkeys(column))


def _steps(count: int) -> list[float]:
    """Opacities that distinguish `count` splits."""
    return [1.0 - 0.65 * step / max(count - 1, 1) for step in range(count)]
