"""Leaks: scored faces with near-duplicates in other splits, and the scores without them."""

import streamlit as st

from dashboard import images, loading, run_selector, url_state
from dashboard.components import empty_state, face_pairs, number_table
from dashboard.components.downloads import csv_button
from dashboard.tables import leaks as tables
from dashboard.text import leaks as text

st.title("Leaks")
run = run_selector.choose_run()
predictions, leaks = run_selector.load(run, "predictions", "leaks")
if leaks is None:
    empty_state.stop(text.none_yet(run), text.command(run), icon="content_copy")
if leaks.table.empty:
    if leaks.summary.shares_subjects():
        st.warning(leaks.summary.sentence(), icon=":material/group:")
    else:
        st.success(leaks.summary.sentence(), icon=":material/verified:")
    st.caption(text.MEANING)
    st.stop()

st.markdown(leaks.summary.sentence())
with st.grid("auto", min_column_width=170):
    for title, value, between, meaning in text.metrics(leaks.summary):
        st.metric(
            title,
            value,
            delta=between,
            delta_color="off",
            delta_arrow="off",
            border=True,
            help=f"{meaning} Below: the 95% interval.",
        )
numbers = tables.numbers(leaks.summary)
with st.expander("Accuracy and macro F1"):
    number_table.show(tables.as_text(numbers))
csv_button(numbers, f"{run.name}-leak-scores")

st.subheader("Pairs")
st.caption(text.MEANING)
pairs = loading.leak_pairs(run)
with st.container(horizontal=True, vertical_alignment="bottom"):
    split = url_state.selectbox("Other split", sorted(set(pairs["other_split"])), key="other_split")
    agreement = url_state.segments("Labels", tables.AGREEMENTS, key="agreement")
chosen = tables.select_pairs(pairs, split=split, agreement=agreement)
st.markdown(text.found(pairs, chosen))
if chosen.empty:
    st.info("No pair passes these filters: widen them.", icon=":material/filter_alt_off:")
    st.stop()
shown = face_pairs.on_page(chosen)
source = images.image_source(run, predictions)
others = source and images.other_faces(run, source, set(shown["other"]), text.ONLY_SCORED)
face_pairs.show(shown, (source, others) if source else None)
csv_button(chosen, f"{run.name}-leaks")
