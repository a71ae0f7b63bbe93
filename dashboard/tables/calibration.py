"""Tables about how far the probabilities can be taken at their word."""

from collections.abc import Sequence

import pandas as pd

from core.analysis.calibration.review import NUMBERS, CalibrationReview, Reliability, title_of
from core.metrics.estimate import Estimate
from core.metrics.headline import HEADLINES
from core.metrics.text import DECIMAL, PERCENT, POINTS, SMALL_DIFFERENCE, with_interval


def numbers(review: CalibrationReview) -> pd.DataFrame:
    """One row per number and one for M: before and, where there is a temperature, after and their difference.

    Columns: number, uncalibrated, uncalibrated_low, uncalibrated_high, then the same of calibrated and of change; NaN where there is none.
    """
    readings = {"uncalibrated": review.uncalibrated} | (
        {"calibrated": review.calibrated} if review.calibrated else {}
    )
    rows = []
    for name in NUMBERS:
        estimates = {when: getattr(reading, name) for when, reading in readings.items()}
        if review.calibrated:
            estimates["change"] = review.change.get(name, _difference(estimates))
        rows.append({"number": title_of(name)} | _flat(estimates))
    m = {when: Estimate(reading.m_measure) for when, reading in readings.items()}
    if review.calibrated:
        m["change"] = _difference(m)
    rows.append({"number": HEADLINES["m_measure"].title} | _flat(m))
    return pd.DataFrame(rows)


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """A `numbers` table as it is read: each number with its interval in brackets."""
    shown = pd.DataFrame({"number": table["number"]})
    for when, title in (
        ("uncalibrated", "plain softmax"),
        ("calibrated", "with temperature"),
        ("change", "difference"),
    ):
        if when in table:
            form = SMALL_DIFFERENCE if when == "change" else DECIMAL
            shown[title] = [
                with_interval(Estimate(*ends), form)
                for ends in table[[when, f"{when}_low", f"{when}_high"]].itertuples(index=False)
            ]
    return shown


def bins_as_text(
    reliability: Reliability, readings: Sequence[str], *, expression: str | None = None
) -> pd.DataFrame:
    """One row per bin: its faces and, of each of `readings`, the predicted and the observed share, and the difference.

    Columns of "calibrated" beside those of "uncalibrated" end in " at T".
    """
    predicted, observed = (
        ("confidence", "accuracy") if expression is None else ("probability", f"share of {expression}")
    )
    columns = {}
    for reading in readings:
        rows = reliability.bins[reliability.bins["reading"] == reading].reset_index(drop=True)
        columns |= {"bin": rows.index + 1, "faces": rows["faces"]}
        suffix = " at T" if reading == "calibrated" and len(readings) > 1 else ""
        columns[predicted + suffix] = _percents(rows, "confidence", "lowest", "highest")
        columns[observed + suffix] = _percents(rows, "accuracy", "low", "high")
        difference = rows["confidence"] - rows["accuracy"]
        columns["difference" + suffix] = [POINTS.text(points, unit=False) for points in difference]
    return pd.DataFrame(columns)


def labels(review: CalibrationReview) -> pd.DataFrame:
    """One row per expression: the `label_table` before, and after's own columns named <column>_calibrated."""
    table = review.uncalibrated.labels
    if review.calibrated is None:
        return table
    own = [name for name in table.columns if name not in ("expression", "faces", "share")]
    return table.join(review.calibrated.labels[own].add_suffix("_calibrated"))


def _difference(estimates: dict[str, Estimate]) -> Estimate:
    return Estimate(estimates["calibrated"].value - estimates["uncalibrated"].value)


def _flat(estimates: dict[str, Estimate]) -> dict[str, float]:
    return {
        f"{when}{end}": number
        for when, estimate in estimates.items()
        for end, number in (("", estimate.value), ("_low", estimate.low), ("_high", estimate.high))
    }


def _percents(rows: pd.DataFrame, value: str, low: str, high: str) -> list[str]:
    """'64.0% (61.4 to 67.0)'."""
    return [
        with_interval(Estimate(*ends), PERCENT) for ends in rows[[value, low, high]].itertuples(index=False)
    ]
