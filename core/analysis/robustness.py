"""Accuracy of a network on corrupted faces."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from core.analysis.corruptions import CORRUPTIONS, SEVERITIES, CorruptedFaces
from core.data.face_pack import FacePack
from core.metrics import expression
from core.metrics.thresholds import wilson_interval
from core.runs.imported_network import Network
from core.runs.tables import ROBUSTNESS_COLUMNS
from core.runs.test_time_augmentation import TestTimeAugmentation

#: Name of the row without corruption.
CLEAN = "none"


def robustness(
    network: Network,
    pack: FacePack,
    truth: np.ndarray,
    labels: int,
    *,
    tta: TestTimeAugmentation = "none",
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Compute accuracy and macro-F1 on clean faces and for every corruption and severity.

    Args:
        network: model from uint8 faces to {"expression": (n, labels) probabilities}.
        pack: n cropped faces.
        truth: (n,) label indices.
        labels: number of labels.
        tta: test-time augmentation.
        progress: called as progress(done, total), in corruptions and severities.

    Returns:
        One row per corruption and severity, the clean faces first (corruption "none", severity 0): ROBUSTNESS_COLUMNS;
        low and high are the 95% Wilson interval of the accuracy, macro_f1 has none.
    """
    from core.network.inference import run_network

    tasks = [(CLEAN, 0), *((name, severity) for name in CORRUPTIONS for severity in SEVERITIES)]
    rows = []
    for number, (name, severity) in enumerate(tasks):
        faces = CorruptedFaces(pack, name, severity) if severity else pack
        predicted = run_network(network, faces, tta=tta)["expression"].argmax(axis=1)
        confusion = expression.confusion_matrix(truth, predicted, labels)
        low, high = wilson_interval(int(np.trace(confusion)), len(truth))
        rows.append(
            {
                "corruption": name,
                "strength": severity,
                "amount": float(CORRUPTIONS[name][1][severity - 1]) if severity else 0.0,
                "faces": len(truth),
                "accuracy": float(expression.accuracy(confusion)),
                "low": low,
                "high": high,
                "macro_f1": float(expression.macro_f1(confusion)),
            }
        )
        if progress:
            progress(number + 1, len(tasks))
    return pd.DataFrame(rows, columns=list(ROBUSTNESS_COLUMNS))


def mean_accuracy(table: pd.DataFrame) -> float:
    """Mean accuracy over the corruptions, each the mean of its severities (one minus the mean corruption error,
    not divided by another network's; Hendrycks & Dietterich 2019)."""
    corrupted = table[table["corruption"] != CLEAN]
    return float(corrupted.groupby("corruption")["accuracy"].mean().mean())
