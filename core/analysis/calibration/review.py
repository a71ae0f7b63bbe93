"""A run's calibration: its plain softmax, and the same faces with the temperature that its validation faces gave.

Every other score of a run, Hand & Till's M among them, is of the plain softmax. Neither reading was fitted on the
scored faces.
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

#: How the probabilities are read -> its title.
READINGS = {"uncalibrated": "plain softmax", "calibrated": "with temperature"}

#: Numbers of a reading, in the order of tables; each is an attribute of Reading.
NUMBERS = ("expected_calibration_error", "brier", "negative_log_likelihood", "overconfidence")


def title_of(name: str) -> str:
    """The title of one of NUMBERS."""
    return HEADLINES[name].title if name in HEADLINES else "Mean confidence less accuracy"


@dataclass(frozen=True, eq=False)
class Reading:
    """What one set of probabilities is worth on the scored faces.

    Attributes:
        overconfidence: mean confidence less accuracy, -1 to 1.
        m_measure: Hand & Till's M as these probabilities would give it.
        bins: one row per equal-mass bin; see `reliability_table`.
        labels: one row per label of the network; see `label_table`.
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
    """The plain softmax and, where the run has a temperature, the same faces with it.

    `change` maps "brier" and "negative_log_likelihood" to after less before on the same faces, paired.
    """

    faces: int
    uncalibrated: Reading
    fitted: FittedTemperature | None = None
    calibrated: Reading | None = None
    change: dict[str, Estimate] | None = None


def compute_calibration(run: Run, predictions: Predictions) -> CalibrationReview:
    """What the probabilities of these faces, at least one, are worth, with 95% intervals.

    Raises:
        AffectoscopeError: the calibration in run.json is damaged.
    """
    fitted, truth = load_temperature(run), predictions.truth
    uncalibrated = _reading(predictions.labels, truth, predictions.probabilities)
    if fitted is None:
        return CalibrationReview(len(predictions), uncalibrated)
    scaled = with_temperature(predictions.probabilities, fitted.temperature)
    return CalibrationReview(
        faces=len(predictions),
        uncalibrated=uncalibrated,
        fitted=fitted,
        calibrated=_reading(predictions.labels, truth, scaled),
        change={
            name: mean_with_interval(truth, losses(truth, scaled) - losses(truth, predictions.probabilities))
            for name, losses in (("brier", brier_losses), ("negative_log_likelihood", log_losses))
        },
    )


@dataclass(frozen=True, eq=False)
class Reliability:
    """What a reliability diagram shows; each row says of which of READINGS it is."""

    bins: pd.DataFrame  # `reliability_table` rows
    spread: pd.DataFrame  # `confidence_histogram` rows


def compute_reliability(
    run: Run, predictions: Predictions, *, expression: str | None = None, bins: int = BINS
) -> Reliability:
    """Confidence against accuracy or, of one expression, its probability against its share; before and after.

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
    """The probabilities (n, c) with a temperature, in float32 like those of a run: losses have the same floor."""
    return apply_temperature(probabilities, temperature).astype(np.float32)


def _reading(labels: tuple[str, ...], truth: np.ndarray, probabilities: np.ndarray) -> Reading:
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    values = {
        "expected_calibration_error": expected_calibration_error(truth, probabilities),
        "brier": float(brier_losses(truth, probabilities).mean()),
        "negative_log_likelihood": float(log_losses(truth, probabilities).mean()),
    }
    ends = intervals(truth, probabilities, ranks=False).ends
    return Reading(
        confidence=float(confidence.mean(dtype=np.float64)),
        accuracy=float(correct.mean()),
        **{name: Estimate(value, *(float(end) for end in ends[name])) for name, value in values.items()},
        overconfidence=mean_with_interval(truth, confidence - correct),
        m_measure=m_measure(truth, probabilities),
        bins=reliability_table(truth, probabilities),
        labels=label_table(labels, truth, probabilities),
    )
