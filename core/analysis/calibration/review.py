"""Calibration of a run on its scored faces, without and with its temperature.

The temperature is fitted on the validation faces. All other scores of a run, including Hand & Till's M, use the softmax
without temperature.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.analysis.calibration.reliability import (
    confidence_histogram,
    label_table,
    mean_with_interval,
    reliability_table,
)
from core.metrics.bootstrap import strata_of
from core.metrics.calibration import (
    BINS,
    apply_temperature,
    brier_losses,
    expected_calibration_error,
    log_losses,
)
from core.metrics.estimate import Estimate
from core.metrics.headline import HEADLINES
from core.metrics.intervals import intervals
from core.metrics.predictions import Predictions
from core.metrics.ranking import m_measure
from core.runs.calibration import FittedTemperature, load_temperature
from core.runs.run import Run

#: Version of the probabilities -> title.
READINGS = {"uncalibrated": "plain softmax", "calibrated": "with temperature"}

#: Metrics in the order of tables; each is an attribute of Reading.
NUMBERS = ("expected_calibration_error", "brier", "negative_log_likelihood", "overconfidence")


def title_of(name: str) -> str:
    """The title of one of NUMBERS."""
    return HEADLINES[name].title if name in HEADLINES else "Mean confidence less accuracy"


@dataclass(frozen=True, eq=False)
class Reading:
    """Calibration of one version of the probabilities on the scored faces.

    Attributes:
        confidence: mean confidence, 0 to 1.
        overconfidence: mean confidence - accuracy, -1 to 1.
        m_measure: Hand & Till's M.
        bins: see `reliability_table`.
        labels: see `label_table`.
    """

    confidence: float
    accuracy: float
    expected_calibration_error: Estimate
    brier: Estimate
    negative_log_likelihood: Estimate
    overconfidence: Estimate
    m_measure: float
    bins: pd.DataFrame
    labels: pd.DataFrame


@dataclass(frozen=True, eq=False)
class CalibrationReview:
    """Calibration without and, if the run has a temperature, with it.

    Attributes:
        change: "brier" and "negative_log_likelihood" -> paired difference calibrated - uncalibrated.
    """

    faces: int
    uncalibrated: Reading
    fitted: FittedTemperature | None = None
    calibrated: Reading | None = None
    change: dict[str, Estimate] | None = None


def compute_calibration(run: Run, predictions: Predictions) -> CalibrationReview:
    """Compute the calibration of a run's predictions (at least one face), with 95% intervals.

    Raises:
        AffectoscopeError: the calibration in run.json is damaged.
    """
    fitted, truth = load_temperature(run), predictions.truth
    fixed_counts = run.has_fixed_counts(predictions)
    uncalibrated = _reading(predictions.labels, truth, predictions.probabilities, fixed_counts)
    if fitted is None:
        return CalibrationReview(len(predictions), uncalibrated)
    scaled = with_temperature(predictions.probabilities, fitted.temperature)
    strata = strata_of(truth, fixed_counts=fixed_counts)
    return CalibrationReview(
        faces=len(predictions),
        uncalibrated=uncalibrated,
        fitted=fitted,
        calibrated=_reading(predictions.labels, truth, scaled, fixed_counts),
        change={
            name: mean_with_interval(strata, losses(truth, scaled) - losses(truth, predictions.probabilities))
            for name, losses in (("brier", brier_losses), ("negative_log_likelihood", log_losses))
        },
    )


@dataclass(frozen=True, eq=False)
class Reliability:
    """Data of a reliability diagram; the column `reading` is a key of READINGS."""

    bins: pd.DataFrame  # `reliability_table` rows
    spread: pd.DataFrame  # `confidence_histogram` rows


def compute_reliability(
    run: Run, predictions: Predictions, *, expression: str | None = None, bins: int = BINS
) -> Reliability:
    """Compute a reliability diagram, of the predicted labels or of one expression, without and with temperature.

    Raises:
        AffectoscopeError: the calibration in run.json is damaged.
    """
    fitted, truth = load_temperature(run), predictions.truth
    label = None if expression is None else predictions.labels.index(expression)
    read = {"uncalibrated": predictions.probabilities}
    if fitted:
        read["calibrated"] = with_temperature(predictions.probabilities, fitted.temperature)
    tables = [
        (
            reliability_table(truth, probabilities, label=label, bins=bins).assign(reading=reading),
            confidence_histogram(probabilities, label=label).assign(reading=reading),
        )
        for reading, probabilities in read.items()
    ]
    return Reliability(*(pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True)))


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Apply a temperature to (n, c) probabilities; float32, so that losses are clipped as those of a run."""
    return apply_temperature(probabilities, temperature).astype(np.float32)


def _reading(
    labels: tuple[str, ...], truth: np.ndarray, probabilities: np.ndarray, fixed_counts: bool
) -> Reading:
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    values = {
        "expected_calibration_error": expected_calibration_error(truth, probabilities),
        "brier": float(brier_losses(truth, probabilities).mean()),
        "negative_log_likelihood": float(log_losses(truth, probabilities).mean()),
    }
    ends = intervals(truth, probabilities, ranks=False, fixed_counts=fixed_counts).ends
    return Reading(
        confidence=float(confidence.mean(dtype=np.float64)),
        accuracy=float(correct.mean()),
        **{name: Estimate(value, *(float(end) for end in ends[name])) for name, value in values.items()},
        overconfidence=mean_with_interval(strata_of(truth, fixed_counts=fixed_counts), confidence - correct),
        m_measure=m_measure(truth, probabilities),
        bins=reliability_table(truth, probabilities),
        labels=label_table(labels, truth, probabilities),
    )
