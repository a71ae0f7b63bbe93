"""Votes of the annotators on a run's scored faces: kept with the run, compared with its predictions."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.face_table import FaceTable
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.metrics import votes as vote_metrics
from core.metrics.predictions import Predictions
from core.metrics.thresholds import wilson_interval
from core.metrics.vote_scores import VoteScores, score_votes
from core.runs.run import Run
from core.runs.tables import VOTES, save_table

#: Lower ends of the bins of agreement: the share of a face's votes that its most chosen label has.
AGREEMENT_BINS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

#: Least share of a run's scored faces that data must have votes for, to be the data that they are of.
LEAST_COVERED = 0.5

#: Rounding of shares of float32 votes.
_TOLERANCE = 1e-6


def save_votes(folder: Path, table: FaceTable, references: pd.Series) -> int:
    """Save the VOTES table of the faces of `references` that have votes in `table`; returns how many do.

    Without such faces an outdated table is removed.
    """
    rows = _voted(table, references)
    if not len(rows):
        (folder / VOTES.file).unlink(missing_ok=True)
        return 0
    stored = pd.DataFrame(table.votes[rows], columns=list(EXPRESSIONS)).astype(np.float32)
    stored.insert(0, "reference", table.faces["reference"].iloc[rows].to_numpy())
    save_table(folder, VOTES, stored, {"data": table.title})
    return len(rows)


def keep_votes(run: Run, table: FaceTable) -> int:
    """Keep the votes of the run's scored faces with a finished run; returns of how many faces.

    Faces are found by their reference. Where fewer than LEAST_COVERED of them have votes in `table`, it is other data:
    nothing is changed and 0 returned.

    Raises:
        OSError: the folder of the run cannot be written.
    """
    if table.votes is None:
        return 0
    references = run.predictions().frame["reference"]
    if len(_voted(table, references)) < LEAST_COVERED * len(references):
        return 0
    return save_votes(run.path, table, references)


def _voted(table: FaceTable, references: pd.Series) -> np.ndarray:
    """Rows of `table` with votes whose reference is among `references`."""
    if table.votes is None:
        return np.empty(0, np.int64)
    return np.flatnonzero(table.faces["reference"].isin(references).to_numpy() & table.votes.any(axis=1))


@dataclass(frozen=True, eq=False)
class VoteReview:
    """A run's predictions beside the votes of the annotators.

    Attributes:
        rows: (m,) rows of the predictions that have votes.
        votes: (m, 11) their votes, in the order of EXPRESSIONS.
        scored: number of scored faces, with votes or without.
        data: title of the data that the votes are of.
        scores: see core.metrics.vote_scores.
        faces: the m faces; columns agreement (share of the votes of the most chosen label), majority (its name, '' for a
            tie), people (entropy of the votes), network (entropy of the probabilities), votes ('sad 5, neutral 4'). The
            index is the row of the predictions.
    """

    rows: np.ndarray
    votes: np.ndarray
    scored: int
    data: str
    scores: VoteScores
    faces: pd.DataFrame


def load_votes(run: Run, predictions: Predictions) -> VoteReview | None:
    """Compare the run's predictions with its kept votes; None where none are kept.

    Raises:
        AffectoscopeError: the file is damaged, or holds no face that the run was scored on.
    """
    kept = run.table(VOTES)
    if kept is None:
        return None
    table, about = kept
    rows = pd.Index(predictions.frame["reference"]).get_indexer(table["reference"])
    votes = table.loc[rows >= 0, list(EXPRESSIONS)].to_numpy(np.float32)
    rows = rows[rows >= 0]
    if not len(rows) or not np.isfinite(votes).all() or (votes < 0).any() or not votes.any(axis=1).all():
        raise AffectoscopeError(
            f"{VOTES.file} of '{run.name}' does not hold votes of its scored faces; recreate it with {VOTES.command}."
        )
    scored = predictions.filter(rows)
    scores = score_votes(votes, run.label_set.codes, scored.truth, scored.probabilities)
    return VoteReview(
        rows, votes, len(predictions), str(about.get("data", "")), scores, _faces(rows, votes, scored)
    )


def _faces(rows: np.ndarray, votes: np.ndarray, predictions: Predictions) -> pd.DataFrame:
    """The `VoteReview.faces` of the (m,) rows with their votes and predictions."""
    shares = vote_metrics.vote_shares(votes)
    majorities = vote_metrics.majorities(votes)
    names = np.array([*EXPRESSIONS, ""], object)
    return pd.DataFrame(
        {
            "agreement": shares.max(axis=1),
            "majority": names[majorities],
            "people": vote_metrics.entropies(shares),
            "network": vote_metrics.entropies(predictions.probabilities),
            "votes": [format_votes(row) for row in votes],
        },
        index=rows,
    )


def format_votes(votes: np.ndarray) -> str:
    """'sad 5, neutral 4, fear 1' of one face's (11,) votes, most first; weights as '0.62'."""
    order = np.argsort(-votes, kind="stable")
    return ", ".join(f"{EXPRESSIONS[label]} {votes[label]:.3g}" for label in order if votes[label] > 0)


def by_agreement(review: VoteReview, predictions: Predictions) -> pd.DataFrame:
    """The faces by agreement of their annotators, in AGREEMENT_BINS; bins without faces are left out.

    Columns: from, to (ends of the bin, 'to' excluded but for 1), faces, confidence (mean of the network), decided (faces
    with a majority for one of the network's labels), accuracy (against that majority), low, high (Wilson interval),
    annotator (one annotator against the majority of the others; NaN for soft labels).
    """
    scored, faces = predictions.filter(review.rows), review.faces
    place = (
        np.searchsorted(np.array(AGREEMENT_BINS), faces["agreement"].to_numpy() + _TOLERANCE, side="right")
        - 1
    )
    predicted = np.array(scored.labels, object)[scored.predicted]
    decided = faces["majority"].isin(scored.labels).to_numpy()
    right = decided & (faces["majority"].to_numpy(object) == predicted)
    counts = review.scores.counts
    annotator = vote_metrics.human_agreements(review.votes) if counts else np.full(len(faces), np.nan)
    rows = []
    for number, low in enumerate(AGREEMENT_BINS):
        own = place == number
        if not own.any():
            continue
        of_decided, hits = int(decided[own].sum()), int(right[own].sum())
        of_annotators = annotator[own][~np.isnan(annotator[own])]
        rows.append(
            {
                "from": low,
                "to": AGREEMENT_BINS[number + 1] if number + 1 < len(AGREEMENT_BINS) else 1.0,
                "faces": int(own.sum()),
                "confidence": float(scored.confidence[own].mean()),
                "decided": of_decided,
                "accuracy": hits / of_decided if of_decided else np.nan,
                **dict(zip(("low", "high"), wilson_interval(hits, of_decided), strict=True)),
                "annotator": float(of_annotators.mean()) if len(of_annotators) else np.nan,
            }
        )
    return pd.DataFrame(rows)
