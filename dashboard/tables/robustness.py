"""Tables about accuracy on corrupted faces."""

import pandas as pd

from core.analysis.robustness import CLEAN


def lines(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each corruption with the clean faces as its severity 0."""
    clean = table[table["corruption"] == CLEAN]
    parts = []
    for name, rows in table[table["corruption"] != CLEAN].groupby("corruption", sort=False):
        parts.append(pd.concat([clean.assign(corruption=name), rows]))
    return pd.concat(parts, ignore_index=True) if parts else clean


def grid(table: pd.DataFrame) -> pd.DataFrame:
    """A row per corruption: accuracy as it is, at each severity, and their mean; the hardest first."""
    corrupted = table[table["corruption"] != CLEAN]
    wide = corrupted.pivot(index="corruption", columns="strength", values="accuracy")
    wide.columns = [f"severity {severity}" for severity in wide.columns]
    wide.insert(0, "as it is", float(table.loc[table["corruption"] == CLEAN, "accuracy"].iloc[0]))
    wide["mean"] = corrupted.groupby("corruption")["accuracy"].mean()
    return wide.sort_values("mean").reset_index()
