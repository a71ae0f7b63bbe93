"""Pictures without a face, for the label "no-face": things, patterns, textures and face-like shapes."""

import numpy as np
from PIL import Image, ImageDraw

from core.data.drawn.easel import Easel, tone
from core.data.drawn.surroundings import paint_background


def paint_object(size: int, rng: np.random.Generator) -> Image.Image:
    """An RGB canvas of `size` squared with one random thing on it."""
    canvas = paint_background((size, size), rng)
    easel = Easel(
        canvas, np.array([size / 2, size / 2]) + rng.normal(0, 0.04 * size, 2), size * rng.uniform(0.24, 0.4)
    )
    _KINDS[rng.integers(len(_KINDS))](easel, rng)
    return canvas


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    return tuple(rng.integers(20, 240, 3).tolist())


def _cup(easel: Easel, rng: np.random.Generator) -> None:
    colour = _colour(rng)
    side = 1 if rng.random() < 0.5 else -1
    easel.disc(np.array([0.75 * side, 0.1]), 0.38, 0.42, tone(colour, 0.8))
    easel.disc(np.array([0.75 * side, 0.1]), 0.24, 0.28, tone(colour, 0.4))
    easel.fill(np.array([(-0.75, -0.8), (0.75, -0.8), (0.6, 0.95), (-0.6, 0.95)]), colour)
    easel.fill(np.array([(-0.75, -0.8), (-0.4, -0.8), (-0.35, 0.95), (-0.6, 0.95)]), tone(colour, 1.15))
    easel.disc(np.array([0, -0.8]), 0.75, 0.16, tone(colour, 0.55))


def _tree(easel: Easel, rng: np.random.Generator) -> None:
    green = tuple(np.clip(np.array([60, 120, 50]) + rng.normal(0, 30, 3), 0, 255).astype(int).tolist())
    easel.fill(np.array([(-0.14, 0.2), (0.14, 0.2), (0.22, 1.5), (-0.22, 1.5)]), (96, 66, 42))
    for _ in range(26):
        easel.disc(rng.normal((0, -0.35), (0.45, 0.4)), 0.32, 0.28, tone(green, rng.uniform(0.7, 1.3)))


def _cat(easel: Easel, rng: np.random.Generator) -> None:
    fur = tone(
        tuple(
            np.array([(150, 110, 70), (60, 56, 54), (214, 206, 196), (186, 120, 60)])[
                rng.integers(4)
            ].tolist()
        ),
        rng.uniform(0.8, 1.1),
    )
    for side in (-1, 1):
        easel.fill(np.array([(0.25, -0.7), (0.95, -1.25), (0.9, -0.2)]) * (side, 1), fur)
        easel.fill(np.array([(0.45, -0.7), (0.85, -1.05), (0.8, -0.4)]) * (side, 1), tone(fur, 0.8, 1))
    easel.disc(np.array([0, 0.0]), 1.0, 0.85, fur)
    for side in (-1, 1):
        easel.disc(np.array([0.4 * side, -0.12]), 0.2, 0.17, (176, 190, 84))
        easel.disc(np.array([0.4 * side, -0.12]), 0.05, 0.16, (12, 12, 12))
        for slope in (-0.1, 0.05, 0.2):
            easel.line(np.array([(0.2 * side, 0.35), (1.2 * side, 0.3 + slope)]), (235, 235, 235), 0.015)
    easel.disc(np.array([0, 0.38]), 0.34, 0.24, tone(fur, 1.3))
    easel.fill(np.array([(-0.1, 0.2), (0.1, 0.2), (0, 0.32)]), (190, 100, 110))
    easel.line(np.array([(-0.18, 0.46), (0, 0.38), (0.18, 0.46)]), tone(fur, 0.4), 0.025)


def _clock(easel: Easel, rng: np.random.Generator) -> None:
    rim = _colour(rng)
    easel.disc(np.zeros(2), 1.1, 1.1, rim)
    easel.disc(np.zeros(2), 0.95, 0.95, (238, 234, 224))
    for hour in range(12):
        way = np.array([np.sin(hour * np.pi / 6), np.cos(hour * np.pi / 6)])
        easel.line(np.stack([way * 0.78, way * 0.9]), (30, 30, 30), 0.05)
    for length, angle in ((0.5, rng.uniform(0, 6.28)), (0.75, rng.uniform(0, 6.28))):
        easel.line(np.array([(0, 0), (np.sin(angle) * length, -np.cos(angle) * length)]), (30, 30, 30), 0.06)


