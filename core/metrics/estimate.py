"""A number with its 95% interval."""

import math
from dataclasses import dataclass

_NAN = float("nan")


@dataclass(frozen=True)
class Estimate:
    """A number and the ends of its 95% interval; NaN where it cannot be computed."""

    value: float
    low: float = _NAN
    high: float = _NAN

    def as_dict(self) -> dict[str, float | None]:
        """For JSON: what cannot be computed is null."""
        return {
            name: None if math.isnan(number) else float(number)
            for name, number in (("value", self.value), ("low", self.low), ("high", self.high))
        }

    @classmethod
    def from_dict(cls, document: dict) -> "Estimate":
        """The Estimate that `as_dict` wrote.

        Raises:
            KeyError, TypeError, ValueError: the document is not one.
        """
        numbers = (document[name] for name in ("value", "low", "high"))
        return cls(*(_NAN if number is None else float(number) for number in numbers))
