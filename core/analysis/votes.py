"""Votes of the annotators on a run's scored faces: kept with the run, compared with its predictions."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from core.data.face_table import FaceTable
from core.labels import EXPRESSIONS
from core.metrics import votes as vote_metrics
from core.metrics.predictions import Predictions
from core.metrics.thresholds import wilson_interval
from core.metrics.vote_scores import VoteScores, score_votes
from core.runs.run import Run
from core.runs.tables import VOTES, parse_table, save_table

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
    if table.votes is None or not run.is_scored:
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
        bins: the faces by agreement, in AGREEMENT_BINS; columns from, to ('to' excluded but for 1), faces, confidence (mean
            of the network), decided (faces with a majority for a label of the network), accuracy (against it), low, high
            (Wilson interval), annotator (one against the majority of the others, on the same faces; NaN for soft labels).
    """

    rows: np.ndarray
    votes: np.ndarray
    scored: int
    data: str
    scores: VoteScores
    faces: pd.DataFrame
    bins: pd.DataFrame


def load_votes(run: Run, predictions: Predictions) -> VoteReview | None:
    """Compare the run's predictions with its kept votes; None where none are kept.

    Raises:
        AffectoscopeError: the file is damaged, or holds no face that the run was scored on.
    """
    return parse_table(run.path, VOTES, partial(_review, run, predictions))


def _review(run: Run, predictions: Predictions, table: pd.DataFrame, about: dict) -> VoteReview:
    rows = pd.Index(predictions.frame["reference"]).get_indexer(table["reference"])
    votes = table.loc[rows >= 0, list(EXPRESSIONS)].to_numpy(np.float32)
    rows = rows[rows >= 0]
    if not len(rows):
        raise ValueError("none of its faces was scored")
    if not (np.isfinite(votes).all() and (votes >= 0).all() and votes.any(axis=1).all()):
        raise ValueError("a face has no votes, or others than numbers from 0 up")
    scored = predictions.filter(rows)
    scores = score_votes(
        votes,
        run.label_set.codes,
        scored.truth,
        scored.probabilities,
        fixed_counts=run.has_fixed_counts(predictions),
    )
    faces = _faces(rows, votes, scored)
    bins = _by_agreement(faces, votes, scored, counts=scores.counts)
    return VoteReview(rows, votes, len(predictions), str(about["data"]), scores, faces, bins)


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


def _by_agreement(
    faces: pd.DataFrame, votes: np.ndarray, predictions: Predictions, *, counts: bool
) -> pd.DataFrame:
    """The `VoteReview.bins` of its faces, their (m, 11) votes and predictions."""
    place = (
        np.searchsorted(np.array(AGREEMENT_BINS), faces["agreement"].to_numpy() + _TOLERANCE, side="right")
        - 1
    )
    decided = faces["majority"].isin(predictions.labels).to_numpy()
    predicted = np.array(predictions.labels, object)[predictions.predicted]
    right = decided & (faces["majority"].to_numpy(object) == predicted)
    annotator = vote_metrics.human_agreements(votes) if counts else np.full(len(faces), np.nan)
    rows = []
    for number in np.unique(place):
        own = place == number
        of_decided, hits = int(decided[own].sum()), int(right[own].sum())
        of_annotators = annotator[own & decided & ~np.isnan(annotator)]
        rows.append(
            {
                "from": AGREEMENT_BINS[number],
                "to": AGREEMENT_BINS[min(number + 1, len(AGREEMENT_BINS) - 1)],
                "faces": int(own.sum()),
                "confidence": float(predictions.confidence[own].mean()),
                "decided": of_decided,
                "accuracy": hits / of_decided if of_decided else np.nan,
                **dict(zip(("low", "high"), wilson_interval(hits, of_decided), strict=True)),
                "annotator": float(of_annotators.mean()) if len(of_annotators) else np.nan,
            }
        )
    return pd.DataFrame(rows)
