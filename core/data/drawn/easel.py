"""A canvas to paint on in face units: polygons, tapered strokes, and paint kept inside an outline.

Everything is drawn at twice the final size and halved at the end, which smooths the edges.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]


def tone(colour: Colour, factor: float, warmth: float = 0.0) -> Colour:
    """A colour made darker (factor < 1) or lighter, and redder by `warmth` (0 to 1)."""
    red, green, blue = colour
    cool = factor * (1 - 0.08 * warmth)
    return (
        min(int(red * factor * (1 + 0.16 * warmth)), 255),
        min(int(green * cool), 255),
        min(int(blue * cool), 255),
    )


@dataclass
class Easel:
    """A canvas with the face's place on it: `origin` and `unit` in canvas pixels."""

    canvas: Image.Image
    origin: np.ndarray
    unit: float

    def __post_init__(self) -> None:
        self.pen = ImageDraw.Draw(self.canvas)

    def place(self, points: np.ndarray) -> np.ndarray:
        return self.origin + self.unit * points

    def fill(self, points: np.ndarray, colour: Colour) -> None:
        """Fill the polygon of (n, 2) points in face units."""
        self.pen.polygon(self.place(points).ravel().tolist(), fill=colour)

    def line(self, points: np.ndarray, colour: Colour, width: float) -> None:
        """A line of `width` face units."""
        pixels = max(1, round(width * self.unit))
        self.pen.line(self.place(points).ravel().tolist(), fill=colour, width=pixels, joint="curve")

    def taper(self, points: np.ndarray, colour: Colour, widths: np.ndarray) -> None:
        """A stroke whose width, in face units, changes along the (n, 2) points."""
        self.fill(tapered(points, widths), colour)

    def disc(self, centre: np.ndarray, radius_x: float, radius_y: float, colour: Colour) -> None:
        (x, y), rx, ry = self.place(centre), radius_x * self.unit, radius_y * self.unit
        self.pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=colour)

    def inside(self, outline: np.ndarray) -> "Window":
        """A window that lets paint through only inside the (n, 2) outline."""
        return Window(self, outline)


class Window:
    """`with easel.inside(outline) as part:` paints on a copy; only what lies in the outline is kept."""

    def __init__(self, easel: Easel, outline: np.ndarray) -> None:
        self.easel, pixels = easel, easel.place(outline)
        low = np.maximum(np.floor(pixels.min(0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(pixels.max(0)).astype(int) + 2, easel.canvas.size)
        self.corner, self.size = low, np.maximum(high - low, 1)
        self.outline = (pixels - low).ravel().tolist()

    def __enter__(self) -> Easel:
        (x, y), (w, h) = self.corner.tolist(), self.size.tolist()
        part = self.easel.canvas.crop((x, y, x + w, y + h))
        self.part = Easel(part, self.easel.origin - self.corner, self.easel.unit)
        return self.part

    def __exit__(self, *failure: object) -> None:
        mask = Image.new("L", tuple(self.size.tolist()))
        ImageDraw.Draw(mask).polygon(self.outline, fill=255)
        self.easel.canvas.paste(self.part.canvas, tuple(self.corner.tolist()), mask)


def tapered(points: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """Outline of a stroke along (n, 2) points with `widths` (n,)."""
    along = np.empty_like(points)
    along[1:-1] = points[2:] - points[:-2]
    along[0], along[-1] = points[1] - points[0], points[-1] - points[-2]
    across = along[:, ::-1] * (-0.5, 0.5) / (np.hypot(along[:, 0], along[:, 1])[:, None] + 1e-9)
    across = across * widths[:, None]
    return np.concatenate([points + across, (points - across)[::-1]])
