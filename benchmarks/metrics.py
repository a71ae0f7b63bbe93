"""How long the metrics take, beside scikit-learn in the same run: `python benchmarks/metrics.py`.

Times are the process's own seconds on the processor, which other work on the machine lengthens less than
the clock's; next to scikit-learn the two take turns. Memory is the peak of the whole process, its imports
and the faces included.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.labels import LABEL_SETS
from core.metrics import ranking
from core.predictions import Predictions
from core.scoring import score

LABELS = LABEL_SETS[8].labels


def made_predictions(faces: int, *, seed: int = 0) -> Predictions:
    """Faces of eight labels with AffectNet's training proportions, valence and arousal."""
    rng = np.random.default_rng(seed)
    shares = np.array([74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750], float)
    truth = rng.choice(8, size=faces, p=shares / shares.sum())
    logits = rng.standard_normal((faces, 8), dtype=np.float32)
    logits[np.arange(faces), truth] += 1.5
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    valence, arousal = rng.uniform(-1, 1, (2, faces))
    return Predictions.from_arrays(
        labels=LABELS,
        truth=truth,
        probabilities=probabilities,
        valence=valence,
        arousal=arousal,
        predicted_valence=0.6 * valence + rng.normal(0, 0.3, faces),
        predicted_arousal=0.5 * arousal + rng.normal(0, 0.3, faces),
    )


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=1_000_000, help="faces of the large case")
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the shortest counts")
    options = parser.parse_args()
    large, small = made_predictions(options.faces), made_predictions(4000)
    truth, probabilities = large.truth, large.probabilities
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)

    one_hot = np.eye(8)[truth]
    compared = {
        "M and pairwise A": (
            lambda: ranking.hand_till(truth, exact).m,
            lambda: roc_auc_score(truth, exact, multi_class="ovo"),
        ),
        "average precision": (
            lambda: ranking.average_precision(truth, exact),
            lambda: average_precision_score(one_hot, exact, average=None),
        ),
    }
    rows = []
    for name, functions in compared.items():
        times, results = best_times(list(functions), options.repeats)
        rows.append(
            (f"{name}, {len(large):,} x 8", *times, f"differ by {np.abs(results[0] - results[1]).max():.0e}")
        )
    for predictions, repeats in ((small, options.repeats), (large, 1)):
        times, results = best_times([lambda faces=predictions: score(faces)], repeats)
        note = results[0].interval["method"]
        rows.append((f"score() with intervals, {len(predictions):,} x 8", *times, None, note))

    print(f"{'':44}{'here':>9}{'scikit-learn':>14}{'ratio':>8}  note")
    for name, ours, theirs, note in rows:
        beside = f"{theirs:13.2f}s{theirs / ours:7.1f}x" if theirs else f"{'-':>14}{'-':>8}"
        print(f"{name:44}{ours:8.2f}s{beside}  {note}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
