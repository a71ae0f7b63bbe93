"""Affectoscope's dashboard: `streamlit run streamlit_app.py`."""

import streamlit as st

from dashboard import live_photos

PAGES = "dashboard/pages"

st.set_page_config(page_title="Affectoscope", page_icon="dashboard/icon.svg", layout="wide")
st.logo("dashboard/logo.svg", size="large", icon_image="dashboard/icon.svg")

st.navigation(
    {
        "Runs": [
            st.Page(f"{PAGES}/overview.py", title="Overview", icon=":material/home:", default=True),
            st.Page(f"{PAGES}/data.py", title="Data", icon=":material/dataset:", url_path="data"),
            st.Page(
                f"{PAGES}/training.py", title="Training", icon=":material/show_chart:", url_path="training"
            ),
            st.Page(f"{PAGES}/sweep.py", title="Sweep", icon=":material/tune:", url_path="sweep"),
        ],
        "Review": [
            st.Page(
                f"{PAGES}/confusion.py", title="Confusion", icon=":material/grid_on:", url_path="confusion"
            ),
            st.Page(
                f"{PAGES}/per_class.py", title="Per class", icon=":material/bar_chart:", url_path="per-class"
            ),
            st.Page(
                f"{PAGES}/m_measure.py",
                title="M measure",
                icon=":material/compare_arrows:",
                url_path="m-measure",
            ),
            st.Page(
                f"{PAGES}/misclassified.py",
                title="Misclassified faces",
                icon=":material/face:",
                url_path="misclassified",
            ),
            st.Page(
                f"{PAGES}/robustness.py", title="Robustness", icon=":material/blur_on:", url_path="robustness"
            ),
            st.Page(f"{PAGES}/face_map.py", title="Face map", icon=":material/map:", url_path="face-map"),
            st.Page(
                f"{PAGES}/affect.py",
                title="Valence and arousal",
                icon=":material/scatter_plot:",
                url_path="valence-arousal",
            ),
        ],
        "Trust": [
            st.Page(f"{PAGES}/protocol.py", title="Protocol", icon=":material/rule:", url_path="protocol"),
            st.Page(
                f"{PAGES}/compare.py", title="Compare runs", icon=":material/balance:", url_path="compare"
            ),
            st.Page(
                f"{PAGES}/calibration.py",
                title="Calibration",
                icon=":material/speed:",
                url_path="calibration",
            ),
            st.Page(f"{PAGES}/slices.py", title="Slices", icon=":material/pie_chart:", url_path="slices"),
            st.Page(f"{PAGES}/leaks.py", title="Leaks", icon=":material/content_copy:", url_path="leaks"),
            st.Page(
                f"{PAGES}/label_errors.py",
                title="Label errors",
                icon=":material/label_off:",
                url_path="label-errors",
            ),
        ],
        "Use": [st.Page(f"{PAGES}/live.py", title="Live", icon=":material/photo_camera:", url_path="live")],
    },
    expanded=True,
).run()

live_photos.warm_up()
