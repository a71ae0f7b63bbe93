"""Where an expression and its valence and arousal contradict each other."""

import numpy as np

#: How far beyond zero a value must lie to count: annotators and networks are not exact near it.
TOLERANCE = 0.1

#: Distance from the middle of the plane beyond which a face is not neutral.
NEUTRAL_RADIUS = 0.5

#: What each expression excludes, as (dimension, sign that contradicts it). Positive and negative expressions
#: after Russell (1980), "A circumplex model of affect"; happy's valence above 0 is what AffectNet's
#: annotation software expected (Mollahosseini et al. 2017, section 3.2.2). Surprise may be pleasant or not.
EXCLUDED: dict[str, tuple[tuple[str, int], ...]] = {
    "happy": (("valence", -1),),
    "sad": (("valence", 1),),
    "surprise": (("arousal", -1),),
    "fear": (("valence", 1), ("arousal", -1)),
    "disgust": (("valence", 1),),
    "anger": (("valence", 1), ("arousal", -1)),
    "contempt": (("valence", 1),),
}


def contradictions(
    labels: tuple[str, ...], codes: np.ndarray, valence: np.ndarray, arousal: np.ndarray
) -> np.ndarray:
    """(n,) boolean: the expression excludes where the face lies on the plane.

    Args:
        labels: names of the expressions.
        codes: (n,) positions in `labels`.
        valence, arousal: (n,), -1 to 1; a face without either contradicts nothing.
    """
    # Per label: the most that valence and arousal may be, either way, and the farthest from the middle.
    highest = {"valence": np.full(len(labels), np.inf), "arousal": np.full(len(labels), np.inf)}
    lowest = {"valence": np.full(len(labels), -np.inf), "arousal": np.full(len(labels), -np.inf)}
    farthest = np.where(np.array(labels) == "neutral", NEUTRAL_RADIUS, np.inf)
    for position, name in enumerate(labels):
        for dimension, sign in EXCLUDED.get(name, ()):
            (highest if sign > 0 else lowest)[dimension][position] = sign * TOLERANCE
    values = {"valence": np.asarray(valence, float), "arousal": np.asarray(arousal, float)}
    wrong = np.hypot(values["valence"], values["arousal"]) > farthest[codes]
    for dimension, value in values.items():
        wrong |= (value > highest[dimension][codes]) | (value < lowest[dimension][codes])
    return wrong & np.isfinite(values["valence"]) & np.isfinite(values["arousal"])
