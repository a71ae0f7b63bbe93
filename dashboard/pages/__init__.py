"""The pages, one file each, listed in streamlit_app.py."""
