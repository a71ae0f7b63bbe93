"""From runs, scores and predictions to the tables that charts draw and downloads hold. No Streamlit here."""
