"""What the page of slices says beside its findings, which are core.analysis.slices.findings'."""

import re

import pandas as pd

from core.analysis.slices.review import SliceReview, SliceTable
from core.metrics.slices import ALPHA, FEWEST_FACES, FEWEST_OF_A_LABEL
from core.runs.run import Run
from core.runs.tables import ATTRIBUTES

MEANING = (
    "Is the network as good on small, dark, blurred or turned faces as on the others? Each slice is compared with all "
    "other faces. A gap says that it reads a slice worse, not why: attributes go together, small faces are often "
    "blurred. **Nothing about people is guessed**: age, gender or skin tone are compared only if you join a table that "
    "names them."
)

JOINING = (
    "One row per face: a column `reference`, `file`, `path`, `image` or `face` that names it as the run does, or by its "
    "file name, and up to 20 columns such as age group, gender, skin tone or camera. The table stays in this machine's "
    "memory, for you alone, until you forget it or close the tab: it is never written to disk, shared between visitors "
    "or sent anywhere."
)

#: What the columns of a table of slices are.
COLUMNS = (
    "A gap is the slice minus all other faces, with its 95% interval. *Same mix*: both sides are brought to the same "
    "mix of expressions first, so that a slice does not look worse because it has more of the hard ones; the gap of "
    "macro-F1 is always so. Accuracy: Wilson's interval, Newcombe's (1998) for the gap, N − 1 chi-squared test "
    "(Campbell 2007). Macro-F1: bootstrap of two independent samples."
)

NO_MISREAD = "Every face of this slice was recognised."


def correction(review: SliceReview) -> str:
    """Over how many tests p-values are corrected."""
    return (
        f"p-values are corrected for the {review.tests:,} tests of all attributes together (Holm 1979); below {ALPHA:g} "
        f"a gap counts as found. Slices with fewer than {FEWEST_FACES} faces are not compared, nor macro-F1 and the same "
        f"mix where an expression has fewer than {FEWEST_OF_A_LABEL} on either side."
    )


def no_attributes(run: Run) -> str:
    return (
        f"Run '{run.name}' is from before the size, brightness, sharpness and pose of its faces were kept. This adds "
        "them; PATH is the data that it was trained on:"
    )


def command(run: Run) -> str:
    return ATTRIBUTES.renew.replace(" R ", f" {run.name} ")


def nothing(review: SliceReview) -> str:
    """Why there is no slice at all."""
    return " ".join(["There is nothing to compare faces by yet.", *review.skipped])


def meaning(table: SliceTable) -> str:
    """What the attribute's number is where its name does not tell."""
    return {
        "face_size": "Longer side of the face box in pixels of the photo.",
        "brightness": "Mean grey of the face as the network sees it, 0 (black) to 1 (white).",
        "sharpness": (
            "Variance of the Laplacian (Pech-Pacheco et al. 2000) of the face as the network sees it: low where it is "
            "blurred or enlarged, and where it has little contrast."
        ),
        "turn": (
            "How far the nose tip lies off the middle between the outer corners of the eyes, 0 to 1, to either side; no "
            "angle. There is no pitch: landmarks that show it move with the expression."
        ),
        "roll": "Degrees by which the line through the eyes is turned from the horizontal, to either side.",
    }.get(table.key, f"'{plain(table.key)}' comes from your table." if table.attribute.personal else "")


def slice_faces(misread: int, row: pd.Series) -> str:
    """'12 of 160 misread: the darkest quarter (brightness 0.159 to 0.433)'."""
    return f"{misread:,} of {row['faces']:,} misread: {plain(row['phrase'])}"


def dots(table: SliceTable, number: str) -> str:
    """The figure for those who cannot see it."""
    return (
        f"{number} of each slice by {table.attribute.noun} with its 95% interval, and of all faces as a line."
    )


def plain(text: str) -> str:
    """Text with a user's words in it, so that Markdown changes nothing of it."""
    return re.sub(r"([\\`*_{}\[\]<>#$|~:])", r"\\\1", text)
