"""Protocol."""

import streamlit as st

from dashboard import guard

st.title("Protocol")
run = guard.choose_run()
