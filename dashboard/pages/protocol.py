"""Protocol: the faces that were scored, those left out, and selective prediction (abstention)."""

import streamlit as st

from core.analysis.protocol import load_protocol
from core.analysis.selective.tables import confidence_bins, group_table, risk_curves
from core.metrics.text import PERCENT
from core.photos.face_classifier import MIN_CONFIDENCE
from core.report.figures import abstention as figures
from core.runs.calibration import upgrade_command
from dashboard import run_selector, url_state
from dashboard.components import appearance, detection, number_table
from dashboard.components.downloads import csv_button
from dashboard.components.number_table import Number
from dashboard.tables import protocol as tables
from dashboard.text import protocol as text

_GROUPS = {
    "faces": number_table.COUNT,
    "mean_confidence": Number(PERCENT, "mean confidence"),
    "median_confidence": Number(PERCENT, "median"),
    "auroc": Number(PERCENT, "AUROC"),
    "low": Number(PERCENT, "95% from"),
    "high": Number(PERCENT, "to"),
    "accepted": Number(PERCENT, "accepted"),
    "accepted_low": Number(PERCENT, "95% from"),
    "accepted_high": Number(PERCENT, "to"),
}

st.title("Protocol")
run = run_selector.choose_run()
protocol = load_protocol(run)
st.markdown(protocol.sentence())
if inconsistency := text.inconsistency(protocol):
    st.warning(inconsistency, icon=":material/warning:")

st.subheader("From rows to scored faces")
ledger = protocol.rows()
number_table.show(ledger, dict.fromkeys(("faces", "left"), number_table.COUNT), height="content")
st.caption(text.LEDGER)
csv_button(ledger, f"{run.name}-protocol")

st.subheader("Confidence outside the label set")
(abstention,) = run_selector.load(run, "abstention")
if not abstention.groups:
    st.info(text.no_out_of_set(run, abstention), icon=":material/do_not_disturb_on:")
    if abstention.not_kept:
        st.code(upgrade_command(run), language="bash", wrap_lines=True)
st.markdown("\n".join(f"- {finding}" for finding in abstention.findings()))
threshold = url_state.number(
    "Accept faces with a confidence of at least", 0.0, 1.0, default=MIN_CONFIDENCE, step=0.01, key="accept"
)
accepted = abstention.accepted(threshold)
bins = confidence_bins(abstention)
appearance.plot(
    figures.confidences(bins, threshold=threshold, ink=appearance.ink()),
    key="confidences",
    alt="Distribution of the confidence, 0 to 1, of correct, wrong and out-of-set predictions.",
)
st.caption(text.CONFIDENCE)
csv_button(bins, f"{run.name}-confidences")
if abstention.groups:
    groups = group_table(abstention, accepted)
    number_table.show(groups, _GROUPS, height="content")
    st.caption(text.SEPARATION)
    csv_button(groups, f"{run.name}-out-of-set-labels-at-{threshold:g}")

st.subheader("Risk and coverage")
st.markdown(text.accepted(abstention, accepted))
numbers = tables.at_threshold(abstention, accepted)
number_table.show(tables.as_text(numbers), {"of faces": number_table.COUNT}, width="content")
csv_button(numbers, f"{run.name}-abstaining-at-{threshold:g}")
curves = risk_curves(abstention)
appearance.plot(
    figures.risk_coverage(curves, chosen=tables.chosen(abstention, accepted), ink=appearance.ink()),
    key="risk-coverage",
    alt="Share of errors among the accepted faces over the share accepted, most confident faces first.",
)
st.caption(text.RISK_COVERAGE + text.WITH_OUT_OF_SET * bool(abstention.groups))
csv_button(curves, f"{run.name}-risk-coverage")
left, right = st.columns(2)
with left:
    coverages = abstention.at_coverages()
    number_table.show(text.coverages(coverages), width="content")
    st.caption(text.COVERAGES)
    csv_button(coverages, f"{run.name}-risk-at-coverage")
with right:
    risks = abstention.at_risks()
    number_table.show(text.risks(risks), width="content")
    st.caption(text.RISKS)
    csv_button(risks, f"{run.name}-coverage-at-risk")

st.subheader("Detector evaluation")
(detected,) = run_selector.load(run, "detected")
detection.show(run, protocol, detected)
