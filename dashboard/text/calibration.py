"""How far the probabilities can be taken at their word."""

import pandas as pd

from core.analysis.calibration.reliability import classwise_error
from core.analysis.calibration.review import CalibrationReview
from core.runs.run import Run

#: Fewer faces than this in a bin say little about its accuracy.
_FEW_IN_A_BIN = 20

PLAIN_SOFTMAX = (
    "Hand & Till's M, like every other score of this program, is computed from the plain softmax. A temperature leaves "
    "the predicted expressions as they are, and with them accuracy, precision, recall, F1 and the confusion matrix. It "
    "changes every probability, and so M, the areas under the curves and what a threshold does: M ranks faces by their "
    "probability of one expression, and with more than two expressions a temperature can swap two faces. The "
    "predictions of a run are kept without it; `core.predict` and the Live page use it to tell how sure the network is."
)

BINS = (
    "Every bin holds the same number of faces; one that lies across an edge counts in both by its part. Bars are Wilson "
    "95% intervals of a single bin: of 20 bins one misses by chance. Below the line the network is surer than it is "
    "right."
)

BIN_COLUMNS = (
    "In brackets the ends of each bin, and the interval of what was true in it. Difference: what was said less what was "
    "true, in percentage points. At T: with the temperature."
)

LABELS = (
    "One expression against all others, whatever is predicted, by its mean probability. Excess: probability less share of the faces, in "
    "percentage points. Error: mean difference of probability and share over 15 bins, the classwise calibration error "
    "(Kull et al. 2019; equal-mass bins: Nixon et al. 2019); a calibrated network stays under the next column in 95% "
    "of test sets. Test faces with other proportions of expressions than the training faces make both larger."
)

#: Columns of the table of expressions -> what stands above them.
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
    return f"Run '{run.name}' keeps no temperature. This fits one on its validation faces:"


def few_faces(faces: int, bins: int) -> str:
    """A caution where bins hold too few faces to say anything; else ''."""
    if faces >= _FEW_IN_A_BIN * bins:
        return ""
    total = "one face" if faces == 1 else f"{faces:,} faces"
    return (
        f"{bins} bins of {total}: with fewer than {_FEW_IN_A_BIN} in each, chance looks like bad calibration."
    )


def absent(expression: str) -> str:
    return f"No face is annotated {expression}: its share is 0 in every bin, whatever the network says."


def error_at(bins: pd.DataFrame, titles: dict[str, str]) -> str:
    """The calibration error in the bins that are shown, by reading."""
    errors = (bins["accuracy"] - bins["confidence"]).abs().groupby(bins["reading"], sort=False).mean()
    count = len(bins) // len(errors)
    told = ", ".join(f"{error:.3f} ({titles[reading]})" for reading, error in errors.items())
    return f"Mean difference over these {count} bins: {told}."


def intervals(review: CalibrationReview) -> str:
    """What the numbers' intervals are."""
    said = (
        f"In brackets 95% intervals for other faces of the same expressions, {review.faces:,} in all. The calibration "
        "error is over 15 bins."
    )
    if review.calibrated is None:
        return said
    return f"{said} Differences of the losses are paired, face by face; those of the calibration error and of M have no interval."


def classwise(review: CalibrationReview) -> str:
    """The mean of the classwise errors, over the expressions that some face has."""
    said = (
        f"Mean error of the expressions that are present: {classwise_error(review.uncalibrated.labels):.3f}"
    )
    return (
        f"{said}, {classwise_error(review.calibrated.labels):.3f} with temperature."
        if review.calibrated
        else f"{said}."
    )
