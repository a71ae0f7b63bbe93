"""Scores as tables, the same on the terminal, on pages, in the report and on the card."""

import numpy as np
import pandas as pd

from core.metrics.estimate import Estimate
from core.metrics.headline import HEADLINES, Metric
from core.metrics.scoring import Scores
from core.metrics.text import UNKNOWN, interval, span, with_interval
from core.metrics.vote_scores import VOTE_METRICS, VoteScores
from core.report.wording import interval_method

#: Numbers of one expression that have an interval and lie between 0 and 1.
CLASS_NUMBERS = ("precision", "recall", "f1")


def headlines(scores: Scores) -> pd.DataFrame:
    """Every headline number with its interval: name, number (its title), value, low, high, method (of the interval)."""
    return pd.DataFrame(
        [
            {
                "name": name,
                "number": metric.title,
                **vars(scores.headline[name]),
                "method": interval_method(scores, name),
            }
            for name, metric in HEADLINES.items()
        ]
    )


def headlines_as_text(scores: Scores) -> list[tuple[Metric, str, str]]:
    """Every headline metric with its value and its interval as text."""
    return [
        (
            metric,
            metric.format.text(scores.headline[name].value),
            interval(scores.headline[name], metric.format),
        )
        for name, metric in HEADLINES.items()
    ]


def prominent_headlines(scores: Scores, *, of: str) -> str:
    """Lines for the terminal: the faces of split `of` ("all": of every split) and the prominent metrics."""
    lines = [f"{of.replace('_', ' ').capitalize()} faces: {scores.faces:,}"]
    for metric, value, ends in headlines_as_text(scores):
        if metric.prominent:
            known = not np.isnan(scores.headline[metric.name].low)
            lines.append(f"  {metric.title:24s}{value}  ({'95% ' if known else ''}{ends})")
    return "\n".join(lines)


def over_seeds(row: pd.Series) -> str:
    """A row of `core.runs.recipes.seed_statistics` as text: '66.9% ± 0.4 (66.5 to 67.3)', mean, deviation and range."""
    form = HEADLINES[row["name"]].format
    if np.isnan(row["mean"]):
        return UNKNOWN
    around = f" ± {form.text(row['deviation'], unit=False)}" if row["runs"] > 1 else ""
    return f"{form.text(row['mean'])}{around} ({span(row['low'], row['high'], form, unit=False)})"


def recipe_lines(statistics: pd.DataFrame) -> list[str]:
    """Lines for the terminal: every row of `core.runs.recipes.seed_statistics`."""
    lines = ["Over the seeds: mean ± standard deviation (range)"]
    return lines + [
        f"  {HEADLINES[row['name']].title:24s}{over_seeds(row)}" for _, row in statistics.iterrows()
    ]


def shared_line(shared: dict[str, Estimate], *, labels: int) -> str:
    """Line for the terminal: the scores among the labels that network and data share; see core.analysis.transfer."""
    numbers = [
        f"{HEADLINES[name].short} {with_interval(estimate, HEADLINES[name].format, level=True)}"
        for name, estimate in shared.items()
    ]
    return f"Choosing among the {labels} shared labels alone: {', '.join(numbers)}."


def vote_lines(scores: VoteScores) -> str:
    """Lines for the terminal: every number of the votes that can be computed, with its interval."""
    lines = [f"Votes of the annotators on {scores.faces:,} of these faces:"]
    for name, metric in VOTE_METRICS.items():
        if not np.isnan(scores.numbers[name].value):
            lines.append(
                f"  {metric.title:41s}{with_interval(scores.numbers[name], metric.format, level=True)}"
            )
    return "\n".join(lines)


def vote_table(scores: VoteScores) -> pd.DataFrame:
    """Every number of the votes: name, number (its title), value, low, high, faces (that it is of)."""
    return pd.DataFrame(
        [
            {
                "name": name,
                "number": metric.title,
                **vars(scores.numbers[name]),
                "faces": scores.with_majority
                if name in ("majority_accuracy", "human_ceiling_decided")
                else scores.faces,
            }
            for name, metric in VOTE_METRICS.items()
        ]
    )


def per_class_long(scores: Scores) -> pd.DataFrame:
    """Long: expression, number, value, low, high, support; without what cannot be computed."""
    rows = []
    for label, numbers in scores.per_class.items():
        for name in CLASS_NUMBERS:
            estimate = getattr(numbers, name)
            rows.append(
                {
                    "expression": label,
                    "number": "F1" if name == "f1" else name,
                    "value": estimate.value,
                    "low": estimate.low,
                    "high": estimate.high,
                    "support": numbers.support,
                }
            )
    return pd.DataFrame(rows).dropna(subset=["value"]).reset_index(drop=True)


def confusion_cells(confusion: np.ndarray, labels: tuple[str, ...]) -> pd.DataFrame:
    """Long: true, predicted, faces, row (share of the true label's faces), column (of the predicted one's).

    Shares are NaN where a label has no face, or was never predicted.
    """
    confusion = np.asarray(confusion)
    with np.errstate(invalid="ignore", divide="ignore"):
        by_row = confusion / confusion.sum(axis=1, keepdims=True)
        by_column = confusion / confusion.sum(axis=0, keepdims=True)
    count = len(labels)
    return pd.DataFrame(
        {
            "true": np.repeat(labels, count),
            "predicted": np.tile(labels, count),
            "faces": confusion.ravel(),
            "row": by_row.ravel(),
            "column": by_column.ravel(),
        }
    )


def strongest_confusions(cells: pd.DataFrame, *, limit: int = 5) -> pd.DataFrame:
    """Off-diagonal cells with faces, by falling share of the true label: true, predicted, faces, of, share."""
    totals = cells.groupby("true")["faces"].transform("sum")
    wrong = cells.assign(of=totals)[(cells["true"] != cells["predicted"]) & (cells["faces"] > 0)]
    wrong = wrong.sort_values(["row", "faces"], ascending=False, kind="stable").head(limit)
    return wrong.rename(columns={"row": "share"})[["true", "predicted", "faces", "of", "share"]].reset_index(
        drop=True
    )


def pairwise_cells(scores: Scores) -> pd.DataFrame:
    """Long, both triangles: first, second, value, low, high; without the diagonal and absent labels."""
    labels, count = scores.labels, len(scores.labels)
    table = pd.DataFrame(
        {
            "first": np.repeat(labels, count),
            "second": np.tile(labels, count),
            "value": scores.pairwise_a.ravel(),
            "low": scores.pairwise_a_low.ravel(),
            "high": scores.pairwise_a_high.ravel(),
        }
    )
    return table.dropna(subset=["value"]).reset_index(drop=True)


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