def _stripes(easel: Easel, rng: np.random.Generator) -> None:
    first, second, turn = _colour(rng), _colour(rng), rng.uniform(0, np.pi)
    along, across = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    width = rng.uniform(0.12, 0.5)
    for k in range(-20, 21):
        corner = across * k * width
        ring = np.stack([corner - 5 * along, corner + 5 * along])
        easel.fill(np.concatenate([ring, ring[::-1] + across * width]), first if k % 2 else second)


def _texture(easel: Easel, rng: np.random.Generator) -> None:
    width, height = easel.canvas.size
    cells = int(rng.integers(10, 60))
    grain = np.clip(rng.uniform(40, 210, 3) + rng.normal(0, 40, (cells, cells, 1)), 0, 255).astype(np.uint8)
    way = Image.Resampling.NEAREST if rng.random() < 0.5 else Image.Resampling.BICUBIC
    easel.canvas.paste(Image.fromarray(grain).resize((width, height), way))


def _house(easel: Easel, rng: np.random.Generator) -> None:
    wall = _colour(rng)
    easel.fill(np.array([(-0.9, -0.3), (0.9, -0.3), (0.9, 1.1), (-0.9, 1.1)]), wall)
    easel.fill(np.array([(-1.1, -0.3), (0, -1.2), (1.1, -0.3)]), tone(wall, 0.6, 0.5))
    for x in (-0.45, 0.45):  # two windows and a door look a little like a face
        easel.fill(np.array([(-0.2, 0), (0.2, 0), (0.2, 0.35), (-0.2, 0.35)]) + (x, 0), (40, 52, 70))
    easel.fill(np.array([(-0.2, 0.6), (0.2, 0.6), (0.2, 1.1), (-0.2, 1.1)]), (70, 44, 30))


def _smiley(easel: Easel, rng: np.random.Generator) -> None:
    colour = (250, 206, 60) if rng.random() < 0.6 else _colour(rng)
    easel.disc(np.zeros(2), 1.05, 1.05, tone(colour, 0.75))
    easel.disc(np.zeros(2), 1.0, 1.0, colour)
    bend = rng.uniform(-0.5, 0.5)
    for side in (-1, 1):
        easel.disc(np.array([0.36 * side, -0.25]), 0.11, 0.17, (30, 24, 20))
    x = np.linspace(-0.55, 0.55, 9)
    easel.line(np.column_stack([x, 0.4 + bend * (0.3 - x**2)]), (30, 24, 20), 0.09)


def _flower(easel: Easel, rng: np.random.Generator) -> None:
    colour, petals = _colour(rng), int(rng.integers(5, 12))
    easel.line(np.array([(0, 0), (0.1, 2.5)]), (60, 110, 50), 0.1)
    for angle in np.linspace(0, 2 * np.pi, petals, endpoint=False):
        easel.disc(
            0.65 * np.array([np.cos(angle), np.sin(angle)]),
            0.34,
            0.34,
            tone(colour, 0.85 + 0.3 * (angle % 1)),
        )
    easel.disc(np.zeros(2), 0.36, 0.36, (230, 186, 60))


def _back_of_head(easel: Easel, rng: np.random.Generator) -> None:
    hair, cloth = tone(_colour(rng), 0.4), _colour(rng)
    easel.fill(np.array([(-0.4, 0.5), (0.4, 0.5), (0.5, 1.6), (-0.5, 1.6)]), (196, 148, 116))
    easel.fill(np.array([(-1.8, 3.0), (-1.2, 1.5), (-0.3, 1.3), (0.3, 1.3), (1.2, 1.5), (1.8, 3.0)]), cloth)
    easel.disc(np.array([0, -0.1]), 0.85, 1.1, hair)
    for _ in range(24):
        x = rng.uniform(-0.7, 0.7)
        easel.line(
            np.array([(0.2 * x, -1.1), (x, 0), (0.9 * x, 0.8 - 0.3 * x * x)]),
            tone(hair, rng.uniform(0.7, 1.4)),
            0.02,
        )


def _letters(easel: Easel, rng: np.random.Generator) -> None:
    pen: ImageDraw.ImageDraw = easel.pen
    width, height = easel.canvas.size
    easel.canvas.paste((236, 232, 222), (0, 0, width, height))
    for y in np.arange(0.08, 0.95, rng.uniform(0.05, 0.11)):
        x = 0.06
        while x < 0.9:
            word = rng.uniform(0.02, 0.12)
            pen.rectangle(
                (x * width, y * height, (x + word) * width, (y + 0.022) * height), fill=(44, 44, 48)
            )
            x += word + 0.02


_KINDS = (_cup, _tree, _cat, _clock, _stripes, _texture, _house, _smiley, _flower, _back_of_head, _letters)
