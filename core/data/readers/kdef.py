"""KDEF, the Karolinska Directed Emotional Faces: 70 people, seven posed expressions, five views, two sessions.

Lundqvist, Flykt & Öhman (1998). A name such as AF01ANHL.JPG is session A, female 01, angry, half left.
"""

import re

from core.data.readers.file_names import NamedFace, named_layout
from core.data.readers.spec import DatasetSpec, register
from core.labels import expression_code

EXPRESSIONS = {
    "AF": "fear", "AN": "anger", "DI": "disgust", "HA": "happy", "NE": "neutral", "SA": "sad", "SU": "surprise",
}  # fmt: skip

SEXES = {"F": "female", "M": "male"}

VIEWS = {"S": "straight", "HL": "half left", "HR": "half right", "FL": "full left", "FR": "full right"}

_FILE = re.compile(
    r"(?P<head>(?:.*/)?)(?P<session>[AB])(?P<sex>[FM])(?P<number>\d\d)(?P<expression>AF|AN|DI|HA|NE|SA|SU)"
    r"(?P<view>S|HL|HR|FL|FR)\.[^./]+$",
    re.IGNORECASE,
)


def _read_face(match: re.Match[str]) -> NamedFace:
    """The face of a path. The subject is the person, such as F01, in both sessions."""
    sex, view = match["sex"].upper(), match["view"].upper()
    return NamedFace(
        expression_code(EXPRESSIONS[match["expression"].upper()]),
        subject=sex + match["number"],
        attributes={"sex": SEXES[sex], "view": VIEWS[view]},
    )


SPEC = register(
    DatasetSpec(
        name="kdef",
        title="KDEF",
        layouts=(named_layout("kdef", _FILE, _read_face, example="AF01ANS.JPG"),),
        published={"": 4_900},
        published_labels={"": dict.fromkeys(EXPRESSIONS.values(), 700)},
        subjects=True,
        label_set=7,
        citation=(
            "D. Lundqvist, A. Flykt, A. Öhman (1998), The Karolinska Directed Emotional Faces (KDEF), CD ROM, Department of "
            "Clinical Neuroscience, Psychology section, Karolinska Institutet."
        ),
        note=(
            "KDEF has no official splits: those made here share no person. Its images are portraits with hair and shoulders, "
            "not cropped faces, and two fifths are profiles."
        ),
        limits=(
            "The expressions of KDEF were acted in a studio: scores on it do not hold for spontaneous ones.",
        ),
    )
)
