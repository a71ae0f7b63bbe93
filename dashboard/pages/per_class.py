"""Per class: precision, recall and F1, their curves, and the threshold explorer."""

import streamlit as st

from core.metrics.text import DECIMAL, PERCENT
from core.report import score_tables, wording
from dashboard import loading, run_selector
from dashboard.charts import bars, curves
from dashboard.components import appearance, cautions, number_table, threshold_explorer
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.tables import per_class as tables

_FORMATS = dict.fromkeys(score_tables.CLASS_NUMBERS, PERCENT) | dict.fromkeys(tables.AREAS, DECIMAL)

st.title("Per class")
run = run_selector.choose_run()
scores, predictions = run_selector.load(run, "scores", "predictions")
cautions.show(scores)

table, long = tables.per_class(scores), score_tables.per_class_long(scores)
for column, number in zip(st.columns(3), ("precision", "recall", "F1"), strict=True):
    with column:
        st.subheader(number.capitalize())
        part = long[long["number"] == number]
        if part.empty:
            st.caption("Cannot be computed.")
        else:
            st.altair_chart(
                bars.per_class(part),
                width="stretch",
                key=f"per-class-{number}",
                alt=f"{number} of each expression with its interval; the table below has the numbers.",
            )
st.caption(f"Points are values, bars {wording.interval_note(scores, wording.CLASS_TITLES)}")
number_table.show(
    table,
    {
        name: Number(_FORMATS[name], title) if name in _FORMATS else title
        for name, title in tables.TITLES.items()
    },
    csv=f"{run.name}-per-class",
    column_order=list(tables.TITLES),
    height="content",
)

left, right = st.columns(2)
for column, kind, title, draw, area, needed in (
    (left, "precision-recall", "Precision and recall", curves.precision_recall, "average precision", "one"),
    (right, "roc", "ROC", curves.roc, "area under the curve", "two"),
):
    with column:
        st.subheader(title)
        points = loading.label_curves(run, kind)
        if points.empty:
            st.caption(f"No curve: it takes faces of at least {needed} expression{'s' * (needed != 'one')}.")
            continue
        alt = f"{title}, one line per expression against all others."
        appearance.plot(draw(points), key=kind, alt=alt)
        st.caption(f"One expression against all others; in brackets the {area}.")
        csv_button(points, f"{run.name}-{kind}")

st.subheader("Threshold explorer")
threshold_explorer.show(run, scores)
