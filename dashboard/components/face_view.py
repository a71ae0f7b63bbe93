"""One face large: its probabilities, an explanation, and its photo."""

from dataclasses import replace

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from core.data.images import read_upright
from core.data.preprocessing import CropGeometry, crop_geometry
from core.errors import AffectoscopeError
from core.metrics.predictions import Predictions
from core.network.explaining import METHODS
from core.runs.run import Run
from dashboard import explanations, images, loading, url_state
from dashboard.charts import bars
from dashboard.components import outlines
from dashboard.components.downloads import csv_button
from dashboard.images import Box, ImageSource
from dashboard.tables import faces as tables
from dashboard.text import faces as face_text

#: Labels that can be explained: column of the `faces` table -> title.
_EXPLAINED = {"predicted": "predicted", "true": "annotated"}


def show(run: Run, predictions: Predictions, face: pd.Series, row: int, source: ImageSource | None) -> None:
    """One face: `row` of the predictions, and that row of their `faces` table."""
    picture = _opened(source, row)
    box = images.box_of(predictions, row)
    geometry = _geometry(run, box, source, row) if picture else None
    landmarks = _landmarks(run, row) if geometry else None
    with st.container(horizontal=True):
        dotted = landmarks is not None and url_state.toggle("Landmarks", key="landmarks")
        boxed = geometry is not None and box is not None and url_state.toggle("Face box", key="box")
        whole = picture is not None and box is not None and url_state.toggle("Whole photo", key="photo")
        explained = picture is not None and url_state.toggle(
            "Explain",
            key="explain",
            help="Regions that raise the score of a label. Loading the run's network takes some seconds.",
        )
    columns = st.columns([1, 1, 1.4] if explained else [1, 2], gap="medium")
    with columns[0]:
        if picture is None:
            st.caption("No image of this face.")
        else:
            shown = outlines.enlarged(picture)
            if dotted or boxed:
                shown = outlines.outlined(
                    shown,
                    box=geometry.box(box) if boxed else None,
                    landmarks=geometry.points(landmarks) if dotted else None,
                )
            st.image(shown, width="stretch", alt=_alt(face, boxed, dotted))
        st.markdown(f"**{face['true']}** predicted as **{face['predicted']}**")
        st.caption(f"{face['reference']} ({face['split']})  \n{face_text.face_numbers(face)}")
    if explained:
        with columns[1]:
            _show_explanation(run, predictions, face, row, source, picture)
    with columns[-1]:
        table = tables.face_probabilities(predictions, row)
        st.altair_chart(bars.probabilities(table, true=face["true"]), width="stretch")
        csv_button(table, "face-probabilities")
    if whole:
        _show_photo(run, predictions, face, row, source, box, landmarks if dotted else None)


def _opened(source: ImageSource | None, row: int) -> Image.Image | None:
    image = source(row) if source else None
    try:
        return read_upright(image) if image else None
    except AffectoscopeError:
        return None


def _geometry(run: Run, box: Box | None, source: ImageSource, row: int) -> CropGeometry | None:
    """Transform from pixels of the photo to those of the picture shown; None where it needs the size of an unknown photo."""
    photo = source.photo(row) if source.photo and box is None else None
    preprocessing = replace(images.shown_preprocessing(run), size=outlines.SIDE)
    try:
        return crop_geometry(box, preprocessing, image_size=photo.size if photo else None)
    except AffectoscopeError:
        return None


def _landmarks(run: Run, row: int) -> np.ndarray | None:
    try:
        return loading.landmarks(run, row)
    except AffectoscopeError as error:
        st.caption(str(error))
        return None


def _show_explanation(
    run: Run, predictions: Predictions, face: pd.Series, row: int, source: ImageSource, picture: Image.Image
) -> None:
    """Heat map of a label over the face."""
    place = st.empty()
    if not run.has_network:
        place.warning(run.no_network("An explanation"), icon=":material/psychology_alt:")
        return
    label = str(face[url_state.segments("Label to explain", _EXPLAINED, key="explained")])
    try:
        explainer = explanations.load_explainer(run)
    except AffectoscopeError as error:
        st.warning(str(error), icon=":material/psychology_alt:")
        return
    methods = {name: METHODS[name] for name in explainer.methods}
    method = url_state.segments("Method", methods, key="method") if len(methods) > 1 else next(iter(methods))
    network_input = images.network_face(run, predictions, row, source)
    if network_input is None:
        st.caption("This image cannot be read, so it cannot be explained.")
        return
    try:
        found = explainer.explain(network_input, run.labels.index(label), method=method)
    except AffectoscopeError as error:
        st.warning(str(error), icon=":material/psychology_alt:")
        return
    overlaid = explanations.overlay(np.asarray(picture.convert("RGB")), found.heat, side=outlines.SIDE)
    place.image(overlaid, width="stretch", alt=f"Heat map of {label} over the face")
    st.caption(face_text.explanation(label, method, found, side=explainer.side))
    position = int(found.probabilities.argmax())
    note = face_text.other_prediction(
        run.labels[position],
        str(face["predicted"]),
        float(found.probabilities[position]),
        thumbnail=source.photo is None,
        tta=run.test_time_augmentation,
    )
    if note:
        st.caption(note)


def _show_photo(
    run: Run,
    predictions: Predictions,
    face: pd.Series,
    row: int,
    source: ImageSource,
    box: Box,
    landmarks: np.ndarray | None,
) -> None:
    """The whole photo with the box, from the user's own copy of the data."""
    photos = source.photo or images.attached_photos(run, predictions, face_text.ONLY_THUMBNAILS)
    if photos is None:
        return
    photo = photos(row)
    if photo is None:
        st.caption(f":material/hide_image: {face['reference']} cannot be read in your copy of the data.")
        return
    shown = outlines.outlined_photo(photo, box=box, landmarks=landmarks)
    st.image(shown, width="content", alt=f"The whole photo with the box of the face annotated {face['true']}")
    st.caption(f"{photo.width:,} × {photo.height:,} pixels; the box is {box[2]:.0f} × {box[3]:.0f}.")


def _alt(face: pd.Series, boxed: bool, dotted: bool) -> str:
    over = " and ".join(["its box"] * boxed + ["its 68 landmarks"] * dotted)
    return f"Face annotated {face['true']}, predicted {face['predicted']}" + (
        f", with {over}" if over else ""
    )
