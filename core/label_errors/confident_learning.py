"""Confident learning: which given labels are likely wrong, and how many of each.

Northcutt, Jiang & Chuang (2021), "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of Artificial
Intelligence Research 70, by their own package, cleanlab.
"""

import warnings
from dataclasses import dataclass

import numpy as np


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
