"""Sentences of the page Sweep."""

import pandas as pd

from core.metrics.text import percent
from core.runs.sweeps import OBJECTIVES, Sweep

SWEEP_COMMAND = "python -m core.sweep --name first --space search --trials 40 --prune --workers 2"

_SPACES = {
    "factors": "M (convolution blocks), N (fully connected layers), filters and dropout, every combination once",
    "ablation": "one change at a time to a recipe, each with several seeds on the same split",
    "search": "network, dropout, normalisation, augmentation, imbalance and optimiser together",
}

VALIDATION_ONLY = (
    "Every trial is scored on the same validation faces, a part of the training faces; the test faces were not "
    "used. The score of the best of many trials is biased upwards by the selection: train it in full and score it on test "
    "faces."
)


def sweep(found: Sweep, trials: pd.DataFrame) -> str:
    """Search space, data and progress of a sweep."""
    data, config = found.info["data"], found.info["config"]
    counts = trials["state"].value_counts().to_dict()
    ends = {"complete": "finished", "pruned": "pruned", "fail": "failed or cut off"}
    states = ", ".join(f"{counts[state]} {word}" for state, word in ends.items() if counts.get(state))
    return (
        f"{_SPACES.get(found.info['space'], found.info['space'])[:1].upper()}"
        f"{_SPACES.get(found.info['space'], found.info['space'])[1:]}. {data['title']}: "
        f"{data['train']:,} training and {data['validation']:,} validation faces, {config['epochs']} epochs per trial. "
        f"Trials: {states or 'none has ended yet'}."
    )


def best(found: Sweep, trials: pd.DataFrame) -> str:
    """The best trial, and the number of trials whose interval overlaps with its."""
    if trials.empty:
        return ""
    top = trials.iloc[0]
    level = trials[(trials["high"] >= top["low"])]
    others = len(level) - 1
    shown = (
        f"{top[found.objective]:.3f}" if not OBJECTIVES[found.objective] else percent(top[found.objective])
    )
    return (
        f"Trial {int(top['trial'])} is best with {objective(found)} {shown}. "
        f"{others} of the other {len(trials) - 1} trials reach an accuracy whose 95% interval overlaps with its."
    )


def objective(found: Sweep) -> str:
    return {"accuracy": "accuracy", "macro_f1": "macro-F1", "loss": "log loss"}[found.objective]


def significant_parameters(table: pd.DataFrame) -> str:
    """Parameters with and without a significant effect."""
    if table.empty or table["p"].isna().all():
        return "There are too few finished trials to test the parameters."
    clear = table[table["p"] < 0.05 / len(table)]
    rest = [name for name in table["parameter"] if name not in set(clear["parameter"])]
    effects = ", ".join(
        f"{row.parameter} ({percent(row.share, digits=0)} of the variance, p {_p(row.p)})"
        for row in clear.itertuples()
    )
    found = (
        f"Significant (F-test, Bonferroni-corrected 5%): {effects}."
        if effects
        else "No parameter has a significant effect."
    )
    return found + (f" Not significant: {', '.join(rest)}." if rest else "")


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
