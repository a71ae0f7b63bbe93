"""Where the images of faces come from: thumbnails in the run, or the reader's own copy of the data."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import streamlit as st

from core.artifacts import Run
from core.datasets import FaceTable, open_dataset
from core.errors import AffectoscopeError
from core.faces import PreprocessingContract, as_webp, crop_face, read_upright
from core.predictions import Predictions
from dashboard import data, words

#: Side in pixels of faces read from a data set: larger than what most networks see, for the reader's sake.
SHOWN_SIZE = 160

_WIDGET = "data_path_input"
_PATH = "data_path"  # in session_state and never in the URL: a path says something about its owner

ImageSource = Callable[[int], bytes | None]


def image_source(run: Run, predictions: Predictions) -> ImageSource | None:
    """Row of `predictions` -> encoded image, or None for the whole source where there are no images.

    Draws the explanation and the input for a path where the run ships without images.
    """
    try:
        thumbnails = data.thumbnails(run)
    except (AffectoscopeError, OSError, ValueError, KeyError) as error:  # pyarrow's errors are ValueErrors
        st.warning(f"faces.parquet of '{run.name}' cannot be read ({error}).", icon=":material/broken_image:")
        thumbnails = {}
    references = predictions.frame["reference"]
    if thumbnails:
        return lambda row: thumbnails.get(references.iloc[row])
    table = _attached_table(run)
    if table is None:
        return None
    known = _references(str(Path(st.session_state[_PATH])), _stamp(st.session_state[_PATH]))
    found = references.isin(known).sum()
    if not found:
        st.error(
            f"None of this run's {len(references):,} faces is in {table.title}; it names faces such as "
            f"'{references.iloc[0]}'. Is it the data set the run was trained on?",
            icon=":material/image_not_supported:",
        )
        return None
    if found < len(references):
        st.caption(f"{found:,} of the run's {len(references):,} faces are in {table.title}.")
    path, stamp, contract = st.session_state[_PATH], _stamp(st.session_state[_PATH]), _contract(run)
    boxes = predictions.frame[["box_x", "box_y", "box_width", "box_height"]].to_numpy(float)

    def read(row: int) -> bytes | None:
        box = None if boxes[row].max() != boxes[row].max() else tuple(boxes[row])
        return _face(path, stamp, references.iloc[row], box, contract)

    return read


def _attached_table(run: Run) -> FaceTable | None:
    """The reader's own copy of the data, opened; None until a path is given that can be."""
    with st.container(border=True):
        st.markdown(f":material/image_not_supported: {words.no_images(run)}")
        # Kept beside the widget: a widget's own state is dropped on pages that do not draw it.
        st.session_state.setdefault(_WIDGET, st.session_state.get(_PATH, ""))
        typed = st.text_input(
            "Path of your copy of the data",
            key=_WIDGET,
            placeholder="/path/to/data.zip",
            help="Read on this machine only. The path is remembered until you close the page.",
        ).strip()
        st.session_state[_PATH] = typed
        if not typed:
            return None
        try:
            table = _opened(typed, _stamp(typed))
        except (AffectoscopeError, OSError) as error:
            st.error(str(error), icon=":material/folder_off:")
            return None
        st.caption(f"Images from {table.title}: {len(table):,} faces.")
        return table


def _contract(run: Run) -> PreprocessingContract:
    """The run's framing in colour and at the size that is shown."""
    names = {field.name for field in fields(PreprocessingContract)}
    known = {name: value for name, value in run.info["preprocessing"].items() if name in names}
    return replace(PreprocessingContract(**known), size=SHOWN_SIZE, colour="rgb")


def _stamp(path: str) -> tuple[int, int] | None:
    """Modification time and size: a changed file is opened anew."""
    try:
        status = Path(path).expanduser().stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


@st.cache_resource(max_entries=2, show_spinner="Opening the data ...")
def _opened(path: str, stamp: tuple[int, int] | None) -> FaceTable:
    return open_dataset(path)


@st.cache_resource(max_entries=2, show_spinner=False)
def _references(path: str, stamp: tuple[int, int] | None) -> frozenset[str]:
    return frozenset(_opened(path, stamp).faces["reference"])


@st.cache_data(max_entries=2000, show_spinner=False)
def _face(
    path: str, stamp, reference: str, box: tuple | None, contract: PreprocessingContract
) -> bytes | None:
    """One cropped face as WebP, or None where it cannot be read."""
    try:
        image = read_upright(_opened(path, stamp).read_image(reference))
        return as_webp(crop_face(image, box, contract))
    except (AffectoscopeError, OSError):
        return None
