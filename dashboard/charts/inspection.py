"""Pixel statistics of a data set beside the published ones (Altair)."""

import altair as alt
import pandas as pd

from core.report.figures import REFERENCE_LINE, RUN_COLOURS


def pixel_ranges(table: pd.DataFrame) -> alt.FacetChart:
    """One panel per measure of a `pixel_statistics` table: per split the range of 90% of the faces with its median, and the
    published one in grey."""
    names = {"low": "published_low", "median": "published_median", "high": "published_high"}
    found = table[["split", "measure", "faces", *names]].assign(of="this data")
    published = table[["split", "measure", *names.values()]].rename(
        columns={other: name for name, other in names.items()}
    )
    both = pd.concat([found, published.assign(of="published").dropna(subset=["median"])], ignore_index=True)
    base = alt.Chart(both).encode(
        y=alt.Y("split:N", title=None),
        yOffset=alt.YOffset("of:N", sort=["this data", "published"]),
        color=alt.Color(
            "of:N",
            scale=alt.Scale(domain=["this data", "published"], range=[RUN_COLOURS[0], REFERENCE_LINE]),
            legend=alt.Legend(title=None, orient="top"),
        ),
        tooltip=[
            alt.Tooltip("measure:N"),
            alt.Tooltip("split:N"),
            alt.Tooltip("of:N"),
            alt.Tooltip("low:Q", title="5%", format=".3f"),
            alt.Tooltip("median:Q", format=".3f"),
            alt.Tooltip("high:Q", title="95%", format=".3f"),
        ],
    )
    ranges = base.mark_bar(height=6).encode(x=alt.X("low:Q", title=None), x2="high:Q")
    medians = base.mark_tick(thickness=3, size=12).encode(x="median:Q")
    return (
        alt.layer(ranges, medians)
        .properties(width=260, height=alt.Step(26))
        .facet(alt.Facet("measure:N", title=None, sort=list(dict.fromkeys(table["measure"]))), columns=2)
        .resolve_scale(x="independent")
        .properties(
            description="Range of 90% of the faces and median of each pixel measure, beside the published set."
        )
    )
