"""Numbers as text: one formatter per kind of number, for the terminal, the pages, the report and the model card."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.metrics.estimate import Estimate

#: Stands for a number that cannot be computed.
UNKNOWN = "–"


@dataclass(frozen=True)
class NumberFormat:
    """Format of one kind of number."""

    digits: int  # after the decimal point
    factor: float = 1.0  # what the value is multiplied with first
    unit: str = ""
    signed: bool = False  # a plus sign before numbers above 0

    @property
    def printf(self) -> str:
        """For a table that formats its numbers itself, in which the factor is applied already."""
        return f"%{'+' if self.signed else ''}.{self.digits}f{self.unit.replace('%', '%%')}"

    @property
    def d3(self) -> str:
        """For Plotly and Altair, whose percent type multiplies and adds the sign itself."""
        return f"{'+' if self.signed else ''}.{self.digits}{'%' if self.unit == '%' else 'f'}"

    def text(self, value: float | None, *, unit: bool = True) -> str:
        """`value` as text; an en dash where it is None or NaN. What rounds to zero has no sign."""
        if value is None or math.isnan(value):
            return UNKNOWN
        size = f"{abs(self.factor * value):.{self.digits}f}"
        sign = "" if not float(size) else "−" if value < 0 else "+" if self.signed else ""
        return f"{sign}{size}{self.unit if unit else ''}"


PERCENT = NumberFormat(1, 100.0, "%")
WHOLE_PERCENT = NumberFormat(0, 100.0, "%")
DECIMAL = NumberFormat(3)
SHORT_DECIMAL = NumberFormat(2)
WHOLE = NumberFormat(0)
POINTS = NumberFormat(1, 100.0, " points", signed=True)  # a difference of two shares
UNSIGNED_POINTS = NumberFormat(1, 100.0, " points")
DIFFERENCE = NumberFormat(3, signed=True)
SMALL_DIFFERENCE = NumberFormat(4, signed=True)


def difference_format(form: NumberFormat) -> NumberFormat:
    """Format of the difference of two numbers of the given format."""
    return POINTS if form.unit == "%" else DIFFERENCE


def percent(share: float, *, digits: int = 1) -> str:
    """0.248 -> '24.8%'."""
    return NumberFormat(digits, 100.0, "%").text(share)


def number(value: float, *, digits: int = 3) -> str:
    """0.9104 -> '0.910'."""
    return NumberFormat(digits).text(value)


def count_faces(count: int) -> str:
    """'one face' or '3,589 faces'."""
    return "one face" if count == 1 else f"{count:,} faces"


def span(low: float, high: float, form: NumberFormat = PERCENT, *, unit: bool = True) -> str:
    """'43.1 to 75.3%'; '' where there is no interval."""
    if math.isnan(low):
        return ""
    return f"{form.text(low, unit=False)} to {form.text(high, unit=unit)}"


def interval(estimate: Estimate, form: NumberFormat = DECIMAL) -> str:
    """'71.6 to 74.5%', or why there is none."""
    if math.isnan(estimate.value):
        return "cannot be computed"
    return span(estimate.low, estimate.high, form) or "no interval"


def with_interval(estimate: Estimate, form: NumberFormat = DECIMAL, *, level: bool = False) -> str:
    """'66.9% (65.4 to 68.4)', or with `level` '66.9% (95% 65.4 to 68.4)'; the value alone without an interval."""
    value = form.text(estimate.value)
    if math.isnan(estimate.value) or math.isnan(estimate.low):
        return value
    return f"{value} ({'95% ' if level else ''}{span(estimate.low, estimate.high, form, unit=False)})"


def listed(names: Sequence[str], last: str = "and") -> str:
    """'a', 'a and b', 'a, b and c' of at least one name."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
