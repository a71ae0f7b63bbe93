"""Scores of a network against the votes of several annotators, and of the annotators against each other."""

from dataclasses import dataclass

import numpy as np

from core.metrics import bootstrap, large_samples, votes
from core.metrics.estimate import Estimate
from core.metrics.intervals import LEVEL, MOST_FACES_REDRAWN, percentiles
from core.metrics.text import DECIMAL, PERCENT, NumberFormat

#: Share of a face's votes from which on a label is acceptable.
ACCEPTED_SHARE = 0.3


@dataclass(frozen=True)
class VoteMetric:
    """How a number of VoteScores is named, explained and written.

    Attributes:
        title: in the first column of a table.
        short: over a number, in at most three words.
        meaning: one or two sentences of explanation.
    """

    title: str
    short: str
    meaning: str
    format: NumberFormat = DECIMAL


#: The numbers of VoteScores by name, in the order of tables.
VOTE_METRICS: dict[str, VoteMetric] = {
    "majority_accuracy": VoteMetric(
        "Accuracy against the majority",
        "Majority accuracy",
        "Share of faces whose most probable expression has the most votes; faces with a tie, and with a majority for a label "
        "that the network does not have, are left out.",
        PERCENT,
    ),
    "human_ceiling": VoteMetric(
        "One annotator against the others",
        "One annotator",
        "Expected share of faces on which one annotator agrees with the majority of the other annotators; an agreement with "
        "one of t tied labels counts 1/t.",
        PERCENT,
    ),
    "human_ceiling_decided": VoteMetric(
        "One annotator where there is a majority",
        "… with a majority",
        "The same on the faces of the accuracy against the majority.",
        PERCENT,
    ),
    "accepted_accuracy": VoteMetric(
        "Accuracy against any accepted label",
        "Accepted labels",
        "Share of faces whose most probable expression has at least the stated share of the votes.",
        PERCENT,
    ),
    "vote_cross_entropy": VoteMetric(
        "Cross-entropy to the votes",
        "Cross-entropy",
        "Mean of -sum q ln p over the labels of the network: q the shares of the votes, p the probabilities. Its least "
        "value is the mean entropy of the votes.",
    ),
    "vote_kl": VoteMetric(
        "KL divergence to the votes",
        "KL divergence",
        "Cross-entropy to the votes less the mean entropy of the votes: 0 where the probabilities equal the shares.",
    ),
    "krippendorff_alpha": VoteMetric(
        "Krippendorff's alpha",
        "Krippendorff's alpha",
        "Agreement of the annotators with each other beyond chance: 1 is perfect, 0 is chance.",
    ),
    "entropy_correlation": VoteMetric(
        "Spearman of the entropies",
        "Spearman (entropies)",
        "Rank correlation of the entropy of the votes and that of the network's probabilities: positive where the network "
        "is unsure on the faces that people disagree on.",
    ),
}


@dataclass(frozen=True)
class VoteScores:
    """Scores of the faces with votes.

    Attributes:
        faces: with votes.
        with_majority: of these, those with a single majority label, which the network has.
        counts: the votes are numbers of annotators. Without, there are no human ceilings and no krippendorff_alpha.
        annotators: mean number of votes of a face; NaN for weights.
        accepted_share: of the votes, from which on a label is accepted.
        numbers: by name, in the order of VOTE_METRICS; NaN where a number cannot be computed.
    """

    faces: int
    with_majority: int
    counts: bool
    annotators: float
    accepted_share: float
    numbers: dict[str, Estimate]


