"""Packed faces -> batches, in an order that seed and epoch alone decide."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from core.facepack import FacePack


@dataclass(frozen=True)
class Targets:
    """What the network is to say of each face.

    Attributes:
        expression: (n,) positions in the label set.
        labels: how many labels there are.
        affect: (n, 2) float32 valence and arousal, NaN where not annotated; None without an affect head.
    """

    expression: np.ndarray
    labels: int
    affect: np.ndarray | None = None

    def select(self, rows: np.ndarray) -> "Targets":
        return Targets(self.expression[rows], self.labels, None if self.affect is None else self.affect[rows])


def class_weights(expression: np.ndarray, labels: int) -> np.ndarray:
    """(labels,) weights n / (c n_k) over the c classes present; absent classes weigh 0. Their mean over faces is 1."""
    counts = np.bincount(expression, minlength=labels)
    return np.where(counts > 0, len(expression) / (np.maximum(counts, 1) * (counts > 0).sum()), 0.0).astype(
        np.float32
    )


def face_order(expression: np.ndarray, *, seed: int, epoch: int, balanced: bool = False) -> np.ndarray:
    """(n,) rows of one epoch: a shuffle, or with `balanced` n draws in which each class is as likely.

    Within a class a balanced epoch goes through all faces before it repeats one.
    """
    rng = np.random.default_rng([seed, epoch])
    if not balanced:
        return rng.permutation(len(expression))
    classes = np.unique(expression)
    share = -(-len(expression) // len(classes))
    drawn = []
    for label in classes:
        rows = np.flatnonzero(expression == label)
        drawn.append(np.concatenate([rng.permutation(rows) for _ in range(-(-share // len(rows)))])[:share])
    return rng.permutation(np.concatenate(drawn))[: len(expression)]


def steps_per_epoch(faces: int, batch_size: int) -> int:
    """Whole batches in an epoch; the rest waits for a later shuffle. At least 1."""
    return max(faces // batch_size, 1)


def training_batches(
    pack: FacePack,
    targets: Targets,
    *,
    batch_size: int,
    seed: int,
    first_epoch: int = 0,
    balanced: bool = False,
    weighted: bool = False,
    mixup: float = 0.0,
    distilled: bool = False,
) -> Iterator[tuple]:
    """Endless (faces, targets, sample weights), epoch after epoch from `first_epoch` on.

    Targets are {"expression": (b, labels) one-hot float32} and, with an affect head, {"affect": (b, 2)};
    unannotated affect is 0 with weight 0. With `mixup` above 0 each face, its targets and its weights are
    mixed with another of the batch, as `mixed` does. With `distilled` the expression also stands as
    "distilled", the output that learns from a teacher.
    """
    weights = (
        class_weights(targets.expression, targets.labels) if weighted else np.ones(targets.labels, np.float32)
    )
    one_hot = np.eye(targets.labels, dtype=np.float32)
    epoch = first_epoch
    while True:
        order = face_order(targets.expression, seed=seed, epoch=epoch, balanced=balanced)
        mixing = np.random.default_rng([seed, epoch, 1])
        for step in range(steps_per_epoch(len(order), batch_size)):
            rows = order[step * batch_size : (step + 1) * batch_size]
            expression = targets.expression[rows]
            truth = {"expression": one_hot[expression]}
            weight = {"expression": weights[expression]}
            if targets.affect is not None:
                affect = targets.affect[rows]
                known = ~np.isnan(affect).any(axis=1)
                truth["affect"] = np.where(known[:, None], affect, 0).astype(np.float32)
                weight["affect"] = known.astype(np.float32)
            faces = pack[rows]
            if mixup:
                faces, truth, weight = mixed(faces, truth, weight, mixup, mixing)
            if distilled:
                truth["distilled"], weight["distilled"] = truth["expression"], weight["expression"]
            yield faces, truth, weight
        epoch += 1


def mixed(faces: np.ndarray, truth: dict, weight: dict, alpha: float, rng: np.random.Generator) -> tuple:
    """Each face a share l of itself and 1 - l of another of the batch, l from Beta(alpha, alpha), its target likewise.

    Zhang et al. (2018), "mixup: Beyond empirical risk minimization", with a share per face. Where one of two
    faces has no affect, the mixture has none.

    Args:
        faces: (b, S, S, C) uint8.
        truth: name -> (b, k) float32.
        weight: name -> (b,) float32.
    """
    share = rng.beta(alpha, alpha, len(faces)).astype(np.float32)
    partner = rng.permutation(len(faces))
    of_face = share[:, None, None, None]
    pixels = np.rint(of_face * faces + (1 - of_face) * faces[partner]).astype(np.uint8)
    both = {
        name: share[:, None] * values + (1 - share[:, None]) * values[partner]
        for name, values in truth.items()
    }
    weights = {
        name: values * values[partner] if name == "affect" else share * values + (1 - share) * values[partner]
        for name, values in weight.items()
    }
    return pixels, both, weights
