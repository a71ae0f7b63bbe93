"""Light and shadow on a drawn face: the head's roundness, blush, soft shadows, folds and wrinkles.

Soft shadows are drawn small, blurred and enlarged, then multiplied onto the skin.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from core.data.drawn.anatomy import FaceShape, smooth
from core.data.drawn.easel import Easel, tapered, tone
from core.data.drawn.people import Person


@dataclass(frozen=True)
class Light:
    """Direction of the light (x, y, z; y down) and share of ambient light (0 to 1)."""

    direction: tuple[float, float, float]
    ambient: float


def draw_light(rng: np.random.Generator) -> Light:
    direction = np.array([rng.normal(0, 0.55), rng.normal(-0.45, 0.25), rng.uniform(0.5, 1.2)])
    direction /= np.linalg.norm(direction)
    return Light(tuple(direction.tolist()), float(rng.uniform(0.52, 0.85)))


def paint_highlights(easel: Easel, person: Person, shape: FaceShape) -> None:
    """Highlights and blush of the skin: nose, cheekbones, chin; painted before the shadows."""
    curves, skin = shape.curves, person.skin
    for side in (0, 1):
        cheek = curves[f"cheek {side}"][0]
        for radius, warmth in ((0.26, 0.12), (0.20, 0.22), (0.13, 0.32)):
            easel.disc(cheek, radius, radius * 0.8, tone(skin, 1.0, warmth))
    easel.taper(smooth(curves["ridge"], 3), tone(skin, 1.05), np.linspace(0.07, 0.13, 10))
    easel.disc(curves["ridge"][3], 0.10, 0.085, tone(skin, 1.03, 0.25))
    easel.disc(curves["ridge"][3] + (-0.02, -0.02), 0.05, 0.04, tone(skin, 1.12, 0.1))
    easel.disc(shape.landmarks[8] - (0, 0.14), 0.14, 0.09, tone(skin, 1.05))


SMALL = 56  # side of the small picture in which soft shadows are drawn


def shade_skin(easel: Easel, person: Person, shape: FaceShape, light: Light, outline: np.ndarray) -> None:
    """Multiply light and shadow onto the skin inside the outline, ears and neck excepted."""
    low, high = outline.min(0) - 0.05, outline.max(0) + 0.05
    span = float((high - low).max())
    x, y = np.meshgrid(
        *(low[axis] + span * (np.arange(SMALL, dtype=np.float32) + 0.5) / SMALL for axis in (0, 1))
    )
    centre = (low + high) / 2
    nx, ny = (x - centre[0]) / 1.12, (y - centre[1]) / 1.5
    nz = np.sqrt(np.maximum(1.05 - nx**2 - ny**2, 0.03))
    lit = np.maximum(nx * light.direction[0] + ny * light.direction[1] + nz * light.direction[2], 0)
    level = np.clip(light.ambient + (1 - light.ambient) * 1.25 * lit, 0.25, 1.0) * (0.86 + 0.14 * np.sqrt(nz))
    small = Image.fromarray((level * 246).astype(np.uint8))
    dark = Image.new("L", (SMALL, SMALL), 255)
    pen = ImageDraw.Draw(dark)

    def spot(points: np.ndarray, value: float) -> None:
        pen.polygon(((points - low) * (SMALL / span)).ravel().tolist(), fill=int(255 * value))

    curves = shape.curves
    for side in (0, 1):
        sign = 2 * side - 1
        brow, lid = curves[f"brow {side}"], curves[f"upper lid {side}"]
        spot(np.concatenate([brow + (0, 0.03), lid[::-1]]), 0.86)
        spot(np.concatenate([lid + (0, 0.02), (curves[f"eye bag {side}"] + (0, 0.02))[::-1]]), 0.90)
        cheek = curves[f"cheek {side}"][0]
        spot(cheek + (0.30 * sign, 0.35) + 0.22 * RING * (0.6, 1.3), 0.90)
        wing = curves[f"wing {side}"]
        spot(
            np.concatenate([curves["ridge"][[0, 1, 3]] + (0.05 * sign, 0), wing[[1, 2]] + (0.04 * sign, 0)]),
            0.86,
        )
        spot(brow[[0]] + (-0.08 * sign, 0.12) + 0.075 * RING, 0.88)
    wings = np.concatenate([curves["wing 0"][2:], curves["wing middle 0"], curves["wing 1"][:1:-1]])
    spot(np.concatenate([wings, (wings + (0, 0.09))[::-1]]), 0.76)
    lower = np.concatenate([curves["lip low 0"][:0:-1], curves["lip low 1"]])
    spot(
        np.concatenate(
            [
                lower * (0.8, 1) + (0.2 * shape.landmarks[57, 0], 0),
                (lower * (0.6, 1) + (0.4 * shape.landmarks[57, 0], 0.11))[::-1],
            ]
        ),
        0.78,
    )
    dark = dark.filter(ImageFilter.GaussianBlur(1.3))
    half = max(2, round(span * easel.unit / 2))
    width = 2 * half
    soft = ImageChops.multiply(small, dark).resize((half, half), Image.Resampling.BILINEAR)
    creases = Image.new("L", (half, half), 255)
    _draw_creases(ImageDraw.Draw(creases), person, shape, low, half / span)
    soft = ImageChops.multiply(soft, creases.filter(ImageFilter.BoxBlur(0.014 * half / span + 0.35)))
    soft = soft.resize((width, width), Image.Resampling.NEAREST)  # halved again at the end
    red = soft.point([int(255 * (value / 255) ** 0.72) for value in range(256)])
    corner = np.round(easel.place(low)).astype(int)
    box = (*corner.tolist(), *(corner + width).tolist())
    lit_skin = ImageChops.multiply(easel.canvas.crop(box), Image.merge("RGB", (red, soft, soft)))
    mask = Image.new("L", (width, width))
    ImageDraw.Draw(mask).polygon((easel.place(outline) - corner).ravel().tolist(), fill=255)
    easel.canvas.paste(lit_skin, box, mask)


RING = np.array([(np.cos(angle), np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 12, endpoint=False)])


@cache
def swelling(count: int) -> np.ndarray:
    """Widths of a stroke, 0 to 1, thick in its middle."""
    return np.sin(np.linspace(0.25, np.pi - 0.25, count))


def _draw_creases(
    pen: ImageDraw.ImageDraw, person: Person, shape: FaceShape, low: np.ndarray, unit: float
) -> None:
    """Folds and wrinkles where actions call for them, deeper with age: white paper, grey strokes."""

    def crease(name: str, depth: float, width: float = 0.03) -> None:
        if depth > 0.06:
            points = shape.curves[name]
            widths = width * swelling(len(points))
            value = int(255 * (1 - min(depth, 1.0) * 0.48))
            pen.polygon(((tapered(points, widths) - low) * unit).ravel().tolist(), fill=value)

    age = person.age
    for side in (0, 1):

        def s(unit: int, side: int = side) -> float:
            return shape.strength(unit, side)

        crease(
            f"nasolabial {side}",
            0.10 + 0.25 * age**2 + 0.65 * s(12) + 0.6 * s(10) + 0.55 * s(9) + 0.25 * s(20),
            0.045,
        )
        crease(f"marionette {side}", 0.25 * age**2 + 0.65 * s(15) + 0.25 * s(17), 0.04)
        crease(f"dimple {side}", 0.9 * s(14) + 0.2 * s(12), 0.04)
        for k in range(3):
            crease(f"crow {k} {side}", 0.15 * age + 0.6 * s(6) + 0.15 * s(12), 0.022)
        crease(f"glabella {side}", 0.12 * age + 0.85 * s(4), 0.032)
        crease(f"bunny {side}", 0.95 * s(9), 0.035)
        crease(f"eye bag {side}", 0.12 + 0.25 * age + 0.45 * s(6) + 0.3 * s(7), 0.022)
    raised = 0.5 * shape.strength(1) + 0.5 * shape.strength(2)
    for row in range(4):
        crease(f"forehead {row}", (0.30 * age**2 + 0.75 * raised) * (1.0, 0.9, 0.7, 0.4)[row], 0.026)
    chin = shape.strength(17)
    if chin > 0.15:
        middle = (shape.landmarks[57] + shape.landmarks[8]) / 2
        for dx, dy in ((-0.09, 0.0), (0.0, -0.03), (0.09, 0.0), (-0.05, 0.06), (0.05, 0.06)):
            x, y = (middle + (dx, dy) - low) * unit
            r = 0.028 * unit
            pen.ellipse((x - r, y - r, x + r, y + r), fill=int(255 * (1 - 0.3 * min(chin, 1))))
