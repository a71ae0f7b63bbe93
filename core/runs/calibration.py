"""The calibration that run.json holds."""

from dataclasses import dataclass

from core.metrics.embeddings import NEIGHBOURS


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
