"""A drawn face at each severity of a corruption."""

import numpy as np
import streamlit as st

from core.analysis.corruptions import SEVERITIES, corrupt_face
from core.data.drawn.portrait import draw_face
from core.data.preprocessing import PreprocessingConfig, crop_face

#: Shown as large as this at least, each pixel of the network's face as a square.
SIDE = 192


def corrupted_faces(preprocessing: PreprocessingConfig, corruption: str) -> list[tuple[str, np.ndarray]]:
    """Caption and picture: the uncorrupted face, and the face at every severity."""
    face = _face(preprocessing)
    corrupted = [corrupt_face(face, corruption, severity, seed=1) for severity in SEVERITIES]
    titles = ["uncorrupted", *(f"severity {severity}" for severity in SEVERITIES)]
    return [(title, _enlarged(each)) for title, each in zip(titles, [face, *corrupted], strict=True)]


@st.cache_data(max_entries=8, show_spinner=False)
def _face(preprocessing: PreprocessingConfig) -> np.ndarray:
    drawn = draw_face("happy", np.random.default_rng(5), intensity=0.9)
    return crop_face(drawn.image, drawn.box, preprocessing)


def _enlarged(face: np.ndarray) -> np.ndarray:
    times = max(round(SIDE / face.shape[0]), 1)
    larger = face.repeat(times, axis=0).repeat(times, axis=1)
    return larger[..., 0] if larger.shape[-1] == 1 else larger
