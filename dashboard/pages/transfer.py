"""Transfer: every run on every data set that it was scored on."""

import streamlit as st

from dashboard import loading, url_state
from dashboard.components import empty_state, number_table
from dashboard.components.downloads import csv_button
from dashboard.tables import transfer as tables
from dashboard.text import transfer as text

st.title("Transfer")
url_state.open_notices()
table, problems = loading.transfer()
for problem in problems:
    st.warning(problem, icon=":material/broken_image:")
if table.empty or table["own"].all():
    empty_state.stop(text.NONE_YET, text.COMMAND, icon="swap_horiz")

with st.container(horizontal=True, vertical_alignment="bottom"):
    number = url_state.segments("Number", tables.NUMBERS, key="number")
    shared = url_state.toggle("Among shared labels only", key="shared", help=text.SHARED)
number_table.show(tables.grid(table, number, shared=shared), height="content")
st.caption(text.caption(shared=shared))
csv_button(table, "transfer")

st.subheader("What was mapped and what is lost")
st.table(tables.details(table), hide_index=True)  # whole sentences, which a data frame would cut off
st.caption(text.MAPPING)
st.code(text.COMMAND, language="bash", wrap_lines=True)
