"""The geometry of a drawn face: a person, a pose and facial actions become curves and 68 landmarks.

Face units: the origin lies between the eyes, x to the viewer's right, y down, z towards the viewer; the
half width of a face is about 1, chin at y = 1.38, top of the skull at y = -1.22. What each action unit
moves follows the Facial Action Coding System (Ekman, Friesen & Hager 2002).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from core.data.drawn.expressions import Actions
from core.data.drawn.people import Person, Pose


@cache
def _spline_matrix(count: int, steps: int) -> np.ndarray:
    """Rows: points on an open Catmull-Rom curve; columns: weights of its `count` control points."""
    rows = []
    for segment in range(count - 1):
        ends = [max(segment - 1, 0), segment, segment + 1, min(segment + 2, count - 1)]
        for t in np.arange(steps) / steps:
            row = np.zeros(count)
            basis = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
            np.add.at(row, ends, np.array(basis) / 2)
            rows.append(row)
    rows.append(np.eye(count)[-1])
    return np.array(rows)


def smooth(points: np.ndarray, steps: int = 4) -> np.ndarray:
    """A smooth open curve through (n, k) points, `steps` points to each span."""
    return _spline_matrix(len(points), steps) @ points


def depth(points: np.ndarray) -> np.ndarray:
    """z of points on the front of the head, in face units, from (n, 2) x and y."""
    x, y = points[:, 0] / 1.12, (points[:, 1] - 0.15) / 1.55
    return 0.65 * np.sqrt(np.maximum(1 - x**2 - y**2, 0.02))


#: How much further drawn features move than real ones do: drawings overstate.
MOTION = 1.25

_LID = np.linspace(0, 1, 9)
_LID_SHAPE = np.sin(np.pi * _LID**0.9) ** 0.8
_JAW_X = np.array([1.0, 0.99, 0.955, 0.89, 0.78, 0.62, 0.43, 0.22, 0.0])
_JAW_Y = np.array([-0.04, 0.22, 0.48, 0.72, 0.95, 1.14, 1.28, 1.36, 1.385])
_JAW_Z = np.array([0.05, 0.06, 0.08, 0.12, 0.18, 0.26, 0.36, 0.42, 0.44])
_FOREHEAD = np.column_stack([np.linspace(-0.55, 0.55, 7), -0.55 + 0.05 * np.linspace(-1, 1, 7) ** 2])
_SKULL = np.array([(1.0, -0.04), (0.995, -0.42), (0.9, -0.78), (0.62, -1.08), (0.3, -1.2), (0.0, -1.23)])


def _half(person: Person, act: dict[int, float], side: int) -> dict[str, np.ndarray]:
    """Curves of one half of the face, (n, 3), drawn as if on the viewer's right, then mirrored by `side`."""

    def a(unit: int) -> float:
        return MOTION * act.get(unit, 0.0)

    curves: dict[str, np.ndarray] = {}
    # Brows: AU1 raises the inner, AU2 the outer part; AU4 lowers and draws together.
    u = np.linspace(0, 1, 5)
    x = 0.15 + 0.54 * u
    y = (
        -0.27
        - person.brow_height
        - 0.085 * person.brow_arch * np.sin(np.pi * np.clip(u, 0, 1) ** 1.4)
        + 0.03 * u
    )
    y = y + person.brow_rest * (1 - u)
    y = y - 0.17 * a(1) * np.array([1, 0.8, 0.4, 0.1, 0]) - 0.15 * a(2) * np.array([0.1, 0.4, 0.85, 1, 0.75])
    y = y + 0.135 * a(4) * np.array([1, 0.9, 0.65, 0.3, 0.05]) + 0.06 * a(9) * np.array([1, 0.8, 0.4, 0.1, 0])
    x = x - 0.06 * a(4) * np.array([1, 0.8, 0.5, 0.2, 0])
    y = y + 0.02 * a(6) * u
    curves["brow"] = np.stack([x, y], 1)
    # Eyes: AU5 widens, AU7 and AU6 narrow, AU43 closes.
    middle, half, size = 0.42 * person.eye_spacing, 0.185 * (0.5 + 0.5 * person.eye_size), person.eye_size
    upper = 0.100 * size + 0.066 * a(5) - 0.034 * a(7) - 0.012 * a(6) - 0.02 * a(9) - 0.012 * a(4)
    lower = 0.066 * size + 0.016 * a(5) - 0.032 * a(7) - 0.036 * a(6) - 0.02 * a(9)
    shut = min(a(43), 1.0)
    upper, lower = max(upper, 0.018) * (1 - shut) - 0.035 * shut, max(lower, 0.012) * (1 - 0.35 * shut)
    lower = max(lower, -upper + 0.004)
    line = np.stack([middle - half + 2 * half * _LID, 0.022 - (0.03 + person.eye_tilt) * _LID], 1)
    bow = _LID_SHAPE[:, None]
    curves["upper lid"] = line - bow * (0, upper)
    curves["lower lid"] = line + bow * (0, lower)
    lift = 0.05 + 0.012 * a(1) + 0.012 * a(2) - 0.03 * a(4) - 0.01 * a(7)
    curves["lid crease"] = line - bow * (0, max(upper, 0.03) + max(lift, 0.012)) + (0.01, -0.005)
    curves["eye bag"] = line + bow * (0, lower + 0.055 - 0.015 * a(6)) + (0, 0.012)
    curves["iris"] = np.array([[middle, -0.012]])
    # Nose wing: AU9 and AU10 raise it.
    lifted = 0.05 * a(9) + 0.03 * a(10)
    wing, base = 0.185 * person.nose_width * (1 + 0.12 * a(9)), 0.56 * person.nose_length
    curves["wing"] = np.array(
        [(wing * 0.62, base - 0.15 - lifted), (wing * 0.98, base - 0.10 - lifted), (wing * 1.04, base - 0.03 - lifted),
         (wing * 0.78, base + 0.012 - lifted * 0.7), (wing * 0.4, base + 0.02 - lifted * 0.5)]
    )  # fmt: skip
    curves["nostril"] = np.array([[wing * 0.55, base - 0.004 - lifted * 0.8]])
    # Mouth: corners first, then the lips between corner and middle.
    jaw = 0.24 * a(26) + 0.40 * a(27)
    level = 0.88 + person.mouth_height
    full = 0.085 * person.lip_fullness * (1 - 0.45 * min(a(24), 1) - 0.3 * min(a(23), 1))
    pull = (
        0.105 * a(12)
        + 0.13 * a(20)
        + 0.045 * a(14)
        + 0.02 * a(10)
        - 0.04 * a(24)
        - 0.03 * a(23)
        - 0.15 * a(18)
    )
    fall = 0.115 * a(15) + 0.055 * a(20) - 0.125 * a(12) - 0.085 * a(14) - 0.01 * a(10) + person.corner_rest
    fall = fall + 0.35 * jaw
    corner = np.array([0.335 * person.mouth_width + pull - 0.32 * jaw, level + fall])
    push = 0.05 * a(17)
    raised = 0.085 * a(10) + 0.045 * a(9)
    part = 0.05 * min(a(25), 1.3) * (1 + 0.5 * a(12)) + 0.03 * a(16)
    inner_top = level - 0.4 * part - 0.6 * raised - push * 0.5 - 0.035 * a(12) * min(a(25), 1) - 0.01 * a(18)
    inner_low = (
        inner_top + part + 0.95 * jaw + (0.6 * raised if a(25) > 0.1 else 0.0) + 0.01 * a(12) * min(a(25), 1)
    )

    def lip(fraction: float, middle_y: float, follow: float, bow: float) -> tuple[float, float]:
        return corner[0] * fraction, middle_y + (corner[1] - middle_y) * follow + bow

    curves["lip top"] = np.array(
        [lip(0.0, inner_top - full * 0.72 - 0.3 * raised, 0, 0), lip(0.3, inner_top - full * 0.95 - 0.45 * raised, 0.1, 0),
         lip(0.68, inner_top - full * 0.62 - 0.4 * raised, 0.5, 0), tuple(corner)]
    )  # fmt: skip
    curves["lip inner top"] = np.array(
        [lip(0.0, inner_top, 0, 0), lip(0.5, inner_top, 0.28, 0), (corner[0] * 0.93, corner[1])]
    )
    curves["lip inner low"] = np.array(
        [
            lip(0.0, inner_low, 0, 0),
            lip(0.5, inner_low, 0.30 if jaw < 0.1 else 0.24, 0),
            (corner[0] * 0.93, corner[1]),
        ]
    )
    thick = full * (1.25 + 0.35 * a(17))
    curves["lip low"] = np.array(
        [lip(0.0, inner_low + thick, 0, 0), lip(0.34, inner_low + thick * 0.97, 0.06, 0),
         lip(0.7, inner_low + thick * 0.62, 0.42, 0), tuple(corner)]
    )  # fmt: skip
    # Jaw: AU26 and AU27 lower it; AU17 raises the chin.
    drop = np.clip((_JAW_Y - 0.5) / 0.9, 0, 1) * (0.72 * jaw - 0.03 * a(17))
    square = np.sin(np.clip((_JAW_Y - 0.3) / 1.08, 0, 1) * np.pi) * (person.jaw - 1) * 0.9
    curves["jaw"] = np.stack([_JAW_X * person.width * (1 + square), _JAW_Y * person.length + drop], 1)
    curves["skull"] = _SKULL * (person.width, 1.0)
    # Creases.
    fold = 0.05 * a(12) + 0.03 * a(10) + 0.02 * a(9)
    curves["nasolabial"] = smooth(np.array(
        [(wing * 1.12, base - 0.09 - lifted), (wing * 1.5 + fold, base + 0.05 - lifted * 0.6 - fold * 0.3),
         (corner[0] * 0.97 + 0.055 + fold * 0.6, corner[1] - 0.13), (corner[0] + 0.06 + fold * 0.4, corner[1] + 0.02)]
    ))  # fmt: skip
    curves["marionette"] = np.array([corner + (0.015, 0.02), corner + (0.05, 0.10), corner + (0.045, 0.17)])
    curves["dimple"] = np.array([corner + (0.04, -0.06), corner + (0.065, 0.0), corner + (0.04, 0.06)])
    outer = line[-1]
    for k, slope in enumerate((-0.09, 0.0, 0.08)):
        curves[f"crow {k}"] = np.array(
            [outer + (0.05, slope * 0.5), outer + (0.11, slope * 1.0), outer + (0.17, slope * 1.7)]
        )
    curves["glabella"] = np.array([(0.05, -0.12), (0.06, -0.22), (0.045, -0.33)])
    curves["bunny"] = np.array([(0.02, 0.07), (0.08, 0.10), (0.13, 0.16)])
    curves["cheek"] = np.array([(0.60, 0.42 - 0.05 * a(6) - 0.03 * a(12))])
    return {name: points * (side, 1) for name, points in curves.items()}


