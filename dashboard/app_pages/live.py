"""Live: the chosen run's network on a photo."""

import json

import streamlit as st

from core.errors import AffectoscopeError
from core.predictor import SMALLEST_FACE, SURE, FacePrediction, as_table
from dashboard import guard, live, words
from dashboard.charts import bars
from dashboard.downloads import csv_button

ABSTAINED = {
    "too small": f"Too small to rely on: its box is under {SMALLEST_FACE} pixels.",
    "not sure": f"Not sure: no expression reaches {SURE:.0%}.",
}


def take_photos() -> list[live.Photo]:
    """What the visitor uploads, takes or has drawn."""
    source = st.segmented_control(
        "Photo from", ("files", "camera", "a drawing"), default="files", key="source"
    )
    if source == "camera":
        # Asked for only now, so that the browser does not request the camera of somebody who uploads a file.
        taken = st.camera_input("Take a photo")
        files = [taken] if taken else []
    elif source == "a drawing":
        if drawing := live.drawn_photo():
            return [live.Photo("drawing", "drawing.png", drawing)]
        st.info("Drawn scenes are not available here.", icon=":material/info:")
        return []
    else:
        files = st.file_uploader(
            "Photos",
            type=list(live.TYPES),
            accept_multiple_files=True,
            max_upload_size=live.MEGABYTES,
            key="photos",
        )
    if len(files) > live.MAX_PHOTOS:
        st.warning(
            f"Only the first {live.MAX_PHOTOS} of {len(files)} photos are predicted; for whole folders there is "
            "`python -m core.predict FOLDER --out faces.csv`.",
            icon=":material/warning:",
        )
    return [live.Photo(file.file_id, file.name, file.getvalue()) for file in files[: live.MAX_PHOTOS]]


def show(result: live.Result) -> None:
    """One photo, its numbered faces, or what is wrong with it."""
    st.subheader(result.name)
    if result.problem:
        st.error(result.problem, icon=":material/broken_image:")
        return
    st.image(result.shown, width="content", alt=f"{result.name} with its faces boxed and numbered")
    if not result.prediction.faces:
        st.info(
            "No face found. Faces need about 20 pixels, both eyes visible and little rotation. If the photo "
            "is one cropped face, tick 'These are already cropped faces'.",
            icon=":material/search_off:",
        )
    elif result.prediction.reason:
        st.warning(result.prediction.reason.capitalize() + ".", icon=":material/warning:")
    for face in result.prediction.faces:
        show_face(face)


def show_face(face: FacePrediction) -> None:
    """The crop, the label and every probability of one face."""
    with st.container(border=True):
        seen, said, chart = st.columns([1, 1.4, 3])
        seen.image(
            live.enlarged(face.crop), caption="as the network saw it", alt=f"Crop of face {face.number}"
        )
        said.markdown(
            f"**Face {face.number}: {face.label}**, {words.percent(face.probabilities[face.label])}"
        )
        if face.score is not None:
            said.caption(f"Found with a score of {face.score:.2f}")
        if face.valence is not None:
            said.markdown(f"Valence {face.valence:+.2f}  \nArousal {face.arousal:+.2f}")
        if face.abstained:
            said.warning(ABSTAINED[face.abstained], icon=":material/help:")
        chart.altair_chart(bars.probabilities(live.probabilities_table(face.probabilities)), width="stretch")


st.title("Live")
run = guard.choose_run()
live.warm_up()
st.caption(
    ":material/lock: A photo stays in this machine's memory until you remove it or close the tab: it is never "
    "written to disk, shared between visitors, logged or sent anywhere."
)
photos = take_photos()
crops = st.checkbox(
    "These are already cropped faces",
    help="The whole image is then the face, framed like the images that the run was trained on.",
)
if not photos:
    live.forget()
    st.info("Choose a photo of one or more people, or try a drawing.", icon=":material/add_a_photo:")
    st.stop()
try:
    with st.spinner("Looking for faces ..."):
        results = live.predict_all(run, photos, crops=crops)
except AffectoscopeError as error:
    st.error(f"Run '{run.name}' cannot predict: {error}", icon=":material/error:")
    st.stop()
for result in results:
    show(result)

if rows := live.rows(results, run.labels):
    st.subheader("Results")
    table = as_table(rows)
    st.dataframe(table, hide_index=True, width="stretch")
    csv_button(table, "faces")
    content = json.dumps(rows, indent=1, ensure_ascii=False)
    st.download_button("JSON", content, "faces.json", on_click="ignore", type="tertiary")
