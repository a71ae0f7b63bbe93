"""From annotated faces to a reviewed run: datasets, network, training, scores. No Streamlit in here."""
