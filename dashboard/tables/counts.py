"""Tables about the annotated faces: classes per split, imbalance, differences between splits, the ledger."""

import numpy as np
import pandas as pd

from core.labels import EXPRESSIONS
from core.metrics.predictions import Predictions
from core.runs.run import Run

#: Splits in the usual order; others follow by name.
SPLIT_ORDER = ("train", "validation", "test", "private_test")


def class_counts(counts: dict[str, dict[str, int]]) -> pd.DataFrame:
    """Long: split, expression, faces, share (of the split's faces, 0 to 1), in label order.

    An expression that some split has and another lacks is there with 0 faces.
    """
    names = [name for name in EXPRESSIONS if any(split.get(name) for split in counts.values())]
    rows = []
    for split in ordered_splits(counts):
        total = sum(counts[split].values())
        for name in names:
            faces = int(counts[split].get(name, 0))
            share = faces / total if total else 0.0
            rows.append({"split": split, "expression": name, "faces": faces, "share": share})
    return pd.DataFrame(rows, columns=["split", "expression", "faces", "share"])


def of_labels(counts: dict[str, dict[str, int]], labels: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """The counts of the run's own labels; splits without any of their faces are left out."""
    kept = {
        split: {name: faces for name, faces in of.items() if name in labels} for split, of in counts.items()
    }
    return {split: of for split, of in kept.items() if any(of.values())}


def ordered_splits(counts: dict[str, dict[str, int]]) -> list[str]:
    """Split names: train, validation, test, then others by name."""
    known = [split for split in SPLIT_ORDER if split in counts]
    return known + sorted(split for split in counts if split not in SPLIT_ORDER)


def imbalance(table: pd.DataFrame) -> pd.DataFrame:
    """Per split of a `class_counts` table: faces, largest and smallest present class, and their ratio."""
    rows = []
    for split, part in table.groupby("split", sort=False):
        present = part[part["faces"] > 0]
        if present.empty:
            continue
        largest, smallest = present.loc[present["faces"].idxmax()], present.loc[present["faces"].idxmin()]
        rows.append(
            {
                "split": split,
                "faces": int(part["faces"].sum()),
                "classes": len(present),
                "largest": f"{largest['expression']} ({largest['faces']:,})",
                "smallest": f"{smallest['expression']} ({smallest['faces']:,})",
                "ratio": float(largest["faces"] / smallest["faces"]),
            }
        )
    return pd.DataFrame(rows)


def split_differences(table: pd.DataFrame) -> pd.DataFrame:
    """Shares per split side by side, one row per expression, with the largest difference in points.

    Columns: expression, one per split (share, 0 to 1), difference (0 to 1).
    """
    shares = table.pivot(index="expression", columns="split", values="share")
    shares = shares.loc[list(dict.fromkeys(table["expression"])), list(dict.fromkeys(table["split"]))]
    shares["difference"] = shares.max(axis=1) - shares.min(axis=1)
    return shares.reset_index().rename_axis(None, axis=1)


def left_out(counts: dict[str, dict[str, int]], labels: tuple[str, ...]) -> dict[str, int]:
    """Annotated labels that the run's label set does not have, with their faces over all splits."""
    totals = {name: sum(split.get(name, 0) for split in counts.values()) for name in EXPRESSIONS}
    return {name: faces for name, faces in totals.items() if faces and name not in labels}


def ledger(run: Run) -> pd.DataFrame:
    """Every reason for refusing rows: reason, rows, examples."""
    entry = run.info["data"].get("ledger", {})
    examples = entry.get("examples", {})
    rows = [
        {"reason": reason, "rows": count, "examples": ", ".join(examples.get(reason, []))}
        for reason, count in sorted(entry.get("refused", {}).items(), key=lambda item: -item[1])
    ]
    return pd.DataFrame(rows, columns=["reason", "rows", "examples"])


def example_rows(predictions: Predictions, expression: str | None, *, most: int) -> np.ndarray:
    """(k,) rows of every face annotated `expression`; without one, some of each, spread evenly, `most` in all."""
    truth = predictions.truth
    if expression is not None:
        return np.flatnonzero(truth == predictions.labels.index(expression))
    present = [np.flatnonzero(truth == code) for code in np.unique(truth)]
    each = max(1, most // max(len(present), 1))
    spread = [rows[np.unique(np.linspace(0, len(rows) - 1, each).astype(int))] for rows in present]
    return np.concatenate(spread) if spread else np.empty(0, int)
