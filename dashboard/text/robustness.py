"""Sentences of the page Robustness."""

import pandas as pd

from core.analysis.corruptions import CORRUPTIONS
from core.analysis.robustness import CLEAN, mean_accuracy
from core.metrics.estimate import Estimate
from core.metrics.text import PERCENT, UNSIGNED_POINTS, percent, with_interval
from core.runs.run import Run
from core.runs.test_time_augmentation import DESCRIPTIONS


def findings(table: pd.DataFrame, about: dict) -> str:
    """Clean and mean accuracy, and the corruptions with the largest and the smallest loss."""
    clean = table[table["corruption"] == CLEAN].iloc[0]
    corrupted = table[table["corruption"] != CLEAN].groupby("corruption", sort=False)["accuracy"].mean()
    lost = clean["accuracy"] - corrupted
    estimate = Estimate(clean["accuracy"], clean["low"], clean["high"])
    averaged = DESCRIPTIONS[about["test_time_augmentation"]]
    return (
        f"{about.get('data', 'The data')}, {int(clean['faces']):,} {about.get('split', '')} faces{averaged and f', {averaged}'}: accuracy "
        f"{with_interval(estimate, PERCENT, level=True)} without corruption, "
        f"**{percent(mean_accuracy(table))}** on average over {len(corrupted)} corruptions at five severities. "
        f"Largest mean loss: {lost.idxmax()} ({UNSIGNED_POINTS.text(lost.max())}); smallest: {lost.idxmin()} "
        f"({UNSIGNED_POINTS.text(lost.min(), unit=False)})."
    )


def corruption(name: str) -> str:
    """Parameters of a corruption at severities 1 to 5."""
    _, amounts, meaning = CORRUPTIONS[name]
    return f"{name.capitalize()}, severities 1 to 5: {', '.join(f'{amount:g}' for amount in amounts)} ({meaning})."


def none_yet(run: Run) -> str:
    return (
        f"Run '{run.name}' has not been scored on corrupted faces yet: blur, noise, brightness, contrast, rotation, occlusion, "
        "JPEG and low resolution at five severities. This command does so; the page shows the result as soon as it is there:"
    )


def command(run: Run) -> str:
    return f"python -m core.evaluate --run {run.name} --data PATH --corruptions"
