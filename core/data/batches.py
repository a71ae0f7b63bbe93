"""Packed faces -> batches, in an order that seed and epoch alone decide."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np

from core.data.face_pack import FacePack
from core.metrics.votes import vote_shares


@dataclass(frozen=True)
class Targets:
    """Training targets of faces.

    Attributes:
        expression: (n,) positions in the label set.
        labels: how many labels there are.
        affect: (n, 2) float32 valence and arousal, NaN where not annotated; None without an affect head.
        soft: (n, labels) float32 distributions that the expression loss learns in place of `expression`, such as those of
            `soft_targets`; None: one-hot. Class weights, balanced sampling and validation use `expression`.
    """

    expression: np.ndarray
    labels: int
    affect: np.ndarray | None = None
    soft: np.ndarray | None = None

    @property
    def distributions(self) -> np.ndarray:
        """(n, labels) float32: `soft`, or `expression` as one-hot vectors."""
        return np.eye(self.labels, dtype=np.float32)[self.expression] if self.soft is None else self.soft

    def select(self, rows: np.ndarray) -> "Targets":
        affect, soft = (None if each is None else each[rows] for each in (self.affect, self.soft))
        return Targets(self.expression[rows], self.labels, affect, soft)


def soft_targets(votes: np.ndarray, expression: np.ndarray) -> np.ndarray:
    """(n, c) float32 shares of the votes; the one-hot label where a face has no votes for these labels.

    Args:
        votes: (n, c) votes or weights of a soft label, of the c labels of the set in its order.
        expression: (n,) positions of the labels.
    """
    shares = vote_shares(votes).astype(np.float32)
    without = np.flatnonzero(~shares.any(axis=1))
    shares[without, expression[without]] = 1.0
    return shares


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


@dataclass(frozen=True)
class EpochPlan:
    """The batches of one epoch.

    Attributes:
        rows: (steps, b) which faces.
        share: (steps, b) float32, how much of each face its mixture holds; None without mixup and cutmix.
        partner: (steps, b) place in the batch of the face that has the rest; None without mixup and cutmix.
        box: (steps, b, 4) int32 top, bottom, left and right of the pixels that come from the partner, the lower and right
            ends exclusive; None without cutmix.
    """

    rows: np.ndarray
    share: np.ndarray | None = None
    partner: np.ndarray | None = None
    box: np.ndarray | None = None

    def mixture(self, step: int) -> tuple:
        """Share, partner and box of a step's faces, as `mixed` takes them."""
        return self.share[step], self.partner[step], None if self.box is None else self.box[step]


def plan_epoch(
    expression: np.ndarray,
    *,
    batch_size: int,
    seed: int,
    epoch: int,
    balanced: bool = False,
    mixup: float = 0.0,
    cutmix: float = 0.0,
    side: int = 0,
) -> EpochPlan:
    """The batches of epoch `epoch`, from 0, in `face_order`.

    With `mixup` above 0 the shares come from Beta(mixup, mixup) and each batch has its own pairs. Of shares
    with 16 bits float32 mixes pixels without error, so that every processor rounds the mixture alike.

    With `cutmix` above 0 a square of the area 1 - l, l from Beta(cutmix, cutmix), lies around a random pixel of the faces
    of `side` pixels; what of it lies outside is cut off, and the share is that of the other pixels (Yun et al. 2019,
    "CutMix: Regularization strategy to train strong classifiers with localizable features", algorithm A1).
    """
    order = face_order(expression, seed=seed, epoch=epoch, balanced=balanced)
    steps, size = steps_per_epoch(len(order), batch_size), min(batch_size, len(order))
    rows = order[: steps * size].reshape(steps, size)
    strength = mixup or cutmix
    if not strength:
        return EpochPlan(rows)
    rng = np.random.default_rng([seed, epoch, 1])
    drawn = [(rng.beta(strength, strength, size), rng.permutation(size)) for _ in range(steps)]
    share, partner = map(np.stack, zip(*drawn, strict=True))
    if mixup:
        return EpochPlan(rows, (np.rint(share * 2**16) / 2**16).astype(np.float32), partner)
    cut = np.rint(np.sqrt(1 - share) * side).astype(np.int32)[..., None]
    begin = rng.integers(side, size=(steps, size, 2), dtype=np.int32) - cut // 2
    (top, left), (bottom, right) = (
        np.moveaxis(np.clip(ends, 0, side), -1, 0) for ends in (begin, begin + cut)
    )
    box = np.stack([top, bottom, left, right], axis=-1)
    left_over = 1 - (bottom - top) * (right - left) / side**2
    return EpochPlan(rows, left_over.astype(np.float32), partner, box)


