"""Clickable heatmaps: the confusion matrix and the pairwise matrix of the M measure (Altair)."""

import altair as alt
import pandas as pd

from dashboard.charts import ACCENT, SECOND

#: Name of the selection in both charts; Streamlit reports clicks under it.
SELECTION = "cell"

#: Text on pale cells of the light theme.
INK = "#1F2430"

_FORMATS = {"faces": ",d", "row": ".0%", "column": ".0%"}
_TITLES = {"faces": "faces", "row": "share of the true label", "column": "share of the predicted label"}


def confusion(
    cells: pd.DataFrame,
    labels: tuple[str, ...],
    *,
    show: str = "faces",
    hide_diagonal: bool = False,
    chosen: tuple[str | None, str | None] = (None, None),
    ink: str = INK,
) -> alt.LayerChart:
    """The confusion matrix of a `confusion_cells` table.

    Args:
        show: what the cells say: 'faces', 'row' or 'column'.
        hide_diagonal: leave the diagonal blank, so that the scale belongs to the errors.
        chosen: true and predicted label of the cells to frame; None stands for any.
        ink: colour of the text on pale cells, that of the page.
    """
    table = cells.assign(value=cells[show], right=cells["true"] == cells["predicted"])
    if hide_diagonal:
        table = table[~table["right"]]
    tooltip = [
        alt.Tooltip("true:N", title="true"),
        alt.Tooltip("predicted:N", title="predicted"),
        alt.Tooltip("faces:Q", title="faces", format=",d"),
        alt.Tooltip("row:Q", title="of the true", format=".1%"),
        alt.Tooltip("column:Q", title="of the predicted", format=".1%"),
    ]
    return _heatmap(
        table,
        row="true",
        column="predicted",
        row_order=labels,
        column_order=labels,
        lowest=0.0,
        number_format=_FORMATS[show],
        tooltip=tooltip,
        colour=alt.condition("datum.right", alt.value(ACCENT), alt.value(SECOND)),
        chosen=chosen,
        ink=ink,
        description=f"Confusion matrix, true labels in rows, predicted labels in columns, {_TITLES[show]} in cells.",
    )


def pairwise(
    cells: pd.DataFrame,
    labels: tuple[str, ...],
    *,
    chosen: tuple[str | None, str | None] = (None, None),
    ink: str = INK,
) -> alt.LayerChart:
    """The matrix of A(i, j) of a `pairwise_cells` table; the weakest pairs stand out."""
    table = cells.assign(weakness=1.0 - cells["value"])
    tooltip = [
        alt.Tooltip("first:N", title="expression"),
        alt.Tooltip("second:N", title="against"),
        alt.Tooltip("value:Q", title="A", format=".4f"),
        alt.Tooltip("low:Q", title="95 % from", format=".4f"),
        alt.Tooltip("high:Q", title="to", format=".4f"),
    ]
    present = [label for label in labels if label in set(table["first"])]
    return _heatmap(
        table,
        row="first",
        column="second",
        row_order=present,
        column_order=present,
        shade="weakness",
        lowest=0.0,
        number_format=".3f",
        tooltip=tooltip,
        colour=alt.value(SECOND),
        chosen=chosen,
        ink=ink,
        description="Hand and Till's A for every pair of expressions; weaker pairs are darker.",
    )


def _heatmap(
    table: pd.DataFrame,
    *,
    row: str,
    column: str,
    row_order: tuple[str, ...] | list[str],
    column_order: tuple[str, ...] | list[str],
    lowest: float,
    number_format: str,
    tooltip: list[alt.Tooltip],
    colour,
    chosen: tuple[str | None, str | None],
    ink: str,
    description: str,
    shade: str = "value",
) -> alt.LayerChart:
    """Rectangles whose opacity follows `shade`, their `value` written on them, clickable."""
    cell = alt.selection_point(name=SELECTION, fields=[row, column], on="click", clear=False, toggle=False)
    highest = float(table[shade].max()) if table[shade].notna().any() else 1.0
    # Opacity rather than a colour scheme: an empty cell then has the page's colour in either theme.
    scale = alt.Scale(domain=[lowest, max(highest, 1e-9)], range=[0.04, 1.0])
    base = alt.Chart(table).encode(
        x=alt.X(
            f"{column}:N",
            sort=list(column_order),
            scale=alt.Scale(domain=list(column_order)),
            axis=alt.Axis(
                orient="top", labelAngle=-45, labelOverlap=False, title=column, ticks=False, domain=False
            ),
        ),
        y=alt.Y(
            f"{row}:N",
            sort=list(row_order),
            scale=alt.Scale(domain=list(row_order)),
            axis=alt.Axis(title=row, ticks=False, domain=False),
        ),
        tooltip=tooltip,
    )
    cells = (
        base.mark_rect(cursor="pointer", cornerRadius=3, stroke="#8A93A6", strokeOpacity=0.25, strokeWidth=1)
        .encode(color=colour, opacity=alt.Opacity(f"{shade}:Q", scale=scale, legend=None))
        .add_params(cell)
    )
    dark = base.transform_filter(f"isValid(datum.{shade}) && datum.{shade} > {0.5 * highest}")
    light = base.transform_filter(f"!isValid(datum.{shade}) || datum.{shade} <= {0.5 * highest}")
    text = alt.Text("value:Q", format=number_format)
    numbers = [
        dark.mark_text(color="white", fontSize=12).encode(text=text),
        light.mark_text(color=ink, fontSize=12).encode(text=text),
    ]
    height = 46 * len(row_order) + 70
    framed = base.transform_filter(_is_chosen(row, column, chosen)).mark_rect(
        filled=False, stroke=ink, strokeWidth=2.5, cornerRadius=3
    )
    return alt.layer(cells, *numbers, framed).properties(height=height, description=description)


def _is_chosen(row: str, column: str, chosen: tuple[str | None, str | None]):
    """The filter for the cells to frame: none where nothing is chosen."""
    wanted = [
        alt.FieldEqualPredicate(field=field, equal=label)
        for field, label in zip((row, column), chosen, strict=True)
        if label is not None
    ]
    return alt.LogicalAndPredicate(**{"and": wanted}) if wanted else "false"
