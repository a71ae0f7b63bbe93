"""Votes: the network beside the votes of several annotators, and the faces that people disagree on."""

import streamlit as st

from core.metrics.vote_scores import VOTE_METRICS
from core.report.score_tables import vote_table
from dashboard import run_selector, url_state
from dashboard.charts import votes as charts
from dashboard.components import appearance, empty_state, gallery
from dashboard.components.downloads import csv_button
from dashboard.images import image_source
from dashboard.tables import votes as tables
from dashboard.text import votes as text

st.title("Votes")
run = run_selector.choose_run()
predictions, review = run_selector.load(run, "predictions", "votes")
if review is None:
    empty_state.stop(text.none_yet(run), text.command(run), icon="how_to_vote")

st.markdown(text.summary(review))
st.markdown(text.finding(review))
with st.grid("auto", min_column_width=190):
    for name, value, between in text.metrics(review.scores):
        metric = VOTE_METRICS[name]
        st.metric(
            metric.short,
            value,
            delta=between,
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"{metric.title}. {metric.meaning} Below: the 95% interval.",
        )
csv_button(vote_table(review.scores), f"{run.name}-vote-scores")
st.caption(text.accepted(review.scores))

st.subheader("Agreement of the annotators")
appearance.plot(
    charts.agreement(review.bins, ink=appearance.ink()),
    key="agreement",
    alt="Accuracy against the majority and confidence of the network, and one annotator against the others, by agreement.",
)
st.caption(text.AGREEMENT)
csv_button(review.bins, f"{run.name}-vote-agreement")

st.subheader("Faces that people disagree on")
of = url_state.segments("Faces", tables.CHOICES, key="voted")
faces = tables.select_faces(review, predictions, of)
st.caption(text.found(of, len(faces)))
if faces.empty:
    st.info("There is no such face.", icon=":material/filter_alt_off:")
    st.stop()
gallery.show(faces, image_source(run, predictions), name=f"{run.name}-votes-{of}")
