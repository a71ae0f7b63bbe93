"""AffectNet's eleven labels: codes, names, colours, and the label sets of 7, 8 and 11 labels.

Source of the codes: Mollahosseini, Hasani & Mahoor (2017), "AffectNet: A Database for Facial
Expression, Valence, and Arousal Computing in the Wild", IEEE Trans. Affective Computing 10(1).
"""

from dataclasses import dataclass

import numpy as np

#: Expression names in the order of AffectNet's codes 0 to 10.
EXPRESSIONS: tuple[str, ...] = (
    "neutral", "happy", "sad", "surprise", "fear", "disgust",
    "anger", "contempt", "none", "uncertain", "no-face",
)  # fmt: skip

#: One colour per expression, the same on every chart. The seven emotions and contempt take the
#: Okabe-Ito palette, which is safe for colour blindness (Okabe & Ito 2008); the non-expressions are greys.
COLOURS: dict[str, str] = {
    "neutral": "#8C8C8C",
    "happy": "#E69F00",
    "sad": "#0072B2",
    "surprise": "#56B4E9",
    "fear": "#7B4FB5",
    "disgust": "#009E73",
    "anger": "#D55E00",
    "contempt": "#CC79A7",
    "none": "#B8B8B8",
    "uncertain": "#A39E7A",
    "no-face": "#5E5E5E",
}

#: Other names of the labels in folders, tables and papers.
SYNONYMS: dict[str, str] = {
    "angry": "anger",
    "happiness": "happy",
    "joy": "happy",
    "sadness": "sad",
    "surprised": "surprise",
    "fearful": "fear",
    "afraid": "fear",
    "disgusted": "disgust",
    "contemptuous": "contempt",
    "noface": "no-face",
    "no face": "no-face",
    "no_face": "no-face",
    "non-face": "no-face",
}


@dataclass(frozen=True)
class LabelSet:
    """Labels of a network, in the order of its outputs."""

    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def codes(self) -> tuple[int, ...]:
        """AffectNet codes of the labels, in the same order."""
        return tuple(EXPRESSIONS.index(label) for label in self.labels)

    def positions(self, codes: np.ndarray) -> np.ndarray:
        """(n,) AffectNet codes -> (n,) int64 positions in the label set; -1 for codes outside it."""
        positions = np.full(256, -1, np.int64)
        positions[list(self.codes)] = np.arange(len(self))
        return positions[codes]

    @property
    def colours(self) -> tuple[str, ...]:
        return tuple(COLOURS[label] for label in self.labels)


#: 7: without contempt (FER2013's classes); 8: AffectNet's usual task; 11: with none, uncertain, no-face.
LABEL_SETS: dict[int, LabelSet] = {count: LabelSet(EXPRESSIONS[:count]) for count in (7, 8, 11)}


def expression_code(name: str) -> int:
    """AffectNet code of an expression's name or synonym, case-insensitive.

    Raises:
        ValueError: the name is unknown.
    """
    plain = name.strip().lower()
    plain = SYNONYMS.get(plain, plain)
    if plain not in EXPRESSIONS:
        raise ValueError(
            f"Unknown expression '{name}'; expected one of {', '.join(EXPRESSIONS)} "
            f"or a synonym ({', '.join(SYNONYMS)})."
        )
    return EXPRESSIONS.index(plain)


def find_code(name: str) -> int | None:
    """`expression_code`, or None where the name is unknown."""
    try:
        return expression_code(name)
    except ValueError:
        return None


def smallest_label_set(codes: set[int]) -> LabelSet:
    """The smallest label set that contains all given codes (0 to 10)."""
    highest = max(codes, default=0)
    return next(LABEL_SETS[count] for count in (7, 8, 11) if highest < count)
