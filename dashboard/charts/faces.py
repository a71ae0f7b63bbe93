"""Small charts about one face (Altair)."""

import altair as alt
import pandas as pd

from core.report.figures import REFERENCE_LINE, colour_of

#: Side of the plane in pixels.
SIDE = 180


def affect_point(valence: float, arousal: float, expression: str) -> alt.LayerChart:
    """One face on the plane of valence (left to right) and arousal (bottom to top), both -1 to 1."""
    point = pd.DataFrame({"valence": [valence], "arousal": [arousal]})
    ends = pd.DataFrame({"low": [-1.0], "high": [1.0], "zero": [0.0]})
    scale = alt.Scale(domain=[-1, 1])
    axis = alt.Axis(values=[-1, 0, 1], grid=False, titlePadding=2)
    across = (
        alt.Chart(ends)
        .mark_rule(color=REFERENCE_LINE, opacity=0.5)
        .encode(x=alt.X("low:Q", scale=scale), x2="high:Q", y=alt.Y("zero:Q", scale=scale))
    )
    up = (
        alt.Chart(ends)
        .mark_rule(color=REFERENCE_LINE, opacity=0.5)
        .encode(y=alt.Y("low:Q", scale=scale), y2="high:Q", x=alt.X("zero:Q", scale=scale))
    )
    mark = (
        alt.Chart(point)
        .mark_point(filled=True, size=110, opacity=1, color=colour_of(expression), stroke=REFERENCE_LINE)
        .encode(
            x=alt.X("valence:Q", scale=scale, axis=axis, title="valence"),
            y=alt.Y("arousal:Q", scale=scale, axis=axis, title="arousal"),
            tooltip=[alt.Tooltip("valence:Q", format="+.2f"), alt.Tooltip("arousal:Q", format="+.2f")],
        )
    )
    return alt.layer(across, up, mark).properties(
        width=SIDE, height=SIDE, description="The face on the plane of valence and arousal."
    )
