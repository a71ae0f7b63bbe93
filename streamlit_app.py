"""Affectoscope's dashboard: `streamlit run streamlit_app.py`."""

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from dashboard import live_photos

st.set_page_config(page_title="Affectoscope", page_icon="dashboard/icon.svg", layout="wide")
st.logo("dashboard/logo.svg", size="large", icon_image="dashboard/icon.svg")


def page(file: str, title: str, icon: str, url_path: str = "") -> StreamlitPage:
    """A page of dashboard/pages; its address is the file's name with hyphens unless stated."""
    return st.Page(
        f"dashboard/pages/{file}.py",
        title=title,
        icon=f":material/{icon}:",
        url_path=url_path or file.replace("_", "-"),
        default=file == "overview",
    )


PAGES = {
    "Runs": [
        page("overview", "Overview", "home"),
        page("data", "Data", "dataset"),
        page("training", "Training", "show_chart"),
        page("sweep", "Sweep", "tune"),
    ],
    "Review": [
        page("confusion", "Confusion", "grid_on"),
        page("per_class", "Per class", "bar_chart"),
        page("m_measure", "M measure", "compare_arrows"),
        page("misclassified", "Misclassified faces", "face"),
        page("robustness", "Robustness", "blur_on"),
        page("face_map", "Face map", "map"),
        page("affect", "Valence and arousal", "scatter_plot", "valence-arousal"),
    ],
    "Trust": [
        page("protocol", "Protocol", "rule"),
        page("compare", "Compare runs", "balance"),
        page("transfer", "Transfer", "swap_horiz"),
        page("calibration", "Calibration", "speed"),
        page("slices", "Slices", "pie_chart"),
        page("leaks", "Leaks", "content_copy"),
        page("label_errors", "Label errors", "label_off"),
        page("votes", "Votes", "how_to_vote"),
    ],
    "Use": [page("live", "Live", "photo_camera")],
}

st.navigation(PAGES, expanded=True).run()

live_photos.warm_up()
