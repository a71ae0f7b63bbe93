"""How sure a network is where it should abstain, and what abstaining where it is unsure would buy.

Faces whose label the network does not know (none, uncertain and no-face beside the eight expressions, contempt beside
seven) have no right answer: the best it can do is to be unsure of them. Confidence is the highest probability after
the run's temperature, as core.predict and the Live page have it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.analysis.protocol import load_protocol
from core.analysis.selective.out_of_set import load_out_of_set_faces
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.metrics.abstention import RiskCoverage, aurc, auroc, e_aurc, risk_coverage
from core.metrics.abstention_intervals import AbstentionBounds, abstention_intervals
from core.metrics.calibration import apply_temperature
from core.metrics.estimate import Estimate
from core.metrics.text import PERCENT, percent, with_interval
from core.metrics.thresholds import wilson_interval
from core.runs.calibration import load_temperature
from core.runs.run import Run

#: AffectNet's labels that say no expression.
NO_EXPRESSION = ("none", "uncertain", "no-face")

#: Shares of errors for which the widest coverage is told.
RISKS = (0.05, 0.1, 0.2, 0.3)

#: Shares of the scored faces for which the risk is told.
COVERAGES = (0.5, 0.7, 0.8, 0.9, 1.0)

#: What groups of out-of-set labels are called.
NO_EXPRESSION_GROUP, ALL_OUT_OF_SET = "no expression", "all out-of-set labels"


@dataclass(frozen=True)
class OutOfSetGroup:
    """What the network says of the faces of one out-of-set label, or of several."""

    name: str
    labels: tuple[str, ...]
    faces: int
    mean_confidence: float
    median_confidence: float
    auroc: Estimate  # how often a scored face has a higher confidence than one of these


@dataclass(frozen=True)
class Accepted:
    """What a threshold accepts; shares with Wilson intervals, NaN where nothing is accepted."""

    threshold: float
    scored: int  # faces of labels that the network knows
    coverage: Estimate  # of these
    errors: int
    risk: Estimate  # share of errors among them
    out_of_set: dict[str, Estimate]  # share accepted, by group as in `Abstention.groups`
    accepted_out_of_set: int
    risk_with_out_of_set: Estimate  # every accepted out-of-set face an error


@dataclass(frozen=True, eq=False)
class Abstention:
    """The confidences of a run's scored faces and of the out-of-set ones, and what follows from them.

    Attributes:
        labels: what the network tells apart.
        split: the scored split.
        temperature: of the confidences.
        confidence: (n,) float64 of the scored faces; `correct`: (n,) whether the network was right.
        out_of_set: (m,) float64 confidences; `out_of_set_label`: (m,) names.
        not_kept: out-of-set faces of the split that the run counts but keeps no probabilities of: an older run.
        aurc, e_aurc: under the risk-coverage curve of the scored faces, and above that of the best order.
        failure_auroc: how often a right answer has a higher confidence than a wrong one.
        aurc_with_out_of_set: the same as `aurc`, every out-of-set face an error; NaN without any.
        groups: every out-of-set label, then those of NO_EXPRESSION together, then all, where that is more.
    """

    labels: tuple[str, ...]
    split: str
    temperature: float
    confidence: np.ndarray
    correct: np.ndarray
    out_of_set: np.ndarray
    out_of_set_label: np.ndarray
    not_kept: int
    aurc: Estimate
    e_aurc: Estimate
    failure_auroc: Estimate
    aurc_with_out_of_set: Estimate
    groups: tuple[OutOfSetGroup, ...]

    @cached_property
    def curve(self) -> RiskCoverage:
        """Of the scored faces."""
        return risk_coverage(self.confidence, self.correct)

    @cached_property
    def curve_with_out_of_set(self) -> RiskCoverage:
        """Of the scored and the out-of-set faces, every out-of-set face an error."""
        return _with_out_of_set(self.confidence, self.correct, self.out_of_set)

    def members(self, group: OutOfSetGroup) -> np.ndarray:
        """(m,) which out-of-set faces are in a group."""
        return np.isin(self.out_of_set_label, group.labels)

    def accepted(self, threshold: float) -> Accepted:
        """What is accepted at a confidence of `threshold`, 0 to 1, or more."""
        scored, errors = self.curve.at_threshold(threshold)
        beyond = self.out_of_set >= threshold
        everyone, wrong = scored + int(beyond.sum()), errors + int(beyond.sum())
        return Accepted(
            threshold=threshold,
            scored=scored,
            coverage=_share(scored, len(self.confidence)),
            errors=errors,
            risk=_share(errors, scored),
            out_of_set={
                group.name: _share(int(beyond[self.members(group)].sum()), group.faces)
                for group in self.groups
            },
            accepted_out_of_set=int(beyond.sum()),
            risk_with_out_of_set=_share(wrong, everyone),
        )

    def at_risks(self, risks: tuple[float, ...] = RISKS) -> pd.DataFrame:
        """The widest coverage of the scored faces with at most each risk: risk, threshold, coverage, and with the
        threshold that guarantees it guaranteed_threshold, guaranteed_coverage; NaN where there is none."""
        curve, rows = self.curve, []
        for risk in risks:
            places = (curve.at_risk(risk), curve.guaranteed(risk))
            found = [
                (float(curve.thresholds[at]), float(curve.coverage[at])) if at is not None else (np.nan, 0.0)
                for at in places
            ]
            rows.append((risk, *found[0], *found[1]))
        columns = ["risk", "threshold", "coverage", "guaranteed_threshold", "guaranteed_coverage"]
        return pd.DataFrame(rows, columns=columns)

    def at_coverages(self, coverages: tuple[float, ...] = COVERAGES) -> pd.DataFrame:
        """The risk when so many of the scored faces are accepted: coverage, threshold, accepted, risk, low, high."""
        curve, rows = self.curve, []
        for coverage in coverages:
            at = curve.at_coverage(coverage)
            risk = _share(int(curve.errors[at]), int(curve.accepted[at]))
            rows.append(
                (
                    coverage,
                    float(curve.thresholds[at]),
                    int(curve.accepted[at]),
                    risk.value,
                    risk.low,
                    risk.high,
                )
            )
        return pd.DataFrame(rows, columns=["coverage", "threshold", "accepted", "risk", "low", "high"])

    def findings(self) -> list[str]:
        """What the numbers say, in sentences."""
        told = []
        if self.groups:
            out_of_set = self.groups[-1]
            told.append(
                f"{out_of_set.faces:,} {self.split} faces have labels that the network does not know "
                f"({', '.join(out_of_set.labels)}), and it names an expression all the same, with a mean confidence of "
                f"{percent(out_of_set.mean_confidence)}; on the {len(self.confidence):,} scored faces it is "
                f"{percent(self.confidence.mean())}. A scored face has the higher confidence in "
                f"{with_interval(out_of_set.auroc, PERCENT, level=True)} of pairs with one of them; 50% would be guessing."
            )
        if not np.isnan(self.failure_auroc.value):
            told.append(
                f"A right answer has a higher confidence than a wrong one in {with_interval(self.failure_auroc, PERCENT, level=True)} "
                f"of pairs. The area under the risk-coverage curve is {with_interval(self.aurc, level=True)}, of which {with_interval(self.e_aurc, level=True)} "
                "would go if all errors were the least confident answers."
            )
        return told


def compute_abstention(run: Run, *, resamples: int = 1000, seed: int = 0) -> Abstention:
    """The run's abstention, with intervals from so many resamples; without out-of-set faces where it has none.

    Raises:
        AffectoscopeError: the predictions or the out-of-set faces are damaged, or of other labels; or no face is scored.
    """
    predictions, fitted, protocol = run.predictions(), load_temperature(run), load_protocol(run)
    if not len(predictions):
        raise AffectoscopeError(f"Run '{run.name}' was scored on no face; train it again.")
    temperature = fitted.temperature if fitted else 1.0
    kept = load_out_of_set_faces(run)
    confidence, out_of_set = (
        apply_temperature(values, temperature).max(axis=1)
        for values in (predictions.probabilities, kept.probabilities)
    )
    correct, names = predictions.correct, tuple(name for name in EXPRESSIONS if name in set(kept.labels))
    groups = _groups(names)
    bounds = abstention_intervals(
        confidence, correct, predictions.truth, out_of_set,
        np.array([names.index(name) for name in kept.labels], np.int64),
        [[names.index(name) for name in of] for of in groups.values()],
        resamples=resamples, seed=seed,
    )  # fmt: skip
    curve = risk_coverage(confidence, correct)
    return Abstention(
        labels=run.labels,
        split=protocol.split,
        temperature=temperature,
        confidence=confidence,
        correct=correct,
        out_of_set=out_of_set,
        out_of_set_label=kept.labels,
        not_kept=0 if len(out_of_set) else sum(protocol.out_of_set_scored.values()),
        aurc=Estimate(aurc(curve), *bounds.aurc),
        e_aurc=Estimate(e_aurc(curve), *bounds.e_aurc),
        failure_auroc=Estimate(auroc(confidence[correct], confidence[~correct]), *bounds.failure_auroc),
        aurc_with_out_of_set=_aurc_with_out_of_set(confidence, correct, out_of_set, bounds),
        groups=tuple(
            _group(name, of, out_of_set[np.isin(kept.labels, of)], confidence, ends)
            for (name, of), ends in zip(groups.items(), bounds.out_of_set, strict=True)
        ),
    )


def _groups(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Group -> its labels: each label, those of no expression, all of them; nothing twice."""
    groups = {name: (name,) for name in names}
    silent = tuple(name for name in names if name in NO_EXPRESSION)
    for group, members in ((NO_EXPRESSION_GROUP, silent), (ALL_OUT_OF_SET, names)):
        if members and members not in groups.values():
            groups[group] = members
    return groups


def _group(
    name: str, labels: tuple[str, ...], out_of_set: np.ndarray, scored: np.ndarray, ends: tuple[float, float]
) -> OutOfSetGroup:
    apart = Estimate(auroc(scored, out_of_set), *ends)
    return OutOfSetGroup(
        name, labels, len(out_of_set), float(out_of_set.mean()), float(np.median(out_of_set)), apart
    )


def _with_out_of_set(confidence: np.ndarray, correct: np.ndarray, out_of_set: np.ndarray) -> RiskCoverage:
    return risk_coverage(np.r_[confidence, out_of_set], np.r_[correct, np.zeros(len(out_of_set), bool)])


def _aurc_with_out_of_set(confidence, correct, out_of_set, bounds: AbstentionBounds) -> Estimate:
    if not len(out_of_set):
        return Estimate(float("nan"))
    return Estimate(aurc(_with_out_of_set(confidence, correct, out_of_set)), *bounds.aurc_with_out_of_set)


def _share(part: int, whole: int) -> Estimate:
    return Estimate(part / whole if whole else float("nan"), *wilson_interval(part, whole))
