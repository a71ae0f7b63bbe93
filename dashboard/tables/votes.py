"""Faces with the votes of several annotators."""

import numpy as np
import pandas as pd

from core.analysis.votes import VoteReview
from core.metrics.predictions import Predictions
from dashboard.tables import faces as face_tables

#: People disagree where no label has more than this share of the votes, and agree from AGREE on.
DISAGREE, AGREE = 0.5, 0.9

#: Selections of faces: value -> title.
CHOICES = {
    "disagreed": "people disagree",
    "unsure": "people disagree, network unsure",
    "sure": "people disagree, network sure",
    "agreed": "people agree, network unsure",
}

_TOLERANCE = 1e-6


def select_faces(review: VoteReview, predictions: Predictions, choice: str) -> pd.DataFrame:
    """`tables.faces` of a selection, a key of CHOICES, with columns votes, agreement, people and network.

    The network is sure where the entropy of its probabilities is at most the median of the faces with votes. Most
    disagreement comes first, of the network for "agreed".
    """
    faces = review.faces
    disagreed = faces["agreement"] <= DISAGREE + _TOLERANCE
    sure = faces["network"] <= faces["network"].median()
    chosen = {
        "disagreed": disagreed,
        "unsure": disagreed & ~sure,
        "sure": disagreed & sure,
        "agreed": (faces["agreement"] >= AGREE - _TOLERANCE) & ~sure,
    }[choice]
    by = "network" if choice == "agreed" else "people"
    ordered = faces[chosen].sort_values(by, ascending=False, kind="stable")
    table = face_tables.faces_at(predictions, ordered.index.to_numpy(np.int64))
    return table.join(ordered[["votes", "agreement", "people", "network"]])
