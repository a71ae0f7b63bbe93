"""Numbers, shares and intervals as text."""

import math
from collections.abc import Sequence

from core.metrics.scoring import Estimate


def percent(share: float, *, digits: int = 1) -> str:
    """0.248 -> '24.8 %'; '–' where it cannot be computed."""
    return "–" if share is None or math.isnan(share) else f"{100 * share:.{digits}f} %"


def number(value: float, *, digits: int = 3) -> str:
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def interval(estimate: Estimate, *, as_percent: bool = False) -> str:
    """'71.6 to 74.5 %', or why there is none."""
    if math.isnan(estimate.value):
        return "cannot be computed"
    if math.isnan(estimate.low):
        return "no interval"
    if as_percent:
        return f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f} %"
    return f"{estimate.low:.3f} to {estimate.high:.3f}"


def span(low: float, high: float) -> str:
    """'43.1 to 75.3 %'; '' where there is no interval."""
    return "" if math.isnan(low) else f"{100 * low:.1f} to {100 * high:.1f} %"


def listed(names: Sequence[str], last: str = "and") -> str:
    """'a', 'a and b', 'a, b and c' of at least one name."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
