"""JAFFE, Japanese Female Facial Expressions: 213 images of ten women, seven posed expressions.

Lyons, Akamatsu, Kamachi & Gyoba (1998). A name such as KA.AN1.39.tiff is person KA, angry, first shot, image 39.
"""

import re

from core.data.readers.file_names import NamedFace, named_layout
from core.data.readers.spec import DatasetSpec, register
from core.labels import expression_code

EXPRESSIONS = {
    "AN": "anger", "DI": "disgust", "FE": "fear", "HA": "happy", "NE": "neutral", "SA": "sad", "SU": "surprise",
}  # fmt: skip

_FILE = re.compile(
    r"(?P<head>(?:.*/)?)(?P<subject>[A-Z]{2})\.(?P<expression>AN|DI|FE|HA|NE|SA|SU)\d*\.\d+\.[^./]+$",
    re.IGNORECASE,
)


def _read_face(match: re.Match[str]) -> NamedFace:
    return NamedFace(
        expression_code(EXPRESSIONS[match["expression"].upper()]), subject=match["subject"].upper()
    )


SPEC = register(
    DatasetSpec(
        name="jaffe",
        title="JAFFE",
        layouts=(named_layout("jaffe", _FILE, _read_face, example="KA.AN1.39.tiff"),),
        published={"": 213},
        published_labels={"": dict(zip(EXPRESSIONS.values(), (30, 29, 32, 31, 30, 31, 30), strict=True))},
        subjects=True,
        label_set=7,
        citation=(
            "M. Lyons, S. Akamatsu, M. Kamachi, J. Gyoba (1998), Coding Facial Expressions with Gabor Wavelets, IEEE "
            "International Conference on Automatic Face and Gesture Recognition, 200-205."
        ),
        note=(
            "JAFFE has no official splits: those made here share no person. Its images are portraits, not cropped faces."
        ),
        limits=(
            "JAFFE shows ten women who acted the expressions: scores on it hold neither for other people nor for spontaneous "
            "expressions.",
        ),
    )
)
