"""Live: predictions of one run, or of two side by side, for photos."""

import json

import streamlit as st

from core.errors import AffectoscopeError
from core.photos.results import as_table
from dashboard import live_photos, loading, run_selector, url_state
from dashboard.components import empty_state, face_cards, number_table
from dashboard.components.downloads import csv_button
from dashboard.text.runs import TRAIN_COMMAND

SOURCES = {"files": "Files", "camera": "Camera", "drawing": "Sample photo"}

#: Titles of SOURCES in addresses of earlier versions.
FORMER_SOURCES = {"files": "files", "camera": "camera", "a drawing": "drawing"}


def take_photos() -> list[live_photos.Photo]:
    """Photos that the visitor uploads or takes, or the sample photo."""
    source = url_state.segments("Photo from", SOURCES, key="source", former=FORMER_SOURCES)
    if source == "camera":
        # Created only here, so that the browser does not request the camera for an upload.
        taken = st.camera_input("Take a photo")
        files = [taken] if taken else []
    elif source == "drawing":
        if photo := live_photos.drawn_photo():
            return [live_photos.Photo("drawing", "drawing.png", photo)]
        st.info("The sample photo is not available here.", icon=":material/info:")
        return []
    else:
        files = st.file_uploader(
            "Photos",
            type=list(live_photos.TYPES),
            accept_multiple_files=True,
            max_upload_size=live_photos.MEGABYTES,
            key="photos",
        )
    if len(files) > live_photos.MAX_PHOTOS:
        st.warning(
            f"Only the first {live_photos.MAX_PHOTOS} of {len(files)} photos are predicted; for whole folders there is "
            "`python -m core.predict FOLDER --out faces.csv`.",
            icon=":material/warning:",
        )
    return [
        live_photos.Photo(file.file_id, file.name, file.getvalue())
        for file in files[: live_photos.MAX_PHOTOS]
    ]


st.title("Live")
runs = [run_selector.choose_run(scored=False)]
if not runs[0].has_network:
    empty_state.stop(runs[0].no_network("A prediction on photos"), TRAIN_COMMAND, icon="photo_camera")
live_photos.warm_up(runs[0])
st.caption(
    ":material/lock: A photo stays in this machine's memory until you remove it or close the tab: it is never "
    "written to disk, shared between visitors, logged or sent anywhere."
)
others = [name for name, run in loading.runs().items() if name != runs[0].name and run.has_network]
if others:
    second = url_state.selectbox("Compare with", others, key="beside", placeholder="no second run")
    if second:
        runs.append(loading.runs()[second])
photos = take_photos()
with st.container(horizontal=True):
    crops = url_state.toggle(
        "These are already cropped faces",
        key="crops",
        help="The whole image is then the face, framed like the images that the run was trained on.",
    )
    explained = url_state.toggle(
        "Explain",
        key="explain",
        help="Regions of the face that raise the score of the label: Grad-CAM, or for an imported network the drop of the "
        "probability when a patch is hidden.",
    )
    neighbours = any(run.has_training_sample for run in runs) and url_state.toggle(
        "Nearest training faces", key="alike", help="Training faces with the nearest embeddings."
    )
if not photos:
    live_photos.forget()
    st.info("Choose a photo of one or more people, or try the sample photo.", icon=":material/add_a_photo:")
    st.stop()
try:
    with st.spinner("Detecting faces ..."):
        results = live_photos.predict_all(
            runs, photos, crops=crops, neighbours=live_photos.NEIGHBOURS if neighbours else 0
        )
except AffectoscopeError as error:
    st.error(str(error), icon=":material/error:")
    st.caption("Choose another run in the sidebar; nothing of your photo was kept.")
    st.stop()
for result in results:
    face_cards.show_photo(result, {run.name: run for run in runs}, explained=explained)

if rows := live_photos.rows(results, runs):
    st.subheader("Results")
    table = as_table(rows)
    number_table.show(table)
    with st.container(horizontal=True):
        csv_button(table, "faces")
        content = json.dumps(rows, indent=1, ensure_ascii=False)
        st.download_button(
            "JSON", content, "faces.json", on_click="ignore", type="tertiary", icon=":material/download:"
        )
