"""Compare runs."""

import streamlit as st

from dashboard import guard

st.title("Compare runs")
run = guard.choose_run()
