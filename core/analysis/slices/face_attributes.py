"""What can be measured of a face without guessing who it shows: size, brightness, sharpness, pose.

Nothing here is a property of a person: age, gender or skin tone are never guessed. Where a user knows them,
`core.analysis.slices.user_columns` joins them from a table of the user's own.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from core.data.face_pack import FacePack
from core.data.face_table import FaceTable
from core.data.training_data import TrainingData
from core.metrics.predictions import LANDMARKS, Predictions
from core.runs.tables import ATTRIBUTES, save_table

#: Grey of a colour: ITU-R BT.601 luma, as Pillow converts to mode 'L'.
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)

#: Values of pixels worked on at once: 16 MiB of float32.
_VALUES_AT_ONCE = 2**22

# Of the 68 points (Sagonas et al. 2013, counted from 0). Left and right are the picture's, not the person's.
_NOSE_TIP = 30
_LEFT_CORNER, _RIGHT_CORNER = 36, 45
_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)


def save_face_attributes(folder: Path, data: TrainingData, predictions: Predictions) -> None:
    """Write the ATTRIBUTES table of the faces that were scored into a run's folder."""
    scored = data.table.faces["reference"].isin(predictions.frame["reference"]).to_numpy()
    rows = np.flatnonzero(scored)
    save_table(folder, ATTRIBUTES, face_attributes(data.table.select(rows), data.pack.select(rows)))


def face_attributes(table: FaceTable, pack: FacePack) -> pd.DataFrame:
    """One row per face of `table`, whose crops are `pack`; NaN where a number cannot be known.

    Columns:
        reference   as in the table
        face_size   longer side of the face box in pixels of the photo; NaN without a box
        brightness  mean grey of the crop, as the network sees it, 0 (black) to 1 (white)
        sharpness   variance of the Laplacian of the crop in squared grey levels of 0 to 255 (Pech-Pacheco et al.
                    2000, "Diatom autofocusing in brightfield microscopy: a comparative study", ICPR): low where
                    the crop is blurred or enlarged, but also where it has little contrast, and raised by noise.
                    Crops of another size have other values: compare faces of one run only
        turn        how far the nose tip lies off the middle between the outer corners of the eyes, -1 to 1: 0 in a
                    frontal face, positive where the nose points to the left of the picture. No angle: it grows
                    with one, and differs between noses
        roll        degrees by which the line through the middles of the eyes is turned from the horizontal, -180
                    to 180, clockwise positive

    Turn and roll need the 68 landmarks. There is no pitch: what shows it, the heights of brows, eyes, nose and
    mouth, moves with the expression as well, so a slice by pitch would be one by expression.
    """
    brightness, sharpness = _light(pack)
    turn, roll = _pose(table.landmarks, len(table))
    boxes = table.faces[["box_width", "box_height"]].to_numpy(np.float32)
    numbers = {
        "face_size": boxes.max(axis=1),  # NaN where either side is
        "brightness": brightness,
        "sharpness": sharpness,
        "turn": turn,
        "roll": roll,
    }
    numbers = {name: np.asarray(values, np.float32) for name, values in numbers.items()}
    return pd.DataFrame({"reference": table.faces["reference"].to_numpy(), **numbers})


def _light(pack: FacePack) -> tuple[np.ndarray, np.ndarray]:
    """(n,) brightness and (n,) sharpness, some faces at a time: memory stays the same for any number."""
    brightness, sharpness = np.empty(len(pack)), np.empty(len(pack))
    at_once = max(1, _VALUES_AT_ONCE // int(np.prod(pack.images.shape[1:])))
    for start in range(0, len(pack), at_once):
        rows = slice(start, start + at_once)
        faces = pack[rows].astype(np.float32)
        grey = faces[..., 0] if faces.shape[-1] == 1 else faces @ _LUMA
        brightness[rows] = grey.mean(axis=(1, 2), dtype=np.float64) / 255
        sharpness[rows] = _laplacian(grey).var(axis=(1, 2), dtype=np.float64)
    return brightness, sharpness


def _laplacian(grey: np.ndarray) -> np.ndarray:
    """(n, h - 2, w - 2): the sum of a pixel's four neighbours less four times itself, where it has all of them."""
    middle = grey[:, 1:-1, 1:-1]
    return grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:] - 4 * middle


def _pose(landmarks: np.ndarray | None, faces: int) -> tuple[np.ndarray, np.ndarray]:
    """(n,) turn and (n,) roll; NaN where landmarks are missing or the eyes coincide."""
    points = np.full((faces, LANDMARKS, 2), np.nan) if landmarks is None else landmarks.astype(np.float64)
    across = points[:, _RIGHT_EYE].mean(axis=1) - points[:, _LEFT_EYE].mean(axis=1)
    apart = np.linalg.norm(across, axis=1)
    apart[apart == 0] = np.nan
    across /= apart[:, None]
    # Distances along the line of the eyes: there is no roll left in them.
    left = np.einsum("nd,nd->n", points[:, _NOSE_TIP] - points[:, _LEFT_CORNER], across)
    right = np.einsum("nd,nd->n", points[:, _RIGHT_CORNER] - points[:, _NOSE_TIP], across)
    width = left + right
    turn = (right - left) / np.where(width > 0, width, np.nan)
    # Beyond a corner, as in a profile, there is nothing further to say.
    return np.clip(turn, -1, 1), np.degrees(np.arctan2(across[:, 1], across[:, 0]))
