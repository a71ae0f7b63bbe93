"""Slices."""

import streamlit as st

from dashboard import guard

st.title("Slices")
run = guard.choose_run()
