"""Per class: precision, recall and F1, their curves, and the threshold explorer."""

import streamlit as st

from core.metrics.text import PERCENT
from core.report import score_tables, wording
from dashboard import loading, run_selector
from dashboard.charts import bars, curves
from dashboard.components import appearance, threshold_explorer
from dashboard.components.downloads import csv_button
from dashboard.tables import per_class as tables

_PERCENT = st.column_config.NumberColumn(format=PERCENT.printf)
_AREA = st.column_config.NumberColumn(format="%.3f")

st.title("Per class")
run = run_selector.choose_run()
scores, predictions = run_selector.load(run, "scores", "predictions")
for caution in (wording.few_faces(scores), wording.presence(scores)):
    if caution:
        st.warning(caution, icon=":material/warning:")

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
st.caption(f"Points are values, bars {wording.interval_note(scores)}")
st.dataframe(
    tables.as_percent(table),
    column_order=list(tables.TITLES),
    column_config={
        name: {
            **(_PERCENT if name in score_tables.CLASS_NUMBERS else _AREA if name in tables.AREAS else {}),
            "label": title,
        }
        for name, title in tables.TITLES.items()
    },
    hide_index=True,
    width="stretch",
    height="content",
)
csv_button(table, f"{run.name}-per-class")

left, right = st.columns(2)
with left:
    st.subheader("Precision and recall")
    precision_recall = loading.label_curves(run, "precision-recall")
    if precision_recall.empty:
        st.caption("No curve: there is no face of any label.")
    else:
        appearance.plot(
            curves.precision_recall(precision_recall),
            key="precision-recall",
            alt="Precision over recall, one line per expression against all others.",
        )
        st.caption("One expression against all others; in brackets the average precision.")
        csv_button(precision_recall, f"{run.name}-precision-recall")
with right:
    st.subheader("ROC")
    roc = loading.label_curves(run, "roc")
    if roc.empty:
        st.caption("No curve: it takes faces of at least two expressions.")
    else:
        appearance.plot(
            curves.roc(roc), key="roc", alt="ROC curves, one line per expression against all others."
        )
        st.caption("One expression against all others; in brackets the area under the curve.")
        csv_button(roc, f"{run.name}-roc")

st.subheader("Threshold explorer")
threshold_explorer.show(run, scores)
