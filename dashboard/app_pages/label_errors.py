"""Label errors."""

import streamlit as st

from dashboard import guard

st.title("Label errors")
run = guard.choose_run()
