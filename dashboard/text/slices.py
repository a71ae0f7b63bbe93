"""Sentences of the page Slices; its findings are those of core.analysis.slices.findings."""

import re

import pandas as pd

from core.analysis.slices.review import SliceReview, SliceTable
from core.metrics.slices import ALPHA, FEWEST_FACES, FEWEST_OF_A_LABEL
from core.runs.run import Run
from core.runs.tables import ATTRIBUTES

MEANING = (
    "Accuracy and macro-F1 of groups of faces by size, brightness, sharpness and pose. Each slice is compared with all "
    "other faces. A gap shows a difference, not its cause: attributes are correlated, small faces are often blurred. "
    "**No attribute of people is inferred**: age, gender or skin tone are compared only if the data set annotates them or you "
    "join a table with them."
)

JOINING = (
    "One row per face: a column `reference`, `file`, `path`, `image` or `face` that names it as the run does, or by its "
    "file name, and up to 20 columns such as age group, gender, skin tone or camera. The table stays in this machine's "
    "memory, for your session only, until you remove it or close the tab: it is never written to disk, shared between "
    "visitors or sent anywhere."
)

#: Definition of the columns of a table of slices.
COLUMNS = (
    "A gap is the slice minus all other faces, with its 95% interval. *Same mix*: both sides are standardised to the "
    "same mix of expressions, so that a slice with more difficult expressions does not look worse; the gap of macro-F1 "
    "is always standardised. Accuracy: Wilson's interval, Newcombe's (1998) for the gap, N − 1 chi-squared test "
    "(Campbell 2007). Macro-F1: bootstrap of two independent samples."
)

ALL_CORRECT = "Every face of this slice is classified correctly."


def correction(review: SliceReview) -> str:
    """Correction of the p-values, and the smallest slices that are compared."""
    return (
        f"p-values are corrected for the {review.tests:,} tests of all attributes together (Holm 1979); below {ALPHA:g} "
        f"a gap is significant. Slices with fewer than {FEWEST_FACES} faces are not compared, nor macro-F1 and the same "
        f"mix where an expression has fewer than {FEWEST_OF_A_LABEL} on either side."
    )


def no_attributes(run: Run) -> str:
    return (
        f"Run '{run.name}' has no size, brightness, sharpness and pose of its faces. This command adds them; PATH is "
        "the data that it was trained on:"
    )


def command(run: Run) -> str:
    return ATTRIBUTES.command.replace(" R ", f" {run.name} ")


def no_slices(review: SliceReview) -> str:
    """Reason why there are no slices."""
    return " ".join(["The faces have no attributes to group by.", *review.skipped])


def meaning(table: SliceTable) -> str:
    """Definition of the attribute; '' where its name suffices."""
    if table.attribute.annotated:
        return f"'{plain(table.key)}' is annotated by the data set."
    return {
        "face_size": "Longer side of the face box in pixels of the photo.",
        "brightness": "Mean grey of the network input, 0 (black) to 1 (white).",
        "sharpness": (
            "Variance of the Laplacian (Pech-Pacheco et al. 2000) of the network input: low for blurred or enlarged "
            "faces and for low contrast."
        ),
        "turn": (
            "Distance of the nose tip from the midpoint between the outer corners of the eyes, 0 to 1, to either side; not "
            "an angle. Pitch is not measured: landmarks that show it move with the expression."
        ),
        "roll": "Angle of the line through the eyes to the horizontal in degrees, to either side.",
    }.get(table.key, f"'{plain(table.key)}' comes from your table." if table.attribute.personal else "")


def slice_faces(wrong: int, row: pd.Series) -> str:
    """'12 of 160 misclassified: the darkest quarter (brightness 0.159 to 0.433)'."""
    return f"{wrong:,} of {row['faces']:,} misclassified: {plain(row['phrase'])}"


def dots(table: SliceTable, number: str) -> str:
    """Alternative text of the figure."""
    return (
        f"{number} of each slice by {table.attribute.noun} with its 95% interval, and of all faces as a line."
    )


def plain(text: str) -> str:
    """Text with Markdown characters escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#$|~:])", r"\\\1", text)
