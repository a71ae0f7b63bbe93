"""Misclassified faces, with filters, explanations, tags and nearest neighbours."""

import numpy as np
import pandas as pd
import streamlit as st

from dashboard import loading, run_selector, url_state
from dashboard.components import face_filters, face_view, gallery, tagging
from dashboard.images import image_source
from dashboard.tables import faces as tables
from dashboard.text import faces as face_text
from dashboard.text import runs as run_text

#: Faces shown beside the chosen one.
NEIGHBOURS = 5


def open_face(reference: str) -> None:
    st.session_state["face"] = reference


def close_face(page: int) -> None:
    """Return to the page of the gallery that the face is on."""
    st.session_state.update({"face": None, "page": page})


def choose_among(faces: pd.DataFrame, face: pd.Series, order: str) -> None:
    """Controls of the open face: choose another, previous, next, back to the gallery."""
    place = tables.place_of(faces, face, order)
    page = place.position // gallery.PER_PAGE
    options = list(faces["reference"].iloc[page * gallery.PER_PAGE : (page + 1) * gallery.PER_PAGE])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        url_state.selectbox("Face", options if place.inside else [face["reference"], *options], key="face")
        for title, icon, reference in (
            ("Previous", "arrow_back", place.previous),
            ("Next", "arrow_forward", place.next),
        ):
            st.button(
                title,
                icon=f":material/{icon}:",
                on_click=open_face,
                args=(reference,),
                disabled=reference is None,
            )
        st.button("All faces", icon=":material/grid_view:", on_click=close_face, args=(page + 1,))
        inside = (
            face_text.position(place.position, len(faces)) if place.inside else "not among the filtered faces"
        )
        st.caption(inside, width="content")


st.title("Misclassified faces")
run = run_selector.choose_run()
(predictions,) = run_selector.load(run, "predictions")
wrong = loading.misclassified(run)
if wrong.empty:
    st.success(face_text.none_misclassified(len(predictions)))
    st.stop()
st.markdown(face_text.misclassified(len(wrong), len(predictions), drawn=run_text.is_drawn(run)))

tags = tagging.load(run)
wrong = tables.with_tags(wrong, tags)
filters = face_filters.choose(run.labels)
with st.container(horizontal=True, vertical_alignment="center"):
    face_filters.choose_more(wrong, filters)
    faces = tables.select_faces(wrong, **filters)
    if len(faces) < len(wrong):
        clear = face_filters.clear(wrong)
        st.button("Clear filters", icon=":material/filter_alt_off:", type="tertiary", on_click=clear)
        st.caption(face_text.passing(len(faces), len(wrong)), width="content")
tagging.show_counts(run, tags)
if faces.empty:
    st.info("No misclassified face passes these filters: widen them.", icon=":material/filter_alt_off:")

asked = st.session_state["face"] if "face" in st.session_state else st.query_params.get("face")
found = np.flatnonzero(predictions.frame["reference"] == asked) if asked else ()
name = f"{run.name}-misclassified"
if not len(found):
    bar = st.container()
    source = image_source(run, predictions)
    shown = faces if faces.empty else gallery.show(faces, source, name=name, open_face=open_face)
    with bar:
        url_state.selectbox(
            "Face", list(shown["reference"]), key="face", placeholder="choose one to see it large"
        )
    st.stop()

row = int(found[0])
face = tables.with_tags(tables.faces_at(predictions, found[:1]), tags).iloc[0]
choose_among(faces, face, filters["order"])
source = image_source(run, predictions)
face_view.show(run, predictions, face, row, source)
tagging.show_form(run, face, tags)
nearest, distances = loading.neighbours(run, row, NEIGHBOURS)
if len(nearest):
    table = tables.with_tags(tables.faces_at(predictions, nearest), tags).assign(distance=distances)
    gallery.show_neighbours(table, source, name=f"{run.name}-neighbours", open_face=open_face)
