"""Hair, beards and headwear of drawn people, painted behind and before the face."""

import numpy as np

from core.data.drawn.anatomy import FaceShape, pose_points, posed, smooth
from core.data.drawn.easel import Easel, tone
from core.data.drawn.people import Person, Pose

#: Half outlines of hair behind the head, from the crown down on the viewer's right.
_BEHIND = {
    "short": [(0, -1.36), (0.5, -1.32), (0.95, -1.05), (1.1, -0.6), (1.08, -0.1), (0.95, 0.2)],
    "long": [(0, -1.38), (0.55, -1.34), (1.02, -1.05), (1.2, -0.5), (1.24, 0.3), (1.3, 1.2), (1.2, 2.2)],
    "curly": [(0, -1.55), (0.6, -1.48), (1.15, -1.15), (1.38, -0.6), (1.38, 0.1), (1.2, 0.6)],
}
#: Hairlines from the viewer's left to right: points on the forehead where hair begins.
_HAIRLINE = {
    "short": [(-1.02, 0.0), (-0.96, -0.35), (-0.8, -0.72), (-0.4, -0.86), (0, -0.88), (0.4, -0.86), (0.8, -0.72), (0.96, -0.35), (1.02, 0.0)],
    "parted": [(-1.03, 0.05), (-0.97, -0.3), (-0.86, -0.62), (-0.55, -0.98), (-0.1, -0.78), (0.45, -0.62), (0.86, -0.42), (0.98, -0.15), (1.03, 0.1)],
    "fringe": [(-1.03, 0.25), (-0.97, -0.1), (-0.82, -0.42), (-0.45, -0.48), (0, -0.52), (0.45, -0.48), (0.82, -0.42), (0.97, -0.1), (1.03, 0.25)],
    "swept": [(-1.06, 0.6), (-0.99, 0.1), (-0.86, -0.45), (-0.45, -0.85), (0.02, -1.12), (0.45, -0.85), (0.86, -0.45), (0.99, 0.1), (1.06, 0.6)],
    "cap": [(-1.08, -0.35), (-1.02, -0.46), (-0.8, -0.58), (-0.4, -0.64), (0, -0.66), (0.4, -0.64), (0.8, -0.58), (1.02, -0.46), (1.08, -0.35)],
    "scarf": [(-0.95, 1.15), (-1.0, 0.4), (-0.93, -0.3), (-0.6, -0.78), (0, -0.9), (0.6, -0.78), (0.93, -0.3), (1.0, 0.4), (0.95, 1.15)],
}  # fmt: skip
_BEFORE = {"curly": "short", "long": "fringe", "long parted": "swept", "bun": "short"}
_TOP = np.array([(1.08, -0.5), (0.98, -0.92), (0.68, -1.22), (0.3, -1.34), (0, -1.37)])


def paint_hair_behind(easel: Easel, person: Person, pose: Pose, rng: np.random.Generator) -> None:
    style = person.hair_style
    colour = tone(person.hair, 0.72)
    if style == "bun":
        easel.fill(posed(pose, _ellipse(0, -1.5, 0.42, 0.36), -0.2), colour)
    if style == "bald":
        return
    kind = "long" if style in ("long", "long parted") else "curly" if style == "curly" else "short"
    if style == "scarf":
        kind, colour = "long", tone(person.cloth, 0.6)
    half = np.array(_BEHIND[kind]) * (1.0, 1 + rng.normal(0, 0.03))
    ring = smooth(np.concatenate([half[:0:-1] * (-1, 1), half]), 4)
    points = posed(pose, ring, -0.25)
    easel.fill(points, colour)
    if kind == "curly":
        _curls(easel, points[::2], colour, rng, 0.17)


