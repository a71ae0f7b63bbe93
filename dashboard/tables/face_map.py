"""Tables about the face map: placed faces, those inside an area, those around one face."""

import numpy as np
import pandas as pd

from core.analysis.face_map import FaceMap

METHODS: dict[str, str] = {"tsne": "t-SNE", "pca": "PCA"}

#: Colourings of the points: option -> title.
COLOURINGS: dict[str, str] = {"true": "Annotated", "predicted": "Predicted", "correct": "Right or wrong"}

#: x from, x to, y from, y to.
Area = tuple[float, float, float, float]


def placed(face_map: FaceMap, faces: pd.DataFrame, method: str) -> pd.DataFrame:
    """A `faces` table with x and y, one row per face on the map, indexed by its row in the predictions."""
    rows = face_map.table["row"].to_numpy()
    table = faces.iloc[rows].copy()
    table["x"] = face_map.table[f"{method}_x"].to_numpy()
    table["y"] = face_map.table[f"{method}_y"].to_numpy()
    return table


def inside(table: pd.DataFrame, area: Area) -> pd.DataFrame:
    """The faces of a `placed` table in the area, its edges included."""
    left, right, bottom, top = area
    return table[table["x"].between(left, right) & table["y"].between(bottom, top)]


def around(table: pd.DataFrame, row: int, count: int) -> pd.DataFrame:
    """The face at `row` and the `count` nearest to it on the map, nearest first."""
    centre = table.loc[row]
    distance = np.hypot(table["x"] - centre["x"], table["y"] - centre["y"])
    # The face itself comes first, also where others lie on the same spot.
    distance = distance.where(table.index != row, -1.0)
    return table.loc[distance.nsmallest(count + 1, keep="first").index]


def parse_area(text: str) -> Area | None:
    """'x from,x to,y from,y to' -> an area; None where it is none."""
    try:
        left, right, bottom, top = (float(part) for part in text.split(","))
    except ValueError:
        return None
    area = (min(left, right), max(left, right), min(bottom, top), max(bottom, top))
    return area if np.isfinite(area).all() else None


def format_area(area: Area) -> str:
    return ",".join(f"{edge:.3f}" for edge in area)
