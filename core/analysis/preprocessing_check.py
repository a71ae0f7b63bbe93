"""Accuracy of an imported network under the stated preprocessing and under those that other projects use."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.data.face_pack import pack_faces
from core.data.face_table import FaceTable
from core.data.network_input import NetworkInput, usual_variants
from core.data.preprocessing import PreprocessingConfig
from core.labels import LabelSet
from core.metrics.comparison import holm
from core.metrics.proportions import mcnemar_mid_p
from core.metrics.text import percent

#: Faces of the check, and of that of small networks, which are fast.
FACES, FACES_OF_SMALL, SMALL_SIDE = 64, 256, 64

#: Another preprocessing is far better if it recognises so many more faces and the difference is significant.
GAIN, SIGNIFICANCE = 0.1, 0.01

#: Faces per call of the network.
_BATCH = 32


@dataclass(frozen=True)
class PreprocessingCheck:
    """Accuracy of a network on the same faces under several preprocessings.

    Attributes:
        faces: number of faces.
        accuracy: preprocessing -> accuracy, 0 to 1; the stated one first.
        better: the most accurate one, where it is far better than the stated one; None otherwise.
    """

    faces: int
    accuracy: dict[NetworkInput, float]
    better: NetworkInput | None

    def lines(self) -> list[str]:
        """One line per preprocessing, the stated one first, then by accuracy."""
        stated, *others = self.accuracy
        ordered = [stated, *sorted(others, key=lambda each: -self.accuracy[each])]
        return [
            f"  {percent(self.accuracy[each]):>7s}  {each.sentence()}{' (as stated)' if each == stated else ''}"
            for each in ordered
        ]

    def caution(self) -> str:
        """Sentence with the options of a far better preprocessing; '' without one."""
        if self.better is None:
            return ""
        stated, better = next(iter(self.accuracy)), self.better
        return (
            f"The stated preprocessing is probably wrong: on the same {self.faces} faces the network recognises "
            f"{percent(self.accuracy[stated])} with it and {percent(self.accuracy[better])} with {better.sentence()}; check it, and "
            f"import again with {_options(better)}."
        )

    def as_dict(self) -> dict:
        return {
            "faces": self.faces,
            "accuracy": {each.sentence(): round(value, 4) for each, value in self.accuracy.items()},
        }


def draw_faces(
    table: FaceTable, labels: LabelSet, preprocessing: PreprocessingConfig
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Faces for the check, drawn at random: {"grey": (n, S, S, 1), "rgb": (n, S, S, 3)} uint8, and their labels' positions.

    Args:
        table: faces whose expressions are in `labels`.
    """
    most = FACES_OF_SMALL if preprocessing.size <= SMALL_SIDE else FACES
    rows = np.random.default_rng(0).permutation(len(table))[:most]
    chosen = table.select(np.sort(rows))
    faces = {}
    for colour in ("grey", "rgb"):
        chosen, pack = pack_faces(chosen, replace(preprocessing, colour=colour))
        faces[colour] = pack[:]
    return faces, labels.positions(chosen.faces["expression"].to_numpy())


def check_preprocessing(
    run: Callable[[np.ndarray], np.ndarray],
    stated: NetworkInput,
    faces: dict[str, np.ndarray],
    truth: np.ndarray,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> PreprocessingCheck:
    """Compare the stated preprocessing with the usual ones, by McNemar's mid-p test with Holm's correction.

    Args:
        run: function of converted faces to their (n, labels) logits or probabilities.
        faces, truth: from `draw_faces`.
        progress: called as progress(done, total), in preprocessings.
    """
    variants = [stated, *usual_variants(stated)]
    right = []
    for number, variant in enumerate(variants):
        pixels = faces["grey" if variant.colour == "grey" else "rgb"]
        x = variant.convert(pixels)
        values = np.concatenate([run(x[start : start + _BATCH]) for start in range(0, len(x), _BATCH)])
        right.append(np.nan_to_num(values).argmax(axis=1) == truth)
        if progress:
            progress(number + 1, len(variants))
    accuracy = {variant: float(hits.mean()) for variant, hits in zip(variants, right, strict=True)}
    p_values = holm(
        [mcnemar_mid_p(int((right[0] & ~h).sum()), int((h & ~right[0]).sum())) for h in right[1:]]
    )
    far_better = [
        variant
        for variant, p in zip(variants[1:], p_values, strict=True)
        if p < SIGNIFICANCE and accuracy[variant] >= accuracy[stated] + GAIN
    ]
    better = max(far_better, key=accuracy.__getitem__, default=None)
    return PreprocessingCheck(len(truth), accuracy, better)


def _options(variant: NetworkInput) -> str:
    """Options of core.import_model that state a preprocessing."""
    words = [f"--colour {variant.colour}", f"--scale={variant.scale}"]
    for name, numbers in (("mean", variant.mean), ("std", variant.std)):
        if numbers:
            words.append(f"--{name} {','.join(f'{number:g}' for number in numbers)}")
    return " ".join(words)
