"""Time and memory of the metrics: `python benchmarks/metrics.py`.

Times are the process's own seconds on the processor, which other work on the machine lengthens less than
the clock's. Next to scikit-learn the two take turns; every other case has a process of its own, whose peak
memory has its imports (some 0.15 GiB) and the faces in it.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.side_by_side import Row, keep, progress, row
from core.labels import LABEL_SETS
from core.metrics import ranking
from core.metrics.comparison import compare_predictions
from core.metrics.predictions import Predictions
from core.metrics.scoring import score

#: How many times as fast as scikit-learn M is to be, and how near to its value; seconds for all scores of a million faces.
TIMES_FASTER, NEAR, SECONDS = 5.0, 1e-12, 20.0

LABELS = LABEL_SETS[8].labels


def made_predictions(faces: int, *, seed: int = 0) -> Predictions:
    """Faces of eight labels with AffectNet's training proportions, valence and arousal."""
    rng = np.random.default_rng(seed)
    shares = np.array([74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750], float)
    truth = rng.choice(8, size=faces, p=shares / shares.sum())
    valence, arousal = rng.uniform(-1, 1, (2, faces))
    return Predictions.from_arrays(
        labels=LABELS,
        truth=truth,
        probabilities=made_probabilities(truth, rng),
        valence=valence,
        arousal=arousal,
        predicted_valence=0.6 * valence + rng.normal(0, 0.3, faces),
        predicted_arousal=0.5 * arousal + rng.normal(0, 0.3, faces),
    )


def made_probabilities(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    logits = rng.standard_normal((len(truth), 8), dtype=np.float32)
    logits[np.arange(len(truth)), truth] += 1.5
    probabilities = np.exp(logits)
    return probabilities / probabilities.sum(axis=1, keepdims=True)


def best_times(functions: list[Callable[[], object]], repeats: int) -> tuple[list[float], list[object]]:
    """Each function's shortest time in seconds, all taking turns, and what each returned."""
    times = [[] for _ in functions]
    for _ in range(repeats):
        results = []
        for function, taken in zip(functions, times, strict=True):
            start = time.process_time()
            results.append(function())
            taken.append(time.process_time() - start)
    return [min(taken) for taken in times], results


def beside_scikit_learn(faces: int, repeats: int) -> list[Row]:
    from sklearn.metrics import average_precision_score, roc_auc_score

    large = made_predictions(faces)
    truth, exact = large.truth, large.probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    one_hot = np.eye(8)[truth]
    compared = {
        "M and pairwise A": (
            lambda: ranking.hand_till(truth, exact).m,
            "roc_auc_score, ovo, macro",
            lambda: roc_auc_score(truth, exact, multi_class="ovo", average="macro"),
            TIMES_FASTER,
        ),
        "average precision": (
            lambda: ranking.average_precision(truth, exact),
            "average_precision_score",
            lambda: average_precision_score(one_hot, exact, average=None),
            None,
        ),
    }
    rows = []
    for name, (function, other, theirs, at_least) in compared.items():
        (ours, beside), results = best_times([function, theirs], repeats)
        case, how = f"{name}, {faces:,} x 8", f"made-up faces; processor time, the best of {repeats}"
        rows.append(row(case, faces / ours, "faces/s", beside=(f"scikit-learn {other}", faces / beside),
                        at_least=at_least, how=how, note=f"{ours:.2f} s and {beside:.2f} s"))  # fmt: skip
        apart = float(np.abs(results[0] - results[1]).max())
        rows.append(
            row(
                f"{name}: how far from scikit-learn's",
                apart,
                "",
                at_most=NEAR,
                how=f"largest difference, {how}",
            )
        )
    return rows


def scored(faces: int, repeats: int, resamples: int) -> Row:
    predictions = made_predictions(faces)
    (seconds,), (scores,) = best_times([lambda: score(predictions, resamples=resamples)], repeats)
    if not resamples:
        return _row(
            "all scores without intervals", faces, seconds, "valence and arousal too", at_most=SECONDS
        )
    about = scores.interval
    return _row("all scores with intervals", faces, seconds, f"{about['resamples']:,} resamples")


def compared(faces: int, repeats: int) -> Row:
    predictions, rng = made_predictions(faces), np.random.default_rng(1)
    other = made_probabilities(predictions.truth, rng)
    of_a, of_b = {}, {}
    for name in ("valence", "arousal"):
        known = predictions.frame[name].to_numpy()
        of_a[name] = known, predictions.frame[f"predicted_{name}"].to_numpy()
        of_b[name] = known, 0.55 * known + rng.normal(0, 0.3, faces)

    def compare():
        return compare_predictions(
            predictions.truth, predictions.probabilities, other, affect_a=of_a, affect_b=of_b
        )

    (seconds,), (rows,) = best_times([compare], repeats)
    return _row("two runs compared", faces, seconds, f"2,000 resamples, {len(rows)} numbers")


def _row(case: str, faces: int, seconds: float, how: str, **target) -> Row:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return row(
        f"{case}, {faces:,} x 8",
        seconds,
        "s",
        how=f"processor time; {how}",
        note=f"peak {peak:.2f} GiB",
        **target,
    )


def alone(function: Callable, *arguments) -> object:
    """Result of a function in a new process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=1_000_000, help="faces of the large cases")
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the shortest counts")
    options = parser.parse_args()
    began = time.time()
    few = min(4000, options.faces)
    rows = alone(beside_scikit_learn, options.faces, options.repeats)
    for case, *arguments in (
        (scored, options.faces, options.repeats, 0),
        (scored, few, options.repeats, 1000),
        (scored, options.faces, 1, 1000),
        (compared, few, options.repeats),
        (compared, options.faces, 1),
    ):
        progress(f"{case.__name__} {arguments[0]:,} faces")
        rows.append(alone(case, *arguments))
    keep(__file__, rows, title="Metrics", began=began)


if __name__ == "__main__":
    main()
