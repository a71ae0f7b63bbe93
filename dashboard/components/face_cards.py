"""A predicted photo on the Live page: the photo with its faces numbered, and a card for each face."""

import streamlit as st

from core.errors import AffectoscopeError
from core.metrics.text import percent
from core.photos.results import FacePrediction, Neighbour
from core.runs.run import Run
from dashboard import explanations, live_photos
from dashboard.charts import bars, faces
from dashboard.text import faces as face_text


def show_photo(result: live_photos.Result, runs: dict[str, Run], *, explained: bool) -> None:
    """One photo, its numbered faces, or the problem with it; `explained` adds a heat map of each network."""
    st.subheader(result.name)
    if result.problem:
        st.error(result.problem, icon=":material/broken_image:")
        return
    st.image(
        result.shown,
        width="content",
        output_format="JPEG",  # a PNG of a large photo takes longer to write than its faces take to predict
        alt=f"{result.name} with its faces boxed and numbered",
    )
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
            found = "" if face.score is None else f" :small[detection score {face.score:.2f}]"
            st.markdown(f"**Face {face.number}**{found}")
            for name, prediction in result.predictions.items():
                _show_prediction(
                    runs[name], prediction.faces[position], named=len(runs) > 1, explained=explained
                )


def _show_prediction(run: Run, face: FacePrediction, *, named: bool, explained: bool) -> None:
    """Prediction of one run for a face."""
    crop, prediction, chart = st.columns([1, 1.4, 3])
    crop.image(live_photos.enlarged(face.crop), caption="network input", alt=f"Crop of face {face.number}")
    if explained:
        with crop:
            _show_explanation(run, face)
    if named:
        prediction.caption(run.name)
    prediction.markdown(f"**{face.label}**, {percent(face.probabilities[face.label])}")
    if face.abstained:
        prediction.warning(f"{face.abstained.capitalize()}: {face.reason}.", icon=":material/help:")
    if face.valence is not None:
        prediction.markdown(f"Valence {face.valence:+.2f}  \nArousal {face.arousal:+.2f}")
        plane = faces.affect_point(face.valence, face.arousal, face.label)
        prediction.altair_chart(plane, width="content", key=f"plane-{run.name}-{face.number}-{id(face)}")
    table = live_photos.probabilities_table(face.probabilities)
    chart.altair_chart(bars.probabilities(table), width="stretch")
    if face.neighbours:
        _show_neighbours(face.neighbours)


def _show_explanation(run: Run, face: FacePrediction) -> None:
    try:
        with st.spinner("Computing the heat map ..."):
            explainer = explanations.load_explainer(run)
            made = explainer.explain(face.crop, run.labels.index(face.label))
    except AffectoscopeError as error:
        st.caption(str(error))
        return
    caption = face_text.short_explanation(face.label, explainer.methods[0], made)
    st.image(
        explanations.overlay(face.crop, made.heat, side=live_photos.ENLARGED),
        caption=caption,
        alt=f"{caption}, over face {face.number}",
    )


def _show_neighbours(neighbours: tuple[Neighbour, ...]) -> None:
    """The nearest training faces by embedding, nearest first."""
    st.caption("Nearest neighbours among the training faces, with the distance of their embeddings:")
    with st.grid("auto", min_column_width=96, gap="small"):
        for neighbour in neighbours:
            with st.container(gap="xxsmall"):
                if neighbour.thumbnail:
                    st.image(neighbour.thumbnail, alt=f"Training face annotated {neighbour.expression}")
                st.markdown(f":small[{neighbour.expression}, {neighbour.distance:.2f}]")
