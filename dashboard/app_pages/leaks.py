"""Leaks."""

import streamlit as st

from dashboard import guard

st.title("Leaks")
run = guard.choose_run()
