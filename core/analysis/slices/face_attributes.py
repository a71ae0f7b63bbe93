"""Attributes of faces: size, brightness, sharpness and pose of the images, and what the data set annotates.

Attributes of persons, such as age, gender or skin tone, are never estimated: they come from the annotators of the data set
(FaceTable.attributes) or from the user's own table (core.analysis.slices.user_columns).
"""

from pathlib import Path

import numpy as np
import pandas as pd

from core.data.face_pack import FacePack
from core.data.face_table import FaceTable
from core.data.images import laplacian
from core.data.training_data import TrainingData
from core.metrics.predictions import LANDMARKS, Predictions
from core.runs.tables import ATTRIBUTES, save_table

#: RGB to grey: ITU-R BT.601 luma, as in Pillow's mode 'L'.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

#: Pixel values per batch: 16 MiB of float32.
_VALUES_AT_ONCE = 2**22

# Indices into the 68 landmarks (Sagonas et al. 2013), from 0; left and right in the image.
_NOSE_TIP = 30
_LEFT_CORNER, _RIGHT_CORNER = 36, 45
_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)


def save_face_attributes(folder: Path, data: TrainingData, predictions: Predictions) -> None:
    """Compute and save the ATTRIBUTES table of the scored faces, and the subject of each where any is known."""
    scored = data.table.faces["reference"].isin(predictions.frame["reference"]).to_numpy()
    rows = np.flatnonzero(scored)
    attributes = face_attributes(data.table.select(rows), data.pack.select(rows))
    subjects = data.table.faces["subject"].iloc[rows].to_numpy(object)
    if (subjects != "").any():
        attributes["subject"] = np.where(subjects == "", None, subjects)
    save_table(folder, ATTRIBUTES, attributes)


def face_attributes(table: FaceTable, pack: FacePack) -> pd.DataFrame:
    """Compute the attributes of the faces in `table`, whose crops are `pack`; unknown values are NaN.

    Columns:
        reference   as in the table
        face_size   longer side of the face box in pixels of the photo; NaN without a box
        brightness  mean grey level of the crop, 0 (black) to 1 (white)
        sharpness   variance of the Laplacian of the crop, in squared grey levels of 0 to 255 (Pech-Pacheco et al.
                    2000, "Diatom autofocusing in brightfield microscopy: a comparative study", ICPR); low for blurred,
                    enlarged or low-contrast crops, increased by noise. Depends on the crop size: comparable only
                    within a run
        turn        horizontal position of the nose tip between the outer corners of the eyes, -1 to 1; 0 in a frontal
                    face, positive if the nose points to the left of the image. Monotonic in the yaw angle, but not an
                    angle
        roll        angle in degrees between the line through the eye centres and the horizontal, -180 to 180,
                    clockwise positive
        ...         the attributes of the table, unchanged; one that has a name of the above is called '<name> (data set)'

    Turn and roll need the 68 landmarks. Pitch is not computed: the heights of brows, eyes, nose and mouth also depend on
    the expression.
    """
    brightness, sharpness = _light(pack)
    turn, roll = _pose(table.landmarks, len(table))
    boxes = table.faces[["box_width", "box_height"]].to_numpy(np.float32)
    numbers = {
        "face_size": boxes.max(axis=1),  # NaN if a side is NaN
        "brightness": brightness,
        "sharpness": sharpness,
        "turn": turn,
        "roll": roll,
    }
    numbers = {name: np.asarray(values, np.float32) for name, values in numbers.items()}
    frame = pd.DataFrame({"reference": table.faces["reference"].to_numpy(), **numbers})
    for name, values in (table.attributes if table.attributes is not None else pd.DataFrame()).items():
        frame[f"{name} (data set)" if name in frame else name] = values.to_numpy()
    return frame


def _light(pack: FacePack) -> tuple[np.ndarray, np.ndarray]:
    """(n,) brightness and (n,) sharpness, computed in batches."""
    brightness, sharpness = np.empty(len(pack)), np.empty(len(pack))
    at_once = max(1, _VALUES_AT_ONCE // int(np.prod(pack.images.shape[1:])))
    for start in range(0, len(pack), at_once):
        rows = slice(start, start + at_once)
        faces = pack[rows].astype(np.float32)
        grey = faces[..., 0] if faces.shape[-1] == 1 else faces @ _LUMA
        brightness[rows] = grey.mean(axis=(1, 2), dtype=np.float64) / 255
        sharpness[rows] = laplacian(grey).var(axis=(1, 2), dtype=np.float64)
    return brightness, sharpness


def _pose(landmarks: np.ndarray | None, faces: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) turn and (n,) roll; NaN where landmarks are missing or the eyes coincide."""
    points = np.full((faces, LANDMARKS, 2), np.nan) if landmarks is None else landmarks.astype(np.float64)
    across = points[:, _RIGHT_EYE].mean(axis=1) - points[:, _LEFT_EYE].mean(axis=1)
    distance = np.linalg.norm(across, axis=1)
    distance[distance == 0] = np.nan
    across /= distance[:, None]
    # Distances along the line through the eyes, which removes roll.
    left = np.einsum("nd,nd->n", points[:, _NOSE_TIP] - points[:, _LEFT_CORNER], across)
    right = np.einsum("nd,nd->n", points[:, _RIGHT_CORNER] - points[:, _NOSE_TIP], across)
    width = left + right
    turn = (right - left) / np.where(width > 0, width, np.nan)
    # In profile the nose tip can lie beyond a corner of an eye.
    return np.clip(turn, -1, 1), np.degrees(np.arctan2(across[:, 1], across[:, 0]))
