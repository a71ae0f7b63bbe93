"""Images of faces: from thumbnails in the run, or from the user's own copy of the data."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st
from PIL import Image

from core.data.face_table import FaceTable
from core.data.images import as_webp, read_upright
from core.data.locations import find_locations, remember_location
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.metrics.predictions import Predictions
from core.runs.run import Run
from dashboard import loading
from dashboard.caching import cached
from dashboard.text import runs as run_text

#: Side in pixels of faces read from a data set: larger than the input of most networks.
SHOWN_SIZE = 160

_WIDGET = "data_path_input"
_PATH = "data_path"  # in session_state and never in the URL: a path may hold private names

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class _Copy:
    """The user's own copy of a run's data.

    Attributes:
        path: as the user typed it.
        label_order: what the numbers of its labels mean, if the run's training was told.
        stamp: modification time and size, so that a changed file is opened anew; None where there is none.
    """

    path: str
    label_order: str | None
    stamp: tuple[int, int] | None


@dataclass(frozen=True)
class ImageSource:
    """Images by row of the predictions; each may be None where it cannot be read.

    Attributes:
        face: the face as it is shown, encoded, framed like the network input.
        photo: the whole upright image that the face is in; None where there are only thumbnails.
    """

    face: Callable[[int], bytes | None]
    photo: Callable[[int], Image.Image | None] | None = None

    def __call__(self, row: int) -> bytes | None:
        return self.face(row)


def image_source(
    run: Run, predictions: Predictions, thumbnails: dict[str, bytes] | None = None
) -> ImageSource | None:
    """The images of a run's faces, or None where there are none.

    Draws the explanation and the input for a path where there are no thumbnails.

    Args:
        predictions: of the faces, which are the run's scored ones unless `thumbnails` are given.
        thumbnails: reference -> encoded image; default: those of the scored faces.
    """
    try:
        thumbnails = loading.thumbnails(run) if thumbnails is None else thumbnails
    except (AffectoscopeError, OSError, ValueError, KeyError) as error:  # pyarrow's errors are ValueErrors
        st.warning(f"faces.parquet of '{run.name}' cannot be read ({error}).", icon=":material/broken_image:")
        thumbnails = {}
    references = predictions.frame["reference"]
    if thumbnails:
        return ImageSource(lambda row: thumbnails.get(references.iloc[row]))
    photo = attached_photos(run, predictions, run_text.no_images(run))
    if photo is None:
        return None
    copy, preprocessing = _copy(run), shown_preprocessing(run)
    return ImageSource(
        lambda row: _face(copy, references.iloc[row], box_of(predictions, row), preprocessing), photo
    )


def attached_photos(
    run: Run, predictions: Predictions, why: str
) -> Callable[[int], Image.Image | None] | None:
    """Photos by row from the user's own copy of the data; None until a path is given that holds the run's faces.

    Draws the input for the path, below the sentence `why`.
    """
    table = _attached_table(run, why)
    if table is None:
        return None
    copy = _copy(run)
    references = predictions.frame["reference"]
    found = references.isin(_references(copy)).sum()
    if found:
        _remember(run.info["data"].get("name") or table.name, copy.path)
    if not found:
        st.error(
            f"None of this run's {len(references):,} faces is in {table.title}; it names faces such as "
            f"'{references.iloc[0]}'. Is it the data set the run was trained on?",
            icon=":material/image_not_supported:",
        )
        return None
    if found < len(references):
        st.caption(f"{found:,} of the run's {len(references):,} faces are in {table.title}.")
    return lambda row: _photo(copy, references.iloc[row])


def other_faces(
    run: Run, source: ImageSource, references: Collection[str], why: str
) -> Callable[[str], bytes | None]:
    """Images by reference of faces that the run was not scored on: from its training sample, or the user's own
    copy of the data.

    Draws the input for the path of that copy, below the sentence `why`, where the sample lacks some of `references`
    and `source` has not asked for it.
    """
    thumbnails = loading.training_thumbnails(run)
    if source.photo is None and (thumbnails.keys() >= set(references) or _attached_table(run, why) is None):
        return thumbnails.get
    copy, preprocessing = _copy(run), shown_preprocessing(run)
    return lambda reference: (
        thumbnails.get(reference) or _face(copy, reference, _box_in_copy(copy, reference), preprocessing)
    )


def network_face(run: Run, predictions: Predictions, row: int, source: ImageSource) -> np.ndarray | None:
    """The face as the run's network takes it, (size, size, channels) uint8; None where it cannot be read.

    Cropped from the photo where there is one, else its thumbnail made to fit.
    """
    preprocessing = _preprocessing(run)
    try:
        if source.photo:
            photo = source.photo(row)
            return None if photo is None else crop_face(photo, box_of(predictions, row), preprocessing)
        thumbnail = source(row)
        return None if thumbnail is None else crop_face(read_upright(thumbnail), None, preprocessing)
    except AffectoscopeError:
        return None


def box_of(predictions: Predictions, row: int) -> Box | None:
    """The face's annotated box (x, y, width, height) in pixels of its photo; None: the image is the face."""
    box = [float(predictions.frame[f"box_{name}"].iat[row]) for name in ("x", "y", "width", "height")]
    return None if np.isnan(box).any() else tuple(box)


