"""Detection of label errors with confident learning.

It needs probabilities by networks that were not trained on the faces: those of the scored faces of a run, or, for
training faces, out-of-fold predictions (core.sweep.cross_validation).
"""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core.analysis.contradictions import contradictions
from core.metrics.predictions import BOX_COLUMNS, Predictions
from core.metrics.text import percent
from core.runs.run import Run
from core.runs.tables import LABEL_ERRORS, parse_table, save_table

#: Number of thumbnails saved for the most likely errors, if the data may be redistributed.
MOST_THUMBNAILS = 5000

#: Value of --data for the drawn faces.
DRAWN = "drawn"

_AFFECT = ("valence", "arousal", "predicted_valence", "predicted_arousal")


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """Faces ranked by label quality.

    Attributes:
        predictions: by networks that were not trained on the faces.
        table: one row per face, lowest quality first; the index is the row in `predictions`. Columns: reference,
            split, annotated (label in the data), given (label used, after the user's decisions), suggested, quality,
            p_given, p_suggested, issue (see Ranking), contradiction (see core.analysis.contradictions).
        joint: (c, c) estimated number of faces by given (row) and true label (column).
        about: settings of the cross-validation; {} for a run's scored faces.
        thumbnails: reference -> WebP bytes.
    """

    predictions: Predictions
    table: pd.DataFrame
    joint: np.ndarray
    about: dict = field(default_factory=dict)
    thumbnails: dict[str, bytes] = field(default_factory=dict)

    @property
    def expected(self) -> int:
        """Estimated number of wrong labels."""
        return round(float(self.joint.sum() - np.trace(self.joint)))

    def per_label(self) -> pd.DataFrame:
        """One row per given label: expression, faces, errors (estimated number), share (errors / faces), mostly (most
        frequent true label of the errors, '' without errors)."""
        rows = []
        for position, label in enumerate(self.predictions.labels):
            wrong = self.joint[position].astype(float)
            faces, wrong[position] = wrong.sum(), 0.0
            errors = wrong.sum()
            mostly = self.predictions.labels[int(wrong.argmax())] if errors else ""
            share = errors / faces if faces else np.nan
            rows.append((label, round(faces), round(errors), share, mostly))
        return pd.DataFrame(rows, columns=["expression", "faces", "errors", "share", "mostly"])

    def sentence(self) -> str:
        """Summary of the estimate and its reliability."""
        faces, flagged = len(self.table), int(self.table["issue"].sum())
        splits = " and ".join(str(name) for name in dict.fromkeys(self.predictions.frame["split"]) if name)
        return (
            f"Confident learning expects about {self.expected:,} wrong labels among {faces:,} {splits} "
            f"{'face' if faces == 1 else 'faces'} ({percent(self.expected / faces)}) and flags {flagged:,}. The "
            f"network agrees with {percent(self.predictions.correct.mean())} of the labels: the lower this accuracy, "
            "the more of these are errors of the network."
        )


def label_errors(predictions: Predictions, *, annotated: np.ndarray | None = None) -> LabelErrors:
    """Rank the faces of `predictions`, which must not be training faces of the network.

    Args:
        annotated: (n,) labels in the data, if the labels in `predictions` include decisions of the user.
    """
    truth, probabilities, frame = predictions.truth, predictions.probabilities, predictions.frame
    ranking = rank_label_errors(truth, probabilities)
    rows, labels = np.arange(len(truth)), list(predictions.labels)
    given = frame["expression"]
    table = pd.DataFrame(
        {
            "reference": frame["reference"],
            "split": frame["split"].astype("category"),
            "annotated": given if annotated is None else pd.Categorical(annotated),
            "given": given,
            "suggested": pd.Categorical.from_codes(ranking.suggested, categories=labels),
            "quality": ranking.quality.astype(np.float32),
            "p_given": probabilities[rows, truth],
            "p_suggested": probabilities[rows, ranking.suggested],
            "issue": ranking.issue,
            "contradiction": contradictions(predictions.labels, truth, frame["valence"], frame["arousal"]),
        }
    )
    return LabelErrors(predictions, table.sort_values("quality", kind="stable"), ranking.joint)


