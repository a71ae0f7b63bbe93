"""Expressions of drawn faces: facial actions, valence and arousal for each of the labels.

An action is an action unit (AU) of the Facial Action Coding System (Ekman, Friesen & Hager 2002) with a
strength of about 0 to 1 on the viewer's left and right half of the face. The prototypes follow Du, Tao &
Martinez (2014, PNAS 111:E1454, table 1), contempt Ekman & Friesen (1986); the places on the
valence-arousal circle follow Russell (1980) and the annotated means of AffectNet.
"""

from dataclasses import dataclass

import numpy as np

Actions = dict[int, np.ndarray]  # action unit -> (2,) strength on the viewer's left and right

#: Variants of every expression at full intensity; one is taken at random. AU 43 closes the eyes.
PROTOTYPES: dict[str, tuple[dict[int, float], ...]] = {
    "neutral": ({},),
    "happy": (
        {6: 0.8, 12: 1.0, 25: 0.9},
        {6: 0.5, 12: 0.85},
        {6: 1.0, 12: 1.0, 25: 1.0, 26: 0.6},
    ),
    "sad": (
        {1: 1.0, 4: 0.6, 15: 1.0, 17: 0.6},
        {1: 0.8, 4: 0.9, 15: 0.7, 7: 0.3, 43: 0.3},
        {1: 0.9, 15: 1.0, 17: 0.9, 43: 0.2},
    ),
    "surprise": (
        {1: 1.0, 2: 1.0, 5: 0.8, 25: 0.8, 26: 1.0},
        {1: 0.9, 2: 0.9, 5: 0.7, 25: 0.6, 27: 0.8},
        {1: 1.0, 2: 1.0, 5: 1.0, 25: 0.6, 26: 0.3},
    ),
    "fear": (
        {1: 1.0, 2: 0.5, 4: 0.7, 5: 1.0, 20: 0.9, 25: 0.8, 26: 0.3},
        {1: 0.9, 2: 0.3, 4: 0.8, 5: 0.9, 20: 1.0, 25: 0.6},
        {1: 1.0, 2: 0.7, 4: 0.5, 5: 1.0, 20: 0.7, 25: 0.8, 26: 0.8},
    ),
    "disgust": (
        {9: 1.0, 10: 0.8, 4: 0.4, 7: 0.5, 17: 0.5},
        {9: 0.7, 10: 1.0, 25: 0.7, 6: 0.4, 7: 0.4},
        {9: 1.0, 15: 0.5, 17: 0.8, 4: 0.5, 7: 0.6},
    ),
    "anger": (
        {4: 1.0, 5: 0.4, 7: 0.7, 23: 0.8, 24: 0.9, 17: 0.4},
        {4: 1.0, 7: 0.6, 10: 0.5, 25: 0.9, 26: 0.5, 5: 0.4},
        {4: 1.0, 5: 0.6, 7: 0.4, 23: 1.0, 17: 0.3},
    ),
    "contempt": (
        {14: 1.0, 12: 0.55},
        {14: 1.0, 10: 0.4, 7: 0.2},
        {14: 0.8, 12: 0.75, 2: 0.4},
    ),
}
#: Faces that show something, but none of the eight: the label "none".
OTHER_DOINGS: tuple[dict[int, float], ...] = (
    {25: 0.8, 26: 0.4, 18: 0.8},  # talking, a rounded vowel
    {25: 1.0, 26: 0.5, 16: 0.6},  # talking, an open vowel
    {27: 1.1, 25: 1.0, 43: 1.0, 4: 0.4},  # yawning
    {43: 1.0},  # eyes closed
    {18: 1.1, 24: 0.3},  # lips puckered
    {1: 0.9, 2: 0.9, 12: 0.7, 24: 0.5},  # a shrug of the brows over a pressed smile
    {4: 0.8, 12: 0.9, 7: 0.6},  # squinting into the sun
    {24: 1.2, 14: 0.5, 1: 0.4, 2: 0.5},  # lips pressed
)
#: Actions that a face shows on one half only.
UNILATERAL = {"contempt": {14, 12, 10, 2}}

#: With whom people, and so these drawings, confuse an expression (Ekman & Friesen 1971; Du et al. 2014).
CONFUSED_WITH: dict[str, tuple[str, ...]] = {
    "neutral": ("sad", "contempt"),
    "happy": ("contempt", "neutral"),
    "sad": ("neutral", "fear"),
    "surprise": ("fear", "fear", "happy"),
    "fear": ("surprise", "surprise", "sad"),
    "disgust": ("anger", "anger", "sad"),
    "anger": ("disgust", "disgust", "neutral"),
    "contempt": ("neutral", "happy"),
}
BLENDED = 0.38  # share of faces that carry a second, confusable expression
MISLABELLED = 0.04  # share of faces whose label is that of a confusable expression

