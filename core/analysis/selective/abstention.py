"""Selective prediction: risk and coverage when the network abstains at low confidence.

Out-of-label-set faces (none, uncertain and no-face with eight expressions, contempt with seven) have no correct
prediction; the network should abstain on them. Confidence is the highest probability after temperature scaling, as in
core.predict.
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
from core.metrics.bootstrap import strata_of
from core.metrics.calibration import apply_temperature
from core.metrics.estimate import Estimate
from core.metrics.text import PERCENT, percent, with_interval
from core.metrics.thresholds import wilson_interval
from core.runs.calibration import load_temperature
from core.runs.run import Run

#: AffectNet's labels without an expression.
NO_EXPRESSION = ("none", "uncertain", "no-face")

#: Risks for which the largest coverage is reported.
RISKS = (0.05, 0.1, 0.2, 0.3)

#: Coverages for which the risk is reported.
COVERAGES = (0.5, 0.7, 0.8, 0.9, 1.0)

#: Names of groups of out-of-label-set labels.
NO_EXPRESSION_GROUP, ALL_OUT_OF_SET = "no expression", "all out-of-set labels"


@dataclass(frozen=True)
class OutOfSetGroup:
    """Confidence of the network on the faces of one or several out-of-label-set labels.

    Attributes:
        auroc: probability that a scored face has a higher confidence than one of these faces.
    """

    name: str
    labels: tuple[str, ...]
    faces: int
    mean_confidence: float
    median_confidence: float
    auroc: Estimate


@dataclass(frozen=True)
class Accepted:
    """Faces accepted at a confidence threshold; shares have Wilson intervals and are NaN if no face is accepted."""

    threshold: float
    scored: int  # accepted scored faces
    coverage: Estimate  # share of the scored faces that are accepted
    errors: int
    risk: Estimate  # share of errors among the accepted scored faces
    out_of_set: dict[str, Estimate]  # share accepted, by group as in `Abstention.groups`
    accepted_out_of_set: int
    risk_with_out_of_set: Estimate  # accepted out-of-label-set faces count as errors


@dataclass(frozen=True, eq=False)
class Abstention:
    """Confidence of a run on its scored and out-of-label-set faces, with metrics of selective prediction.

    Attributes:
        labels: labels of the network.
        split: the scored split.
        temperature: temperature of the confidences.
        confidence, correct: (n,) confidence (float64) of the scored faces, and whether the prediction is correct.
        out_of_set, out_of_set_label: (m,) confidence (float64) and label of the out-of-label-set faces.
        not_kept: number of out-of-label-set faces of an older run that did not store their probabilities.
        aurc, e_aurc: area under the risk-coverage curve of the scored faces, and its excess over the best order.
        failure_auroc: probability that a correct prediction has a higher confidence than a wrong one.
        aurc_with_out_of_set: as `aurc`, with out-of-label-set faces as errors; NaN without any.
        groups: each out-of-label-set label, then those of NO_EXPRESSION together, then all together.
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
        """Risk-coverage curve of the scored faces."""
        return risk_coverage(self.confidence, self.correct)

    @cached_property
    def curve_with_out_of_set(self) -> RiskCoverage:
        """Risk-coverage curve of all faces, with out-of-label-set faces as errors."""
        return _with_out_of_set(self.confidence, self.correct, self.out_of_set)

    def members(self, group: OutOfSetGroup) -> np.ndarray:
        """(m,) mask of the out-of-label-set faces in a group."""
        return np.isin(self.out_of_set_label, group.labels)

    def accepted(self, threshold: float) -> Accepted:
        """Evaluate a confidence threshold, 0 to 1; faces with at least this confidence are accepted."""
        scored, errors = self.curve.at_threshold(threshold)
        above = self.out_of_set >= threshold
        everyone, wrong = scored + int(above.sum()), errors + int(above.sum())
        return Accepted(
            threshold=threshold,
            scored=scored,
            coverage=_share(scored, len(self.confidence)),
            errors=errors,
            risk=_share(errors, scored),
            out_of_set={
                group.name: _share(int(above[self.members(group)].sum()), group.faces)
                for group in self.groups
            },
            accepted_out_of_set=int(above.sum()),
            risk_with_out_of_set=_share(wrong, everyone),
        )

    def at_risks(self, risks: tuple[float, ...] = RISKS) -> pd.DataFrame:
        """Largest coverage of the scored faces for each risk: risk, threshold, coverage, and guaranteed_threshold and
        guaranteed_coverage for a guaranteed risk; NaN without such a threshold."""
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
        """Risk for each coverage of the scored faces: coverage, threshold, accepted, risk, low, high."""
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
        """Summary sentences."""
        sentences = []
        if self.groups:
            out_of_set = self.groups[-1]
            sentences.append(
                f"{out_of_set.faces:,} {self.split} faces have labels outside of the label set "
                f"({', '.join(out_of_set.labels)}). Their mean confidence is "
                f"{percent(out_of_set.mean_confidence)}, that of the {len(self.confidence):,} scored faces "
                f"{percent(self.confidence.mean())}. A scored face has the higher confidence in "
                f"{with_interval(out_of_set.auroc, PERCENT, level=True)} of the pairs (50%: no separation)."
            )
        if not np.isnan(self.failure_auroc.value):
            sentences.append(
                f"A correct prediction has a higher confidence than a wrong one in {with_interval(self.failure_auroc, PERCENT, level=True)} "
                f"of the pairs. The area under the risk-coverage curve is {with_interval(self.aurc, level=True)}; its excess over "
                f"the best possible order of the predictions is {with_interval(self.e_aurc, level=True)}."
            )
        return sentences


