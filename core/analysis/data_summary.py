"""Summary statistics of the faces of all splits: distribution of valence and arousal, and face sizes.

The predictions of a run contain only its scored split; this table describes the other splits as well.
"""

import numpy as np
import pandas as pd

from core.data.face_table import FaceTable
from core.labels import EXPRESSIONS
from core.metrics.predictions import Predictions
from core.runs.tables import SUMMARY_COLUMNS

#: Width of a bin of the valence-arousal plane.
BIN = 0.1
_BINS = round(2 / BIN)


def data_summary(faces: FaceTable | Predictions) -> pd.DataFrame:
    """Count faces in a long table with SUMMARY_COLUMNS.

    The column kind is one of
        plane             x and y are the centres of bins of valence and arousal of width BIN
        valence, arousal  x is the sum of the values, for exact means
        size              x is the longer side of the face box in pixels, rounded down; expression is ''

    Faces with unknown valence and arousal, or without a box, are not counted in the respective kind.
    """
    if isinstance(faces, Predictions):
        frame, names = faces.frame, faces.frame["expression"].astype(str)
    else:
        frame = faces.faces
        names = np.array(EXPRESSIONS, object)[frame["expression"].to_numpy()]
    table = pd.DataFrame({"split": frame["split"].to_numpy(), "expression": np.asarray(names, object)})
    table["valence"], table["arousal"] = frame["valence"].to_numpy(float), frame["arousal"].to_numpy(float)
    sides = frame[["box_width", "box_height"]].to_numpy(float).max(axis=1)
    known = table[np.isfinite(table["valence"]) & np.isfinite(table["arousal"])]
    parts = [_plane(known), _sums(known, "valence"), _sums(known, "arousal")]
    sized = table.loc[np.isfinite(sides), ["split"]].assign(x=np.floor(sides[np.isfinite(sides)]))
    sizes = sized.groupby(["split", "x"]).size().rename("faces").reset_index()
    parts.append(sizes.assign(expression="", kind="size", y=np.nan))
    whole = pd.concat(
        [part[list(SUMMARY_COLUMNS)] for part in parts if len(part)]
        or [pd.DataFrame(columns=SUMMARY_COLUMNS)]
    )
    kinds = {"split": "str", "expression": "str", "kind": "str", "x": float, "y": float, "faces": np.int64}
    return whole.astype(kinds).reset_index(drop=True)


def _plane(known: pd.DataFrame) -> pd.DataFrame:
    bins = {
        axis: -1 + BIN * (np.clip(np.floor((known[name] + 1) / BIN + 1e-6), 0, _BINS - 1) + 0.5)
        for axis, name in (("x", "valence"), ("y", "arousal"))
    }
    binned = known[["split", "expression"]].assign(**{axis: values.round(3) for axis, values in bins.items()})
    counted = binned.groupby(["split", "expression", "x", "y"]).size().rename("faces").reset_index()
    return counted.assign(kind="plane")


def _sums(known: pd.DataFrame, name: str) -> pd.DataFrame:
    grouped = known.groupby(["split", "expression"])[name].agg(x="sum", faces="size").reset_index()
    return grouped.assign(kind=name, y=np.nan)
