"""Clickable heatmaps: the confusion matrix and the pairwise matrix of the M measure (Altair)."""

from collections.abc import Callable

import altair as alt
import numpy as np
import pandas as pd

from core.metrics.text import PERCENT, WHOLE_PERCENT
from core.report.figures import ACCENT, REFERENCE_LINE, SECOND
from core.report.figures.contrast import INK, mixed, page_of, readable_on

#: Name of the selection in both charts; Streamlit reports clicks under it.
SELECTION = "cell"

#: More and less than another run: blue and orange, distinguishable for colour-blind readers too.
MORE, LESS = "#2F6DB5", "#C46A12"

#: The faintest and the strongest shade of a colour.
_FAINTEST, _STRONGEST = 0.04, 1.0

#: Cells narrower than this, in pixels, take the short text.
_NARROW = 40


def confusion(
    cells: pd.DataFrame,
    labels: tuple[str, ...] | list[str],
    *,
    show: str = "faces",
    hide_diagonal: bool = False,
    chosen: tuple[str | None, str | None] = (None, None),
    ink: str = INK,
) -> alt.LayerChart:
    """The confusion matrix of a `confusion_cells` table.

    Args:
        labels: all of them, in the order in which they stand.
        show: number in the cells: 'faces', 'row' or 'column'.
        hide_diagonal: leave the diagonal blank, so that the scale belongs to the errors.
        chosen: true and predicted label of the cells to frame; None stands for any.
        ink: colour of the text on the page, which depends on the theme.
    """
    table = _without_diagonal(cells, hide_diagonal)
    right = table["true"] == table["predicted"]
    return _heatmap(
        table.assign(value=table[show]),
        row="true",
        column="predicted",
        order=labels,
        strength=_relative(table[show]),
        colours=np.where(right, ACCENT, SECOND),
        write=_count if show == "faces" else _share,
        tooltip=_confusion_tooltip(),
        chosen=chosen,
        ink=ink,
    )


def difference(
    cells: pd.DataFrame,
    labels: tuple[str, ...] | list[str],
    *,
    other: str,
    show: str = "faces",
    hide_diagonal: bool = False,
    chosen: tuple[str | None, str | None] = (None, None),
    ink: str = INK,
) -> alt.LayerChart:
    """A `difference_cells` table: this run's cells minus those of the run named `other`, blue above zero."""
    table = _without_diagonal(cells, hide_diagonal)
    change = table[f"difference_{show}"]
    number = ",d" if show == "faces" else PERCENT.d3
    return _heatmap(
        table.assign(value=change),
        row="true",
        column="predicted",
        order=labels,
        strength=_relative(change.abs()),
        colours=np.select([change > 0, change < 0], [MORE, LESS], REFERENCE_LINE),
        write=_signed_count if show == "faces" else _signed_points,
        tooltip=[
            *_confusion_tooltip()[:2],
            alt.Tooltip(f"{show}:Q", title="this run", format=number),
            alt.Tooltip(f"other_{show}:Q", title=other, format=number),
            alt.Tooltip("value:Q", title="difference", format=f"+{number}"),
        ],
        chosen=chosen,
        ink=ink,
    )


def pairwise(
    cells: pd.DataFrame,
    labels: tuple[str, ...],
    *,
    chosen: tuple[str | None, str | None] = (None, None),
    ink: str = INK,
) -> alt.LayerChart:
    """The matrix of A(i, j) of a `pairwise_cells` table; the lowest values have the strongest colour."""
    tooltip = [
        alt.Tooltip("first:N", title="class A"),
        alt.Tooltip("second:N", title="class B"),
        alt.Tooltip("value:Q", title="A", format=".4f"),
        alt.Tooltip("low:Q", title="95% from", format=".4f"),
        alt.Tooltip("high:Q", title="to", format=".4f"),
    ]
    return _heatmap(
        cells,
        row="first",
        column="second",
        order=[label for label in labels if label in set(cells["first"])],
        strength=_relative(1.0 - cells["value"]),
        colours=np.full(len(cells), SECOND),
        write=_area,
        tooltip=tooltip,
        chosen=chosen,
        ink=ink,
        titles=("class A", "class B"),
    )


