"""The Streamlit dashboard: it shows runs that `python -m core.train` left behind."""
