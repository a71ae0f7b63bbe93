"""Sentences of the page Calibration."""

import pandas as pd

from core.analysis.calibration.reliability import classwise_error
from core.analysis.calibration.review import CalibrationReview
from core.runs.run import Run

#: Fewer faces than this in a bin say little about its accuracy.
_FEW_IN_A_BIN = 20

PLAIN_SOFTMAX = (
    "Hand & Till's M, like every other score of this program, is computed from the plain softmax. A temperature leaves "
    "the predicted expressions as they are, and with them accuracy, precision, recall, F1 and the confusion matrix. It "
    "changes every probability, and with them M, the areas under the curves and the effect of a threshold: M ranks faces by their "
    "probability of one expression, and with more than two expressions a temperature can swap two faces. The "
    "predictions of a run are kept without it; `core.predict` and the Live page use it for the confidence."
)

BINS = (
    "Bins have equal mass; a face at an edge counts in both bins by its share. Bars are Wilson 95% intervals of a "
    "single bin: 1 of 20 misses by chance. Below the diagonal the network is overconfident."
)

BIN_COLUMNS = (
    "In brackets the ends of each bin, and the 95% interval of the accuracy or share. Difference: confidence minus "
    "accuracy, or probability minus share, in percentage points. At T: with the temperature."
)

LABELS = (
    "One expression against all others, by its mean probability on all faces. Excess: probability minus share of the faces, in "
    "percentage points. Error: mean difference of probability and share over 15 bins, the classwise calibration error "
    "(Kull et al. 2019; equal-mass bins: Nixon et al. 2019); the error of a calibrated network is below the next column "
    "in 95% of test sets. A shift of the class frequencies between training and test faces increases both."
)

#: Columns of the table of expressions -> their titles.
LABEL_TITLES: dict[str, str] = {
    "expression": "expression",
    "faces": "faces",
    "share": "of the faces",
    "probability": "probability",
    "excess": "excess",
    "excess_low": "95% from",
    "excess_high": "to",
    "error": "error",
    "by_chance": "by chance up to",
    "error_calibrated": "error with temperature",
}


def no_temperature(run: Run) -> str:
    if not run.has_network:
        return (
            f"Run '{run.name}' has no temperature: its table has no predictions of validation faces that are not scored. Import "
            "a table with such rows:"
        )
    return f"Run '{run.name}' has no temperature. This command fits one on its validation faces:"


def few_faces(faces: int, bins: int) -> str:
    """Warning where bins have too few faces for a reliable accuracy; else ''."""
    if faces >= _FEW_IN_A_BIN * bins:
        return ""
    total = "one face" if faces == 1 else f"{faces:,} faces"
    return f"{bins} bins of {total}: with fewer than {_FEW_IN_A_BIN} faces per bin, sampling error looks like miscalibration."


def absent(expression: str) -> str:
    return f"No face is annotated {expression}: its share is 0 in every bin, whatever its probability."


def error_at(bins: pd.DataFrame, titles: dict[str, str]) -> str:
    """The calibration error in the bins that are shown, by reading."""
    errors = (bins["accuracy"] - bins["confidence"]).abs().groupby(bins["reading"], sort=False).mean()
    count = len(bins) // len(errors)
    values = ", ".join(f"{error:.3f} ({titles[reading]})" for reading, error in errors.items())
    return f"Mean difference over these {count} bins: {values}."


def intervals(review: CalibrationReview) -> str:
    """Definition of the intervals."""
    sentence = (
        f"In brackets 95% intervals for other faces like these, {review.faces:,} in all: by test inversion for the calibration "
        "error, which is over 15 bins, and a bootstrap for the losses."
    )
    if review.calibrated is None:
        return sentence
    return f"{sentence} Differences of the losses are paired, face by face; those of the calibration error and of M have no interval."


def classwise(review: CalibrationReview) -> str:
    """The mean of the classwise errors, over the expressions that are present."""
    sentence = (
        f"Mean error of the expressions that are present: {classwise_error(review.uncalibrated.labels):.3f}"
    )
    return (
        f"{sentence}, {classwise_error(review.calibrated.labels):.3f} with temperature."
        if review.calibrated
        else f"{sentence}."
    )
