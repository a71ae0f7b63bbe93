"""Coverage of the 95 % intervals by simulation: `python benchmarks/coverage.py`, or a part of it, `--only scores` (rare, calibration, pairs, differences).

Test sets are drawn from populations whose numbers are known, and `score()` and `compare_predictions()` asked for
intervals and p-values; the table says in how many of the test sets an interval held the population's number, and in
how many two equally good networks were called different. Nominal are 95% and 5%. With r repetitions the figure
itself is uncertain by 1.96 sqrt(0.95 x 0.05 / r): 1.1 points for 1,500.

A population is 400,000 faces whose labels show as normal features; a network answers with the labels' exact
posterior probabilities, which are calibrated, raised to a power: above 1 it is over-confident. Test sets are drawn as the
intervals assume (core/metrics/intervals.py): with the labels at random or, where the world says so, with fixed numbers of
faces per label. Numbers without an interval do not count; `known` is the share of test sets that have one. With
`--limits` every test set is scored as if it had more than 20,000 faces. Figures go to benchmarks/results/. The whole takes
about 20 minutes on two idle cores.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.labels import LABEL_SETS
from core.metrics import calibration, comparison, intervals
from core.metrics.calibration_interval import calibration_interval
from core.metrics.headline import HEADLINES
from core.metrics.predictions import Predictions
from core.metrics.scoring import Scores, score

ROOT = Path(__file__).resolve().parent.parent

POPULATION = 400_000

#: Faces per label of FER2013's PublicTest, in the order of the 7-label set.
FER2013 = (607, 895, 653, 415, 528, 56, 467)


@dataclass(frozen=True)
class World:
    """A simulated population: faces per label of a test set, separation of the labels, accuracy of the network."""

    faces: tuple[int, ...]
    apart: float = 2.0
    power: float = 1.0
    b_power: float | None = None  # a second network with this power on its own view of the same faces
    b_apart: float | None = None  # and a clearer or dimmer view
    fixed: bool = False  # the numbers of faces per label are fixed
    changed: float = 1.0  # share of the faces that the second network answers on its own; else as the first

    @property
    def labels(self) -> tuple[str, ...]:
        return LABEL_SETS[len(self.faces)].labels


SCORES = {
    "8 labels, 500 faces of each": World((500,) * 8, fixed=True),
    "FER2013's mix, 3,621 faces": World(FER2013, power=1.3),
    "7 labels, about 1,050 faces, over-confident": World((150,) * 7, power=1.6),
}

#: FER2013's mix with so many faces of disgust, on average.
RARE = {
    f"FER2013's mix, {faces} of disgust": World((607, 895, 653, 415, 528, faces, 467), apart=apart, power=1.3)
    for faces, apart in ((4, 2.5), (8, 2.5), (20, 2.5), (56, 3.5))
}

CALIBRATION = {
    f"{name}, {faces:,} faces": World((faces // 8,) * 8, apart=apart, power=power)
    for name, power, apart in (
        ("calibrated", 1.0, 2.0),
        ("slightly over-confident", 1.1, 2.0),
        ("over-confident", 1.3, 2.0),
        ("very over-confident", 1.8, 2.0),
        ("under-confident", 0.8, 2.0),
        ("accurate and calibrated", 1.0, 3.5),
        ("accurate and over-confident", 1.5, 3.5),
    )
    for faces in (1000, 4000)
}

PAIRS = {
    "calibrated, about 1,000 faces": World((125,) * 8, b_power=1.0, b_apart=2.0),
    "FER2013's mix, 3,621 faces": World(FER2013, power=1.4, b_power=1.4, b_apart=2.0),
    "FER2013's mix, 5 of disgust": World(
        (607, 895, 653, 415, 528, 5, 467), apart=2.5, b_power=1.0, b_apart=2.5
    ),
    "300 faces, few of which change": World((50,) * 6, b_power=1.0, b_apart=2.0, changed=0.05),
}

UNEQUAL = {
    "B better and over-confident, 4,000 faces": World((500,) * 8, b_power=1.3, b_apart=2.1, fixed=True),
    "B worse, FER2013's mix, 3,621 faces": World(FER2013, power=1.4, b_power=1.4, b_apart=1.7),
    "B better, 4 of disgust": World((121, 179, 131, 83, 106, 4, 93), b_power=1.0, b_apart=2.3),
}


@dataclass(frozen=True)
class Drawn:
    """Faces and what one network, or two, say of them."""

    truth: np.ndarray
    probabilities: tuple[np.ndarray, ...]
    valence: np.ndarray
    predicted: tuple[np.ndarray, ...]  # valence

    def take(self, rows: np.ndarray, swapped: np.ndarray | None = None) -> "Drawn":
        """These faces; with `swapped`, A and B having answered for each other where it is true."""
        probabilities = tuple(each[rows] for each in self.probabilities)
        predicted = tuple(each[rows] for each in self.predicted)
        if swapped is not None:
            (a, b), (v, w) = probabilities, predicted
            at = swapped[:, None]
            probabilities = np.where(at, b, a), np.where(at, a, b)
            predicted = np.where(swapped, w, v), np.where(swapped, v, w)
        return Drawn(self.truth[rows], probabilities, self.valence[rows], predicted)


@cache
def population(world: World) -> Drawn:
    """The 400,000 faces of a world; two networks see the same features through noise of which half is shared."""
    rng = np.random.default_rng(1)
    shares = np.array(world.faces) / sum(world.faces)
    counts = np.round(POPULATION * shares).astype(int)
    truth = np.repeat(np.arange(len(shares)), counts)
    size = (len(truth), len(shares))
    shared = rng.standard_normal(size, dtype=np.float32)
    valence = np.clip(rng.normal(np.linspace(-0.7, 0.7, len(shares))[truth], 0.3), -1, 1)
    of_valence = rng.normal(0, 0.2, len(truth))
    views = [(world.apart, world.power)]
    views += [(world.b_apart, world.b_power)] if world.b_power else []
    probabilities, predicted = [], []
    for apart, power in views:
        # Labels lie at the corners of a simplex, each drawn a third of the way towards a label it is like.
        centres = apart * (np.eye(len(shares)) + np.roll(np.eye(len(shares)), 1, axis=1) / 3)
        features = centres[truth] + np.sqrt(0.5) * (shared + rng.standard_normal(size, dtype=np.float32))
        logits = features @ centres.T - (centres**2).sum(axis=1) / 2 + np.log(shares)
        powered = np.exp(power * (logits - logits.max(axis=1, keepdims=True)))
        probabilities.append((powered / powered.sum(axis=1, keepdims=True)).astype(np.float32))
        predicted.append(0.7 * valence + of_valence + rng.normal(0, 0.2, len(truth)))
    if world.changed < 1:
        same = rng.random(len(truth)) >= world.changed
        probabilities[1][same], predicted[1][same] = probabilities[0][same], predicted[0][same]
    return Drawn(truth, tuple(probabilities), valence, tuple(predicted))


def test_set(world: World, rng: np.random.Generator, *, swap: bool = False) -> Drawn:
    """Faces drawn with replacement, all of them or those of each label; `swap` makes A and B equally good."""
    everyone = population(world)
    starts = np.searchsorted(everyone.truth, np.arange(len(world.faces) + 1))
    faces = np.array(world.faces)
    if not world.fixed:
        faces = rng.multinomial(faces.sum(), faces / faces.sum())
    rows = [rng.integers(*ends, n) for *ends, n in zip(starts, starts[1:], faces, strict=False)]
    rows = rng.permutation(np.concatenate(rows))
    return everyone.take(rows, rng.random(len(rows)) < 0.5 if swap else None)


def predictions_of(world: World, faces: Drawn) -> Predictions:
    (valence,) = faces.predicted
    return Predictions.from_arrays(
        labels=world.labels,
        truth=faces.truth,
        probabilities=faces.probabilities[0],
        valence=faces.valence,
        arousal=-faces.valence,
        predicted_valence=valence,
        predicted_arousal=-valence,
    )


def numbers_of(scores: Scores) -> dict[str, np.ndarray]:
    """Every number by name: (k, 3) of value, low and high for k labels, k pairs or one."""

    def row(*estimates) -> np.ndarray:
        return np.array([[each.value, each.low, each.high] for each in estimates])

    result = {name: row(scores.headline[name]) for name in HEADLINES}
    for name in ("precision", "recall", "f1", "auc", "average_precision"):
        result[f"{name} of a label"] = row(*(getattr(each, name) for each in scores.per_class.values()))
    upper = np.triu_indices(len(scores.labels), 1)
    matrices = scores.pairwise_a, scores.pairwise_a_low, scores.pairwise_a_high
    result["A(i, j) of a pair"] = np.column_stack([each[upper] for each in matrices])
    for name in ("rmse", "ccc", "pearson", "sagr"):
        result[f"{name} of valence"] = row(scores.affect["valence"][name])
    return result


@cache
def true_numbers(world: World) -> dict[str, np.ndarray]:
    scores = score(predictions_of(world, population(world)), resamples=0)
    return {name: rows[:, 0] for name, rows in numbers_of(scores).items()}


def scores_hold(world: World, seed: int, resamples: int) -> dict[str, np.ndarray]:
    """Coverage of the intervals of one test set: name -> (k,) boolean."""
    faces = test_set(world, np.random.default_rng(seed))
    scores = score(predictions_of(world, faces), resamples=resamples, seed=seed, fixed_counts=world.fixed)
    return {name: held(*rows.T[1:], true_numbers(world)[name]) for name, rows in numbers_of(scores).items()}


def rare_holds(world: World, seed: int, resamples: int) -> dict[str, np.ndarray]:
    """Coverage of the intervals that depend on the rarest label of one test set; nothing where no face has it."""
    faces = test_set(world, np.random.default_rng(seed))
    rarest = int(np.argmin(world.faces))
    absent = not (faces.truth == rarest).any()
    ours = numbers_of(score(predictions_of(world, faces), resamples=resamples, seed=seed))
    found = {}
    for name in ("macro_f1", "macro_precision", "balanced_accuracy", "m_measure"):
        found[name] = held(*ours[name].T[1:], true_numbers(world)[name])
    for name in ("precision", "recall", "f1", "auc", "average_precision"):
        rows = ours[f"{name} of a label"][[rarest]]
        found[f"{name} of the rarest label"] = held(
            *rows.T[1:], true_numbers(world)[f"{name} of a label"][[rarest]]
        )
    pairs = [at for at, pair in enumerate(zip(*np.triu_indices(len(world.faces), 1))) if rarest in pair]
    name = "A(i, j) of a pair"
    found["A(i, j) with the rarest label"] = held(*ours[name][pairs].T[1:], true_numbers(world)[name][pairs])
    return {name: np.where(absent, np.nan, each) for name, each in found.items()}


def calibration_holds(world: World, seed: int, resamples: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    faces = test_set(world, rng)
    ends = calibration_interval(faces.truth, faces.probabilities[0], resamples, rng)
    return {"expected_calibration_error": held(*ends, true_calibration_error(world))}


@cache
def true_calibration_error(world: World) -> float:
    everyone = population(world)
    return calibration.expected_calibration_error(everyone.truth, everyone.probabilities[0])


def compared(world: World, faces: Drawn, seed: int, resamples: int):
    affect = [{"valence": (faces.valence, each)} for each in faces.predicted]
    return comparison.compare_predictions(
        faces.truth,
        *faces.probabilities,
        affect_a=affect[0],
        affect_b=affect[1],
        resamples=resamples,
        seed=seed,
        fixed_counts=world.fixed,
    )


def pair_differs(world: World, seed: int, resamples: int) -> dict[str, np.ndarray]:
    """Metrics of two equally good networks that are significantly different, before and after Holm's correction."""
    rows = compared(world, test_set(world, np.random.default_rng(seed), swap=True), seed, resamples)
    result = {each.name: np.array([np.nan if np.isnan(each.p) else each.p < 0.05]) for each in rows}
    return result | {"any, corrected": np.array([any(each.p_corrected < 0.05 for each in rows)])}


