"""Tables of the inspection of a run's data."""

import pandas as pd

from core.analysis.data_inspection.inspection import Inspection
from core.analysis.data_inspection.measures import MEASURES


def published_counts(found: Inspection) -> pd.DataFrame:
    """Split, expression, faces, published, difference; unknown numbers are missing."""
    table = found.counts.copy()
    table["published"] = table["published"].astype("Int64")
    return table.assign(difference=table["faces"] - table["published"])


def pixel_statistics(found: Inspection) -> pd.DataFrame:
    """Split, measure (in words), faces, 5, 50 and 95% of its values, the published ones, and whether they differ."""
    columns = ["split", "measure", "faces", "low", "median", "high"]
    columns += ["published_low", "published_median", "published_high", "differs"]
    table = found.statistics[columns]
    return table.assign(measure=table["measure"].map(MEASURES), split=table["split"].replace("", "all"))


def duplicates(found: Inspection) -> pd.DataFrame:
    """Split, faces, and shares of them with duplicates, 0 to 1."""
    table = found.duplicates.assign(split=found.duplicates["split"].replace("", "all"))
    shares = table.iloc[:, 2:].apply(pd.to_numeric).div(table["faces"], axis=0)
    named = {
        "identical": "identical",
        "near": "near-duplicates",
        "copies": "in groups of three or more with one label",
        "leaked": "near-duplicate in train",
        "leaked_identical": "identical in train",
    }
    return pd.concat([table[["split", "faces"]], shares.rename(columns=named)], axis=1)
