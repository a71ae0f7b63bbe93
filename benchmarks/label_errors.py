"""Detection of injected label errors by the ranking of core.label_errors.

    python benchmarks/label_errors.py                      # trains folds of drawn faces, for minutes
    python benchmarks/label_errors.py --run drawn-faces    # plants in a finished run's scored faces, in seconds

A share of the labels is flipped, to any other label or to one that is easily taken for it. The first command flips
training labels before the recipe is trained on folds, as `python -m core.label_errors` does; the second flips labels
of faces that a finished network was not trained on, with many seeds. Printed are, of the ranking and of the other
scores that cleanlab offers: precision at 10, at 50 and at n, the number planted, where it is recall too; recall among
the first 2 n; average precision, and its ratio to the share planted, which chance would reach (lift). Then, of the
confident joint: how many labels the network reads as they were (accuracy), how many planted errors are suggested
their label before they were flipped, how many are flagged and how many of the flagged are planted, and errors
expected per planted one. Labels that were wrong before count as right. Nothing is written.
"""

import itertools
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import tyro
from sklearn.metrics import average_precision_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.analysis.label_errors import label_errors
from core.config import PRESETS
from core.data.drawn.dataset import write_drawn_faces
from core.data.relabelling import TRAINED_SPLITS
from core.data.training_data import load_training_data
from core.metrics.predictions import Predictions
from core.runs.catalogue import open_run
from core.runs.run import Run
from core.runtime.console import Console
from core.sweep.cross_validation import held_out_predictions

#: What each expression is easily taken for.
CONFUSABLE = {
    "neutral": "sad", "happy": "contempt", "sad": "neutral", "surprise": "fear", "fear": "surprise",
    "disgust": "anger", "anger": "disgust", "contempt": "happy",
}  # fmt: skip

#: What labels are flipped to.
KINDS = ("any", "confusable")

#: The scores that a ranking could go by, as cleanlab names them; the first is core.analysis.label_errors's.
SCORES = {
    "normalised margin": ("normalized_margin", False),
    "self-confidence": ("self_confidence", False),
    "self-confidence, adjusted": ("self_confidence", True),
    "normalised margin, adjusted": ("normalized_margin", True),
}

#: A share, what labels are flipped to, predictions with flipped labels, and the (n,) labels before.
Trial = tuple[float, str, Predictions, np.ndarray]


@dataclass(frozen=True)
class Options:
    run: str | None = None
    """Flip labels of this run's scored faces instead of training."""
    seeds: int = 20
    """With --run: plantings to average over."""
    training: int = 4000
    """Faces drawn for training, of which those with one of the 8 expressions are used."""
    epochs: int = 15
    folds: int = 3
    shares: tuple[float, ...] = (0.05, 0.1)
    """Shares of the labels that are flipped."""
    seed: int = 0


def main(options: Options) -> None:
    rankings, joints = [], []
    for share, kind, predictions, before in in_a_run(options) if options.run else trained(options):
        trial = {"share": f"{share:.0%}", "flipped to": kind}
        rankings += [trial | row for row in rank(predictions, before)]
        joints.append(trial | joint(predictions, before))
        if not options.run:
            print(f"{share:.0%} flipped to {kind}: done", flush=True)
    shown = {"index": False, "float_format": "{:.3f}".format}
    table, keys = pd.DataFrame(rankings), ["share", "flipped to", "score"]
    print(table.groupby(keys, sort=False).mean().reset_index().to_string(**shown))
    print(pd.DataFrame(joints).groupby(keys[:2], sort=False).mean().reset_index().to_string(**shown))


def trained(options: Options) -> Iterator[Trial]:
    """Drawn faces, held out by folds that were trained with flipped labels."""
    with tempfile.TemporaryDirectory(prefix="label-errors-") as folder:
        tree = write_drawn_faces(
            Path(folder) / "drawn", training=options.training, validation_per_label=10, seed=options.seed
        )
        config = replace(PRESETS["quick"], data=tree, epochs=options.epochs, seed=options.seed)
        data = load_training_data(config, Console())
        rows = np.flatnonzero(data.table.faces["split"].isin(TRAINED_SPLITS).to_numpy())
        before = data.table.faces["expression"].to_numpy()
        for share, kind in itertools.product(options.shares, KINDS):
            random = np.random.default_rng((options.seed, round(1000 * share)))
            after = before.copy()
            after[rows] = flipped(before[rows], data.labels.labels, share, kind, random)
            table = replace(data.table, faces=data.table.faces.assign(expression=after))
            run = Run(Path(folder) / f"{kind}-{share}", {"config": config.as_dict()})
            with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # what each training says
                predictions = held_out_predictions(
                    run, replace(data, table=table), folds=options.folds, console=Console()
                )
            yield share, kind, predictions, before[rows]


def in_a_run(options: Options) -> Iterator[Trial]:
    """The scored faces of a finished run, with flipped labels."""
    predictions = open_run(options.run).predictions()
    for share, kind, seed in itertools.product(options.shares, KINDS, range(options.seeds)):
        random = np.random.default_rng((options.seed, seed, round(1000 * share)))
        after = flipped(predictions.truth, predictions.labels, share, kind, random)
        frame = predictions.frame.assign(
            expression=pd.Categorical.from_codes(after, categories=list(predictions.labels))
        )
        yield share, kind, Predictions(predictions.labels, frame), predictions.truth


def flipped(
    codes: np.ndarray, labels: tuple[str, ...], share: float, kind: str, random: np.random.Generator
) -> np.ndarray:
    """(n,) positions in `labels`, a share of which is flipped."""
    after = codes.copy()
    for row in random.choice(len(codes), round(share * len(codes)), replace=False):
        other = CONFUSABLE[labels[codes[row]]]
        if kind == "any" or other not in labels:
            other = random.choice([label for label in labels if label != labels[codes[row]]])
        after[row] = labels.index(other)
    return after


def rank(predictions: Predictions, before: np.ndarray) -> Iterator[dict]:
    """Ranks of the flipped labels by each score."""
    from cleanlab.rank import get_label_quality_scores

    wrong = predictions.truth != before
    count, probabilities = int(wrong.sum()), predictions.probabilities.astype(float)
    for name, (method, adjusted) in SCORES.items():
        quality = get_label_quality_scores(
            predictions.truth, probabilities, method=method, adjust_pred_probs=adjusted
        )
        hit = wrong[np.argsort(quality, kind="stable")]
        average = average_precision_score(wrong, -quality)
        yield {
            "score": name,
            "p@10": hit[:10].mean(),
            "p@50": hit[:50].mean(),
            "p@n": hit[:count].mean(),
            "r@2n": hit[: 2 * count].sum() / count,
            "AP": average,
            "lift": average / wrong.mean(),
        }


def joint(predictions: Predictions, before: np.ndarray) -> dict:
    """Detection of the flipped labels by the confident joint."""
    errors = label_errors(predictions)
    wrong = predictions.truth != before
    table = errors.table.sort_index()
    suggested = np.array([predictions.labels.index(name) for name in table["suggested"]])
    flagged = table["issue"].to_numpy()
    return {
        "faces": len(wrong),
        "planted": int(wrong.sum()),
        "accuracy": (predictions.predicted == before).mean(),
        "suggested": (suggested == before)[wrong].mean(),
        "flagged of planted": flagged[wrong].mean(),
        "planted of flagged": wrong[flagged].mean(),
        "expected / planted": errors.expected / wrong.sum(),
    }


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
