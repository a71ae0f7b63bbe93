"""Photos on the Live page: read, predicted and drawn on in memory. No photo enters a cache shared by visitors."""

import io
import logging
import threading
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from core.data.detectors.detector import get_detector
from core.data.images import read_photo
from core.errors import AffectoscopeError
from core.photos import annotate
from core.photos.predictor import Predictor
from core.photos.results import PhotoPrediction, as_rows
from core.runs.run import Run
from dashboard import loading
from dashboard.caching import cached, run_state

TYPES = ("jpg", "jpeg", "png", "webp")
MEGABYTES = 10
MAX_PHOTOS = 20

#: Longer side in pixels at which a photo is shown.
SHOWN_SIDE = 1200

#: A seed whose three drawn people are all found.
SAMPLE_SEED = 1

#: Longer and shorter side of the picture that the warm-up looks for faces in.
_WARM_UP_SIZE = (640, 480)

#: Side in pixels at which a crop is shown.
ENLARGED = 144

#: Training faces shown beside each face.
NEIGHBOURS = 6

#: Seconds that the warm-up waits for the first page.
WARM_UP_DELAY = 1.5

_RESULTS = "live_results"


@dataclass(frozen=True)
class Photo:
    """One photo to predict. `key` identifies an upload without reading its content."""

    key: str
    name: str
    data: bytes


@dataclass(frozen=True)
class Result:
    """A predicted photo: the picture with its faces boxed, and the predictions of each run; or the problem with it."""

    name: str
    shown: Image.Image | None
    predictions: dict[str, PhotoPrediction]  # by the run's name, in the order in which they were chosen
    problem: str = ""


def warm_up(run: Run | None = None) -> threading.Thread | None:
    """Load TensorFlow, the detector and a run's network, once per server, in a background thread.

    The first photo is then predicted as fast as the later ones.

    Args:
        run: None: the newest one with a network, after a delay that leaves the CPU to the first page. Without any run, nothing is loaded.
    """
    chosen = run or next((each for each in loading.runs().values() if each.has_network), None)
    if chosen is None:
        return None
    return _warm_up(chosen, _delay=0.0 if run else WARM_UP_DELAY)


@cached(st.cache_resource, max_entries=2)
def _warm_up(run: Run, _delay: float) -> threading.Thread:
    thread = threading.Thread(target=_load_quietly, args=(run, _delay), name="warm-up", daemon=True)
    thread.start()
    return thread


def _load_quietly(run: Run, delay: float) -> None:
    # Streamlit would log that this thread has no script run context.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").setLevel(logging.ERROR)
    time.sleep(delay)
    try:
        get_detector(run.detector).detect(Image.new("RGB", _WARM_UP_SIZE))
        _predictor(run)
    except (AffectoscopeError, OSError):
        return  # the same problem is shown with the first photo


def predict_all(runs: list[Run], photos: list[Photo], *, crops: bool, neighbours: int = 0) -> list[Result]:
    """A result for each photo, in order; kept in this visitor's session while the photos stay on the page.

    Raises:
        AffectoscopeError: a run's network cannot be loaded, or the runs use different detectors.
    """
    detectors = {run.name: run.detector for run in runs}
    if len(set(detectors.values())) > 1:
        used = ", ".join(f"'{name}' uses {detector}" for name, detector in detectors.items())
        raise AffectoscopeError(
            f"Runs with different detectors find different faces, which cannot be shown side by side: {used}."
        )
    kept = st.session_state.get(_RESULTS, {})
    states = tuple(run_state(run) for run in runs)
    results = {}
    for photo in photos:
        key = (states, crops, neighbours, photo.key)
        if key not in kept:
            predictors = {run.name: _predictor(run) for run in runs}
            kept[key] = _predict(predictors, photo, crops, neighbours)
        results[key] = kept[key]
    st.session_state[_RESULTS] = results
    return list(results.values())


def forget() -> None:
    """Drop every result of this visitor."""
    st.session_state.pop(_RESULTS, None)


@cached(st.cache_resource, max_entries=2, show_spinner="Loading the network ...")
def _predictor(run: Run) -> Predictor:
    return Predictor.load(run.path)


def _predict(predictors: dict[str, Predictor], photo: Photo, crops: bool, neighbours: int) -> Result:
    """The photo is searched for faces once, whatever the number of runs."""
    if len(photo.data) > MEGABYTES * 1024 * 1024:
        return Result(
            photo.name, None, {}, f"The file is too large: {MEGABYTES} MB at most; make it smaller."
        )
    try:
        image = read_photo(photo.data)
        found = None if crops else next(iter(predictors.values())).detector.detect(image)
        predictions = {
            name: each.predict(image, crops=crops, found=found, neighbours=neighbours)
            for name, each in predictors.items()
        }
    except AffectoscopeError as error:
        return Result(photo.name, None, {}, str(error))
    return Result(photo.name, draw_boxes(image, next(iter(predictions.values()))), predictions)


def draw_boxes(image: Image.Image, prediction: PhotoPrediction) -> Image.Image:
    """A copy of the upright photo, SHOWN_SIDE at most, each face boxed in its label's colour and numbered."""
    return annotate.draw_boxes(image, prediction, longest=SHOWN_SIDE)


def rows(results: list[Result], runs: list[Run]) -> list[dict]:
    """`as_rows` of every photo that could be read; with the run's name before them where there are several."""
    named = len(runs) > 1
    return [
        ({"run": run.name} if named else {}) | row
        for result in results
        for run in runs
        if run.name in result.predictions
        for row in as_rows(result.name, result.predictions[run.name], run.labels)
    ]


def probabilities_table(probabilities: dict[str, float]) -> pd.DataFrame:
    """Columns expression, probability, the most probable first."""
    table = pd.DataFrame({"expression": list(probabilities), "probability": list(probabilities.values())})
    return table.sort_values("probability", ascending=False, kind="stable", ignore_index=True)


def enlarged(crop: np.ndarray, *, side: int = ENLARGED) -> Image.Image:
    """The crop with its pixels kept visible, (size, size, channels) uint8 in."""
    image = Image.fromarray(crop[..., 0] if crop.shape[-1] == 1 else crop)
    return image.resize((side, side), Image.Resampling.NEAREST)


@st.cache_data(max_entries=1, show_spinner="Drawing three people ...")
def drawn_photo() -> bytes | None:
    """A drawn scene with three people as PNG, or None where it cannot be drawn."""
    try:
        from core.data.drawn.dataset import draw_scene
    except ImportError:
        return None
    scene, _, _ = draw_scene(np.random.default_rng(SAMPLE_SEED), faces=3)
    buffer = io.BytesIO()
    scene.save(buffer, "PNG")
    return buffer.getvalue()
