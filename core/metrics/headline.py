"""The headline metrics: one record each, from which scoring, intervals, tables, comparison and report are made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from core.metrics import expression
from core.metrics.affect import affect_scores
from core.metrics.calibration import brier_losses, expected_calibration_error, log_losses
from core.metrics.ranking import mean_over_pairs
from core.metrics.text import DECIMAL, PERCENT, NumberFormat


@dataclass(frozen=True)
class Metric:
    """One number of a set of predictions: how it is computed and shown.

    Attributes:
        name: its key in scores.json and in tables.
        title: as a heading, or in the first column of a table.
        short: in a sentence and over a column.
        meaning: one sentence of explanation.
        function: computes it; `interval` says from what.
        interval: the method of its 95% interval, see core.metrics.intervals:
            "share" for a `function` of confusion matrices, (..., c, c) -> (...), that is the share of right faces;
            "confusion" for another `function` of confusion matrices;
            "mean" for the mean of a `function` of truth (n,) and probabilities (n, c), which gives one value per face, (n,);
            "pairs" for a `function` of A(i, j), (..., c, c) -> (...), of which only M has one;
            "calibration" for the calibration error, a `function` of truth and probabilities;
            "affect" for a `function` of truth and prediction, each (n,).
        section: of docs/metrics.md that explains it, as an anchor.
        format: how it is written.
        higher_is_better: whether a higher value is a better one.
        equal_labels: whether every present label has the same weight, so that a label with one face leaves no interval.
        prominent: shown large on the page Overview and on the terminal; the others are in the tables below.
        compared: a column of the table of runs, a card of the report, and tested where two runs are compared.
    """

    name: str
    title: str
    short: str
    meaning: str
    function: Callable[..., np.ndarray]
    interval: Literal["share", "confusion", "mean", "pairs", "calibration", "affect"]
    section: str
    format: NumberFormat = DECIMAL
    higher_is_better: bool = True
    equal_labels: bool = False
    prominent: bool = False
    compared: bool = False


#: The headline metrics by name, in the order of tables.
HEADLINES: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            name="accuracy",
            title="Accuracy",
            short="accuracy",
            meaning="Share of faces whose most probable expression is the annotated one.",
            function=expression.accuracy,
            interval="share",
            section="expressions",
            format=PERCENT,
            prominent=True,
            compared=True,
        ),
        Metric(
            name="balanced_accuracy",
            title="Balanced accuracy",
            short="balanced accuracy",
            meaning="Mean recall over the expressions: each counts the same.",
            function=expression.balanced_accuracy,
            interval="confusion",
            section="expressions",
            format=PERCENT,
            equal_labels=True,
            prominent=True,
        ),
        Metric(
            name="macro_precision",
            title="Macro precision",
            short="macro precision",
            meaning="Mean precision over the expressions.",
            function=expression.macro_precision,
            interval="confusion",
            section="expressions",
            format=PERCENT,
            equal_labels=True,
        ),
        Metric(
            name="macro_recall",
            title="Macro recall",
            short="macro recall",
            meaning="Mean recall over the expressions; equals balanced accuracy.",
            function=expression.macro_recall,
            interval="confusion",
            section="expressions",
            format=PERCENT,
            equal_labels=True,
        ),
        Metric(
            name="macro_f1",
            title="Macro F1",
            short="macro-F1",
            meaning="Mean F1 over the expressions: rare ones count as much as common ones.",
            function=expression.macro_f1,
            interval="confusion",
            section="expressions",
            equal_labels=True,
            prominent=True,
            compared=True,
        ),
        Metric(
            name="weighted_f1",
            title="Weighted F1",
            short="weighted F1",
            meaning="Mean F1, each expression weighted by its faces.",
            function=expression.weighted_f1,
            interval="confusion",
            section="expressions",
        ),
        Metric(
            name="kappa",
            title="Cohen's kappa",
            short="kappa",
            meaning="Agreement beyond what chance alone would give: 0 is chance, 1 is perfect.",
            function=expression.cohen_kappa,
            interval="confusion",
            section="expressions",
            prominent=True,
        ),
        Metric(
            name="m_measure",
            title="M measure",
            short="M",
            meaning="Mean separability of all pairs of expressions: 0.5 is chance, 1 is perfect.",
            function=mean_over_pairs,
            interval="pairs",
            section="ranking",
            equal_labels=True,
            prominent=True,
            compared=True,
        ),
        Metric(
            name="expected_calibration_error",
            title="Calibration error (ECE)",
            short="calibration error",
            meaning="Mean distance between how sure the network is and how often it is right: 0 is best.",
            function=expected_calibration_error,
            interval="calibration",
            section="probabilities",
            higher_is_better=False,
            prominent=True,
            compared=True,
        ),
        Metric(
            name="brier",
            title="Brier score",
            short="Brier score",
            meaning="Mean squared error of the probabilities, 0 to 2: 0 is best.",
            function=brier_losses,
            interval="mean",
            section="probabilities",
            higher_is_better=False,
        ),
        Metric(
            name="negative_log_likelihood",
            title="Log loss",
            short="log loss",
            meaning="Mean of -ln p(annotated expression): 0 is best.",
            function=log_losses,
            interval="mean",
            section="probabilities",
            higher_is_better=False,
        ),
    )
}


def _ccc(truth: np.ndarray, prediction: np.ndarray) -> float:
    return affect_scores(truth, prediction).ccc


#: What two runs are compared on beside the headline metrics, where both predict valence and arousal.
CCC: dict[str, Metric] = {
    f"{dimension}_ccc": Metric(
        name=f"{dimension}_ccc",
        title=f"CCC of {dimension}",
        short=f"CCC of {dimension}",
        meaning=f"Concordance of predicted and annotated {dimension}: 1 where all are equal, 0 where they are unrelated.",
        function=_ccc,
        interval="affect",
        section="valence-and-arousal",
    )
    for dimension in ("valence", "arousal")
}


def headlines_by(interval: str, *, compared: bool = False) -> list[Metric]:
    """The headline metrics of one interval method; with `compared` those that two runs are compared on."""
    return [
        metric
        for metric in HEADLINES.values()
        if metric.interval == interval and (metric.compared or not compared)
    ]


def compared_metrics() -> dict[str, Metric]:
    """Metrics of the comparison of two runs, in the order of tables."""
    return {name: metric for name, metric in HEADLINES.items() if metric.compared} | CCC


def compute_headlines(
    truth: np.ndarray, probabilities: np.ndarray, *, confusion: np.ndarray, pairwise: np.ndarray
) -> dict[str, float]:
    """Every headline metric of faces (n,), (n, c), given their confusion matrix and A(i, j), both (c, c)."""
    inputs = {
        "share": (confusion,),
        "confusion": (confusion,),
        "pairs": (pairwise,),
        "mean": (truth, probabilities),
        "calibration": (truth, probabilities),
    }
    return {
        name: float(np.mean(metric.function(*inputs[metric.interval]))) for name, metric in HEADLINES.items()
    }
