"""The calibration that run.json holds."""

from dataclasses import dataclass

import numpy as np

from core.errors import AffectoscopeError
from core.metrics.embeddings import NEIGHBOURS
from core.runs.run import Run


@dataclass(frozen=True)
class Calibration:
    """How a run's probabilities and embeddings are to be read; run.json's "calibration".

    Attributes:
        temperature: probabilities to 1/T, normalised again, are how often the network is right.
        validation_ece_before, validation_ece_after: expected calibration error of the validation faces
            without and with the temperature; the second is a little too good, being fitted on them.
        distance_limit: cosine distance, 0 to 2, beyond which a face is unlike the training faces.
        neighbours: k of the k-th nearest face of the sample, to which that distance is measured.
    """

    temperature: float = 1.0
    validation_ece_before: float | None = None
    validation_ece_after: float | None = None
    distance_limit: float | None = None
    neighbours: int = NEIGHBOURS


def load_calibration(run: Run) -> Calibration:
    """The run's own; without a sample of its training faces there is no distance test.

    Raises:
        AffectoscopeError: run.json's calibration is damaged.
    """
    written = run.info.get("calibration") or {}
    try:
        calibration = Calibration(**written)
        numbers = [calibration.temperature, calibration.distance_limit or 0.0, calibration.neighbours]
        if not (
            all(np.isfinite(number) for number in numbers)
            and min(numbers) >= 0
            and numbers[0] * numbers[2] > 0
        ):
            raise ValueError(f"{written}")
    except (TypeError, ValueError) as error:
        raise AffectoscopeError(
            f"The calibration in run.json of '{run.name}' is damaged ({error}); make it again with "
            "python -m core.upgrade."
        ) from error
    if run.has_training_sample:
        return calibration
    return Calibration(temperature=calibration.temperature)


@dataclass(frozen=True)
class FittedTemperature:
    """A run's temperature and what the validation faces that it was fitted on say of it."""

    temperature: float
    faces: int  # validation faces
    error_uncalibrated: float | None  # their expected calibration error without it
    error_calibrated: float | None  # and with it


def load_temperature(run: Run) -> FittedTemperature | None:
    """The temperature in run.json; None for runs from before one was fitted.

    Raises:
        AffectoscopeError: it is no positive number.
    """
    kept = run.info.get("calibration") or {}
    try:
        temperature = kept.get("temperature")
        if temperature is None:
            return None
        errors = (kept.get(f"validation_ece_{when}") for when in ("before", "after"))
        errors = [None if error is None else float(error) for error in errors]
        counts = run.info["data"]["counts"].get("validation") or {}
        fitted = FittedTemperature(
            float(temperature), sum(int(counts.get(label, 0)) for label in run.labels), *errors
        )
        if not 0 < fitted.temperature < np.inf:
            raise ValueError(f"a temperature of {fitted.temperature}")
    except (AttributeError, TypeError, ValueError) as error:
        raise AffectoscopeError(
            f"The calibration in run.json of '{run.name}' is damaged ({error}); make it again with {upgrade_command(run)}."
        ) from error
    return fitted


def upgrade_command(run: Run) -> str:
    """The command that fits a run's temperature."""
    return f"python -m core.upgrade --run {run.name} --data PATH"
