"""Tables about whole runs: the overview, the headline numbers, the learning curves."""

import pandas as pd

from core.artifacts import Run
from core.errors import AffectoscopeError
from core.scoring import Scores

#: Headline numbers as a reader meets them: attribute of Scores -> (title, what it means).
HEADLINES: dict[str, tuple[str, str]] = {
    "accuracy": ("Accuracy", "Share of faces whose most probable expression is the annotated one."),
    "balanced_accuracy": ("Balanced accuracy", "Mean recall over the expressions: each counts the same."),
    "macro_precision": ("Macro precision", "Mean precision over the expressions."),
    "macro_recall": ("Macro recall", "Mean recall over the expressions; equals balanced accuracy."),
    "macro_f1": ("Macro F1", "Mean F1 over the expressions: rare ones count as much as common ones."),
    "weighted_f1": ("Weighted F1", "Mean F1, each expression weighted by its faces."),
    "kappa": ("Cohen's kappa", "Agreement beyond what chance alone would give: 0 is chance, 1 is perfect."),
    "m_measure": ("M measure", "Mean separability of all pairs of expressions: 0.5 is chance, 1 is perfect."),
    "expected_calibration_error": (
        "Calibration error (ECE)",
        "Mean distance between how sure the network is and how often it is right: 0 is best.",
    ),
    "brier": ("Brier score", "Mean squared error of the probabilities, 0 to 2: 0 is best."),
    "negative_log_likelihood": ("Log loss", "Mean of -ln p(annotated expression): 0 is best."),
}

#: Columns that training always writes.
HISTORY_COLUMNS = (
    "epoch", "learning_rate", "loss", "accuracy", "validation_loss", "validation_accuracy",
)  # fmt: skip


def overview(pairs: list[tuple[Run, Scores | None]]) -> pd.DataFrame:
    """One row per run: what it is and its most quoted numbers; missing where its scores are damaged."""
    rows = []
    for run, scores in pairs:
        row = {
            "run": run.name,
            "data": run.info["data"].get("title", ""),
            "labels": len(run.labels),
            "faces": scores.faces if scores else None,
            "accuracy": scores.accuracy.value if scores else None,
            "macro_f1": scores.macro_f1.value if scores else None,
            "m_measure": scores.m_measure.value if scores else None,
            "expected_calibration_error": scores.expected_calibration_error.value if scores else None,
            "parameters": run.info["network"].get("parameters"),
            "created": pd.to_datetime(run.info["created"], errors="coerce", utc=True),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def select_runs(table: pd.DataFrame, *, text: str, data: list[str], labels: list[int]) -> pd.DataFrame:
    """Rows of an `overview` table whose run or data contains `text`; empty lists leave everything in."""
    named = table["run"].str.cat(table["data"], sep=" ")
    keep = named.str.contains(text, case=False, regex=False)
    if data:
        keep &= table["data"].isin(data)
    if labels:
        keep &= table["labels"].isin(labels)
    return table[keep].reset_index(drop=True)


def headlines(scores: Scores) -> pd.DataFrame:
    """Every headline number with its interval: name, number, value, low, high."""
    rows = []
    for name, (title, _) in HEADLINES.items():
        estimate = getattr(scores, name)
        rows.append(
            {
                "name": name,
                "number": title,
                "value": estimate.value,
                "low": estimate.low,
                "high": estimate.high,
            }
        )
    return pd.DataFrame(rows)


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


def learning_rates(histories: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Long: run, epoch, value."""
    parts = [
        pd.DataFrame({"run": run, "epoch": history["epoch"], "value": history["learning_rate"]})
        for run, history in histories.items()
    ]
    return pd.concat(parts, ignore_index=True)


def trainings(runs: dict[str, Run], histories: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """How each training went, one row per run."""
    rows = []
    for name, history in histories.items():
        training = runs[name].info["training"]
        best = training.get("best_epoch")
        at_best = history[history["epoch"] == best]
        rows.append(
            {
                "run": name,
                "epochs": len(history),
                "best_epoch": best,
                "training_accuracy": at_best["accuracy"].iloc[0] if len(at_best) else None,
                "validation_accuracy": at_best["validation_accuracy"].iloc[0] if len(at_best) else None,
                "ended": training.get("ended", ""),
                "faces_per_second": training.get("faces_per_second"),
                "minutes": training.get("seconds", {}).get("train", float("nan")) / 60,
                "processor": runs[name].info["environment"].get("processor", ""),
            }
        )
    return pd.DataFrame(rows)
