"""Numbers as they stand in sentences and tables."""

from core.wording import interval, number, percent, span

__all__ = ["interval", "number", "percent", "span"]
