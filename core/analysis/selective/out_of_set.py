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
from core.runs.run import Run
from core.runs.tables import OUT_OF_SET, save_table
from core.runs.test_time_augmentation import TestTimeAugmentation

if TYPE_CHECKING:
    import keras

    from core.data.training_data import TrainingData


@dataclass(frozen=True, eq=False)
class OutOfSetFaces:
    """What a run keeps of its out-of-set faces: (m,) names of their labels, (m, c) float32 probabilities of the run's."""

    labels: np.ndarray
    probabilities: np.ndarray


def save_out_of_set_faces(
    folder: Path,
    network: "keras.Model",
    data: "TrainingData",
    *,
    split: str,
    tta: TestTimeAugmentation = "none",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame | None:
    """Keep with a run what its network says of the out-of-set faces of its scored split.

    Returns:
        What was kept: reference, split, expression, p_<label> of the run's labels; None where there is no such face.
    """
    from core.network.inference import run_network

    table, pack = data.out_of_set, data.out_of_set_pack
    if pack is None or set(table.faces["split"]) != {split}:
        (folder / OUT_OF_SET.file).unlink(missing_ok=True)  # what it said of other data
        return None
    probabilities = run_network(network, pack, tta=tta, progress=progress)["expression"]
    names = np.array(EXPRESSIONS, object)[table.faces["expression"].to_numpy()]
    kept = table.faces[["reference", "split"]].assign(
        expression=names,
        **{f"p_{label}": column for label, column in zip(data.labels.labels, probabilities.T, strict=True)},
    )
    save_table(folder, OUT_OF_SET, kept)
    return kept


def load_out_of_set_faces(run: Run) -> OutOfSetFaces:
    """What `save_out_of_set_faces` kept with the run; no face where it kept nothing.

    Raises:
        AffectoscopeError: the file is damaged, or of other labels.
    """
    kept = run.table(OUT_OF_SET)
    if kept is None:
        return OutOfSetFaces(np.empty(0, object), np.empty((0, len(run.labels)), np.float32))
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
            f"{OUT_OF_SET.file} of '{run.name}' is of other labels than the run's; make it again with {OUT_OF_SET.command}."
        )
    return OutOfSetFaces(labels, probabilities)
