"""Calibration: agreement of confidence and accuracy, before and after temperature scaling."""

from dataclasses import replace

import streamlit as st

from core.analysis.calibration.review import READINGS
from core.analysis.calibration.wording import calibration_findings
from core.metrics.calibration import BINS
from core.metrics.text import DECIMAL, PERCENT, POINTS, NumberFormat
from core.report.figures import calibration as figures
from core.runs.calibration import upgrade_command
from dashboard import loading, run_selector, url_state
from dashboard.components import appearance, empty_state, number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.tables import calibration as tables
from dashboard.text import calibration as text

#: Bins that can be chosen.
FEWEST, MOST = 5, 30

_FORMATS = dict.fromkeys(("share", "probability"), PERCENT)
_FORMATS |= dict.fromkeys(("excess", "excess_low", "excess_high"), replace(POINTS, unit=""))
_FORMATS |= dict.fromkeys(("error", "by_chance", "error_calibrated"), DECIMAL)

st.title("Calibration")
run = run_selector.choose_run()
predictions, review = run_selector.load(run, "predictions", "calibration")
st.markdown("\n".join(f"- {finding}" for finding in calibration_findings(review)))
if review.fitted is None:
    empty_state.show(text.no_temperature(run), upgrade_command(run), icon="thermostat")
numbers = tables.numbers(review)
number_table.show(tables.as_text(numbers), width="content")
st.caption(text.intervals(review))
csv_button(numbers, f"{run.name}-calibration")

st.subheader("Reliability diagram")
readings = {
    reading: READINGS[reading]
    for reading in ("uncalibrated", "calibrated")
    if reading == "uncalibrated" or review.fitted
}
left, middle, right = st.columns([2, 2, 3])
with left:
    expression = url_state.selectbox(
        "Expression", predictions.labels, key="expression", placeholder="all: confidence"
    )
with middle:
    bins = url_state.number("Bins", FEWEST, MOST, default=BINS, step=1, key="bins")
with right:
    chosen = (
        url_state.segments("Show", {"both": "both", **readings}, key="reading")
        if review.fitted
        else "uncalibrated"
    )
shown = readings if chosen == "both" else {chosen: readings[chosen]}
if few := text.few_faces(len(predictions), bins):
    st.warning(few, icon=":material/warning:")
if expression and not (predictions.frame["expression"] == expression).any():
    st.info(text.absent(expression), icon=":material/info:")
reliability = loading.reliability(run, expression, bins)
drawn = reliability.bins[reliability.bins["reading"].isin(shown)]
appearance.plot(
    figures.reliability(drawn, reliability.spread, READINGS, expression=expression, ink=appearance.ink()),
    key="reliability",
    alt=f"Accuracy over confidence in {bins} bins with intervals, above the distribution of confidence; the table of bins has the numbers.",
)
st.caption(f"{text.error_at(drawn, READINGS)} {text.BINS}")
number_table.show(
    tables.bins_as_text(reliability, list(shown), expression=expression),
    {"faces": Number(NumberFormat(1))},
    height="content",
)
st.caption(text.BIN_COLUMNS)
csv_button(reliability.bins, f"{run.name}-reliability{f'-{expression}' if expression else ''}-{bins}-bins")

st.subheader("Calibration per expression")
labels = tables.labels(review)
number_table.show(
    labels,
    {
        name: Number(_FORMATS[name], title) if name in _FORMATS else title
        for name, title in text.LABEL_TITLES.items()
    },
    column_order=[name for name in text.LABEL_TITLES if name in labels],
    height="content",
)
st.caption(f"{text.LABELS} {text.classwise(review)}")
csv_button(labels, f"{run.name}-calibration-by-expression")

st.subheader("Effect of the temperature")
st.markdown(text.PLAIN_SOFTMAX)
