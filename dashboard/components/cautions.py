"""Warnings beside scores of few faces, or of faces that lack a label."""

import streamlit as st

from core.metrics.scoring import Scores
from core.report import wording


def show(scores: Scores) -> None:
    """A warning for each thing that limits what the scores tell; nothing where nothing does."""
    for caution in (wording.few_faces(scores), wording.presence(scores)):
        if caution:
            st.warning(caution, icon=":material/warning:")
