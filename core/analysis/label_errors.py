"""Which labels of a data set are likely wrong. `python -m core.label_errors --run R --data PATH`.

Confident learning needs probabilities of faces that the network was not trained on: the scored faces of a run have
them; for training faces, core.sweep.cross_validation makes them.
"""

import warnings
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from core.analysis.contradictions import contradictions
from core.errors import AffectoscopeError
from core.metrics.predictions import BOX_COLUMNS, Predictions
from core.metrics.text import percent
from core.runs.run import Run
from core.runs.tables import LABEL_ERRORS, save_table

#: Of the likeliest errors among training faces, so many thumbnails are kept where the data may be passed on.
MOST_THUMBNAILS = 5000

#: Stands for the faces that this program draws, where a path of data is asked for.
DRAWN = "drawn"

_AFFECT = ("valence", "arousal", "predicted_valence", "predicted_arousal")


@dataclass(frozen=True, eq=False)
class LabelErrors:
    """Faces ranked by how likely their label is wrong.

    Attributes:
        predictions: of the faces, by networks that were not trained on them.
        table: a row per face, the likeliest error first; its index is the row in `predictions`. Columns: reference,
            split, annotated (the data's label), given (the label used, which decisions may have corrected),
            suggested, quality, p_given, p_suggested, issue (see Ranking), contradiction (the given expression and
            the annotated valence and arousal exclude each other, core.analysis.contradictions).
        joint: (c, c) estimated faces by given (row) and true label.
        about: how the predictions were made; {} for a run's scored faces.
        thumbnails: reference -> WebP bytes, where such are kept with the ranking.
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
        """Per given label: expression, faces, errors (estimated), share (of the faces), mostly (what the wrong ones
        most often are, '' for nothing)."""
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
        """How many wrong labels are expected, and how far that can be believed."""
        faces, flagged = len(self.table), int(self.table["issue"].sum())
        splits = " and ".join(str(name) for name in dict.fromkeys(self.predictions.frame["split"]) if name)
        return (
            f"Confident learning expects about {self.expected:,} wrong labels among {faces:,} {splits} "
            f"{'face' if faces == 1 else 'faces'} ({percent(self.expected / faces)}) and flags {flagged:,}. The "
            f"network agrees with {percent(self.predictions.correct.mean())} of the labels: the weaker it is, the more "
            "of these are its own errors."
        )


def label_errors(predictions: Predictions, *, annotated: np.ndarray | None = None) -> LabelErrors:
    """The faces of `predictions` ranked; they must not be the network's training faces.

    Args:
        annotated: (n,) labels in the data, where decisions have corrected those in the predictions.
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
    """The run's scored faces, ranked.

    Raises:
        AffectoscopeError: the predictions cannot be read.
    """
    return label_errors(run.predictions())


def save_label_errors(
    run: Run, errors: LabelErrors, about: dict, thumbnails: dict[str, bytes] | None = None
) -> None:
    """Keep the ranking of a run's training faces with it, their probabilities included.

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
    """What `save_label_errors` kept; None where the run's training faces were not ranked.

    Raises:
        AffectoscopeError: the file is damaged.
    """
    kept = run.table(LABEL_ERRORS)
    if kept is None:
        return None
    table, about = kept
    try:
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
    except (AffectoscopeError, KeyError, TypeError, ValueError) as error:
        raise AffectoscopeError(
            f"{LABEL_ERRORS.file} of '{run.name}' cannot be read ({error}); make it again with {LABEL_ERRORS.command}."
        ) from error
    return LabelErrors(predictions, table[list(LABEL_ERRORS.columns)], joint, about, thumbnails)


@dataclass(frozen=True)
class Ranking:
    """What confident learning says of n labels out of c.

    Attributes:
        suggested: (n,) the most probable label other than the given one, as a position.
        quality: (n,) 0 to 1, low where the label is likely wrong: (1 + p(given) - p(suggested)) / 2.
        issue: (n,) boolean: counted under another label in the confident joint, as which the network predicts it.
        joint: (c, c) estimated faces by given label (row) and true label (column); row sums are the given counts.
    """

    suggested: np.ndarray
    quality: np.ndarray
    issue: np.ndarray
    joint: np.ndarray


def rank_label_errors(truth: np.ndarray, probabilities: np.ndarray) -> Ranking:
    """Rank n given labels by how likely they are wrong.

    A face counts as truly j where p(j) reaches the mean p(j) of the faces labelled j (and is the highest that does):
    that is the confident joint, by which wrong labels are flagged and their number per label is estimated. The
    order is by the normalised margin p(given) - p(best other), by which Northcutt et al. prune by noise rate. Of errors
    planted before a training the self-confidence p(given) finds more where they may be anything, but far fewer where a
    label is flipped to what it is easily taken for, as annotators do (benchmarks/label_errors.py): the margin is the
    one that fails in neither case.

    Args:
        truth: (n,) positions of the given labels; labels may be absent.
        probabilities: (n, c), by a network that was not trained on these faces.
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
        # Where all labels are one there is nothing to confuse it with, and cleanlab refuses to look.
        issue = (
            find_label_issues(truth, probabilities, filter_by="confident_learning", n_jobs=1)
            if len(np.unique(truth)) > 1
            else np.zeros(len(truth), bool)
        )
    return Ranking(others.argmax(axis=1), quality, issue, joint)
