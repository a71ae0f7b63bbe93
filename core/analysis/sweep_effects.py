"""Main effects of a sweep's parameters, by a linear model of its finished trials."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

#: A numeric parameter with more distinct values is binned into terciles.
MOST_LEVELS = 6

LEVEL = 0.95


def as_levels(values: pd.Series) -> pd.Series:
    """Convert values to ordered categories; numeric parameters with more than MOST_LEVELS values to terciles."""
    if pd.api.types.is_numeric_dtype(values) and values.nunique() > MOST_LEVELS:
        thirds = pd.qcut(values, 3, duplicates="drop")
        names = {
            each: f"{values[thirds == each].min():.3g} to {values[thirds == each].max():.3g}"
            for each in thirds.cat.categories
        }
        ordered = [names[each] for each in thirds.cat.categories]
        return pd.Series(pd.Categorical(thirds.map(names), categories=ordered, ordered=True), values.index)
    ordered = list(dict.fromkeys(sorted(values) if pd.api.types.is_numeric_dtype(values) else values))
    texts = [_text(each) for each in ordered]
    return pd.Series(
        pd.Categorical([_text(each) for each in values], categories=texts, ordered=True), values.index
    )


def level_effects(
    trials: pd.DataFrame, parameters: Sequence[str], value: str, *, reference: dict
) -> pd.DataFrame:
    """Estimate the effect of each level of each parameter on `value`, relative to the reference level.

    Ordinary least squares with indicators of the levels of all parameters, which adjusts for unbalanced combinations;
    intervals from Student's t (Montgomery 2017, "Design and analysis of experiments", chapter 3).

    Args:
        trials: finished trials, one row each.
        parameters: columns with the parameters.
        value: column with the objective.
        reference: parameter -> reference value; default: the first level.

    Returns:
        Columns parameter, level, trials, mean (of its trials), effect, low, high (95%), reference. The effect of the
        reference is 0, without interval; intervals are NaN with too few trials. Constant parameters are left out.
    """
    levels, design, columns = _design(trials, parameters, reference)
    rows = []
    found, errors, freedom = _least_squares(design, trials[value].to_numpy(float))
    margin = stats.t.ppf((1 + LEVEL) / 2, freedom) if freedom > 0 else np.nan
    for name, column in levels.items():
        for level in column.cat.categories:
            at = columns.get((name, level))
            chosen = (column == level).to_numpy()
            effect, error = (0.0, np.nan) if at is None else (found[at], errors[at])
            rows.append(
                {
                    "parameter": name,
                    "level": level,
                    "trials": int(chosen.sum()),
                    "mean": float(trials[value].to_numpy(float)[chosen].mean()),
                    "effect": float(effect),
                    "low": float(effect - margin * error),
                    "high": float(effect + margin * error),
                    "reference": at is None,
                }
            )
    return pd.DataFrame(
        rows, columns=["parameter", "level", "trials", "mean", "effect", "low", "high", "reference"]
    )


def parameter_tests(trials: pd.DataFrame, parameters: Sequence[str], value: str) -> pd.DataFrame:
    """F-test of each parameter: the model with it against the model without it.

    Returns:
        Columns parameter, share (of the variance of `value`, explained by this parameter alone, 0 to 1) and p (not
        corrected for multiple tests; NaN with too few trials), largest share first.
    """
    y = trials[value].to_numpy(float)
    levels, design, columns = _design(trials, parameters, {})
    total = float(((y - y.mean()) ** 2).sum()) if len(y) else 0.0
    full, freedom = _residual(design, y)
    rows = []
    for name in levels:
        own = [at for (parameter, _), at in columns.items() if parameter == name]
        without, _ = _residual(np.delete(design, own, axis=1), y)
        gained = max(without - full, 0.0)
        ratio = gained / len(own) / (full / freedom) if freedom > 0 and full > 0 else np.nan
        p = float(stats.f.sf(ratio, len(own), freedom)) if np.isfinite(ratio) else np.nan
        rows.append({"parameter": name, "share": gained / total if total else 0.0, "p": p})
    table = pd.DataFrame(rows, columns=["parameter", "share", "p"])
    return table.sort_values("share", ascending=False, ignore_index=True)


def _design(trials: pd.DataFrame, parameters: Sequence[str], reference: dict):
    """Levels by parameter, the (n, 1 + k) matrix of indicators, and (parameter, level) -> its column."""
    levels, parts, columns = {}, [np.ones(len(trials))], {}
    for name in parameters:
        column = as_levels(trials[name])
        if len(column.cat.categories) < 2:
            continue
        levels[name] = column
        usual = _text(reference[name]) if name in reference else None
        compared_with = usual if usual in column.cat.categories else column.cat.categories[0]
        for level in column.cat.categories:
            if level != compared_with:
                columns[name, level] = len(parts)
                parts.append((column == level).to_numpy(float))
    return levels, np.column_stack(parts), columns


def _least_squares(design: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """Coefficients, their standard errors, and degrees of freedom."""
    inverse = np.linalg.pinv(design.T @ design)
    found = inverse @ design.T @ y
    rss, freedom = _residual(design, y)
    if freedom <= 0:
        return found, np.full(len(found), np.nan), 0
    return found, np.sqrt(np.maximum(np.diag(inverse) * rss / freedom, 0)), freedom


def _residual(design: np.ndarray, y: np.ndarray) -> tuple[float, int]:
    """Residual sum of squares and degrees of freedom."""
    found, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    return float(((y - design @ found) ** 2).sum()), len(y) - int(rank)


def _text(value) -> str:
    return (
        f"{value:g}"
        if isinstance(value, int | float | np.number) and not isinstance(value, bool)
        else str(value)
    )
