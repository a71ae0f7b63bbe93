"""Predictions for out-of-label-set faces, whose expression is not a label of the run.

They are not used in training or selection; see core.analysis.selective.abstention for their evaluation.
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
from core.runs.imported_network import Network
from core.runs.run import Run
from core.runs.tables import OUT_OF_SET, save_table
from core.runs.test_time_augmentation import TestTimeAugmentation

if TYPE_CHECKING:
    from core.data.training_data import TrainingData


@dataclass(frozen=True, eq=False)
class OutOfSetFaces:
    """Out-of-label-set faces of a run.

    Attributes:
        labels: (m,) names of their expressions.
        probabilities: (m, c) float32, of the run's labels.
    """

    labels: np.ndarray
    probabilities: np.ndarray


def save_out_of_set_faces(
    folder: Path,
    network: Network,
    data: "TrainingData",
    *,
    split: str,
    tta: TestTimeAugmentation = "none",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame | None:
    """Predict the out-of-label-set faces of the scored split and save the result with the run.

    Returns:
        The saved table: reference, split, expression and p_<label> for the run's labels; None without such faces.
    """
    from core.network.inference import run_network

    table, pack = data.out_of_set, data.out_of_set_pack
    if pack is None or set(table.faces["split"]) != {split}:
        (folder / OUT_OF_SET.file).unlink(missing_ok=True)  # outdated
        return None
    probabilities = run_network(network, pack, tta=tta, progress=progress)["expression"]
    names = np.array(EXPRESSIONS, object)[table.faces["expression"].to_numpy()]
    stored = table.faces[["reference", "split"]].assign(
        expression=names,
        **{f"p_{label}": column for label, column in zip(data.labels.labels, probabilities.T, strict=True)},
    )
    save_table(folder, OUT_OF_SET, stored)
    return stored


def load_out_of_set_faces(run: Run) -> OutOfSetFaces:
    """Load the out-of-label-set faces of a run; empty if there are none.

    Raises:
        AffectoscopeError: the file is damaged, or does not match the run's labels.
    """
    stored = run.table(OUT_OF_SET)
    if stored is None:
        return OutOfSetFaces(np.empty(0, object), np.empty((0, len(run.labels)), np.float32))
    frame, columns = stored[0], [f"p_{label}" for label in run.labels]
    probabilities = frame.reindex(columns=columns).to_numpy(np.float32)
    labels = frame["expression"].to_numpy(object)
    off = np.abs(probabilities.sum(axis=1) - 1)
    if (
        set(labels) & set(run.labels)
        or not set(labels) <= set(EXPRESSIONS)
        or not (off <= SUM_TOLERANCE).all()
    ):
        raise AffectoscopeError(
            f"{OUT_OF_SET.file} of '{run.name}' does not match the labels of the run; recreate it with {OUT_OF_SET.command}."
        )
    return OutOfSetFaces(labels, probabilities)