def compute_abstention(run: Run, *, resamples: int = 1000, seed: int = 0) -> Abstention:
    """Compute the metrics of selective prediction of a run, with bootstrap intervals.

    Raises:
        AffectoscopeError: the predictions or out-of-label-set faces are damaged, or no face is scored.
    """
    predictions, fitted, protocol = run.predictions(), load_temperature(run), load_protocol(run)
    if not len(predictions):
        raise AffectoscopeError(f"Run '{run.name}' has no scored faces; train it again.")
    temperature = fitted.temperature if fitted else 1.0
    stored = load_out_of_set_faces(run)
    confidence, out_of_set = (
        apply_temperature(values, temperature).max(axis=1)
        for values in (predictions.probabilities, stored.probabilities)
    )
    correct, names = predictions.correct, tuple(name for name in EXPRESSIONS if name in set(stored.labels))
    groups = _groups(names)
    bounds = abstention_intervals(
        confidence, correct, strata_of(predictions.truth, fixed_counts=run.has_fixed_counts(predictions)), out_of_set,
        np.array([names.index(name) for name in stored.labels], np.int64),
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
        out_of_set_label=stored.labels,
        not_kept=0 if len(out_of_set) else sum(protocol.out_of_set_scored.values()),
        aurc=Estimate(aurc(curve), *bounds.aurc),
        e_aurc=Estimate(e_aurc(curve), *bounds.e_aurc),
        failure_auroc=Estimate(auroc(confidence[correct], confidence[~correct]), *bounds.failure_auroc),
        aurc_with_out_of_set=_aurc_with_out_of_set(confidence, correct, out_of_set, bounds),
        groups=tuple(
            _group(name, of, out_of_set[np.isin(stored.labels, of)], confidence, ends)
            for (name, of), ends in zip(groups.items(), bounds.out_of_set, strict=True)
        ),
    )


def _groups(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Group -> labels: each label, those of NO_EXPRESSION, all labels; without duplicates."""
    groups: dict[str, tuple[str, ...]] = {name: (name,) for name in names}
    silent = tuple(name for name in names if name in NO_EXPRESSION)
    for group, members in ((NO_EXPRESSION_GROUP, silent), (ALL_OUT_OF_SET, names)):
        if members and members not in groups.values():
            groups[group] = members
    return groups


def _group(
    name: str, labels: tuple[str, ...], out_of_set: np.ndarray, scored: np.ndarray, ends: tuple[float, float]
) -> OutOfSetGroup:
    separation = Estimate(auroc(scored, out_of_set), *ends)
    return OutOfSetGroup(
        name, labels, len(out_of_set), float(out_of_set.mean()), float(np.median(out_of_set)), separation
    )


def _with_out_of_set(confidence: np.ndarray, correct: np.ndarray, out_of_set: np.ndarray) -> RiskCoverage:
    return risk_coverage(np.r_[confidence, out_of_set], np.r_[correct, np.zeros(len(out_of_set), bool)])


def _aurc_with_out_of_set(confidence, correct, out_of_set, bounds: AbstentionBounds) -> Estimate:
    if not len(out_of_set):
        return Estimate(float("nan"))
    return Estimate(aurc(_with_out_of_set(confidence, correct, out_of_set)), *bounds.aurc_with_out_of_set)


def _share(part: int, whole: int) -> Estimate:
    return Estimate(part / whole if whole else float("nan"), *wilson_interval(part, whole))