@cache
def true_differences(world: World) -> dict[str, float]:
    return {each.name: each.difference for each in compared(world, population(world), 0, 1)}


def difference_held(world: World, seed: int, resamples: int) -> dict[str, np.ndarray]:
    rows = compared(world, test_set(world, np.random.default_rng(seed)), seed, resamples)
    return {each.name: held(each.low, each.high, true_differences(world)[each.name]) for each in rows}


def held(low: np.ndarray, high: np.ndarray, value: np.ndarray) -> np.ndarray:
    """NaN where there is no interval."""
    return np.where(np.isnan(low), np.nan, (low <= value) & (value <= high))


PARTS: dict[str, tuple[str, Callable, dict[str, World]]] = {
    "scores": ("intervals that hold the number", scores_hold, SCORES),
    "rare": ("intervals that hold the number", rare_holds, RARE),
    "calibration": ("intervals that hold the number", calibration_holds, CALIBRATION),
    "pairs": ("equally good networks called different", pair_differs, PAIRS),
    "differences": ("intervals that hold the difference", difference_held, UNEQUAL),
}


def simulate(
    part: str, repetitions: int, resamples: int, workers: int, limits: bool
) -> Iterator[dict[str, object]]:
    """One row per number and population."""
    what, once, worlds = PARTS[part]
    for name, world in worlds.items():
        population(world)  # before the workers split off, so that all of them have it
        with ProcessPoolExecutor(workers, initializer=_start_worker, initargs=(limits,)) as pool:
            seeds = range(repetitions)
            found = list(pool.map(partial(once, world, resamples=resamples), seeds, chunksize=20))
        for number in found[0]:
            each_set = np.array([each[number] for each in found], np.float64)
            known = ~np.isnan(each_set)
            shares = np.divide(
                np.nansum(each_set, axis=0),
                known.sum(axis=0),
                out=np.full(each_set.shape[1:], np.nan),
                where=known.any(axis=0),
            )
            yield {
                "what": what, "number": number, "population": name, "repetitions": repetitions,
                "mean": float(shares.mean()), "lowest": float(shares.min()), "highest": float(shares.max()),
                "known": float(known.mean()),
            }  # fmt: skip


