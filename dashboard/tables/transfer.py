"""Tables of runs on several data sets."""

import pandas as pd

from core.metrics.estimate import Estimate
from core.metrics.headline import HEADLINES
from core.metrics.text import with_interval

#: Numbers that the page shows: column -> title.
NUMBERS = {name: HEADLINES[name].short for name in ("accuracy", "macro_f1")}

#: Stands beside a number on the data set that the run was trained on.
OWN = " *"


def grid(table: pd.DataFrame, number: str, *, shared: bool = False) -> pd.DataFrame:
    """A row per run and a column per data set and split of a `transfer_table`: the number with its interval, or "".

    Of several scores of a run in the same column, such as those of its training and of a later evaluation, the newest are
    shown.

    Args:
        number: a key of NUMBERS.
        shared: the number among shared labels, where they are not all of the network's; else the number itself.
    """
    cells = table.assign(own=table.groupby(["run", "data"])["own"].transform("any"))
    cells = cells.sort_values("created", ascending=False, kind="stable").drop_duplicates(["run", "data"])
    format = HEADLINES[number].format
    texts = []
    for _, row in cells.iterrows():
        name = f"shared_{number}" if shared and pd.notna(row[f"shared_{number}"]) else number
        estimate = Estimate(*(float(row[name + end]) for end in ("", "_low", "_high")))
        texts.append(with_interval(estimate, format) + OWN * bool(row["own"]))
    wide = cells.assign(text=texts).pivot(index="run", columns="data", values="text")
    order = table.groupby("data")["run"].nunique().sort_values(ascending=False, kind="stable").index
    runs = table["run"].drop_duplicates()
    return wide.reindex(index=runs, columns=order).fillna("").rename_axis(columns=None).reset_index()


def details(table: pd.DataFrame) -> pd.DataFrame:
    """run, data, lost and cautions of the evaluations that were kept, in the order of the table."""
    columns = ["run", "data", "lost", "cautions"]
    return table.loc[~table["own"].astype(bool), columns].reset_index(drop=True)
