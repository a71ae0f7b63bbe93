"""Sentences that pages show, by subject. No Streamlit here."""
