"""One drawn face, or a scene of several: person, pose, expression, surroundings and camera together."""

from dataclasses import asdict, dataclass

import numpy as np
from PIL import Image

from core.data.drawn.anatomy import FaceShape, shape_face
from core.data.drawn.easel import Easel
from core.data.drawn.expressions import PROTOTYPES, Portrayal, portray
from core.data.drawn.objects import paint_object
from core.data.drawn.painting import paint_person
from core.data.drawn.people import Person, Pose, draw_person, draw_pose
from core.data.drawn.skin import draw_light
from core.data.drawn.surroundings import (
    OCCLUSIONS,
    paint_background,
    paint_glasses,
    paint_occlusion,
    photograph,
)
from core.labels import EXPRESSIONS

#: Side of a face box, and the place of its centre below the eyes, in face units.
BOX_SIDE, BOX_CENTRE = 2.36, 0.30


@dataclass(frozen=True)
class DrawnFace:
    """A picture of one drawn face, or of no face.

    Attributes:
        image: RGB, square.
        box: x, y, width, height of the square face box in pixels, inside the image.
        landmarks: (68, 2) x and y in pixels, iBUG 300-W order, inside the image; on a no-face picture,
            where a landmark finder would imagine them.
        valence, arousal: -1 to 1; both -2 for uncertain and no-face.
        parameters: what was drawn: intensity, actions (action unit -> strength left and right), pose in
            degrees, person, occlusion, and whether the label is noise.
    """

    image: Image.Image
    box: tuple[int, int, int, int]
    landmarks: np.ndarray
    valence: float
    arousal: float
    parameters: dict


def draw_face(
    expression: str, rng: np.random.Generator, *, intensity: float | None = None, size: int = 160
) -> DrawnFace:
    """Draw one face of an expression, any of the 11 labels, `size` pixels square.

    Person, pose, light and camera come from streams of their own: generators of the same seed draw the
    same person under every expression. A given `intensity` (0 to 1) asks for a clear case, with neither
    a blend, nor label noise, nor anything in front of the face.

    Raises:
        ValueError: no label has that name.
    """
    if expression not in EXPRESSIONS:
        raise ValueError(f"'{expression}' is no expression label; expected one of {', '.join(EXPRESSIONS)}.")
    person_rng, expression_rng, view_rng, camera_rng = rng.spawn(4)
    margin = round(size * view_rng.uniform(0.05, 0.15))
    box = (margin, margin, size - 2 * margin, size - 2 * margin)
    unit = box[2] / BOX_SIDE * float(np.clip(view_rng.normal(1, 0.05), 0.9, 1.1))
    eyes = size / 2 - np.array([0, BOX_CENTRE * unit]) + view_rng.normal(0, 0.018 * size, 2)
    if expression == "no-face":
        image = photograph(paint_object(2 * size, expression_rng), camera_rng)
        resting = shape_face(draw_person(person_rng), {}, Pose(0.0, 0.0, 0.0))
        marks = _inside(eyes + unit * resting.landmarks, size)
        return DrawnFace(image, box, marks, -2.0, -2.0, {"drawn": "no-face"})
    person, pose, light = draw_person(person_rng), draw_pose(person_rng), draw_light(person_rng)
    portrayal = portray(expression, expression_rng, intensity=intensity)
    shape = shape_face(person, portrayal.actions, pose)
    canvas = paint_background((2 * size, 2 * size), view_rng)
    easel = Easel(canvas, 2 * eyes, 2 * unit)
    paint_person(easel, person, shape, pose, light, int(person_rng.integers(2**32)))
    paint_glasses(easel, person, shape, person_rng)
    hidden = _paint_occlusions(easel, person, shape, expression, view_rng, clear=intensity is not None)
    degradation = _degradation(expression, view_rng)
    image = photograph(canvas, camera_rng, **degradation)
    affect = (-2.0, -2.0) if expression == "uncertain" else (portrayal.valence, portrayal.arousal)
    parameters = _parameters(portrayal, person, pose) | {"occlusion": hidden, **degradation}
    return DrawnFace(image, box, _inside(eyes + unit * shape.landmarks, size), *affect, parameters)


