"""Photos on the Live page: read, predicted and drawn on in memory. No photo enters a cache shared by visitors."""

import io
import threading
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image, ImageDraw, ImageFont

from core.artifacts import Run
from core.detector import load_detector
from core.errors import AffectoscopeError
from core.labels import COLOURS
from core.predictor import PhotoPrediction, Predictor, as_rows, read_photo
from dashboard import data

TYPES = ("jpg", "jpeg", "png", "webp")
MEGABYTES = 10
MAX_PHOTOS = 20

#: Longer side in pixels at which a photo is shown.
SHOWN_SIDE = 1200

#: A seed whose three drawn people are all found.
SAMPLE_SEED = 1

_RESULTS = "live_results"


@dataclass(frozen=True)
class Photo:
    """One photo to predict. `key` tells uploads apart without looking at their content."""

    key: str
    name: str
    data: bytes


@dataclass(frozen=True)
class Result:
    """A predicted photo: as it is shown, with its faces boxed, and what was found; or the problem with it."""

    name: str
    shown: Image.Image | None
    prediction: PhotoPrediction | None
    problem: str = ""


@st.cache_resource(show_spinner=False)
def warm_up() -> threading.Thread:
    """Load TensorFlow and the detector beside the page, once, while the visitor looks for a photo."""
    thread = threading.Thread(target=_load_quietly, name="detector-warm-up", daemon=True)
    thread.start()
    return thread


def _load_quietly() -> None:
    try:
        load_detector()
    except AffectoscopeError:
        return  # the same problem is shown with the first photo


def predict_all(run: Run, photos: list[Photo], *, crops: bool) -> list[Result]:
    """A result for each photo, in order; kept in this visitor's session while the photos stay on the page.

    Raises:
        AffectoscopeError: the run's network cannot be loaded.
    """
    kept = st.session_state.get(_RESULTS, {})
    state = data.fingerprint(run.path)
    results = {}
    for photo in photos:
        key = (str(run.path), state, crops, photo.key)
        results[key] = kept[key] if key in kept else _predict(_predictor(str(run.path), state), photo, crops)
    st.session_state[_RESULTS] = results
    return list(results.values())


def forget() -> None:
    """Drop every result of this visitor."""
    st.session_state.pop(_RESULTS, None)


@st.cache_resource(max_entries=2, show_spinner="Loading the network ...")
def _predictor(path: str, state: data.Fingerprint) -> Predictor:
    return Predictor.load(path)


def _predict(predictor: Predictor, photo: Photo, crops: bool) -> Result:
    if len(photo.data) > MEGABYTES * 1024 * 1024:
        return Result(
            photo.name, None, None, f"The file is too large: {MEGABYTES} MB at most; make it smaller."
        )
    try:
        image = read_photo(photo.data)
        prediction = predictor.predict(image, crops=crops)
    except AffectoscopeError as error:
        return Result(photo.name, None, None, str(error))
    return Result(photo.name, draw_boxes(image, prediction), prediction)


def draw_boxes(image: Image.Image, prediction: PhotoPrediction) -> Image.Image:
    """A copy of the upright photo, SHOWN_SIDE at most, each face boxed in its label's colour and numbered."""
    scale = min(1.0, SHOWN_SIDE / max(image.size))
    size = tuple(max(1, round(side * scale)) for side in image.size)
    shown = image.convert("RGB").resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0)
    draw = ImageDraw.Draw(shown)
    line = max(2, round(max(size) / 300))
    font = ImageFont.load_default(size=max(12, round(max(size) / 45)))
    for face in prediction.faces:
        if face.box is None:
            continue
        x, y, width, height = (value * scale for value in face.box)
        colour = COLOURS[face.label]
        draw.rectangle((x, y, x + width, y + height), outline=colour, width=line)
        # Inside the photo, also for a face that hangs over its border.
        corner = (min(max(x, 0), size[0] - 1), min(max(y, 0), size[1] - 1))
        tag = draw.textbbox(corner, str(face.number), font=font)
        draw.rectangle((*corner, tag[2] + 2 * line, tag[3] + 2 * line), fill=colour)
        draw.text((corner[0] + line, corner[1] + line), str(face.number), font=font, fill="black")
    return shown


def rows(results: list[Result], labels: tuple[str, ...]) -> list[dict]:
    """`as_rows` of every photo that could be read."""
    return [row for one in results if one.prediction for row in as_rows(one.name, one.prediction, labels)]


def probabilities_table(probabilities: dict[str, float]) -> pd.DataFrame:
    """Columns expression, probability, the most probable first."""
    table = pd.DataFrame({"expression": list(probabilities), "probability": list(probabilities.values())})
    return table.sort_values("probability", ascending=False, kind="stable", ignore_index=True)


def enlarged(crop: np.ndarray, *, side: int = 144) -> Image.Image:
    """The crop with its pixels kept visible, (size, size, channels) uint8 in."""
    image = Image.fromarray(crop[..., 0] if crop.shape[-1] == 1 else crop)
    return image.resize((side, side), Image.Resampling.NEAREST)


@st.cache_data(max_entries=1, show_spinner="Drawing three people ...")
def drawn_photo() -> bytes | None:
    """A drawn scene with three people as PNG, or None where drawing is not to be had."""
    try:
        from core.datasets.drawn import draw_scene
    except ImportError:
        return None
    scene, _, _ = draw_scene(np.random.default_rng(SAMPLE_SEED), faces=3)
    buffer = io.BytesIO()
    scene.save(buffer, "PNG")
    return buffer.getvalue()
