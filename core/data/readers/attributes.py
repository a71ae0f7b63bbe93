"""Further columns of a data set, as attributes by which faces can be compared."""

import pandas as pd

#: Largest number of distinct values of a text column: more are names, not groups.
MOST_VALUES = 100


def comparable_attributes(frame: pd.DataFrame) -> pd.DataFrame | None:
    """The columns with at least two values that are numbers, or texts of which few differ; None where there are none.

    Columns of numbers and texts become texts; missing values are NaN or None.
    """
    kept = {}
    for name, values in frame.items():
        known = values.dropna()
        numeric = known.map(lambda value: isinstance(value, int | float)).all()
        column = pd.to_numeric(values) if numeric else values.map(str, na_action="ignore")
        distinct = column.nunique()
        if distinct >= 2 and (numeric or distinct <= MOST_VALUES):
            kept[str(name)] = column
    return pd.DataFrame(kept, index=frame.index) if kept else None