#: (valence, arousal) at full intensity.
AFFECT: dict[str, tuple[float, float]] = {
    "neutral": (0.0, 0.0),
    "happy": (0.84, 0.30),
    "sad": (-0.76, -0.38),
    "surprise": (0.18, 0.82),
    "fear": (-0.36, 0.88),
    "disgust": (-0.78, 0.50),
    "anger": (-0.62, 0.76),
    "contempt": (-0.66, 0.42),
}


@dataclass(frozen=True)
class Portrayal:
    """Expression of one face. Valence and arousal are -1 to 1, within the unit circle."""

    actions: Actions
    intensity: float
    shown: str  # the expression drawn; differs from the label where the label is noise
    blend: tuple[str, float] | None  # second expression and its share, 0 to 0.5
    valence: float
    arousal: float


def portray(label: str, rng: np.random.Generator, *, intensity: float | None = None) -> Portrayal:
    """Choose what a face of this label does; `intensity` 0 to 1 is drawn at random if not given.

    A given intensity asks for a clear case: no second expression and no label noise.
    """
    clear = intensity is not None
    strength = float(intensity) if clear else float(0.45 + 0.55 * rng.beta(2.0, 1.5))
    if label == "none":
        return _portray_none(rng, strength)
    shown = label
    if label in ("uncertain", "no-face"):
        shown = str(rng.choice(list(PROTOTYPES)))
    elif not clear and rng.random() < MISLABELLED:
        shown = str(rng.choice(CONFUSED_WITH[label]))
    actions = _sample(shown, rng, strength)
    affect = strength * np.array(AFFECT[shown])
    blend = None
    blended = 0.9 if label == "uncertain" else BLENDED
    if not clear and rng.random() < blended:
        other, share = str(rng.choice(CONFUSED_WITH[shown])), float(rng.uniform(0.1, 0.48))
        actions = _mix(actions, _sample(other, rng, strength), share)
        affect = (1 - share) * affect + share * strength * np.array(AFFECT[other])
        blend = (other, share)
    valence, arousal = _within_circle(affect + rng.normal(0, 0.07, 2))
    return Portrayal(_with_habits(actions, rng), strength, shown, blend, valence, arousal)


def _portray_none(rng: np.random.Generator, strength: float) -> Portrayal:
    doing = OTHER_DOINGS[rng.integers(len(OTHER_DOINGS))]
    actions = {unit: np.full(2, value * max(strength, 0.6)) for unit, value in doing.items()}
    if rng.random() < 0.3:  # a wink
        actions[43] = np.array([1.0, 0.0]) if rng.random() < 0.5 else np.array([0.0, 1.0])
    valence, arousal = _within_circle(rng.normal((0.0, 0.02), (0.2, 0.18)))
    return Portrayal(_with_habits(actions, rng), strength, "none", None, valence, arousal)


def _sample(expression: str, rng: np.random.Generator, strength: float) -> Actions:
    """One variant of an expression at a strength: actions vary, and now and then one is missing."""
    variants = PROTOTYPES[expression]
    variant = variants[rng.integers(len(variants))]
    one_sided = UNILATERAL.get(expression, set())
    side = rng.integers(2)
    actions = {}
    for unit, value in variant.items():
        missing = len(variant) > 2 and rng.random() < 0.08
        level = 0.25 * value if missing else value * rng.uniform(0.7, 1.15)
        both = level * strength * np.clip(rng.normal(1, 0.07, 2), 0.75, 1.25)
        if unit in one_sided:
            both[1 - side] *= rng.uniform(0.0, 0.2)
        actions[unit] = both
    return actions


def _mix(first: Actions, second: Actions, share: float) -> Actions:
    nothing = np.zeros(2)
    return {
        unit: (1 - share) * first.get(unit, nothing) + share * second.get(unit, nothing)
        for unit in first | second
    }


def _with_habits(actions: Actions, rng: np.random.Generator) -> Actions:
    """Add the weak actions that any face shows at rest or by habit."""
    habits = {unit: rng.exponential(0.055) for unit in (1, 2, 4, 5, 7, 12, 14, 15, 17, 24)}
    if rng.random() < 0.15:
        habits[25] = rng.uniform(0.1, 0.6)
    widened = 5 in actions and actions[5].mean() > 0.15
    if rng.random() < 0.06 and not widened:
        habits[43] = rng.uniform(0.3, 1.0)
    nothing = np.zeros(2)
    return {unit: actions.get(unit, nothing) + min(habits.get(unit, 0.0), 0.6) for unit in actions | habits}


def _within_circle(affect: np.ndarray) -> tuple[float, float]:
    affect = affect / max(1.0, float(np.hypot(*affect)))
    return round(float(affect[0]), 6), round(float(affect[1]), 6)
