"""Tables about accuracy on spoiled faces."""

import pandas as pd

from core.analysis.robustness import CLEAN


def lines(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of each corruption with the clean faces as its strength 0."""
    clean = table[table["corruption"] == CLEAN]
    parts = []
    for name, rows in table[table["corruption"] != CLEAN].groupby("corruption", sort=False):
        parts.append(pd.concat([clean.assign(corruption=name), rows]))
    return pd.concat(parts, ignore_index=True) if parts else clean


def grid(table: pd.DataFrame) -> pd.DataFrame:
    """A row per corruption: accuracy as it is, at each strength, and their mean; the hardest first."""
    spoiled = table[table["corruption"] != CLEAN]
    wide = spoiled.pivot(index="corruption", columns="strength", values="accuracy")
    wide.columns = [f"strength {strength}" for strength in wide.columns]
    wide.insert(0, "as it is", float(table.loc[table["corruption"] == CLEAN, "accuracy"].iloc[0]))
    wide["mean"] = spoiled.groupby("corruption")["accuracy"].mean()
    return wide.sort_values("mean").reset_index()
