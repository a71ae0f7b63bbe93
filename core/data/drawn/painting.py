"""Paints a shaped face onto a canvas: body, ears, head, nose, mouth, eyes and brows, in that order."""

import numpy as np

from core.data.drawn.anatomy import FaceShape, posed, smooth
from core.data.drawn.easel import Easel, tone
from core.data.drawn.hair import paint_beard, paint_hair_before, paint_hair_behind
from core.data.drawn.people import Person, Pose
from core.data.drawn.skin import RING, Light, paint_highlights, shade_skin, swelling


def paint_person(easel: Easel, person: Person, shape: FaceShape, pose: Pose, light: Light, seed: int) -> None:
    """Paint the whole person; `seed` settles hair strands, gaze and the like."""
    rng = np.random.default_rng(seed)
    outline = head_outline(shape)
    paint_hair_behind(easel, person, pose, rng)
    _paint_body(easel, person, shape, pose)
    _paint_ears(easel, person, pose)
    easel.fill(outline, person.skin)
    paint_highlights(easel, person, shape)
    if person.beard:
        paint_beard(easel, person, shape)
    shade_skin(easel, person, shape, light, outline)
    _paint_nose(easel, person, shape)
    _paint_mouth(easel, person, shape)
    gaze = rng.normal(0, (0.03, 0.012))
    for side in (0, 1):
        _paint_eye(easel, person, shape, side, gaze)
        _paint_brow(easel, person, shape, side)
    paint_hair_before(easel, person, pose, rng)


def head_outline(shape: FaceShape) -> np.ndarray:
    jaw = np.concatenate([shape.curves["jaw 0"], shape.curves["jaw 1"][-2::-1]])
    skull = np.concatenate([shape.curves["skull 1"][1:], shape.curves["skull 0"][-2:0:-1]])
    ring = np.concatenate([jaw, skull, jaw[:1]])
    return smooth(ring, 3)


def _paint_body(easel: Easel, person: Person, shape: FaceShape, pose: Pose) -> None:
    chin = shape.landmarks[8]
    middle = 0.25 * chin[0]
    skin = tone(person.skin, 0.80, 0.15)
    side = np.array([(0.66, 0.7), (0.62, 1.5), (0.70, 1.75), (1.1, 1.95), (1.5, 2.1)])
    ring = np.concatenate([side * (-1, 1), side[::-1]]) + (middle, 0)
    easel.fill(ring, skin)
    drop = max(chin[1] - 1.385, 0.0)
    for reach, dark in ((0.0, 0.72), (-0.09, 0.66), (-0.17, 0.60)):  # the head's shadow, soft at its edge
        edge = smooth(
            np.array(
                [(0.63, 1.36), (0.36, 1.66 + drop), (0.0, 1.74 + drop), (-0.36, 1.66 + drop), (-0.63, 1.36)]
            )
        )
        edge = np.concatenate([[(-0.65, 0.9), (0.65, 0.9)], edge]) + (middle, 0)
        easel.fill(edge + (0, reach), tone(person.skin, dark, 0.2))
    collar = np.array(
        [(0.0, 2.08), (0.45, 1.98), (0.74, 1.74), (1.3, 1.92), (2.0, 2.2), (2.5, 3.2), (2.6, 9.0)]
    )
    cloth = np.concatenate([collar[:0:-1] * (-1, 1), collar]) + (middle, 0)
    easel.fill(cloth, person.cloth)
    easel.line(
        np.concatenate([collar[2:0:-1] * (-1, 1), collar[:3]]) + (middle, 0), tone(person.cloth, 0.7), 0.05
    )


def _paint_ears(easel: Easel, person: Person, pose: Pose) -> None:
    for side in (-1, 1):
        x = 0.98 * person.width
        ear = [
            (x - 0.3, -0.1),
            (x - 0.02, -0.13),
            (x + 0.08, -0.17),
            (x + 0.15, -0.06),
            (x + 0.12, 0.15),
            (x + 0.06, 0.38),
            (x - 0.05, 0.40),
            (x - 0.3, 0.3),
        ]
        points = posed(pose, [(px * side, py) for px, py in ear], -0.08)
        easel.fill(smooth(points, 3), tone(person.skin, 0.90, 0.25))
        inner = posed(
            pose,
            [((x + dx) * side, y) for dx, y in ((0.03, -0.07), (0.08, -0.02), (0.06, 0.12), (0.03, 0.22))],
            -0.06,
        )
        easel.line(smooth(inner, 3), tone(person.skin, 0.70, 0.25), 0.035)


def _paint_brow(easel: Easel, person: Person, shape: FaceShape, side: int) -> None:
    line = smooth(shape.curves[f"brow {side}"], 3)
    u = np.linspace(0, 1, len(line))
    weight = (
        0.085
        * person.brow_weight
        * (0.75 + 0.6 * np.sin(np.pi * np.clip(u * 0.8 + 0.12, 0, 1)))
        * (1 - 0.75 * u**3)
    )
    grey = tuple(int(0.72 * h + 0.12 * s) for h, s in zip(person.hair, person.skin, strict=True))
    easel.taper(line, grey, weight)
    sign = 2 * side - 1
    for k in range(1, len(line) - 2, 2):
        hair = np.array([(0, 0.3), (0.05 * sign + 0.02 * sign * u[k], -0.42)]) * (1, weight[k])
        easel.line(line[k] + hair, tone(grey, 0.7), 0.014)


