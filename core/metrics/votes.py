"""Votes of several annotators on each face: their distributions, agreement among themselves, and agreement with a network.

`votes` is (n, k): how many annotators chose each of k labels for a face, or the weights of a soft label, not negative. A
row of zeros is a face without votes. Entropies are in nats.
"""

import numpy as np


def vote_shares(votes: np.ndarray) -> np.ndarray:
    """(n, k) float64 shares of each face's votes, which sum to 1; zeros for a face without votes."""
    votes = np.asarray(votes, np.float64)
    totals = votes.sum(axis=1, keepdims=True)
    return np.divide(votes, totals, out=np.zeros_like(votes), where=totals > 0)


def are_counts(votes: np.ndarray) -> bool:
    """Return whether the votes are whole numbers, at least two on some face, and not the weights of soft labels."""
    votes = np.asarray(votes)
    return bool(len(votes) and (votes == np.rint(votes)).all() and votes.sum(axis=1).max() >= 2)


def entropies(shares: np.ndarray) -> np.ndarray:
    """(n,) Shannon entropy -sum q ln q of (n, k) distributions, 0 to ln k; 0 for a row of zeros."""
    shares = np.asarray(shares, np.float64)
    return -(shares * np.log(np.where(shares > 0, shares, 1.0))).sum(axis=1) + 0.0


def vote_cross_entropies(shares: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(n,) cross-entropy -sum q ln p of shares q (n, k) and a network's probabilities p (n, k), from the entropy of q up.

    p is held above the spacing of its float type, as in core.metrics.calibration.log_losses.
    """
    probabilities = np.asarray(probabilities)
    floor = np.finfo(probabilities.dtype if probabilities.dtype.kind == "f" else np.float64).eps
    return -(np.asarray(shares) * np.log(np.maximum(probabilities.astype(np.float64), floor))).sum(axis=1)


def kl_divergences(shares: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(n,) Kullback-Leibler divergence sum q ln(q / p): the cross-entropy less the entropy of q, 0 where p equals q.

    Kullback & Leibler (1951), "On Information and Sufficiency", Annals of Mathematical Statistics 22(1).
    """
    return np.maximum(vote_cross_entropies(shares, probabilities) - entropies(shares), 0.0)


def majorities(votes: np.ndarray) -> np.ndarray:
    """(n,) position of the label with the most votes; -1 where two labels tie for it, and without votes."""
    votes = np.asarray(votes)
    most = votes.max(axis=1)
    unique = (votes == most[:, None]).sum(axis=1) == 1
    return np.where(unique & (most > 0), votes.argmax(axis=1), -1)


def human_agreements(votes: np.ndarray) -> np.ndarray:
    """(n,) probability that an annotator drawn at random chose the majority label of the other annotators of the face.

    The others of an annotator who chose label a have the votes without that one. Where t labels tie for their majority,
    and a is one of them, the agreement counts 1 / t: the expectation over a majority drawn among the tied ones. The mean
    over faces is the accuracy of one annotator against a majority that excludes the annotator, which a network that
    agrees with the majority more often exceeds.

    Returns:
        0 to 1; NaN for faces with fewer than two votes.

    Raises:
        ValueError: the votes are no counts.
    """
    votes = np.asarray(votes, np.float64)
    if (votes != np.rint(votes)).any():
        raise ValueError("The votes are weights; expected whole numbers of annotators.")
    totals = votes.sum(axis=1)
    agreed = np.zeros(len(votes))
    for label in range(votes.shape[1]):
        others = votes.copy()
        others[:, label] -= 1
        winners = others == others.max(axis=1, keepdims=True)
        agreed += votes[:, label] * winners[:, label] / winners.sum(axis=1)
    return np.divide(agreed, totals, out=np.full(len(votes), np.nan), where=totals >= 2)


def alpha_columns(votes: np.ndarray) -> np.ndarray:
    """(n, k + 1): the votes of each face with two or more, and their disagreement; zeros for other faces.

    The disagreement of a face with m votes is the number of ordered pairs of its votes that differ, over m - 1. Sums of
    the rows give Krippendorff's alpha; see `alpha_from_sums`.
    """
    votes = np.asarray(votes, np.float64)
    totals = votes.sum(axis=1)
    pairable = totals >= 2
    differing = totals**2 - (votes**2).sum(axis=1)
    disagreement = np.divide(differing, totals - 1, out=np.zeros(len(votes)), where=pairable)
    return np.column_stack([votes * pairable[:, None], disagreement])


def alpha_from_sums(sums: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha (...) of sums (..., k + 1) of `alpha_columns`; NaN without two different labels."""
    sums = np.asarray(sums, np.float64)
    of_label, disagreement = sums[..., :-1], sums[..., -1]
    n = of_label.sum(axis=-1)
    expected = (n**2 - (of_label**2).sum(axis=-1)) / np.maximum(n - 1, 1)
    return 1 - np.divide(disagreement, expected, out=np.full(np.shape(n), np.nan), where=expected > 1e-9)


def krippendorff_alpha(votes: np.ndarray) -> float:
    """Krippendorff's alpha of nominal labels: 1 - D_o / D_e, 1 for perfect agreement, 0 for chance, negative below it.

    D_o is the share of pairs of votes on the same face that differ, D_e that of pairs among all votes. Faces may have
    any number of votes; those with fewer than two are left out. Hayes & Krippendorff (2007), "Answering the Call for a
    Standard Reliability Measure for Coding Data", Communication Methods and Measures 1(1); with missing values:
    Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability".
    """
    return float(alpha_from_sums(alpha_columns(votes).sum(axis=0)))