def _heatmap(
    table: pd.DataFrame,
    *,
    row: str,
    column: str,
    order: tuple[str, ...] | list[str],
    strength: np.ndarray,
    colours: np.ndarray,
    write: Callable[[float], tuple[str, str]],
    tooltip: list[alt.Tooltip],
    chosen: tuple[str | None, str | None],
    ink: str,
    titles: tuple[str, str] | None = None,
) -> alt.LayerChart:
    """Clickable rectangles, `colours` mixed into the page by `strength` (0 to 1), `value` written on them."""
    # Mixed here rather than by opacity, so that the text on a cell can be chosen by its contrast.
    page = page_of(ink)
    shades = [mixed(colour, page, share) for colour, share in zip(colours, strength, strict=True)]
    texts = [write(value) for value in table["value"]]
    table = table.assign(
        shade=shades,
        text_colour=[readable_on(shade, ink) for shade in shades],
        text=[text for text, _ in texts],
        short=[short for _, short in texts],
    )
    table["description"] = [
        f"{column}: {there}; {row}: {here}; {text}"
        for here, there, text in zip(table[row], table[column], table["text"], strict=True)
    ]
    order, (row_title, column_title) = list(order), titles or (row, column)
    axis = {"ticks": False, "domain": False, "labelFlush": False}
    base = alt.Chart(table).encode(
        x=alt.X(
            f"{column}:N",
            sort=order,
            scale=alt.Scale(domain=order),
            axis=alt.Axis(orient="top", labelAngle=-45, labelOverlap=False, title=column_title, **axis),
        ),
        y=alt.Y(
            f"{row}:N", sort=order, scale=alt.Scale(domain=order), axis=alt.Axis(title=row_title, **axis)
        ),
        tooltip=tooltip,
    )
    cell = alt.selection_point(name=SELECTION, fields=[row, column], on="click", clear=False, toggle=False)
    cells = (
        base.mark_rect(cursor="pointer", cornerRadius=3, stroke="#8A93A6", strokeOpacity=0.25, strokeWidth=1)
        .encode(color=alt.Color("shade:N", scale=None), description="description:N")
        .add_params(cell)
    )
    written = f"(bandwidth('x') < {_NARROW} ? datum.short : datum.text)"
    texts = base.mark_text(
        text={"expr": written},
        # As large as fits: a letter is a little more than half as wide as it is high.
        fontSize={"expr": f"min(12, 1.6 * bandwidth('x') / length({written}))"},
        aria=False,
    ).encode(color=alt.Color("text_colour:N", scale=None))
    framed = base.transform_filter(_is_chosen(row, column, chosen)).mark_rect(
        filled=False, stroke=ink, strokeWidth=2.5, cornerRadius=3, aria=False
    )
    return alt.layer(cells, texts, framed).properties(height=46 * len(order) + 70)


def _is_chosen(row: str, column: str, chosen: tuple[str | None, str | None]):
    """The filter for the cells to frame: none where nothing is chosen."""
    wanted = [
        alt.FieldEqualPredicate(field=field, equal=label)
        for field, label in zip((row, column), chosen, strict=True)
        if label is not None
    ]
    return alt.LogicalAndPredicate(**{"and": wanted}) if wanted else "false"


def _without_diagonal(cells: pd.DataFrame, hide: bool) -> pd.DataFrame:
    return cells[cells["true"] != cells["predicted"]] if hide else cells


def _confusion_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("true:N", title="true"),
        alt.Tooltip("predicted:N", title="predicted"),
        alt.Tooltip("faces:Q", title="faces", format=",d"),
        alt.Tooltip("row:Q", title="of the true", format=PERCENT.d3),
        alt.Tooltip("column:Q", title="of the predicted", format=PERCENT.d3),
    ]


def _relative(values: pd.Series) -> np.ndarray:
    """Shares of the strongest shade, the highest value being 1; what cannot be computed is faintest."""
    values = values.fillna(0.0).to_numpy(np.float64)
    highest = values.max(initial=0.0)
    return _FAINTEST + (_STRONGEST - _FAINTEST) * (values / highest if highest > 0 else 0.0 * values)


# Text of a cell, in wide cells and in narrow ones.


def _count(value: float) -> tuple[str, str]:
    return f"{value:,.0f}", f"{value / 1000:.0f}k" if abs(value) >= 10_000 else f"{value:.0f}"


def _share(value: float) -> tuple[str, str]:
    return (WHOLE_PERCENT.text(value), WHOLE_PERCENT.text(value, unit=False))


def _area(value: float) -> tuple[str, str]:
    return f"{value:.3f}", f"{value:.2f}".removeprefix("0")


def _signed_count(value: float) -> tuple[str, str]:
    long, short = _count(abs(value))
    sign = _sign(value)
    return sign + long, sign + short


def _signed_points(value: float) -> tuple[str, str]:
    if np.isnan(value):
        return "–", "–"
    points = round(100 * value)
    return (f"{_sign(points)}{abs(points)}",) * 2


def _sign(value: float) -> str:
    return "" if value == 0 else "+" if value > 0 else "−"
