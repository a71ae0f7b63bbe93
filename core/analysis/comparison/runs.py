"""Comparison of two runs: differences with significance tests, summary sentences, changed faces."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from core.analysis.comparison.pairing import CHANGES, PairedRuns, pair
from core.metrics.comparison import Difference, compare_predictions
from core.metrics.text import difference_format, listed, span
from core.runs.run import Run

#: Significance level of the corrected p-values.
ALPHA = 0.05

RESAMPLES = 2000


@dataclass(frozen=True, eq=False)
class Comparison:
    """Comparison of run B with run A on their common faces; differences are B - A."""

    paired: PairedRuns
    differences: tuple[Difference, ...]
    resamples: int
    seed: int

    @cached_property
    def changed(self) -> dict[str, int]:
        """Number of faces of each kind in CHANGES."""
        counts = np.bincount(self.paired.changes, minlength=len(CHANGES))
        return dict(zip(CHANGES, counts.tolist(), strict=True))

    def verdict(self) -> str:
        """Sentence with the metrics on which B is better, worse, and not distinguishable."""
        a, b = self.paired.a, self.paired.b
        by: dict[str, list[Difference]] = {}
        for each in self.differences:
            by.setdefault(significance(each), []).append(each)
        parts = []
        for word in by:  # in the order of the metrics
            if word in ("better", "worse"):
                than = "" if parts else f" than '{a}'"
                parts.append(f"{word}{than} on {listed([_with_numbers(each) for each in by[word]])}")
        if "undecided" in by:
            alike = listed([_title(each) for each in by["undecided"]], "or")
            parts.append(f"not distinguishable {'' if parts else f'from {a!r} '}on {alike}")
        parts = [f"'{b}' is {'; '.join(parts)}"] if parts else []
        if "unknown" in by:
            parts.append(
                f"{listed([_title(each) for each in by['unknown']])} cannot be tested on these faces"
            )
        return f"{'; '.join(parts)}."

    def sentences(self) -> list[str]:
        """One sentence per metric: both values, the difference with its interval, and its significance."""
        parts = []
        for each in self.differences:
            title, (a, b) = _title(each), (each.metric.format.text(value) for value in (each.a, each.b))
            title = title[0].upper() + title[1:]
            meaning = {
                "better": f"'{self.paired.b}' is better.",
                "worse": f"'{self.paired.b}' is worse.",
                "undecided": "not distinguishable from chance.",
                "unknown": "it cannot be tested on these faces.",
            }[significance(each)]
            parts.append(
                f"{title} {a} in '{self.paired.a}', {b} in '{self.paired.b}' {_numbers(each)}: {meaning}"
            )
        return parts

    def change(self) -> str:
        """Sentence with the numbers of faces that only one run classifies correctly."""
        counts = self.changed
        return (
            f"'{self.paired.b}' correctly classifies {counts['fixed']:,} faces that '{self.paired.a}' misclassifies, and "
            f"misclassifies {counts['broken']:,} that '{self.paired.a}' correctly classifies; {counts['both-wrong']:,} "
            f"are misclassified by both as different labels, and {counts['same']:,} have the same prediction."
        )

    def table(self) -> pd.DataFrame:
        """One row per metric: name, number (its title), a, b, difference, low, high, p, p_corrected, significance (of B),
        advantage, advantage_low, advantage_high (of B: the difference, negated if lower is better), method."""
        rows = []
        for each in self.differences:
            ends = (each.difference, each.low, each.high)
            value, low, high = (
                ends if each.metric.higher_is_better else (-each.difference, -each.high, -each.low)
            )
            rows.append(
                {
                    "name": each.name,
                    "number": _title(each),
                    "a": each.a,
                    "b": each.b,
                    **dict(zip(("difference", "low", "high"), ends, strict=True)),
                    "p": each.p,
                    "p_corrected": each.p_corrected,
                    "significance": significance(each),
                    "advantage": value + 0.0,  # avoids -0.0
                    "advantage_low": low + 0.0,
                    "advantage_high": high + 0.0,
                    "method": each.method,
                }
            )
        return pd.DataFrame(rows)

    def as_dict(self) -> dict:
        """Content for JSON; NaN becomes None."""
        rows = self.table().drop(columns=["advantage", "advantage_low", "advantage_high"]).to_dict("records")
        return {
            "a": self.paired.a,
            "b": self.paired.b,
            "faces": len(self.paired),
            "only_a": self.paired.only_a,
            "only_b": self.paired.only_b,
            "changed": self.changed,
            "verdict": self.verdict(),
            "alpha": ALPHA,
            "resamples": self.resamples,
            "seed": self.seed,
            "differences": [{name: _or_null(value) for name, value in row.items()} for row in rows],
        }


def compare(a: Run, b: Run, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compare run B with run A on the faces that both scored.

    Raises:
        AffectoscopeError: they cannot be compared (core.analysis.comparison.pairing), or their predictions cannot be read.
    """
    return compare_paired(pair(a, b), resamples=resamples, seed=seed)


def compare_paired(paired: PairedRuns, *, resamples: int = RESAMPLES, seed: int = 0) -> Comparison:
    """Compare two runs that are already paired; see `compare`."""
    differences = compare_predictions(
        paired.truth,
        paired.probabilities_a,
        paired.probabilities_b,
        affect_a=paired.affect_a,
        affect_b=paired.affect_b,
        resamples=resamples,
        seed=seed,
        fixed_counts=paired.fixed_counts,
    )
    return Comparison(paired, differences, resamples, seed)


def significance(difference: Difference) -> str:
    """Classify B by the corrected p-value: 'better', 'worse', 'undecided', or 'unknown' without a p-value."""
    if math.isnan(difference.p_corrected):
        return "unknown"
    if difference.p_corrected >= ALPHA or difference.difference == 0:
        return "undecided"
    return "better" if (difference.difference > 0) == difference.metric.higher_is_better else "worse"


def comparison_methods(differences: Sequence[Difference]) -> str:
    """The method of each number: 'accuracy: McNemar mid-p; macro-F1 and M: approximate randomisation'."""
    by_method: dict[str, list[str]] = {}
    for each in differences:
        by_method.setdefault(each.method, []).append(_title(each))
    text = "; ".join(f"{listed(titles)}: {method}" for method, titles in by_method.items())
    return f"{text[0].upper()}{text[1:]}"


def _title(difference: Difference) -> str:
    return difference.metric.short


def _with_numbers(difference: Difference) -> str:
    return f"{_title(difference)} {_numbers(difference)}"


def _numbers(difference: Difference) -> str:
    """'(+1.9 points, 95% 0.6 to 3.2, p = 0.004 corrected)'."""
    form = difference_format(difference.metric.format)
    plain = replace(form, signed=False)
    ends = span(difference.low, difference.high, plain, unit=False)
    ends = f"95% {ends}" if ends else "no interval"
    return f"({form.text(difference.difference)}, {ends}, {_p_value(difference.p_corrected)})"


def _p_value(p: float) -> str:
    if math.isnan(p):
        return "no p-value"
    if p < 0.001:
        return "p < 0.001 corrected"
    just_below = p < ALPHA <= round(p, 3)  # would be rounded up to ALPHA
    return f"p = {p:.{4 if just_below else 3}f} corrected"


def _or_null(value):
    return None if isinstance(value, float) and math.isnan(value) else value
