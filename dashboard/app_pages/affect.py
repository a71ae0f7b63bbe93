"""Valence and arousal: how near the predicted numbers come to the annotated ones."""

import streamlit as st

from dashboard import guard, words
from dashboard.charts import bars, curves
from dashboard.downloads import csv_button
from dashboard.tables import affect as tables

st.title("Valence and arousal")
run = guard.choose_run()
scores, predictions = guard.load(run, "scores", "predictions")
if not predictions.has_affect:
    st.info(words.no_affect(run), icon=":material/info:")
    st.code(f"{words.TRAIN_COMMAND} --data /path/to/AffectNet", language="bash")
    st.stop()
if caution := words.few_faces(scores):
    st.warning(caution, icon=":material/warning:")

numbers = tables.numbers(scores)
st.dataframe(
    numbers,
    column_config={
        **{name: st.column_config.NumberColumn(format="%.3f") for name in ("value", "low", "high")},
        "faces": st.column_config.NumberColumn(format="localized"),
    },
    hide_index=True,
    width="stretch",
)
csv_button(numbers, f"{run.name}-affect")
st.caption(
    "RMSE: root mean square error, 0 is best. CCC: Lin's concordance, 1 is best. "
    f"Sign agreement: share of faces where both have the same sign. {words.interval_note(scores)}"
)

for column, dimension in zip(st.columns(2), tables.DIMENSIONS, strict=True):
    with column:
        st.subheader(dimension.capitalize())
        points = tables.points(predictions, dimension)
        if points.empty:
            st.caption(f"No face has both a true and a predicted {dimension}.")
            continue
        st.plotly_chart(curves.affect(points, dimension), width="stretch", key=dimension)
        csv_button(points, f"{run.name}-{dimension}")
st.caption("On the dashed line the prediction equals the annotation.")

st.subheader("Errors per expression")
errors = tables.per_expression(predictions)
st.altair_chart(bars.affect_errors(errors), width="stretch")
csv_button(errors, f"{run.name}-affect-errors")