def compute_label_errors(run: Run) -> LabelErrors:
    """Rank the scored faces of a run.

    Raises:
        AffectoscopeError: the predictions cannot be read.
    """
    return label_errors(run.predictions())


def save_label_errors(
    run: Run, errors: LabelErrors, about: dict, thumbnails: dict[str, bytes] | None = None
) -> None:
    """Save the ranking of a run's training faces, including their probabilities.

    Raises:
        OSError: the folder cannot be written.
    """
    frame = errors.predictions.frame
    numbers = [*(f"p_{label}" for label in errors.predictions.labels), *_AFFECT, *BOX_COLUMNS]
    table = errors.table.join(frame[numbers])
    if thumbnails:
        table = table.assign(image=table["reference"].map(thumbnails))
    joint = errors.joint.tolist()
    save_table(
        run.path, LABEL_ERRORS, table, about | {"labels": list(errors.predictions.labels), "joint": joint}
    )


def load_label_errors(run: Run) -> LabelErrors | None:
    """Load the ranking of a run's training faces; None if there is none.

    Raises:
        AffectoscopeError: the file is damaged.
    """
    return parse_table(run.path, LABEL_ERRORS, _parse_label_errors)


def _parse_label_errors(table: pd.DataFrame, about: dict) -> LabelErrors:
    labels = tuple(about["labels"])
    joint = np.array(about["joint"], np.float64).reshape(len(labels), len(labels))
    predictions = Predictions.from_arrays(
        labels=labels,
        truth=table["given"].to_numpy(object),
        probabilities=table[[f"p_{label}" for label in labels]].to_numpy(np.float32),
        reference=table["reference"],
        split=table["split"].to_numpy(object),
        boxes=table[list(BOX_COLUMNS)].to_numpy(np.float32),
        **{name: table[name].to_numpy(np.float32) for name in _AFFECT},
    )
    images = table[["reference", "image"]].dropna() if "image" in table else None
    thumbnails = {} if images is None else dict(images.itertuples(index=False, name=None))
    return LabelErrors(predictions, table[list(LABEL_ERRORS.columns)], joint, about, thumbnails)


@dataclass(frozen=True)
class Ranking:
    """Result of confident learning for n faces and c labels.

    Attributes:
        suggested: (n,) index of the most probable label other than the given one.
        quality: (n,) label quality, 0 to 1, low for likely errors: (1 + p(given) - p(suggested)) / 2.
        issue: (n,) boolean: off-diagonal in the confident joint and predicted as the other label.
        joint: (c, c) estimated number of faces by given (row) and true label (column); row sums are the given counts.
    """

    suggested: np.ndarray
    quality: np.ndarray
    issue: np.ndarray
    joint: np.ndarray


def rank_label_errors(truth: np.ndarray, probabilities: np.ndarray) -> Ranking:
    """Rank labels by quality with confident learning (Northcutt et al. 2021, JAIR 70).

    The confident joint counts a face as truly j if p(j) is at least the mean p(j) of the faces labelled j, and the
    highest such probability. It flags label errors and estimates their number. Faces are ranked by the normalised margin
    p(given) - p(best other). On injected errors, the self-confidence p(given) finds more uniformly random errors, but
    far fewer flips between similar expressions (benchmarks/label_errors.py); the margin is robust in both cases.

    Args:
        truth: (n,) indices of the given labels; not all c labels need to occur.
        probabilities: (n, c), by networks that were not trained on these faces.
    """
    from cleanlab.count import compute_confident_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    truth, probabilities = np.asarray(truth), np.asarray(probabilities, np.float64)
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    others = probabilities.copy()
    others[np.arange(len(truth)), truth] = -1.0
    quality = get_label_quality_scores(truth, probabilities, method="normalized_margin")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about labels with few faces
        joint = compute_confident_joint(truth, probabilities)
        # cleanlab needs at least two labels.
        issue = (
            find_label_issues(truth, probabilities, filter_by="confident_learning", n_jobs=1)
            if len(np.unique(truth)) > 1
            else np.zeros(len(truth), bool)
        )
    return Ranking(others.argmax(axis=1), quality, issue, joint)
