"""Answering only where the network is sure: errors among the faces that a threshold on the confidence accepts.

Coverage is the share of faces accepted, risk the share of errors among them (El-Yaniv & Wiener 2010, "On the
Foundations of Noise-free Selective Classification", Journal of Machine Learning Research 11). The curve of risk
over coverage, for networks: Geifman & El-Yaniv (2017), "Selective Classification for Deep Neural Networks",
NeurIPS. The area under it and its excess over the best order: Geifman, Uziel & El-Yaniv (2019), "Bias-Reduced
Uncertainty Estimation for Deep Neural Classifiers", ICLR.

A threshold accepts faces of equal confidence together, so a point of the curve is one distinct confidence. The
area takes the mean over all orders of equal ones, as a mid-rank does: no number depends on the order of the faces.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

#: Chance that a guaranteed risk is exceeded all the same.
DELTA = 0.05


@dataclass(frozen=True)
class RiskCoverage:
    """Accepted faces at every threshold, in descending order. Arrays are (k,), one entry per distinct confidence."""

    thresholds: np.ndarray  # falling; a face is accepted at this confidence or above
    accepted: np.ndarray  # faces, rising to all of them
    errors: np.ndarray  # among those accepted
    faces: int

    @property
    def coverage(self) -> np.ndarray:
        return self.accepted / max(self.faces, 1)

    @property
    def risk(self) -> np.ndarray:
        return self.errors / self.accepted

    def at_threshold(self, threshold: float) -> tuple[int, int]:
        """Faces accepted at `threshold`, and errors among them."""
        # In the confidences' own precision: a float32 confidence of 0.7 reaches 0.7.
        wanted = np.asarray(threshold, self.thresholds.dtype)
        place = int(np.searchsorted(-self.thresholds, -wanted, side="right")) - 1
        return (int(self.accepted[place]), int(self.errors[place])) if place >= 0 else (0, 0)

    def at_coverage(self, coverage: float) -> int:
        """The place of the strictest threshold that accepts at least this share, 0 to 1, of the faces."""
        return int(np.searchsorted(self.accepted, coverage * self.faces - 1e-9))

    def at_risk(self, risk: float) -> int | None:
        """The place of the widest coverage with no more than this risk; None where every threshold has more.

        Chosen on the faces that it is judged on, its risk on others is higher: see `guaranteed`.
        """
        places = np.flatnonzero(self.risk <= risk + 1e-12)
        return int(places[-1]) if len(places) else None

    def guaranteed(self, risk: float, *, delta: float = DELTA) -> int | None:
        """The place of a threshold whose risk on new faces alike is at most `risk`, but for a chance of `delta`.

        Selection with guaranteed risk, Geifman & El-Yaniv (2017), algorithm 1: a binary search over thresholds, in
        which each risk is held to its exact binomial upper limit at delta / looks. None where the search finds none.
        """
        low, high, found = 0, len(self.thresholds), None
        looks = high.bit_length()  # how often the search below looks at most
        while low < high:
            middle = (low + high) // 2
            if _upper_limit(self.errors[middle], self.accepted[middle], delta / looks) <= risk:
                found, low = middle, middle + 1
            else:
                high = middle
        return found


def risk_coverage(confidence: np.ndarray, correct: np.ndarray) -> RiskCoverage:
    """The curve of (n,) confidences and whether the network was right.

    Raises:
        ValueError: the shapes differ, there are no faces, or a confidence is NaN.
    """
    confidence, correct = np.asarray(confidence), np.asarray(correct, bool)
    if confidence.ndim != 1 or confidence.shape != correct.shape or not len(confidence):
        raise ValueError(
            f"confidence {confidence.shape} and correct {correct.shape} must both be (n,), n 1 or more."
        )
    if np.isnan(confidence).any():
        raise ValueError("A confidence is NaN.")
    order = np.argsort(-confidence, kind="stable")
    ranked = confidence[order]
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    return RiskCoverage(ranked[last], last + 1, np.cumsum(~correct[order])[last], len(ranked))


def aurc(curve: RiskCoverage) -> float:
    """Mean risk over all coverages 1/n to 1, 0 to 1, 0 = no error (AURC, Geifman, Uziel & El-Yaniv 2019)."""
    return float(aurcs(curve.accepted[None], curve.errors[None])[0])


def e_aurc(curve: RiskCoverage) -> float:
    """The area less that of the best order, errors last: 0 = confidence sets every error apart (E-AURC)."""
    return aurc(curve) - float(best_aurcs(np.array([curve.errors[-1]]), curve.faces)[0])


def aurcs(accepted: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """The area of each of (r, k) curves, (r,); entries may repeat where a threshold accepts nobody new.

    Of m equally confident faces with e errors, the j-th has brought e j / m of them on average over all orders:
    with K faces and E errors before, their risks sum to e + (E - e K / m) (1 / (K + 1) + ... + 1 / (K + m)).
    """
    before, wrong_before = (np.pad(sums, ((0, 0), (1, 0)))[:, :-1] for sums in (accepted, errors))
    fresh, wrong = accepted - before, errors - wrong_before
    share = np.divide(wrong, fresh, out=np.zeros(wrong.shape), where=fresh > 0)
    harmonic = np.r_[0.0, np.cumsum(1.0 / np.arange(1, accepted.max(initial=0) + 1))]
    sums = wrong + (wrong_before - share * before) * (harmonic[accepted] - harmonic[before])
    return sums.sum(axis=1) / accepted[:, -1]


def best_aurcs(errors: np.ndarray, faces: int) -> np.ndarray:
    """The area when all (r,) errors come after the other faces; about risk + (1 - risk) ln(1 - risk)."""
    errors = np.asarray(errors)
    right = faces - errors
    return aurcs(
        np.stack([right, np.full_like(right, faces)], axis=1),
        np.stack([np.zeros_like(errors), errors], axis=1),
    )


def auroc(above: np.ndarray, below: np.ndarray) -> float:
    """Share of pairs in which `above` (a,) exceeds `below` (b,), ties one half: the area under the ROC curve.

    0.5 = they cannot be told apart, 1 = always; NaN where either is empty.
    """
    if not len(above) or not len(below):
        return float("nan")
    ranked = np.sort(below)
    twice = np.searchsorted(ranked, above, side="left") + np.searchsorted(ranked, above, side="right")
    return float(twice.sum() / (2.0 * len(above) * len(below)))


def _upper_limit(errors: int, faces: int, delta: float) -> float:
    """Upper end of Clopper & Pearson's (1934) interval of a share, exceeded with a chance of `delta` at most."""
    return 1.0 if errors >= faces else float(betaincinv(errors + 1, faces - errors, 1.0 - delta))
