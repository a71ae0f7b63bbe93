"""Data sets, networks, training, analysis and reports. Independent of Streamlit."""
