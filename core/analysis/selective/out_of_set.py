"""Faces whose label a run's network does not know: which belong to the scored split, and what it says of them.

They train nothing and choose nothing; whether the network is less sure of them is the subject of core.analysis.selective.abstention.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.metrics.predictions import SUM_TOLERANCE
from core.network.test_time_augmentation import TestTimeAugmentation
from core.runs.run import Run
from core.runs.tables import OUTSIDE, write_kept

if TYPE_CHECKING:
    import keras

    from core.data.training_data import TrainingData


@dataclass(frozen=True, eq=False)
class OutsideFaces:
    """What a run keeps of its outside faces: (m,) names of their labels, (m, c) float32 probabilities of the run's."""

    labels: np.ndarray
    probabilities: np.ndarray


def keep_outside_faces(
    folder: Path,
    network: "keras.Model",
    data: "TrainingData",
    *,
    split: str,
    tta: TestTimeAugmentation = "none",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame | None:
    """Keep with a run what its network says of the outside faces of its scored split.

    Returns:
        What was kept: reference, split, expression, p_<label> of the run's labels; None where there is no such face.
    """
    from core.network.inference import run_network

    table, pack = data.outside, data.outside_pack
    if pack is None or set(table.faces["split"]) != {split}:
        (folder / OUTSIDE.file).unlink(missing_ok=True)  # what it said of other data
        return None
    probabilities = run_network(network, pack, tta=tta, progress=progress)["expression"]
    names = np.array(EXPRESSIONS, object)[table.faces["expression"].to_numpy()]
    kept = table.faces[["reference", "split"]].assign(
        expression=names,
        **{f"p_{label}": column for label, column in zip(data.labels.labels, probabilities.T, strict=True)},
    )
    write_kept(folder, OUTSIDE, kept)
    return kept


def kept_outside_faces(run: Run) -> OutsideFaces:
    """What `keep_outside_faces` kept with the run; no face where it kept nothing.

    Raises:
        AffectoscopeError: the file is damaged, or of other labels.
    """
    kept = run.kept(OUTSIDE)
    if kept is None:
        return OutsideFaces(np.empty(0, object), np.empty((0, len(run.labels)), np.float32))
    frame, columns = kept[0], [f"p_{label}" for label in run.labels]
    probabilities = frame.reindex(columns=columns).to_numpy(np.float32)
    labels = frame["expression"].to_numpy(object)
    off = np.abs(probabilities.sum(axis=1) - 1)
    if (
        set(labels) & set(run.labels)
        or not set(labels) <= set(EXPRESSIONS)
        or not (off <= SUM_TOLERANCE).all()
    ):
        raise AffectoscopeError(
            f"{OUTSIDE.file} of '{run.name}' is of other labels than the run's; make it again with {OUTSIDE.renew}."
        )
    return OutsideFaces(labels, probabilities)
