"""Per class: precision, recall, F1, and the curves behind them."""

import streamlit as st

from dashboard import data, guard, words
from dashboard.charts import bars, curves
from dashboard.downloads import csv_button
from dashboard.tables import per_class as tables

_PERCENT = st.column_config.NumberColumn(format="percent")

st.title("Per class")
run = guard.choose_run()
scores, predictions = guard.load(run, "scores", "predictions")
for caution in (words.few_faces(scores), words.presence(scores)):
    if caution:
        st.warning(caution, icon=":material/warning:")

table = tables.per_class(scores)
long = tables.per_class_long(scores)
for column, number in zip(st.columns(3), ("precision", "recall", "F1"), strict=True):
    with column:
        st.subheader(number.capitalize())
        part = long[long["number"] == number]
        if part.empty:
            st.caption("Cannot be computed.")
        else:
            st.altair_chart(bars.per_class(part), width="stretch", key=f"per-class-{number}")
st.caption(f"Points are values, bars {words.interval_note(scores)}")
st.dataframe(
    table,
    column_order=[
        "expression",
        "support",
        "predicted",
        "precision",
        "recall",
        "f1",
        "auc",
        "average_precision",
    ],
    column_config={
        "support": st.column_config.NumberColumn("faces", format="localized"),
        "predicted": st.column_config.NumberColumn("predicted", format="localized"),
        "precision": _PERCENT,
        "recall": _PERCENT,
        "f1": st.column_config.NumberColumn("F1", format="percent"),
        "auc": st.column_config.NumberColumn("area under ROC", format="%.3f"),
        "average_precision": st.column_config.NumberColumn("average precision", format="%.3f"),
    },
    hide_index=True,
    width="stretch",
    height="content",
)
csv_button(table, f"{run.name}-per-class")

left, right = st.columns(2)
with left:
    st.subheader("Precision and recall")
    precision_recall = data.label_curves(run, "precision-recall")
    if precision_recall.empty:
        st.caption("No curve: there is no face of any label.")
    else:
        st.plotly_chart(curves.precision_recall(precision_recall), width="stretch", key="precision-recall")
        st.caption("One expression against all others; in brackets the average precision.")
        csv_button(precision_recall, f"{run.name}-precision-recall")
with right:
    st.subheader("ROC")
    roc = data.label_curves(run, "roc")
    if roc.empty:
        st.caption("No curve: it takes faces of at least two expressions.")
    else:
        st.plotly_chart(curves.roc(roc), width="stretch", key="roc")
        st.caption("One expression against all others; in brackets the area under the curve.")
        csv_button(roc, f"{run.name}-roc")
