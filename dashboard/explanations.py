"""Explanations on pages: heat maps of a run's network, which is loaded at the first one."""

import numpy as np
import streamlit as st
from PIL import Image

from core.network.explaining import Explainer
from core.runs.run import Run
from dashboard.caching import cached

#: Viridis at equal steps: its lightness rises evenly, also for colour-blind readers.
_VIRIDIS = np.array(
    [
        (68, 1, 84), (71, 44, 122), (59, 81, 139), (44, 113, 142), (33, 144, 141),
        (39, 173, 129), (92, 200, 99), (170, 220, 50), (253, 231, 37),
    ]
)  # fmt: skip

#: Opacity of the colour where the heat is 0 and where it is 1.
_COVER = (0.2, 0.65)


def overlay(face: np.ndarray, heat: np.ndarray, *, side: int = 480) -> Image.Image:
    """The face in grey with its heat in colour: dark purple where it is 0, over green to yellow where it is 1.

    Args:
        face: (s, s, 1) or (s, s, 3) uint8, of any size.
        heat: (h, w), 0 to 1; covers the whole face.
        side: of the picture in pixels.
    """
    grey = Image.fromarray(face[..., 0] if face.shape[-1] == 1 else face).convert("L")
    base = np.asarray(grey.resize((side, side), Image.Resampling.BICUBIC), np.float32)[..., None]
    smooth = Image.fromarray(heat.astype(np.float32)).resize((side, side), Image.Resampling.BILINEAR)
    warmth = np.clip(np.asarray(smooth), 0, 1)
    steps = np.linspace(0, 1, len(_VIRIDIS))
    colours = np.stack([np.interp(warmth, steps, channel) for channel in _VIRIDIS.T], axis=-1)
    cover = (_COVER[0] + (_COVER[1] - _COVER[0]) * warmth)[..., None]
    return Image.fromarray((base * (1 - cover) + colours * cover).round().astype(np.uint8))


@cached(st.cache_resource, max_entries=2, show_spinner="Loading the network ...")
def load_explainer(run: Run) -> Explainer:
    """The network of a run and the methods that explain it. Imports TensorFlow.

    Raises:
        AffectoscopeError: the run's network cannot be loaded.
    """
    return Explainer(run)
