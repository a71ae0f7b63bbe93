"""A predicted photo on the Live page: the photo with its faces numbered, and a card for each face."""

import streamlit as st

from core.predictor import SMALLEST_FACE, SURE, FacePrediction, PhotoPrediction
from dashboard import live, words
from dashboard.charts import bars, faces

ABSTAINED = {
    "too small": f"Too small to rely on: its box is under {SMALLEST_FACE} pixels.",
    "not sure": f"Not sure: no expression reaches {SURE:.0%}.",
}


def show_photo(result: live.Result) -> None:
    """One photo, its numbered faces, or what is wrong with it."""
    st.subheader(result.name)
    if result.problem:
        st.error(result.problem, icon=":material/broken_image:")
        return
    st.image(result.shown, width="content", alt=f"{result.name} with its faces boxed and numbered")
    first = next(iter(result.predictions.values()))
    if not first.faces:
        st.info(
            "No face found. Faces need about 20 pixels, both eyes visible and little rotation. If the photo "
            "is one cropped face, switch on 'These are already cropped faces'.",
            icon=":material/search_off:",
        )
    elif first.reason:
        st.warning(first.reason.capitalize() + ".", icon=":material/warning:")
    for position, face in enumerate(first.faces):
        with st.container(border=True):
            _show_face(position, face, result.predictions)


def _show_face(position: int, face: FacePrediction, predictions: dict[str, PhotoPrediction]) -> None:
    """One face as each run sees it: the same face has the same position for all of them."""
    found = "" if face.score is None else f" :small[found with a score of {face.score:.2f}]"
    st.markdown(f"**Face {face.number}**{found}")
    for run, prediction in predictions.items():
        _show_opinion(run if len(predictions) > 1 else "", prediction.faces[position])


def _show_opinion(run: str, face: FacePrediction) -> None:
    """What one run says of a face; `run` is '' where there is only one."""
    seen, said, chart = st.columns([1, 1.4, 3])
    seen.image(live.enlarged(face.crop), caption="as the network saw it", alt=f"Crop of face {face.number}")
    if run:
        said.caption(run)
    said.markdown(f"**{face.label}**, {words.percent(face.probabilities[face.label])}")
    if face.abstained:
        said.warning(ABSTAINED[face.abstained], icon=":material/help:")
    if face.valence is not None:
        said.markdown(f"Valence {face.valence:+.2f}  \nArousal {face.arousal:+.2f}")
        plane = faces.affect_point(face.valence, face.arousal, face.label)
        said.altair_chart(plane, width="content", key=f"plane-{run}-{face.number}-{id(face)}")
    table = live.probabilities_table(face.probabilities)
    chart.altair_chart(bars.probabilities(table), width="stretch")
