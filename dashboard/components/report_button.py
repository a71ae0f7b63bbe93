"""The report of a run and its model card as downloads, made on the click."""

import streamlit as st

from core.analysis.comparison.pairing import pair
from core.errors import AffectoscopeError
from core.report.card import model_card
from core.report.html import report_html
from core.report.review import compute_review
from core.runs.layout import CARD_FILE, REPORT_FILE
from core.runs.run import Run
from dashboard import loading, url_state
from dashboard.text import report as text


def offer_report(run: Run) -> None:
    """A closed section with the downloads and a run to compare with."""
    section = st.expander(
        "Report",
        icon=":material/lab_profile:",
        key="report",
        on_change="rerun",
        bind="query-params",
    )
    if not section.open:
        return
    with section:
        st.markdown(text.MEANING)
        fitting = loading.comparable_runs(run)
        against = None
        if fitting:
            against = url_state.selectbox(
                "Compare with", list(fitting), key="against_run", placeholder="no other run"
            )
        other = fitting[against] if against else None
        try:
            predictions = loading.predictions(run)
            if other:
                pair(other, run, (loading.predictions(other), predictions))
        except (AffectoscopeError, OSError) as error:
            st.warning(f"The report cannot be made: {error}", icon=":material/broken_image:")
            return
        if caution := text.shows_faces(run):
            st.caption(caution)
        with st.container(horizontal=True):
            st.download_button(
                "Report (HTML)",
                lambda: report_html(compute_review(run, against=other)).encode("utf-8"),
                file_name=f"{run.name}-{REPORT_FILE}",
                mime="text/html",
                key="download-report",
                on_click="ignore",
                icon=":material/download:",
            )
            st.download_button(
                "Model card (Markdown)",
                lambda: model_card(compute_review(run)).encode("utf-8"),
                file_name=f"{run.name}-{CARD_FILE}",
                mime="text/markdown",
                key="download-card",
                on_click="ignore",
                icon=":material/download:",
            )
        st.caption("The same on the command line, written into the run's folder:")
        st.code(text.command(run, against), language="bash", wrap_lines=True)
