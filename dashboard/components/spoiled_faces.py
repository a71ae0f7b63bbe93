"""A drawn face, spoiled, to show what a corruption is."""

import numpy as np
import streamlit as st

from core.analysis.corruptions import STRENGTHS, corrupted
from core.data.drawn.portrait import draw_face
from core.data.preprocessing import PreprocessingConfig, crop_face

#: Shown as large as this at least, each pixel of the network's face as a square.
SIDE = 192


def spoiled_faces(preprocessing: PreprocessingConfig, corruption: str) -> list[tuple[str, np.ndarray]]:
    """Caption and picture: the face as it is, and at every strength."""
    face = _face(preprocessing)
    spoiled = [corrupted(face, corruption, strength, seed=1) for strength in STRENGTHS]
    titles = ["as it is", *(f"strength {strength}" for strength in STRENGTHS)]
    return [(title, _enlarged(each)) for title, each in zip(titles, [face, *spoiled], strict=True)]


@st.cache_data(max_entries=8, show_spinner=False)
def _face(preprocessing: PreprocessingConfig) -> np.ndarray:
    drawn = draw_face("happy", np.random.default_rng(5), intensity=0.9)
    return crop_face(drawn.image, drawn.box, preprocessing)


def _enlarged(face: np.ndarray) -> np.ndarray:
    times = max(round(SIDE / face.shape[0]), 1)
    larger = face.repeat(times, axis=0).repeat(times, axis=1)
    return larger[..., 0] if larger.shape[-1] == 1 else larger
