"""Tables of the page Protocol, as they are shown."""

import pandas as pd

from core.analysis.detection import DetectedScores
from core.analysis.selective.abstention import Abstention, Accepted
from core.analysis.selective.tables import SCORED, WITH_OUT_OF_SET
from core.metrics.estimate import Estimate
from core.metrics.text import percent, span


def at_threshold(abstention: Abstention, accepted: Accepted) -> pd.DataFrame:
    """Effects of a threshold, on out-of-set faces too where there are any: number, value, low, high, and the faces of which
    the value is a share."""
    rows = [
        ("scored faces accepted", accepted.coverage, len(abstention.confidence)),
        ("errors among them", accepted.risk, accepted.scored),
    ]
    if abstention.groups:
        share = list(accepted.out_of_set.values())[-1]
        everyone = accepted.scored + accepted.accepted_out_of_set
        rows += [
            ("out-of-set faces accepted", share, len(abstention.out_of_set)),
            ("errors with them", accepted.risk_with_out_of_set, everyone),
        ]
    return pd.DataFrame(
        [(name, share.value, share.low, share.high, faces) for name, share, faces in rows],
        columns=["number", "value", "low", "high", "faces"],
    )


def chosen(abstention: Abstention, accepted: Accepted) -> dict[str, tuple[float, float]]:
    """Position of a threshold on each of the `risk_curves`: curve -> (coverage, risk); none where nothing is accepted."""
    everyone = len(abstention.confidence) + len(abstention.out_of_set)
    taken = accepted.scored + accepted.accepted_out_of_set
    points = {
        SCORED: (accepted.scored, accepted.coverage.value, accepted.risk.value),
        WITH_OUT_OF_SET: (taken, taken / everyone, accepted.risk_with_out_of_set.value),
    }
    return {name: (coverage, risk) for name, (faces, coverage, risk) in points.items() if faces}


def detected(scores: DetectedScores) -> pd.DataFrame:
    """Metrics of the detector: number, value, low, high, faces."""
    faces, found = sum(scores.faces.values()), sum(scores.found.values())
    numbers: list[tuple[str, Estimate, int]] = [
        ("faces that the detector misses", scores.miss_rate, faces),
        ("accuracy on the faces found", scores.of_found, found),
        ("accuracy, misses as errors", scores.of_all, faces),
        ("accuracy by annotated boxes", scores.by_annotation, faces),
        ("the same, on the faces found", scores.by_annotation_of_found, found),
    ]
    return pd.DataFrame(
        [(name, share.value, share.low, share.high, of) for name, share, of in numbers],
        columns=["number", "value", "low", "high", "faces"],
    )


def detected_per_label(scores: DetectedScores) -> pd.DataFrame:
    """A row per label: label, faces, found, missed, correct, recall of the found ones and of all."""
    table = pd.DataFrame({"faces": scores.faces, "found": scores.found, "correct": scores.correct})
    table = table.rename_axis("label").reset_index()
    table.insert(3, "missed", table["faces"] - table["found"])
    return table.assign(
        recall_of_found=table["correct"] / table["found"].where(table["found"] > 0),
        recall_of_all=table["correct"] / table["faces"].where(table["faces"] > 0),
    )


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """A table of shares with their intervals in words: number, value, interval, faces."""
    shown = pd.DataFrame({"number": table["number"]})
    shown["value"] = [percent(value) for value in table["value"]]
    shown["95% interval"] = [span(low, high) for low, high in zip(table["low"], table["high"], strict=True)]
    shown["of faces"] = table["faces"]
    return shown
