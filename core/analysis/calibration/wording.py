"""Findings on the calibration of a run, as sentences."""

import numpy as np
import pandas as pd
from scipy.special import ndtri

from core.analysis.calibration.review import CalibrationReview, Reading
from core.metrics.estimate import Estimate
from core.metrics.intervals import LEVEL
from core.metrics.text import (
    POINTS,
    SMALL_DIFFERENCE,
    UNSIGNED_POINTS,
    WHOLE_PERCENT,
    percent,
    span,
    with_interval,
)


def calibration_findings(review: CalibrationReview) -> list[str]:
    """Sentences on overconfidence, calibration error, the effect of the temperature, and over- and underpredicted labels."""
    return [
        _overconfidence(review.uncalibrated),
        _error(review.uncalibrated),
        *([_temperature(review)] if review.fitted else []),
        *_labels(review.uncalibrated.labels),
    ]


def _overconfidence(reading: Reading) -> str:
    over = reading.overconfidence
    text = f"mean confidence {percent(reading.confidence)}, accuracy {percent(reading.accuracy)}"
    if np.isnan(over.low):
        return f"These faces do not tell whether the network is over- or under-confident: {text}."
    if over.low <= 0 <= over.high:
        return f"On average neither over- nor under-confident: {text}, a difference of {with_interval(over, POINTS, level=True)}."
    if over.value > 0:
        return f"Over-confident by {with_interval(over, UNSIGNED_POINTS, level=True)}: {text}."
    return f"Under-confident by {with_interval(Estimate(-over.value, -over.high, -over.low), UNSIGNED_POINTS, level=True)}: {text}."


def _error(reading: Reading) -> str:
    error, bins = reading.expected_calibration_error, reading.bins
    text = f"The calibration error over {len(bins)} bins is {with_interval(error, level=True)}"
    if np.isnan(error.low):
        return f"{text}; these faces do not tell how much of it is chance."
    if error.low == 0:
        return f"{text}: a calibrated network may show as much on as many faces by chance."
    outside = {
        "over": bins[bins["confidence"] > bins["high"]],
        "under": bins[bins["confidence"] < bins["low"]],
    }
    where = [
        f"{how}-confident in {_bins(len(rows))} "
        f"(confidence {span(rows['lowest'].min(), rows['highest'].max(), WHOLE_PERCENT)})"
        for how, rows in outside.items()
        if len(rows)
    ]
    return f"{text}; beyond a bin's own interval it is {' and '.join(where)}." if where else f"{text}."


def _temperature(review: CalibrationReview) -> str:
    fitted, before, after = review.fitted, review.uncalibrated, review.calibrated
    does = {1: "softens", -1: "sharpens", 0: "leaves"}[int(np.sign(fitted.temperature - 1))]
    loss, brier = (review.change[name] for name in ("negative_log_likelihood", "brier"))
    again = "" if _verdict(loss) == _verdict(brier) else f"{_verdict(brier)} "
    changes = (
        f"{_verdict(loss)} the log loss ({_between(loss)}) and {again}the Brier score ({_between(brier)})"
    )
    errors = [reading.expected_calibration_error.value for reading in (before, after)]
    gaps = [
        POINTS.text(reading.overconfidence.value, unit=unit)
        for reading, unit in ((before, False), (after, True))
    ]
    text = (
        f"The temperature of {fitted.temperature:.3f}, fitted on {fitted.faces:,} validation faces, {does} the "
        f"probabilities. On the scored faces it {changes}; the calibration error goes from {errors[0]:.3f} to "
        f"{errors[1]:.3f}, mean confidence less accuracy from {gaps[0]} to {gaps[1]}."
    )
    if (
        fitted.error_uncalibrated is None
        or fitted.error_calibrated is None
        or fitted.error_calibrated <= fitted.error_uncalibrated
    ):
        return text
    return (
        f"{text} The calibration error of the validation faces themselves rose with it, from "
        f"{fitted.error_uncalibrated:.3f} to {fitted.error_calibrated:.3f}: it is fitted to their log loss."
    )


def _labels(table: pd.DataFrame) -> list[str]:
    """The labels with the largest significant positive and negative excess."""
    present = table[table["faces"] > 0]
    if len(present) < 2:
        return []
    # Bonferroni correction for selecting the extremes.
    wider = ndtri(1 - (1 - LEVEL) / (2 * len(present))) / ndtri((1 + LEVEL) / 2)
    found = []
    for amount, label in (
        ("much", present.loc[present["excess"].idxmax()]),
        ("little", present.loc[present["excess"].idxmin()]),
    ):
        if abs(label["excess"]) > wider * (label["excess_high"] - label["excess"]):
            found.append(
                f"{label['expression']} too {amount} ({percent(label['probability'])} on average for "
                f"{percent(label['share'])} of the faces)"
            )
    return [f"Of all expressions the network gives {' and '.join(found)}."] if found else []


def _bins(count: int) -> str:
    return "1 bin" if count == 1 else f"{count} bins"


def _verdict(change: Estimate) -> str:
    if np.isnan(change.low) or change.low <= 0 <= change.high:
        return "does not measurably change"
    return "lowers" if change.value < 0 else "raises"


def _between(change: Estimate) -> str:
    """'−0.0020, 95% −0.0036 to −0.0004'."""
    return with_interval(change, SMALL_DIFFERENCE, level=True).replace(" (", ", ").removesuffix(")")
