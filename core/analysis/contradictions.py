"""Contradictions between an annotated expression and the annotated valence and arousal."""

import numpy as np

#: A value contradicts a limit only if it exceeds it by more than this tolerance.
TOLERANCE = 0.1

#: Largest distance of a neutral face from the origin of the valence-arousal plane.
NEUTRAL_RADIUS = 0.5

#: Regions of AffectNet's annotation software: lowest and highest valence, lowest and highest arousal. The software
#: warned about values outside of the region of an expression. Only the region of happy is published (Mollahosseini et
#: al. 2017, section 3.2.2).
AFFECTNET_REGIONS: dict[str, tuple[float, float, float, float]] = {"happy": (0.0, 1.0, -0.2, 0.5)}

#: Half-planes excluded by each expression without a published region, as (dimension, contradicting sign), after Russell
#: (1980), "A circumplex model of affect". Surprise can be pleasant or unpleasant.
EXCLUDED: dict[str, tuple[tuple[str, int], ...]] = {
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
    """Find faces whose valence or arousal is outside of the region of their expression by more than TOLERANCE.

    The region is AFFECTNET_REGIONS for happy, the complement of EXCLUDED for other expressions, and a disc around the
    origin for neutral. Expressions without a rule (none, uncertain, no-face) are never contradicted.

    Args:
        labels: names of the expressions.
        codes: (n,) indices into `labels`.
        valence, arousal: (n,), -1 to 1; NaN is never a contradiction.

    Returns:
        (n,) boolean array.
    """
    # Limits per label.
    highest = {"valence": np.full(len(labels), np.inf), "arousal": np.full(len(labels), np.inf)}
    lowest = {"valence": np.full(len(labels), -np.inf), "arousal": np.full(len(labels), -np.inf)}
    farthest = np.where(np.array(labels) == "neutral", NEUTRAL_RADIUS, np.inf)
    for position, name in enumerate(labels):
        for dimension, sign in EXCLUDED.get(name, ()):
            (highest if sign > 0 else lowest)[dimension][position] = sign * TOLERANCE
        if name in AFFECTNET_REGIONS:
            left, right, bottom, top = AFFECTNET_REGIONS[name]
            lowest["valence"][position], highest["valence"][position] = left - TOLERANCE, right + TOLERANCE
            lowest["arousal"][position], highest["arousal"][position] = bottom - TOLERANCE, top + TOLERANCE
    values = {"valence": np.asarray(valence, float), "arousal": np.asarray(arousal, float)}
    wrong = np.hypot(values["valence"], values["arousal"]) > farthest[codes]
    for dimension, value in values.items():
        wrong |= (value > highest[dimension][codes]) | (value < lowest[dimension][codes])
    return wrong & np.isfinite(values["valence"]) & np.isfinite(values["arousal"])
