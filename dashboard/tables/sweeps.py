"""Tables about sweeps: trials with intervals, their learning curves, parameter effects."""

import pandas as pd

from core.analysis.sweep_effects import level_effects, parameter_tests
from core.metrics.thresholds import wilson_interval
from core.runs.sweeps import OBJECTIVES, Sweep


def ended(trials: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
    """Trials with a score, best first, with the 95% Wilson interval of their validation accuracy."""
    scored = trials[trials[sweep.objective].notna() & (trials["state"] != "fail")]
    order = scored.sort_values(sweep.objective, ascending=not OBJECTIVES[sweep.objective], ignore_index=True)
    faces = sweep.validation_faces
    ends = [wilson_interval(round(share * faces), faces) for share in order["accuracy"]]
    order.insert(3, "low", [low for low, _ in ends])
    order.insert(4, "high", [high for _, high in ends])
    return order


def finished(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials that ran to their end: what comparisons of parameters may use."""
    return trials[trials["state"] == "complete"]


def effects(trials: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
    """`core.analysis.sweep_effects.level_effects` of the finished trials, one row per parameter and value."""
    return level_effects(
        finished(trials), sweep.parameters, sweep.objective, reference=sweep.info["reference"]
    )


def tests(trials: pd.DataFrame, sweep: Sweep) -> pd.DataFrame:
    """`core.analysis.sweep_effects.parameter_tests` of the finished trials."""
    return parameter_tests(finished(trials), sweep.parameters, sweep.objective)


def learning_curves(epochs: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """The objective after each epoch, long: trial, epoch, value, state."""
    return epochs.merge(trials[["trial", "state"]], on="trial", how="inner")


def axes(trials: pd.DataFrame, sweep: Sweep) -> list[tuple[str, list[float], list[str] | None]]:
    """Axes of parallel coordinates: title, a number per trial, and the words that the numbers stand for, or None."""
    drawn = []
    for name in sweep.parameters:
        column = trials[name]
        if pd.api.types.is_numeric_dtype(column) and column.nunique() > 6:
            drawn.append((name, column.astype(float).tolist(), None))
            continue
        values = (
            sorted(column.unique()) if pd.api.types.is_numeric_dtype(column) else list(dict.fromkeys(column))
        )
        drawn.append((name, [float(values.index(each)) for each in column], [f"{each}" for each in values]))
    return drawn


def format_parameters(row: pd.Series, sweep: Sweep) -> str:
    """A trial's parameters in one line."""
    return ", ".join(
        f"{name} {row[name]:g}" if isinstance(row[name], float) else f"{name} {row[name]}"
        for name in sweep.parameters
    )