def _paint_eye(easel: Easel, person: Person, shape: FaceShape, side: int, gaze: np.ndarray) -> None:
    upper, lower = shape.curves[f"upper lid {side}"], shape.curves[f"lower lid {side}"]
    skin, sign = person.skin, 2 * side - 1
    if (lower[4] - upper[4])[1] > 0.02:
        with easel.inside(np.concatenate([upper, lower[::-1]])) as part:
            part.canvas.paste(tone((236, 234, 230), 0.97), (0, 0, *part.canvas.size))
            iris = shape.curves[f"iris {side}"][0] + gaze
            part.disc(iris, 0.100, 0.102, tone(person.iris, 0.55))
            part.disc(iris, 0.084, 0.086, person.iris)
            part.disc(iris + (0, 0.03), 0.055, 0.045, tone(person.iris, 1.3))
            part.disc(iris, 0.045, 0.046, (14, 12, 14))
            part.taper(upper + (0, 0.012), (150, 136, 132), np.full(len(upper), 0.035))
            part.disc(iris + (0.03, -0.035), 0.019, 0.019, (252, 252, 252))
        part_inner = upper[0] + (0.016 * sign, 0.006)
        easel.disc(part_inner, 0.018, 0.014, tone(skin, 0.8, 0.9))
    widths = np.linspace(0.022, 0.045, len(upper))
    easel.taper(upper, tone(skin, 0.22, 0.1), widths)
    wing = np.array([upper[-1] + (-0.02 * sign, 0), upper[-1] + (0.035 * sign, -0.014)])
    easel.line(wing, tone(skin, 0.24, 0.1), 0.024)
    easel.line(lower[1:-1], tone(skin, 0.62, 0.3), 0.014)
    easel.line(shape.curves[f"lid crease {side}"][1:], tone(skin, 0.60, 0.2), 0.018)


def _paint_nose(easel: Easel, person: Person, shape: FaceShape) -> None:
    skin, curves = person.skin, shape.curves
    for side in (0, 1):
        sign = 2 * side - 1
        wing = smooth(curves[f"wing {side}"], 3)
        easel.taper(wing, tone(skin, 0.62, 0.2), 0.03 * swelling(len(wing)))
        hole = curves[f"nostril {side}"][0]
        flare = 1 + 0.25 * shape.strength(9, side) + 0.15 * shape.strength(10, side)
        spot = (
            hole
            + RING * (0.05 * flare, 0.024 * flare) @ np.array([(0.95, -0.3 * sign), (0.3 * sign, 0.95)]).T
        )
        easel.fill(spot, tone(skin, 0.28, 0.2))
    base = np.stack(
        [
            curves["nostril 0"][0] + (0.03, 0.012),
            curves["wing middle 0"][0],
            curves["nostril 1"][0] + (-0.03, 0.012),
        ]
    )
    easel.line(smooth(base, 3), tone(skin, 0.60, 0.2), 0.022)


def _paint_mouth(easel: Easel, person: Person, shape: FaceShape) -> None:
    curves = shape.curves

    def across(name: str) -> np.ndarray:
        return smooth(np.concatenate([curves[f"{name} 0"][:0:-1], curves[f"{name} 1"]]), 3)

    top, low = across("lip top"), across("lip low")
    inner_top, inner_low = across("lip inner top"), across("lip inner low")
    lips = person.lips
    easel.fill(np.concatenate([top, inner_top[::-1]]), tone(lips, 0.86))
    easel.fill(np.concatenate([inner_low, low[::-1]]), lips)
    gap = inner_low[len(inner_low) // 2, 1] - inner_top[len(inner_top) // 2, 1]
    if gap > 0.012:
        middle = inner_top[len(inner_top) // 2]
        with easel.inside(np.concatenate([inner_top, inner_low[::-1]])) as part:
            part.canvas.paste((58, 18, 20), (0, 0, *part.canvas.size))
            if gap > 0.10:
                part.disc(middle + (0, gap * 1.02), 0.20, gap * 0.42, (176, 84, 88))
            teeth = inner_top + (0, min(0.095, 0.055 + 0.25 * gap))
            flat = np.column_stack([teeth[:, 0], 0.65 * teeth[:, 1] + 0.35 * (middle[1] + 0.08)])
            part.fill(np.concatenate([inner_top - (0, 0.03), flat[::-1]]), (238, 232, 220))
            if shape.strength(20) + shape.strength(16) > 0.5:
                part.fill(
                    np.concatenate([inner_low + (0, 0.03), (inner_low - (0, 0.04))[::-1]]), (226, 218, 206)
                )
            for k in (-2, -1, 0, 1, 2):
                x = middle[0] + 0.085 * k
                part.line(np.array([(x, middle[1] - 0.05), (x, middle[1] + 0.06)]), (206, 196, 184), 0.008)
        easel.line(inner_top[1:-1], tone(lips, 0.6), 0.016)
        easel.line(inner_low[2:-2], tone(lips, 0.8), 0.012)
    else:
        pressed = 0.5 * (shape.strength(24) + shape.strength(23))
        easel.line(inner_top, tone(lips, 0.42), 0.022 + 0.01 * pressed)
    for corner in (top[0], top[-1]):
        easel.disc(corner, 0.020, 0.016, tone(lips, 0.5))
    thickness = low[len(low) // 2, 1] - inner_low[len(inner_low) // 2, 1]
    glow = low[6:-6] - (0, 0.5 * thickness)
    easel.line(glow, tone(lips, 1.12), 0.022)