def _inside(landmarks: np.ndarray, size: int) -> np.ndarray:
    return np.clip(landmarks, 0, size - 1)


def _paint_occlusions(
    easel: Easel, person: Person, shape: FaceShape, label: str, rng: np.random.Generator, *, clear: bool
) -> list[str]:
    count = 0 if clear else int(rng.random() < 0.09)
    if label == "uncertain":
        count = int(rng.choice([1, 2, 3], p=[0.45, 0.4, 0.15]))
    kinds = [str(kind) for kind in rng.choice(OCCLUSIONS, count, replace=False)]
    for kind in kinds:
        paint_occlusion(easel, person, shape, kind, rng)
    return kinds


def _degradation(label: str, rng: np.random.Generator) -> dict[str, float]:
    """Uncertain faces are often too blurred or too dark or bright to tell."""
    if label != "uncertain":
        return {}
    return {"blur": float(rng.uniform(0.5, 4.5)), "gain": float(rng.choice([0.35, 0.6, 1.0, 1.5]))}


def _parameters(portrayal: Portrayal, person: Person, pose: Pose) -> dict:
    return {
        "drawn": portrayal.shown,
        "intensity": portrayal.intensity,
        "blend": portrayal.blend,
        "actions": {unit: tuple(both.tolist()) for unit, both in sorted(portrayal.actions.items())},
        "pose": {name: float(np.rad2deg(angle)) for name, angle in asdict(pose).items()},
        "person": asdict(person),
    }


def draw_scene(
    rng: np.random.Generator, *, faces: int, size: tuple[int, int] = (900, 600)
) -> tuple[Image.Image, list[tuple[int, int, int, int]], list[str]]:
    """Several drawn people in one picture, to try the detector and the live page on.

    Returns:
        The RGB picture of `size` (width, height), face boxes (x, y, width, height) in pixels from left to
        right, and the expression of each.
    """
    width, height = size
    canvas = paint_background((2 * width, 2 * height), rng)
    rows = 1 if faces <= max(2, width // 220) else 2
    per_row = -(-faces // rows)
    unit = min(240 * 0.78 / BOX_SIDE, width / per_row / 2.9, height / rows / 3.1)
    people = []
    for place in range(faces):
        row, column = divmod(place, per_row)
        in_row = min(per_row, faces - row * per_row)
        x = width * (column + 0.5) / in_row
        y = height * (row + 0.42) / rows
        people.append((np.array([x, y]) + rng.normal(0, 0.12 * unit, 2), unit * rng.uniform(0.92, 1.05)))
    boxes, labels = [], [str(label) for label in rng.permutation(np.resize(list(PROTOTYPES), faces))]
    light = draw_light(rng)
    for (eyes, scale), label in zip(people, labels, strict=True):
        person, pose = draw_person(rng), draw_pose(rng)
        shape = shape_face(person, portray(label, rng, intensity=float(rng.uniform(0.75, 1))).actions, pose)
        easel = Easel(canvas, 2 * eyes, 2 * scale)
        paint_person(easel, person, shape, pose, light, int(rng.integers(2**32)))
        paint_glasses(easel, person, shape, rng)
        side = round(BOX_SIDE * scale)
        corner = np.clip(np.round(eyes + (0, BOX_CENTRE * scale) - side / 2), 0, np.array(size) - side)
        boxes.append((int(corner[0]), int(corner[1]), side, side))
    order = np.argsort([box[0] for box in boxes], kind="stable")
    image = photograph(canvas, rng, blur=0.0, gain=1.0)
    return image, [boxes[place] for place in order], [labels[place] for place in order]
