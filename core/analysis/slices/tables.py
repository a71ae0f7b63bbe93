"""Result tables of slices: one per attribute, and the review of all attributes."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.analysis.slices.bins import Attribute
from core.metrics.slices import ALPHA

#: The gaps of a slice, each a group of columns <gap>, <gap>_low, <gap>_high, <gap>_p, <gap>_p_corrected.
GAPS = ("accuracy_gap", "label_standardised_gap", "macro_f1_gap")


@dataclass(frozen=True, eq=False)
class SliceTable:
    """Slices by one attribute.

    Attributes:
        key: key of the attribute; for a user's column, its name.
        rows: one row per slice: slice (its name), phrase (in a sentence), from, to (numbers; NaN for categories),
            faces, correct, accuracy, accuracy_low, accuracy_high, macro_f1, macro_f1_low, macro_f1_high, the
            columns of GAPS, scarce (expressions with too few faces for macro-F1 and the same mix) and note (why
            numbers are missing, or ''). Gaps are the slice minus all other faces whose value is known, 'label_standardised'
            and 'macro_f1' at the same mix of expressions: core.metrics.slices.
        codes: (n,) int16 row of each face in `rows`; -1 for an unknown value.
    """

    key: str
    attribute: Attribute
    rows: pd.DataFrame
    codes: np.ndarray

    @property
    def unknown(self) -> int:
        """Number of faces with an unknown value."""
        return int((self.codes < 0).sum())

    @property
    def found(self) -> pd.DataFrame:
        """The slices with a gap whose corrected p-value is below ALPHA."""
        corrected = self.rows[[f"{gap}_p_corrected" for gap in GAPS]]
        return self.rows[(corrected < ALPHA).any(axis=1)]

    def numbers(self, name: str) -> pd.DataFrame:
        """'accuracy' or 'macro_f1' of each slice: slice, faces, value, low, high, gap, gap_low, gap_high, p_corrected,
        and significance: 'gap' (significant), 'no gap' or 'too few' (faces for a test)."""
        gap = f"{name}_gap"
        columns = {name: "value", f"{name}_low": "low", f"{name}_high": "high", gap: "gap", f"{gap}_low": "gap_low",
                   f"{gap}_high": "gap_high", f"{gap}_p_corrected": "p_corrected"}  # fmt: skip
        table = self.rows[["slice", "faces", *columns]].rename(columns=columns)
        significance = np.where(table["p_corrected"] < ALPHA, "gap", "no gap")
        return table.assign(significance=np.where(table["p_corrected"].isna(), "too few", significance))

    @property
    def smallest_p(self) -> float:
        """Smallest corrected p-value; NaN without a test."""
        return float(self.rows[[f"{gap}_p_corrected" for gap in GAPS]].min(axis=None, skipna=True))


@dataclass(frozen=True, eq=False)
class SliceReview:
    """Slices of a run by all attributes, with p-values corrected over `tests` tests (Holm 1979).

    Attributes:
        tables: key of the attribute -> its slices.
        skipped: reasons why other attributes have no slices, as sentences.
    """

    tables: dict[str, SliceTable]
    skipped: tuple[str, ...]
    faces: int
    accuracy: float
    macro_f1: float
    tests: int

    @cached_property
    def overview(self) -> pd.DataFrame:
        """One row per attribute: key, attribute (its title), slices, faces (with a known value), widest (the slice
        with the widest gap in accuracy), accuracy_gap, low and high of it, p_corrected (the smallest of all its
        gaps) and significance: 'gap found', 'none distinguishable from chance' or 'too few faces'."""
        rows = []
        for key, table in self.tables.items():
            tested = table.rows[table.rows["accuracy_gap"].notna()]
            widest = tested.loc[tested["accuracy_gap"].abs().idxmax()] if len(tested) else None
            ends = ("accuracy_gap", "accuracy_gap_low", "accuracy_gap_high")
            gap, low, high = (np.nan if widest is None else float(widest[name]) for name in ends)
            significance = "gap found" if len(table.found) else "none distinguishable from chance"
            rows.append(
                {
                    "key": key,
                    "attribute": table.attribute.title,
                    "slices": len(table.rows),
                    "faces": self.faces - table.unknown,
                    "widest": "" if widest is None else widest["slice"],
                    "accuracy_gap": gap,
                    "low": low,
                    "high": high,
                    "p_corrected": table.smallest_p,
                    "significance": "too few faces" if widest is None else significance,
                }
            )
        columns = ("key", "attribute", "slices", "faces", "widest", "accuracy_gap", "low", "high", "p_corrected", "significance")  # fmt: skip
        return pd.DataFrame(rows, columns=list(columns))
