"""Valence and arousal: errors of the predictions, by expression and by region, and contradictions."""

from functools import partial

import streamlit as st

from core.metrics.text import DECIMAL, PERCENT
from core.report import wording
from core.runs.calibration import upgrade_command
from dashboard import loading, run_selector, url_state
from dashboard.charts import bars, curves, planes
from dashboard.components import appearance, empty_state, gallery, number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.images import image_source
from dashboard.tables import affect as tables
from dashboard.tables import planes as plane_tables
from dashboard.text import affect as affect_text
from dashboard.text import runs as run_text

st.title("Valence and arousal")
run = run_selector.choose_run()
scores, predictions = run_selector.load(run, "scores", "predictions")
if not predictions.has_affect:
    train = f"{run_text.TRAIN_COMMAND} --data /path/to/AffectNet"
    empty_state.stop(run_text.no_affect(run), train if run.has_network else upgrade_command(run), icon="info")
if caution := wording.few_faces(scores):
    st.warning(caution, icon=":material/warning:")

numbers = tables.numbers(scores)
number_table.show(
    numbers,
    {"faces": number_table.COUNT} | dict.fromkeys(("value", "low", "high"), Number(DECIMAL)),
    csv=f"{run.name}-affect",
)
st.caption(
    "RMSE: root mean square error, 0 is best. CCC: Lin's concordance, 1 is best. "
    f"Sign agreement: share of faces where both have the same sign. {wording.interval_note(scores, wording.AFFECT_TITLES)}"
)

page_tables = loading.affect_tables(run)
for column, dimension in zip(st.columns(2), tables.DIMENSIONS, strict=True):
    with column:
        st.subheader(dimension.capitalize())
        points = page_tables.drawn[dimension]
        if points.empty:
            st.caption(f"No face has both a true and a predicted {dimension}.")
            continue
        appearance.plot(
            curves.affect(points, dimension, ink=appearance.ink()),
            key=dimension,
            alt=f"Predicted over annotated {dimension}.",
        )
        csv_button(partial(tables.points, predictions, dimension), f"{run.name}-{dimension}")
st.caption("On the dashed line the prediction equals the annotation.")

st.subheader("Errors per expression")
st.altair_chart(bars.affect_errors(page_tables.per_expression), width="stretch")
csv_button(page_tables.per_expression, f"{run.name}-affect-errors")

st.subheader("Errors by region of the plane")
regions = page_tables.regions
region = url_state.selectbox(
    "Region", list(regions["region"]), key="region", placeholder="choose, or click below"
)
# A new key for every choice: the region that was clicked last can then be clicked again.
chart_key = f"regions-{run.name}-{region}"
st.altair_chart(
    planes.errors(regions, region=plane_tables.REGION, chosen=region, ink=appearance.ink()),
    width="stretch",
    key=chart_key,
    on_select=url_state.take_click(chart_key, planes.SELECTION, "region"),
    alt="Error of the predicted valence and arousal in each region of the plane.",
)
st.caption(affect_text.REGION_ERRORS)
csv_button(regions, f"{run.name}-affect-regions")

st.subheader("Contradictions")
st.markdown(affect_text.CONTRADICTIONS)
number_table.show(
    page_tables.contradictions,
    {
        "annotated": number_table.count("contradicting annotations"),
        "annotated_share": Number(PERCENT, "of the annotated"),
        "predicted": number_table.count("contradicting predictions"),
        "predicted_share": Number(PERCENT, "of the predicted"),
    },
    csv=f"{run.name}-contradictions",
    height="content",
)
side = url_state.segments("Contradictions in", plane_tables.SIDES, key="contradictions")
expression = url_state.selectbox("Expression", run.labels, key="of", placeholder="choose to see faces")

if not region and not expression:
    st.stop()
faces = plane_tables.picked_faces(predictions, region=region, side=side, expression=expression)
st.subheader(affect_text.affect_faces(len(faces), region, side, expression))
st.button(
    "Hide the faces", icon=":material/close:", type="tertiary", on_click=url_state.clear("region", "of")
)
if len(faces):
    st.caption(affect_text.FURTHEST_FIRST)
    gallery.show(faces, image_source(run, predictions), name=f"{run.name}-affect-faces")