#: How far features stand out of the head's ellipsoid, in face units; jaw and skull have depths of their own.
_RELIEF = {"brow": 0.03, "upper lid": -0.04, "lower lid": -0.04, "iris": -0.03, "wing": 0.13, "nostril": 0.16,
           "lip top": 0.05, "lip inner top": 0.04, "lip inner low": 0.04, "lip low": 0.05, "wing middle": 0.14}  # fmt: skip


_RIDGE_RELIEF = np.array([0.03, 0.08, 0.16, 0.25])


def _to_3d(curves: dict[str, np.ndarray]) -> np.ndarray:
    """All curves end to end as (n, 3) points."""
    flat = np.concatenate(list(curves.values()))
    z, start = depth(flat), 0
    for name, points in curves.items():
        kind, here = name[:-2], slice(start, start + len(points))
        if kind == "jaw":
            z[here] = _JAW_Z
        elif kind == "skull":
            z[here] = 0.02
        elif name == "ridge":
            z[here] += _RIDGE_RELIEF
        elif kind in _RELIEF:
            z[here] += _RELIEF[kind]
        start += len(points)
    return np.column_stack([flat, z])


@dataclass(frozen=True)
class FaceShape:
    """A posed face in face units: `curves[name]` is (n, 2); names of paired curves end in ' 0' or ' 1'.

    `landmarks` is (68, 2) in the iBUG 300-W order; `strength(unit)` the mean strength of an action.
    """

    curves: dict[str, np.ndarray]
    landmarks: np.ndarray
    actions: Actions

    def strength(self, unit: int, side: int | None = None) -> float:
        both = self.actions.get(unit)
        if both is None:
            return 0.0
        return float(both.mean() if side is None else both[side])

    def both(self, name: str) -> np.ndarray:
        """A curve that runs from the viewer's left end over the middle to the right end."""
        return np.concatenate([self.curves[f"{name} 0"][::-1], self.curves[f"{name} 1"][1:]])


