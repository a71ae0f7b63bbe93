"""Surroundings of a drawn face: backgrounds, glasses, things in front of the face, and the camera."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from core.data.drawn.anatomy import FaceShape, smooth
from core.data.drawn.easel import Easel, tone
from core.data.drawn.people import Person


def paint_background(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A room, a garden, a blur of colours: an RGB canvas of `size` (width, height), divisible by 4.

    Backgrounds are out of focus: painted at a quarter of the size, blurred and enlarged.
    """
    small = size[0] // 4, size[1] // 4
    canvas = _background(small, rng).filter(ImageFilter.BoxBlur(float(rng.uniform(0.3, 2.5))))
    canvas = canvas.resize((size[0] // 2, size[1] // 2), Image.Resampling.BILINEAR)
    return canvas.resize(size, Image.Resampling.NEAREST)  # halved again at the end


def _background(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    width, height = size
    kind = rng.integers(4)
    if kind == 0:  # blurred colours
        cells = rng.integers(3, 8)
        patches = _muted(rng) + rng.normal(0, 30, (cells, cells, 1)) + rng.normal(0, 14, (cells, cells, 3))
        patches = np.clip(patches, 0, 255).astype(np.uint8)
        return Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)
    top, bottom = _muted(rng), _muted(rng)
    if rng.random() < 0.6:
        bottom = np.clip(top + rng.normal(0, 30, 3), 0, 255)
    canvas = Image.fromarray(np.stack([[top], [bottom]]).astype(np.uint8)).resize(
        size, Image.Resampling.BILINEAR
    )
    pen = ImageDraw.Draw(canvas)
    count = int(rng.integers(2, 8) if kind == 1 else rng.integers(8, 24) if kind == 2 else 0)
    colours = (
        np.clip(bottom + rng.normal(0, 32, (count, 1)) + rng.normal(0, 16, (count, 3)), 0, 255)
        .astype(int)
        .tolist()
    )
    places = (rng.uniform(-0.1, 1, (count, 2)) * size).tolist()
    extents = rng.uniform(0.05, 0.6, (count, 2)).tolist()
    for colour, (x, y), (across, down) in zip(colours, places, extents, strict=True):
        if kind == 1:  # a wall with frames, shelves and doors
            pen.rectangle((x, y, x + across * width, y + down * height), fill=tuple(colour))
        else:  # leaves or lights
            r = 0.22 * across * height
            pen.ellipse((x - r, y - r, x + r, y + r), fill=tuple(colour))
    return canvas


def _muted(rng: np.random.Generator) -> np.ndarray:
    """A colour as walls and landscapes have: any lightness, little saturation."""
    return np.clip(rng.uniform(40, 220) + rng.normal(0, 24, 3), 0, 255)


def paint_glasses(easel: Easel, person: Person, shape: FaceShape, rng: np.random.Generator) -> None:
    if not person.glasses:
        return
    width = {"thin": 0.022, "thick": 0.055, "sun": 0.05}[person.glasses]
    colour = tone(person.hair, 0.6) if rng.random() < 0.6 else tuple(rng.integers(10, 150, 3).tolist())
    rims = []
    for side in (0, 1):
        upper, lower = shape.curves[f"upper lid {side}"], shape.curves[f"lower lid {side}"]
        across = upper[-1] - upper[0]
        middle = (upper[0] + upper[-1] + lower[4] * 0.2 + upper[4] * 0.2) / 2.4 + (0, 0.03)
        ring = middle + 0.66 * np.outer(_SQUIRCLE[:, 0], across) + np.outer(_SQUIRCLE[:, 1], (0, 0.22))
        rims.append((ring, middle, across))
        if person.glasses == "sun":
            easel.fill(ring, (24, 22, 26))
            easel.line(ring[9:12] * 0.75 + middle * 0.25, (86, 88, 96), 0.04)
        easel.line(np.concatenate([ring, ring[:2]]), colour, width)
    inner = [middle - 0.62 * across + (0, -0.04) for _, middle, across in rims]
    easel.line(np.array([inner[0], (inner[0] + inner[1]) / 2 - (0, 0.03), inner[1]]), colour, width)
    for side, (_, middle, across) in enumerate(rims):
        ear = shape.curves[f"skull {side}"][0] + (0, 0.02)
        easel.line(np.array([middle + 0.66 * across - (0, 0.06), ear]), colour, width)


_ANGLE = np.linspace(0, 2 * np.pi, 16, endpoint=False)
_SQUIRCLE = np.stack([np.cos(_ANGLE), np.sin(_ANGLE)], 1)
_SQUIRCLE = np.sign(_SQUIRCLE) * np.abs(_SQUIRCLE) ** 0.75

#: Things that can hide a part of the face.
OCCLUSIONS = ("hand on mouth", "hand on eye", "hand on cheek", "hair", "mask", "bar")


def paint_occlusion(
    easel: Easel, person: Person, shape: FaceShape, kind: str, rng: np.random.Generator
) -> None:
    marks, side = shape.landmarks, int(rng.integers(2))
    sign = 2 * side - 1
    if kind == "mask":
        colour = tuple(np.clip(np.array([178, 206, 220]) + rng.normal(0, 25, 3), 0, 255).astype(int).tolist())
        jaw = marks[2:15] * (1.0, 1.02)
        easel.fill(np.concatenate([jaw, marks[28:29]]), colour)
        for level in (0.35, 0.6):
            line = np.stack([marks[3], marks[33] * (1 - level) + marks[8] * level, marks[13]])
            easel.line(smooth(line), tone(colour, 0.85), 0.02)
    elif kind == "hair":
        top = marks[27] + (sign * 0.25, -1.15)
        lock = np.array([top, top + (sign * 0.1, 0.6), top + (sign * 0.25, 1.2), top + (sign * 0.45, 1.9)])
        easel.taper(smooth(lock), person.hair, np.linspace(0.7, 0.15, 13) * rng.uniform(0.6, 1.1))
    elif kind == "bar":  # a phone, a cup, a railing
        centre = marks[rng.choice([30, 36, 45, 48, 54, 57])]
        half = np.array([rng.uniform(0.12, 0.4), rng.uniform(0.3, 0.9)])
        box = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half
        turn = rng.normal(0, 0.5)
        box = box @ np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])
        easel.fill(centre + box, tuple(rng.integers(10, 240, 3).tolist()))
    else:
        place = {
            "hand on mouth": marks[62],
            "hand on eye": marks[[36, 45][side]],
            "hand on cheek": marks[[3, 13][side]],
        }
        _paint_hand(easel, person, place[kind] + rng.normal(0, 0.08, 2), sign, rng)


