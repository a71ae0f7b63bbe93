"""Identity and head pose of drawn people, independent of the expression."""

from dataclasses import dataclass

import numpy as np

HAIR_STYLES = ("bald", "short", "parted", "fringe", "curly", "long", "long parted", "bun", "cap", "scarf")


@dataclass(frozen=True)
class Person:
    """Features independent of the expression. Factors are about 1, colours are RGB 0 to 255."""

    skin: tuple[int, int, int]
    hair: tuple[int, int, int]
    iris: tuple[int, int, int]
    lips: tuple[int, int, int]
    cloth: tuple[int, int, int]
    hair_style: str
    beard: str  # "", "stubble", "moustache" or "full"
    glasses: str  # "", "thin", "thick" or "sun"
    age: float  # 0 to 1, how deep creases are
    width: float
    jaw: float
    length: float
    eye_size: float
    eye_spacing: float
    eye_tilt: float
    brow_height: float
    brow_weight: float
    brow_arch: float
    nose_width: float
    nose_length: float
    mouth_width: float
    mouth_height: float
    lip_fullness: float
    corner_rest: float  # how far the mouth's corners hang at rest, in face units
    brow_rest: float  # how far the inner brows hang at rest, in face units


@dataclass(frozen=True)
class Pose:
    """Angles in radians; yaw > 0 looks to the viewer's right, pitch > 0 up, roll > 0 clockwise."""

    yaw: float
    pitch: float
    roll: float


SKINS = np.array(
    [(255, 226, 206), (250, 210, 182), (234, 184, 146), (214, 158, 116), (176, 120, 84), (132, 86, 60), (98, 64, 48)]
)  # fmt: skip
HAIRS = np.array(
    [(26, 22, 22), (44, 32, 26), (74, 48, 32), (112, 74, 44), (168, 124, 74), (206, 170, 110), (140, 62, 34), (150, 146, 142), (214, 210, 204)]
)  # fmt: skip
IRISES = np.array([(58, 38, 26), (84, 54, 32), (110, 82, 44), (74, 104, 74), (84, 122, 150), (104, 112, 118)])


def _shade(colour: np.ndarray, rng: np.random.Generator, spread: float) -> tuple[int, int, int]:
    return tuple(
        int(c) for c in np.clip(colour + rng.normal(0, spread) + rng.normal(0, spread / 2, 3), 8, 255)
    )


def draw_person(rng: np.random.Generator) -> Person:
    """A person at random; nothing here depends on the expression."""
    place = (len(SKINS) - 1) * rng.beta(1.2, 1.7)
    low = int(place)
    skin = SKINS[low] + (place - low) * (SKINS[min(low + 1, len(SKINS) - 1)] - SKINS[low])
    age = float(rng.beta(1.6, 2.0))
    dark = place > 3.2
    weights = (
        np.array([3, 3, 3, 2, 2, 2, 1, 1, 1]) if not dark else np.array([8, 5, 2, 0.3, 0, 0, 0.2, 1, 0.6])
    )
    weights = weights * np.where(np.arange(9) >= 7, 0.3 + 2.5 * age**2, 1.0)
    lips = skin * 0.66 + np.array([168, 62, 66]) * 0.34 * rng.uniform(0.7, 1.1) - 10
    if rng.random() < 0.12:  # lipstick
        lips = 0.35 * skin + 0.65 * np.array([178, 34, 58])

    def near(spread: float) -> float:
        return float(np.clip(rng.normal(1, spread), 1 - 2 * spread, 1 + 2 * spread))

    beards, glasses = ("", "stubble", "moustache", "full"), ("", "thin", "thick", "sun")
    return Person(
        skin=_shade(skin, rng, 4),
        hair=_shade(HAIRS[rng.choice(9, p=weights / weights.sum())], rng, 6),
        iris=_shade(IRISES[rng.integers(2 if dark else len(IRISES))], rng, 7),
        lips=_shade(lips, rng, 4),
        cloth=_shade(rng.uniform(20, 235, 3), rng, 4),
        hair_style=HAIR_STYLES[
            rng.choice(10, p=(0.07, 0.17, 0.15, 0.12, 0.13, 0.11, 0.11, 0.06, 0.05, 0.03))
        ],
        beard=beards[rng.choice(4, p=(0.74, 0.12, 0.06, 0.08))],
        glasses=glasses[rng.choice(4, p=(0.83, 0.09, 0.07, 0.01))],
        age=age,
        width=near(0.05),
        jaw=near(0.06),
        length=near(0.04),
        eye_size=near(0.10),
        eye_spacing=near(0.04),
        eye_tilt=float(rng.normal(0.015, 0.02)),
        brow_height=float(rng.normal(0, 0.022)),
        brow_weight=near(0.22),
        brow_arch=near(0.3),
        nose_width=near(0.12),
        nose_length=near(0.06),
        mouth_width=near(0.07),
        mouth_height=float(rng.normal(0, 0.02)),
        lip_fullness=near(0.22),
        corner_rest=float(rng.normal(0.004, 0.014)),
        brow_rest=float(rng.normal(0, 0.018)),
    )


def draw_pose(rng: np.random.Generator) -> Pose:
    yaw, pitch, roll = np.clip(rng.normal(0, (9, 5, 5)), (-28, -14, -16), (28, 14, 16))
    return Pose(*(float(np.deg2rad(angle)) for angle in (yaw, pitch, roll)))