def pose_points(points: np.ndarray, pose: Pose) -> np.ndarray:
    """Turn (n, 3) points about the head's centre and look at them from the front: (n, 2)."""
    x, y, z = points.T
    x, z = x * np.cos(pose.yaw) + z * np.sin(pose.yaw), z * np.cos(pose.yaw) - x * np.sin(pose.yaw)
    y, z = (
        (y - 0.2) * np.cos(pose.pitch) - z * np.sin(pose.pitch),
        z * np.cos(pose.pitch) + y * np.sin(pose.pitch),
    )
    near = 1 + 0.08 * (z - 0.3)
    x, y = x * near, y * near
    cos, sin = np.cos(pose.roll), np.sin(pose.roll)
    return np.stack([x * cos - y * sin, x * sin + y * cos + 0.2], 1)


def posed(pose: Pose, points: list, z: float) -> np.ndarray:
    """Points at one depth, turned with the head."""
    flat = np.asarray(points, dtype=float)
    return pose_points(np.column_stack([flat, np.full(len(flat), z)]), pose)


def shape_face(person: Person, actions: Actions, pose: Pose) -> FaceShape:
    """Positions of all parts of the face after facial actions and head rotation."""
    # The middle of a face moves with the mean of both halves; jaw and lips must meet there.
    middle = {unit: float(both.mean()) for unit, both in actions.items()}
    flat: dict[str, np.ndarray] = {}
    for index, side in enumerate((-1, 1)):
        half = {unit: float(both[index]) for unit, both in actions.items()}
        half |= {unit: middle[unit] for unit in (17, 25, 26, 27) if unit in middle}
        flat |= {f"{name} {index}": points for name, points in _half(person, half, side).items()}
    for name in ("lip top", "lip inner top", "lip inner low", "lip low", "jaw"):
        shared = (flat[f"{name} 0"] + flat[f"{name} 1"])[0 if name != "jaw" else -1] / 2
        for index in (0, 1):
            flat[f"{name} {index}"][0 if name != "jaw" else -1] = shared
    base = 0.56 * person.nose_length
    lift = 0.03 * middle.get(9, 0.0) + 0.01 * middle.get(10, 0.0)
    ridge = np.array([(0, -0.02), (0, 0.13), (0, 0.28), (0, base - 0.14 - lift)])
    flat["ridge"] = ridge
    flat["wing middle 0"] = np.array([(0, base + 0.035 - lift)])
    raised = 0.04 * middle.get(1, 0.0) * (1 - np.abs(_FOREHEAD[:, 0])) + 0.03 * middle.get(2, 0.0)
    for row in range(4):
        flat[f"forehead {row}"] = _FOREHEAD - np.column_stack([0 * raised, raised + 0.09 * row])
    ends = np.cumsum([len(points) for points in flat.values()])[:-1]
    posed = np.split(pose_points(_to_3d(flat), pose), ends)
    curves = dict(zip(flat, posed, strict=True))
    return FaceShape(curves, _landmarks(curves), actions)


def _landmarks(curves: dict[str, np.ndarray]) -> np.ndarray:
    """The 68 points of iBUG 300-W (Sagonas et al. 2013)."""

    def left(name: str) -> np.ndarray:
        return curves[f"{name} 0"]

    def right(name: str) -> np.ndarray:
        return curves[f"{name} 1"]

    return np.concatenate([
        left("jaw"), right("jaw")[-2::-1],
        left("brow")[::-1], right("brow"),
        curves["ridge"],
        left("wing")[[3, 4]], curves["wing middle 0"], right("wing")[[4, 3]],
        left("upper lid")[[8, 5, 2]], left("lower lid")[[0, 2, 5]],
        right("upper lid")[[0, 2, 5]], right("lower lid")[[8, 5, 2]],
        left("lip top")[:0:-1], right("lip top"), right("lip low")[2:0:-1], left("lip low")[:3],
        left("lip inner top")[:0:-1], right("lip inner top"), right("lip inner low")[1:2],
        left("lip inner low")[:2],
    ])  # fmt: skip