def _paint_hand(
    easel: Easel, person: Person, centre: np.ndarray, sign: int, rng: np.random.Generator
) -> None:
    skin, turn = tone(person.skin, 0.93, 0.1), rng.normal(0.5, 0.3) * sign
    spin = np.array([(np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn))])

    def put(points: list) -> np.ndarray:
        return centre + (np.asarray(points) * (sign, 1)) @ spin

    arm = put([(0.05, 0.5), (0.75, 0.5), (0.9, 2.6), (0.1, 2.6)])
    easel.fill(arm, tone(skin, 0.95))
    palm = put([(-0.1, 0.0), (0.7, 0.05), (0.82, 0.45), (0.7, 0.85), (0.1, 0.85), (-0.1, 0.45)])
    easel.fill(smooth(np.concatenate([palm, palm[:1]])), skin)
    for k in range(4):
        x = -0.02 + 0.2 * k
        finger = put([(x, 0.3), (x - 0.03, -0.1), (x - 0.06, -0.52 + 0.07 * abs(k - 1.4))])
        easel.taper(smooth(finger), tone(skin, 0.72), np.linspace(0.21, 0.15, 9))
        easel.taper(smooth(finger), tone(skin, 1.0 - 0.02 * k), np.linspace(0.175, 0.115, 9))
    thumb = put([(0.72, 0.6), (0.95, 0.25), (0.98, -0.02)])
    easel.taper(smooth(thumb), skin, np.linspace(0.24, 0.15, 9))


def photograph(
    canvas: Image.Image, rng: np.random.Generator, *, blur: float | None = None, gain: float | None = None
) -> Image.Image:
    """Halve the canvas and add what a camera adds: exposure, colour cast, blur, noise, sometimes no colour.

    `blur` is a Gaussian's radius in final pixels, `gain` the exposure; drawn at random if not given.
    """
    image = canvas.reduce(2)
    blur = float(max(rng.normal(0.1, 0.5), 0)) if blur is None else blur
    if blur > 0.2:
        image = image.filter(ImageFilter.GaussianBlur(blur * min(image.size) / 160))
    gain = float(rng.lognormal(0, 0.13)) if gain is None else gain
    contrast, cast = rng.uniform(0.8, 1.12), rng.normal(1, 0.035, 3)
    levels = np.arange(256)
    tables = [np.clip(((levels - 118) * contrast + 118) * gain * c, 0, 255) for c in cast]
    image = image.point(np.concatenate(tables).round().astype(int).tolist())
    if rng.random() < 0.10:
        image = image.convert("L").convert("RGB")
    noise = float(rng.gamma(2.0, 1.4))
    if noise > 1:
        # One grain for all three channels, with a little colour of its own: the look of a small sensor.
        pixels = np.asarray(image).astype(np.int16)
        grain = rng.standard_normal(pixels.shape[:2], dtype=np.float32) * noise
        image = Image.fromarray(np.clip(pixels + grain[..., None].astype(np.int16), 0, 255).astype(np.uint8))
    return image
