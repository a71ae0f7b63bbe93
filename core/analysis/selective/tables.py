"""Tables of selective prediction for the dashboard and the report."""

import numpy as np
import pandas as pd

from core.analysis.selective.abstention import Abstention, Accepted
from core.metrics.abstention import RiskCoverage

#: Bin width of the confidence histogram.
BIN = 0.05

#: Largest number of points of a curve.
POINTS = 500

RIGHT, WRONG = "scored, right", "scored, wrong"
SCORED, WITH_OUT_OF_SET, BEST = "scored faces", "with out-of-set faces", "best order"


def confidence_bins(abstention: Abstention) -> pd.DataFrame:
    """Histogram of the confidence: group (RIGHT, WRONG, each out-of-label-set label), low and high of the bin, faces,
    share (of the group's faces, 0 to 1)."""
    parts = {
        RIGHT: abstention.confidence[abstention.correct],
        WRONG: abstention.confidence[~abstention.correct],
        **{
            group.name: abstention.out_of_set[abstention.members(group)]
            for group in abstention.groups
            if group.labels == (group.name,)
        },
    }
    edges = np.linspace(0, 1, round(1 / BIN) + 1)
    rows = []
    for group, confidence in parts.items():
        faces = np.histogram(confidence, edges)[0]
        shares = faces / max(len(confidence), 1)
        rows += zip([group] * len(faces), edges[:-1], edges[1:], faces, shares, strict=True)
    return pd.DataFrame(rows, columns=["group", "low", "high", "faces", "share"])


def risk_curves(abstention: Abstention) -> pd.DataFrame:
    """Risk-coverage curves: curve (SCORED, WITH_OUT_OF_SET if there are such faces, BEST), coverage, risk, threshold,
    accepted, errors. BEST orders all errors last; its thresholds are NaN."""
    curves = {SCORED: abstention.curve}
    if len(abstention.out_of_set):
        curves[WITH_OUT_OF_SET] = abstention.curve_with_out_of_set
    parts = [_curve(name, curve) for name, curve in curves.items()]
    errors, faces = int(abstention.curve.errors[-1]), abstention.curve.faces
    accepted = np.unique(np.r_[faces - errors, np.linspace(faces - errors, faces, POINTS // 5)].astype(int))
    accepted = accepted[accepted > 0]
    wrong = accepted - (faces - errors)
    parts.append(
        _rows(BEST, accepted / faces, wrong / accepted, np.full(len(accepted), np.nan), accepted, wrong)
    )
    return pd.concat(parts, ignore_index=True)


def group_table(abstention: Abstention, accepted: Accepted) -> pd.DataFrame:
    """One row per group of out-of-label-set faces: label, faces, mean and median confidence, separation from the scored faces with
    its interval (low, high), and the share accepted at a threshold with its interval (accepted_low, accepted_high)."""
    rows = [
        (
            group.name, group.faces, group.mean_confidence, group.median_confidence, group.auroc.value,
            group.auroc.low, group.auroc.high, share.value, share.low, share.high,
        )
        for group in abstention.groups
        for share in [accepted.out_of_set[group.name]]
    ]  # fmt: skip
    columns = ["label", "faces", "mean_confidence", "median_confidence", "auroc", "low", "high"]
    return pd.DataFrame(rows, columns=[*columns, "accepted", "accepted_low", "accepted_high"])


def _curve(name: str, curve: RiskCoverage) -> pd.DataFrame:
    places = np.unique(np.linspace(0, len(curve.thresholds) - 1, POINTS).astype(int))
    numbers = (curve.coverage, curve.risk, curve.thresholds, curve.accepted, curve.errors)
    return _rows(name, *(each[places] for each in numbers))


def _rows(name: str, coverage, risk, threshold, accepted, errors) -> pd.DataFrame:
    columns = {
        "coverage": coverage,
        "risk": risk,
        "threshold": threshold,
        "accepted": accepted,
        "errors": errors,
    }
    return pd.DataFrame({"curve": name} | columns)
