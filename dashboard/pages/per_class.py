"""Per class: precision, recall, F1, the curves behind them, and what another threshold would change."""

import streamlit as st

from core.metrics.text import percent, span
from core.metrics.thresholds import counts_at
from core.report import score_tables, wording
from dashboard import loading, run_selector, url_state
from dashboard.charts import bars, curves, thresholds
from dashboard.components import appearance
from dashboard.components.downloads import csv_button
from dashboard.tables import per_class as tables
from dashboard.tables import thresholds as threshold_tables
from dashboard.text import scores as score_text

_PERCENT = st.column_config.NumberColumn(format="%.1f%%")
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
st.markdown(score_text.THRESHOLD_MEANING)
left, right = st.columns(2)
with left:
    first = scores.present_labels[0]
    expression = (
        url_state.selectbox("Expression", scores.labels, key="expression", placeholder=first) or first
    )
with right:
    threshold = url_state.number("Threshold", 0.0, 1.0, default=0.5, step=0.01, key="threshold")
points, curve = loading.threshold_points(run, expression), loading.threshold_curve(run, expression)
counts = counts_at(points, threshold)
numbers = threshold_tables.numbers_at(counts)
if gaps := score_text.threshold_gaps(expression, counts):
    st.info(gaps, icon=":material/info:")
with st.container(horizontal=True):
    for (_, row), title in zip(numbers.iterrows(), threshold_tables.NUMBERS.values()):
        st.metric(
            title,
            percent(row["value"]),
            delta=span(row["low"], row["high"]) or None,
            delta_color="off",
            delta_arrow="off",
            border=True,
            width="content",
            height="stretch",
        )
st.caption("In grey the Wilson 95% interval of precision and of recall.")
st.dataframe(
    threshold_tables.four_counts(counts, expression),
    column_config={"faces": st.column_config.NumberColumn(format="localized")},
    hide_index=True,
    width="content",
)
csv_button(numbers, f"{run.name}-{expression}-at-{threshold:g}")
appearance.plot(
    thresholds.thresholds(curve, numbers, threshold=threshold, best=points.best_f1),
    key="thresholds",
    alt=f"Precision, recall and F1 of {expression} over the threshold from 0 to 1.",
)
csv_button(curve, f"{run.name}-{expression}-thresholds")
if best := score_text.best_threshold(expression, *points.best_f1):
    st.markdown(best)
