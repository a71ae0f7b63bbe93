"""Where an expression and its valence and arousal contradict each other."""

import numpy as np

#: How far beyond a limit a value must lie to count: annotators and networks are not exact near it.
TOLERANCE = 0.1

#: Distance from the middle of the plane beyond which a face is not neutral.
NEUTRAL_RADIUS = 0.5

#: Where AffectNet's annotation software expected an expression: lowest and highest valence, lowest and highest
#: arousal. It warned about a value outside of the region, and annotators could overrule it. The software had a
#: region for every expression, but its authors print only that of happy, as an example (Mollahosseini et al. 2017,
#: section 3.2.2), and no other source gives the rest.
AFFECTNET_REGIONS: dict[str, tuple[float, float, float, float]] = {"happy": (0.0, 1.0, -0.2, 0.5)}

#: What each expression without a published region excludes, as (dimension, sign that contradicts it): pleasant and
#: unpleasant, active and calm expressions after Russell (1980), "A circumplex model of affect". Surprise may be
#: pleasant or not.
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
    """(n,) boolean: the face lies where its expression does not, by more than TOLERANCE.

    Happy by AffectNet's own region, the others by the sides of the plane that they exclude, neutral by its distance
    from the middle; an expression without a rule (none, uncertain, no-face) contradicts nothing.

    Args:
        labels: names of the expressions.
        codes: (n,) positions in `labels`.
        valence, arousal: (n,), -1 to 1; a face without either contradicts nothing.
    """
    # Per label: the most and the least that valence and arousal may be, and the farthest from the middle.
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
