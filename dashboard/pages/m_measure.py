"""M measure: separability of each pair of expressions by their probabilities."""

import streamlit as st

from core.metrics.text import interval, number
from core.report import score_tables, wording
from dashboard import run_selector, url_state
from dashboard.charts import bars, curves, matrices
from dashboard.components import appearance, cautions
from dashboard.components.downloads import csv_button
from dashboard.tables import pairs as tables
from dashboard.text import scores as score_text

st.title("M measure")
run = run_selector.choose_run()
scores, predictions = run_selector.load(run, "scores", "predictions")
st.markdown(wording.M_MEANING)
cautions.show(scores)
cells = score_tables.pairwise_cells(scores)
if cells.empty:
    st.info(
        f"M compares expressions in pairs, and these faces show only {', '.join(scores.present_labels)}: "
        "it takes test faces of at least two expressions.",
        icon=":material/info:",
    )
    st.stop()
m = scores.headline["m_measure"]
st.metric("M", number(m.value), delta=interval(m),
          delta_color="off", delta_arrow="off", width="content", border=True)  # fmt: skip
st.caption(wording.interval_note(scores, wording.PAIR_TITLES))
st.caption(score_text.classes(scores))

st.subheader("A(i, j) of every pair")
with st.container(horizontal=True):
    first = url_state.selectbox("Class A", scores.present_labels, key="first", placeholder="choose")
    second = url_state.selectbox("Class B", scores.present_labels, key="second", placeholder="choose")
# A new key for every choice: the pair that was clicked last can then be clicked again.
chart_key = f"pairs-{run.name}-{first}-{second}"
st.altair_chart(
    matrices.pairwise(cells, scores.labels, chosen=(first, second), ink=appearance.ink()),
    width="stretch",
    key=chart_key,
    on_select=url_state.take_click(chart_key, matrices.SELECTION, "first", "second"),
    alt="Hand and Till's A of every pair of expressions; darker red where A is lower.",
)
st.caption(
    "Darker red: lower A, classes that are harder to separate. Click on a pair, or choose above, to see its curves."
)
csv_button(cells, f"{run.name}-pairs")
if not (first and second):
    st.stop()
if first == second:
    st.info("A pair takes two different expressions.", icon=":material/info:")
    st.stop()

st.subheader(f"{first} and {second}")
pair = cells[(cells["first"] == first) & (cells["second"] == second)].iloc[0]
roc = tables.pair_curves(predictions, first, second)
areas = roc.groupby("label")["area"].first()
st.markdown(score_text.pair(first, second, pair, areas))
for column, (of, against) in zip(st.columns(2), ((first, second), (second, first)), strict=True):
    with column:
        distribution = tables.pair_probabilities(predictions, of, against)
        st.altair_chart(
            bars.pair_distributions(distribution, of),
            width="stretch",
            key=f"spread-{of}",
            alt=f"Distribution of the probability of {of} over the faces of {first} and of {second}.",
        )
        csv_button(distribution, f"{run.name}-spread-{of}-{against}")
appearance.plot(curves.roc(roc), key="pair-roc", alt=f"ROC curves of {first} and {second}.")
st.caption("Each line ranks the faces of both expressions by the probability of one; in brackets its area.")
csv_button(roc, f"{run.name}-roc-{first}-{second}")
