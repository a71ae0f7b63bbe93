"""Calibration."""

import streamlit as st

from dashboard import guard

st.title("Calibration")
run = guard.choose_run()