def _start_worker(limits: bool) -> None:
    threadpool_limits(1)  # a process per core is faster than threads in each
    if limits:
        intervals.MOST_FACES_REDRAWN = comparison.MOST_FACES_REDRAWN = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--repetitions", type=int, default=1500, help="test sets per population")
    parser.add_argument("--resamples", type=int, default=199, help="resamples of each")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--limits", action="store_true", help="the methods for more than 20,000 faces")
    options = parser.parse_args()
    rows, start = [], time.time()
    for part in [options.only] if options.only else PARTS:
        print(f"\n{PARTS[part][0]}")
        for row in simulate(part, options.repetitions, options.resamples, options.workers, options.limits):
            spread = (
                "" if row["lowest"] == row["highest"] else f"  ({row['lowest']:.3f} to {row['highest']:.3f})"
            )
            known = "" if row["known"] == 1 else f"  known {row['known']:.2f}"
            print(f"{row['number']:35}{row['population']:44}{row['mean']:6.3f}{spread}{known}", flush=True)
            rows.append(row)
    print(f"\n{time.time() - start:,.0f} s")
    results = ROOT / "benchmarks" / "results"
    results.mkdir(exist_ok=True)
    name = "-".join(
        ["coverage", *([options.only] if options.only else []), *(["limits"] if options.limits else [])]
    )
    (results / f"{name}.json").write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