def score_votes(
    face_votes: np.ndarray,
    columns: tuple[int, ...],
    truth: np.ndarray,
    probabilities: np.ndarray,
    *,
    accepted_share: float = ACCEPTED_SHARE,
    resamples: int = 1000,
    seed: int = 0,
    fixed_counts: bool = False,
) -> VoteScores:
    """Score probabilities against votes, with the middle 95 % of `resamples` seeded resamples of the faces.

    Cross-entropy and divergence use the votes for the network's labels, renormalised; faces without such votes are left
    out of them. All other numbers use all votes, those for labels that the network does not have included: an annotator
    who chose "unknown" disagrees with one who chose "fear". Faces are resampled as in core.metrics.intervals; beyond
    MOST_FACES_REDRAWN faces means have their normal limit and the correlation the interval of `rank_correlation_interval`.

    Args:
        face_votes: (n, k) votes; faces without votes take no part.
        columns: of the k columns, that of each of the c labels of the network.
        truth: (n,) positions of the annotated labels among the c.
        probabilities: (n, c).
        accepted_share: above 0, to 1.
        fixed_counts: the numbers of faces per label were fixed by design.

    Raises:
        ValueError: no face has votes.
    """
    known = face_votes.sum(axis=1) > 0
    if not known.any():
        raise ValueError("No face has votes.")
    face_votes, truth, probabilities = face_votes[known], truth[known], probabilities[known]
    counts, own, n = votes.are_counts(face_votes), list(columns), int(known.sum())
    values = _mean_columns(face_votes, own, probabilities, accepted_share, counts)
    correlation = bootstrap.rank_correlation(
        votes.entropies(votes.vote_shares(face_votes)), votes.entropies(probabilities)
    )
    found = _numbers(values.mean(axis=0, keepdims=True), n)
    found["entropy_correlation"] = correlation(np.ones((n, 1), np.float32))
    ends: dict[str, tuple] = {}
    if resamples:
        rng, strata = np.random.default_rng(seed), bootstrap.strata_of(truth, fixed_counts=fixed_counts)
        if n <= MOST_FACES_REDRAWN:
            statistics = [bootstrap.means(values), correlation]
            means, correlations = bootstrap.resample_faces(strata, statistics, resamples, rng)
            of_correlation = percentiles(correlations)
        else:
            means = large_samples.draw_means(strata, values, resamples, rng)
            of_correlation = large_samples.rank_correlation_interval(
                float(found["entropy_correlation"][0]), n, LEVEL
            )
        ends = {name: percentiles(drawn) for name, drawn in _numbers(means, n).items()}
        ends["entropy_correlation"] = of_correlation
    return VoteScores(
        faces=n,
        with_majority=int(np.isin(votes.majorities(face_votes), own).sum()),
        counts=counts,
        annotators=float(face_votes.sum(axis=1).mean()) if counts else float("nan"),
        accepted_share=accepted_share,
        numbers={name: _estimate(float(found[name][0]), ends.get(name)) for name in VOTE_METRICS},
    )


def _mean_columns(
    face_votes: np.ndarray, own: list[int], probabilities: np.ndarray, accepted_share: float, counts: bool
) -> np.ndarray:
    """(n, q): the values whose means give all numbers but the correlation, as `_numbers` reads them."""
    predicted = np.array(own)[probabilities.argmax(axis=1)]
    shares = votes.vote_shares(face_votes)
    of_network = votes.vote_shares(face_votes[:, own])
    comparable = of_network.sum(axis=1) > 0
    majority = votes.majorities(face_votes)
    decided = np.isin(majority, own)
    agreed = votes.human_agreements(face_votes) if counts else np.full(len(shares), np.nan)
    of_alpha = votes.alpha_columns(face_votes if counts else np.zeros_like(face_votes))
    return np.column_stack(
        [
            votes.vote_cross_entropies(of_network, probabilities) * comparable,
            votes.kl_divergences(of_network, probabilities) * comparable,
            comparable,
            majority == predicted,
            decided,
            shares[np.arange(len(shares)), predicted] >= accepted_share - 1e-9,
            np.nan_to_num(agreed),
            ~np.isnan(agreed),
            np.nan_to_num(agreed) * decided,
            ~np.isnan(agreed) & decided,
            of_alpha,
        ]
    ).astype(np.float64)


def _numbers(means: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """Numbers (r,) by name of means (r, q) of `_mean_columns` over n faces."""
    cross_entropy, divergence, comparable, right, decided, accepted, *ceilings = means[:, :10].T
    return {
        "majority_accuracy": _ratio(right, decided),
        "human_ceiling": _ratio(*ceilings[:2]),
        "human_ceiling_decided": _ratio(*ceilings[2:]),
        "accepted_accuracy": accepted,
        "vote_cross_entropy": _ratio(cross_entropy, comparable),
        "vote_kl": _ratio(divergence, comparable),
        "krippendorff_alpha": votes.alpha_from_sums(means[:, 10:] * n),
    }


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 1e-12)


def _estimate(value: float, ends: tuple | None) -> Estimate:
    """`value` with its interval; without one where no resample changes it."""
    if ends is None or np.isnan(value) or not ends[0] < ends[1]:
        return Estimate(value)
    return Estimate(value, float(ends[0]), float(ends[1]))
