"""The history of a run's training, known to be usable, and its curves."""

import pandas as pd

from core.artifacts import Run
from core.errors import AffectoscopeError

#: Columns that training always writes.
HISTORY_COLUMNS = (
    "epoch", "learning_rate", "loss", "accuracy", "validation_loss", "validation_accuracy",
)  # fmt: skip


def checked_history(run: Run) -> pd.DataFrame:
    """history.csv, known to have epochs and the columns that charts need.

    Raises:
        AffectoscopeError: it has not.
    """
    try:
        history = run.history
    except (OSError, ValueError) as error:  # pandas' parsing errors are ValueErrors
        raise AffectoscopeError(
            f"history.csv of '{run.name}' cannot be read ({error}); train the run again."
        ) from error
    missing = [name for name in HISTORY_COLUMNS if name not in history]
    if missing:
        raise AffectoscopeError(
            f"history.csv of '{run.name}' lacks {', '.join(missing)}; train the run again."
        )
    if history.empty:
        raise AffectoscopeError(
            f"history.csv of '{run.name}' has no epoch: training ended before the first one."
        )
    wrong = [name for name in HISTORY_COLUMNS if not pd.api.types.is_numeric_dtype(history[name])]
    if wrong:
        raise AffectoscopeError(
            f"history.csv of '{run.name}' has something else than numbers in {', '.join(wrong)}; train the run again."
        )
    return history


def learning_curves(histories: dict[str, pd.DataFrame], measure: str) -> pd.DataFrame:
    """`measure` ('loss' or 'accuracy') of several runs, long: run, epoch, part, value."""
    parts = []
    for run, history in histories.items():
        for part, column in (("training", measure), ("validation", f"validation_{measure}")):
            values = pd.DataFrame(
                {"run": run, "epoch": history["epoch"], "part": part, "value": history[column]}
            )
            parts.append(values)
    return pd.concat(parts, ignore_index=True)
