"""Calibration stored in run.json."""

from dataclasses import dataclass

import numpy as np

from core.errors import AffectoscopeError
from core.metrics.embeddings import NEIGHBOURS
from core.runs.run import Run


@dataclass(frozen=True)
class Calibration:
    """Temperature and distance limit of a run; the entry "calibration" of run.json.

    Attributes:
        temperature: T, above 0; probabilities are raised to 1/T and normalised.
        validation_ece_before, validation_ece_after: expected calibration error on the validation faces without and with
            the temperature. The latter is optimistic, since the temperature was fitted on the same faces.
        distance_limit: cosine distance, 0 to 2, beyond which a face is unlike the training faces; None if not fitted.
        neighbours: k; the distance is that to the k-th nearest face of the training sample.
    """

    temperature: float = 1.0
    validation_ece_before: float | None = None
    validation_ece_after: float | None = None
    distance_limit: float | None = None
    neighbours: int = NEIGHBOURS


def load_calibration(run: Run) -> Calibration:
    """Load the calibration of a run; without a training sample it has no distance limit.

    Raises:
        AffectoscopeError: run.json's calibration is damaged.
    """
    stored = run.info.get("calibration") or {}
    try:
        calibration = Calibration(**stored)
        numbers = [calibration.temperature, calibration.distance_limit or 0.0, calibration.neighbours]
        if not (
            all(np.isfinite(number) for number in numbers)
            and min(numbers) >= 0
            and numbers[0] * numbers[2] > 0
        ):
            raise ValueError(f"{stored}")
    except (TypeError, ValueError) as error:
        raise AffectoscopeError(
            f"The calibration in run.json of '{run.name}' is damaged ({error}); recreate it with "
            "python -m core.upgrade."
        ) from error
    if run.has_training_sample:
        return calibration
    return Calibration(temperature=calibration.temperature)


@dataclass(frozen=True)
class FittedTemperature:
    """Temperature of a run, and the calibration errors on the validation faces that it was fitted on.

    Attributes:
        faces: number of validation faces.
        error_uncalibrated, error_calibrated: expected calibration error without and with the temperature; None if not
            stored.
    """

    temperature: float
    faces: int
    error_uncalibrated: float | None
    error_calibrated: float | None


def load_temperature(run: Run) -> FittedTemperature | None:
    """Load the temperature of a run; None for older runs without one.

    Raises:
        AffectoscopeError: it is not a positive number.
    """
    stored = run.info.get("calibration") or {}
    try:
        temperature = stored.get("temperature")
        if temperature is None:
            return None
        measured = (stored.get(f"validation_ece_{when}") for when in ("before", "after"))
        errors = [None if error is None else float(error) for error in measured]
        counts = run.info["data"]["counts"].get("validation") or {}
        fitted = FittedTemperature(
            float(temperature), sum(int(counts.get(label, 0)) for label in run.labels), *errors
        )
        if not 0 < fitted.temperature < np.inf:
            raise ValueError(f"a temperature of {fitted.temperature}")
    except (AttributeError, TypeError, ValueError) as error:
        raise AffectoscopeError(
            f"The calibration in run.json of '{run.name}' is damaged ({error}); recreate it with {upgrade_command(run)}."
        ) from error
    return fitted


def upgrade_command(run: Run) -> str:
    """Command line that fits the temperature of a run and makes its review tables again."""
    if not run.has_network:
        return f"python -m core.import_predictions TABLE --data PATH --name {run.name} --overwrite"
    return f"python -m core.upgrade --run {run.name} --data PATH"
