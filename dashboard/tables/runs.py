"""Tables about whole runs: the overview, learning rates, trainings."""

import pandas as pd

from core.metrics.headline import HEADLINES
from core.metrics.scoring import Scores
from core.report.score_tables import over_seeds
from core.runs.recipes import Recipe, seed_statistics
from core.runs.run import Run


def overview(pairs: list[tuple[Run, Scores | None]]) -> pd.DataFrame:
    """One row per run: its data, network and main scores; missing where its scores are damaged."""
    rows = []
    for run, scores in pairs:
        row = {
            "run": run.name,
            "data": run.info["data"].get("title", ""),
            "labels": len(run.labels),
            "faces": scores.faces if scores else None,
            **{
                name: scores.headline[name].value if scores else None
                for name, metric in HEADLINES.items()
                if metric.compared
            },
            "parameters": run.info["network"].get("parameters"),
            "created": pd.to_datetime(run.info["created"], errors="coerce", utc=True),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def recipes(pairs: list[tuple[Recipe, list[Scores]]]) -> pd.DataFrame:
    """One row per recipe: its runs, and per compared metric its mean, deviation and range as text and as numbers.

    The text has the name of the metric, the numbers have <name>_mean, _deviation, _low and _high.
    """
    rows = []
    for recipe, scores in pairs:
        row = {
            "recipe": recipe.name,
            "seeds": len(scores),
            "runs": ", ".join(run.name for run in recipe.runs),
        }
        numbers = {}
        for _, of in seed_statistics(scores).iterrows():
            row[of["name"]] = over_seeds(of)
            numbers |= {f"{of['name']}_{part}": of[part] for part in ("mean", "deviation", "low", "high")}
        rows.append(row | numbers)
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


def learning_rates(histories: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Long: run, epoch, value."""
    parts = [
        pd.DataFrame({"run": run, "epoch": history["epoch"], "value": history["learning_rate"]})
        for run, history in histories.items()
    ]
    return pd.concat(parts, ignore_index=True)


def trainings(runs: dict[str, Run], histories: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Summary of each training, one row per run."""
    rows = []
    for name, history in histories.items():
        training, place = runs[name].info["training"], runs[name].info["environment"]
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
                "processor": place.get("accelerator") or place.get("processor", ""),
            }
        )
    return pd.DataFrame(rows)