def label_weights(targets: Targets, *, weighted: bool) -> np.ndarray:
    """(labels,) float32 weights of the expressions: `class_weights`, or 1 each."""
    if weighted:
        return class_weights(targets.expression, targets.labels)
    return np.ones(targets.labels, np.float32)


def targets_and_weights(
    targets: Targets, weights: np.ndarray, *, distilled: bool = False
) -> tuple[dict, dict]:
    """Targets and sample weights as Keras takes them, by output.

    Targets are {"expression": (n, labels) float32 `Targets.distributions`} and, with an affect head,
    {"affect": (n, 2)}; unannotated affect is 0 with weight 0. With `distilled` the expression also stands as "distilled", the
    output that learns from a teacher.

    Args:
        weights: what `label_weights` gives.
    """
    truth = {"expression": targets.distributions}
    weight = {"expression": weights[targets.expression]}
    if targets.affect is not None:
        known = ~np.isnan(targets.affect).any(axis=1)
        truth["affect"] = np.where(known[:, None], targets.affect, 0).astype(np.float32)
        weight["affect"] = known.astype(np.float32)
    if distilled:
        truth["distilled"], weight["distilled"] = truth["expression"], weight["expression"]
    return truth, weight


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
    cutmix: float = 0.0,
    distilled: bool = False,
) -> Iterator[tuple]:
    """Endless (faces, targets, sample weights), epoch after epoch from `first_epoch` on.

    The batches are those of `plan_epoch`, with `targets_and_weights`, mixed as `mixed` does with mixup or cutmix.
    """
    weights = label_weights(targets, weighted=weighted)
    for epoch in count(first_epoch):
        plan = plan_epoch(
            targets.expression,
            batch_size=batch_size,
            seed=seed,
            epoch=epoch,
            balanced=balanced,
            mixup=mixup,
            cutmix=cutmix,
            side=pack.images.shape[1],
        )
        for step, rows in enumerate(plan.rows):
            batch = pack[rows], *targets_and_weights(targets.select(rows), weights, distilled=distilled)
            yield batch if plan.share is None else mixed(*batch, *plan.mixture(step))


def mixed(faces, truth: dict, weight: dict, share, partner, box=None, *, numpy=np) -> tuple:
    """Each face a share l of itself and 1 - l of another of the batch, its target likewise.

    Zhang et al. (2018), "mixup: Beyond empirical risk minimization", with a share per face: pixels are blended. With `box`
    its pixels are those of the other face instead (cutmix, see `plan_epoch`). Where one of two faces has no affect, the
    mixture has none.

    Args:
        faces: (b, S, S, C) uint8.
        truth: name -> (b, k) float32.
        weight: name -> (b,) float32.
        share: (b,) float32, each face's l.
        partner: (b,) place of the other face.
        box: (b, 4) as in EpochPlan, or None.
        numpy: the module whose arrays these are: numpy or jax.numpy.
    """
    if box is None:
        of_face = share[:, None, None, None]
        pixels = numpy.rint(of_face * faces + (1 - of_face) * faces[partner]).astype(numpy.uint8)
    else:
        place = numpy.arange(faces.shape[1])
        down, across = ((place >= box[:, low, None]) & (place < box[:, low + 1, None]) for low in (0, 2))
        inside = (down[:, :, None] & across[:, None, :])[..., None]
        pixels = numpy.where(inside, faces[partner], faces)
    both = {
        name: share[:, None] * values + (1 - share[:, None]) * values[partner]
        for name, values in truth.items()
    }
    weights = {
        name: values * values[partner] if name == "affect" else share * values + (1 - share) * values[partner]
        for name, values in weight.items()
    }
    return pixels, both, weights