def paint_hair_before(easel: Easel, person: Person, pose: Pose, rng: np.random.Generator) -> None:
    style = person.hair_style
    if style == "bald":
        return
    line = np.array(_HAIRLINE[_BEFORE.get(style, style)])
    if rng.random() < 0.5:
        line = line[::-1] * (-1, 1)
    height = rng.normal(0, 0.04) - 0.10 * person.age * (style == "short") * rng.random()
    line = line + np.clip(-line[:, 1:] + 0.2, 0, 1) * (0, height)
    hem = smooth(line, 4)
    crown = smooth(np.concatenate([_TOP, (_TOP * (-1, 1))[-2::-1]]), 3)
    depth = np.concatenate([0.35 * np.cos(hem[:, 0] * 1.35), np.full(len(crown), -0.05)])
    points = pose_points(np.column_stack([np.concatenate([hem, crown]), depth]), pose)
    colour = person.hair
    if style in ("cap", "scarf"):
        colour = tone(person.cloth, 0.9)
    hem, crown = points[: len(hem)], points[len(hem) :]
    easel.fill(np.concatenate([hem, crown]), colour)
    if style == "curly":
        _curls(easel, hem[4:-4:2] - (0, 0.1), colour, rng, 0.13)
        _curls(easel, crown[1:-1:2], colour, rng, 0.15)
        return
    if style == "cap":
        easel.line(hem, tone(colour, 0.75), 0.12)
        return
    if style == "scarf":
        easel.line(hem, tone(colour, 0.8), 0.05)
        return
    back = crown[::-1][np.linspace(0, len(crown) - 1, len(hem)).astype(int)]
    for share in rng.uniform(0, 1, 16):
        k = int(share * (len(hem) - 2)) + 1
        bend = rng.uniform(0.2, 0.7)
        start = hem[k] * (1 - 0.06 * bend) + back[k] * 0.06 * bend
        strand = np.stack([start, start * 0.5 + back[k] * 0.5 + rng.normal(0, 0.03, 2), back[k]])
        easel.line(smooth(strand, 3), tone(colour, rng.uniform(0.7, 1.25)), 0.018)


def paint_beard(easel: Easel, person: Person, shape: FaceShape) -> None:
    """Tint (stubble) or cover (full) the lower face, or put a moustache over the lip."""
    curves, mix = shape.curves, {"stubble": 0.22, "full": 0.82, "moustache": 0.82}[person.beard]
    colour = tuple(int((1 - mix) * s + mix * h) for s, h in zip(person.skin, person.hair, strict=True))
    base = np.stack(
        [
            curves["wing 0"][3] + (0, 0.06),
            curves["wing middle 0"][0] + (0, 0.04),
            curves["wing 1"][3] + (0, 0.06),
        ]
    )
    lips = np.concatenate([curves["lip top 0"][:0:-1], curves["lip top 1"]])
    if person.beard == "moustache":
        line = smooth(lips, 3) - (0, 0.055)
        line = np.concatenate([line[:1] + (-0.05, 0.06), line, line[-1:] + (0.05, 0.06)])
        easel.taper(line, colour, 0.03 + 0.10 * np.sin(np.linspace(0, np.pi, len(line))))
        return
    jaw = smooth(np.concatenate([curves["jaw 0"][2:], curves["jaw 1"][-2:1:-1]]), 3)
    cheeks = np.stack([curves["nasolabial 1"][5] + (0.22, 0.14), curves["nasolabial 1"][6] + (0.06, 0.0), *base[::-1],
                       curves["nasolabial 0"][6] + (-0.06, 0.0), curves["nasolabial 0"][5] + (-0.22, 0.14)])  # fmt: skip
    edge = smooth(np.concatenate([jaw[-1:], cheeks, jaw[:1]]), 3)
    for inset, share in ((0.0, 0.35), (0.05, 0.7), (0.1, 1.0)):  # thinner towards its edge
        soft = tuple(int((1 - share) * s + share * c) for s, c in zip(person.skin, colour, strict=True))
        easel.fill(np.concatenate([jaw, edge[1:-1] + (0, inset)]), soft)


def _ellipse(x: float, y: float, rx: float, ry: float) -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    return np.column_stack([x + rx * np.cos(angle), y + ry * np.sin(angle)])


def _curls(
    easel: Easel, points: np.ndarray, colour: tuple[int, int, int], rng: np.random.Generator, size: float
) -> None:
    shades = rng.uniform(0.85, 1.15, len(points))
    for point, offset, shade in zip(points, rng.normal(0, 0.03, points.shape), shades, strict=True):
        easel.disc(point + offset, size, size, tone(colour, shade))