def shown_preprocessing(run: Run) -> PreprocessingConfig:
    """The run's framing in colour and at the size that is shown."""
    return replace(_preprocessing(run), size=SHOWN_SIZE, colour="rgb")


def _attached_table(run: Run, why: str) -> FaceTable | None:
    """The user's own copy of the data, opened; None until there is one that can be.

    A copy of which this machine knows the path is opened at once.
    """
    # Kept beside the widget: a widget's own state is dropped on pages that do not draw it.
    typed = st.session_state.setdefault(_WIDGET, st.session_state.get(_PATH, "")).strip()
    if not typed and (known := _known_copy(run)):
        table = _opened(_copy_at(known, run))
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(run_text.images_found(table))
            with st.popover("Other copy", type="tertiary"):
                _path_input()
        return table
    with st.container(border=True):
        st.markdown(f":material/image_not_supported: {why}")
        if not _path_input():
            return None
        try:
            table = _opened(_copy(run))
        except (AffectoscopeError, OSError) as error:
            st.error(str(error), icon=":material/folder_off:")
            return None
        st.caption(f"Images from {table.title}: {len(table):,} faces.")
        return table


def _path_input() -> str:
    """Draw the input for the path of a copy; return the path, "" if there is none."""
    typed = st.text_input(
        "Path of your copy of the data",
        key=_WIDGET,
        placeholder="/path/to/data.zip",
        help="Read on this machine only. A copy that holds the run's faces is remembered on this machine.",
    ).strip()
    st.session_state[_PATH] = typed
    return typed


def _known_copy(run: Run) -> str:
    """Path of a copy on this machine that holds faces of the run; "" if none is known."""
    config = run.info.get("config") or {}
    paths = find_locations(run.info["data"].get("name") or "", config.get("data"))
    return _first_copy(run, tuple(str(path) for path in paths))


@cached(st.cache_data, max_entries=32)
def _first_copy(run: Run, paths: tuple[str, ...]) -> str:
    references = set(loading.predictions(run).frame["reference"]) if paths else set()
    for path in paths:
        try:
            if not references.isdisjoint(_references(_copy_at(path, run))):
                return path
        except (AffectoscopeError, OSError):
            continue
    return ""


@st.cache_data(max_entries=32, show_spinner=False)
def _remember(name: str, path: str) -> None:
    """Remember the path, once in the lifetime of the cache instead of on every run of a page."""
    remember_location(name, Path(path))


def _preprocessing(run: Run) -> PreprocessingConfig:
    names = {field.name for field in fields(PreprocessingConfig)}
    known = {name: value for name, value in run.info["preprocessing"].items() if name in names}
    return PreprocessingConfig(**known)


def _copy(run: Run) -> _Copy:
    """The copy whose path was typed, or that this machine knows."""
    return _copy_at(st.session_state.get(_PATH) or _known_copy(run), run)


def _copy_at(path: str, run: Run) -> _Copy:
    """The copy at `path`, as the run's training read it."""
    stamp = None
    try:
        status = Path(path).expanduser().stat()
        stamp = (status.st_mtime_ns, status.st_size)
    except OSError:
        pass
    return _Copy(path, (run.info.get("config") or {}).get("label_order"), stamp)


@st.cache_resource(max_entries=2, show_spinner="Opening the data ...")
def _opened(copy: _Copy) -> FaceTable:
    return open_dataset(copy.path, label_order=copy.label_order)


@st.cache_resource(max_entries=2, show_spinner=False)
def _references(copy: _Copy) -> frozenset[str]:
    return frozenset(_opened(copy).faces["reference"])


def _photo(copy: _Copy, reference: str) -> Image.Image | None:
    """The upright photo; None where the data has no such face or it cannot be read."""
    if reference not in _references(copy):
        return None
    try:
        return read_upright(_opened(copy).read_image(reference))
    except (AffectoscopeError, OSError):
        return None


@st.cache_resource(max_entries=2, show_spinner=False)
def _rows(copy: _Copy) -> pd.Index:
    return pd.Index(_opened(copy).faces["reference"])


def _box_in_copy(copy: _Copy, reference: str) -> Box | None:
    """The box that the user's own copy annotates; None: the image is the face, or is not in it."""
    if reference not in _references(copy):
        return None
    face = _opened(copy).faces.iloc[_rows(copy).get_loc(reference)]
    box = [float(face[f"box_{name}"]) for name in ("x", "y", "width", "height")]
    return None if np.isnan(box).any() else tuple(box)


@st.cache_data(max_entries=2000, show_spinner=False)
def _face(copy: _Copy, reference: str, box: Box | None, preprocessing: PreprocessingConfig) -> bytes | None:
    """One cropped face as WebP, or None where it cannot be read."""
    photo = _photo(copy, reference)
    try:
        return None if photo is None else as_webp(crop_face(photo, box, preprocessing))
    except AffectoscopeError:
        return None
