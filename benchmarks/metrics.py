"""How long the metrics take, beside scikit-learn in the same run: `python benchmarks/metrics.py`.

Absolute times depend on the machine and on what else it does; the ratios much less. Memory is the peak
of the whole process, its imports and the faces included.
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


def best_time(function: Callable[[], object], repeats: int) -> tuple[float, object]:
    """Shortest of some runs, in seconds, and what the function returned."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        times.append(time.perf_counter() - start)
    return min(times), result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=int, default=1_000_000, help="faces of the large case")
    parser.add_argument("--repeats", type=int, default=3, help="runs of which the shortest counts")
    options = parser.parse_args()
    large, small = made_predictions(options.faces), made_predictions(4000)
    truth, probabilities = large.truth, large.probabilities
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)

    rows = []
    ours, ranks = best_time(lambda: ranking.hand_till(truth, exact), options.repeats)
    theirs, m = best_time(lambda: roc_auc_score(truth, exact, multi_class="ovo"), options.repeats)
    rows.append(
        (f"M and pairwise A, {options.faces:,} x 8", ours, theirs, f"differ by {abs(ranks.m - m):.0e}")
    )
    ours, own = best_time(lambda: ranking.average_precision(truth, exact), 1)
    theirs, other = best_time(lambda: average_precision_score(np.eye(8)[truth], exact, average=None), 1)
    difference = np.abs(own - other).max()
    rows.append((f"average precision, {options.faces:,} x 8", ours, theirs, f"differ by {difference:.0e}"))
    for predictions, repeats in ((small, options.repeats), (large, 1)):
        ours, scores = best_time(lambda predictions=predictions: score(predictions), repeats)
        rows.append(
            (f"score() with intervals, {len(predictions):,} x 8", ours, None, scores.interval["method"])
        )

    print(f"{'':44}{'here':>9}{'scikit-learn':>14}{'ratio':>8}  note")
    for name, ours, theirs, note in rows:
        beside = f"{theirs:13.2f}s{theirs / ours:7.1f}x" if theirs else f"{'-':>14}{'-':>8}"
        print(f"{name:44}{ours:8.2f}s{beside}  {note}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
