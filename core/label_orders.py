"""Orders of numeric labels: which expression each number means, by a published order or one that the user gives."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS, LABEL_SETS, expression_code, find_code

#: Labels of RAF-DB's numbers 1 to 7 (Li, Deng & Du 2017); copies that count from 0 keep the order.
RAFDB = ("surprise", "fear", "disgust", "happy", "sad", "anger", "neutral")

#: Labels of FER2013's numbers 0 to 6, which ExpW shares.
FER2013 = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")

_TITLES = {"affectnet": "AffectNet", "rafdb": "RAF-DB", "fer2013": "FER2013", "alphabetical": "alphabetical"}

_COUNTS_SHOWN = 3
_LARGEST_FILE = 2**16
_ROW = re.compile(r"(?P<number>\d{1,4})\s*[\s,:;=]\s*(?P<name>\S.*)$")


@dataclass(frozen=True)
class LabelOrder:
    """An order of numeric labels.

    Attributes:
        text: the value of --label-order that gives it: its name, or pairs such as '0=neutral,1=happy'.
        pairs: (number, AffectNet code) in a given order; empty for the orders by name.
    """

    text: str
    pairs: tuple[tuple[int, int], ...] = ()

    @property
    def title(self) -> str:
        return _TITLES.get(self.text, "the given label order")

    def codes(self, numbers: Collection[int]) -> dict[int, int]:
        """AffectNet codes of those of `numbers`, all that the data has, that the order names."""
        known = dict(self.pairs) if self.pairs else _named(self.text, set(numbers))
        return {number: known[number] for number in numbers if number in known}


def _named(name: str, numbers: set[int]) -> dict[int, int]:
    """number -> AffectNet code of an order by name; RAF-DB's and the alphabetical one begin where the numbers do."""
    first = 0 if 0 in numbers or name not in ("rafdb", "alphabetical") else 1
    labels = {"affectnet": EXPRESSIONS, "rafdb": RAFDB, "fer2013": FER2013}.get(name)
    if labels is None:
        # One number too few and each later label would be another: only whole sets of 7 or 8 have such an order.
        count = max(numbers, default=0) + 1 - first
        labels = tuple(sorted(LABEL_SETS[count].labels)) if count in (7, 8) else ()
    return {number: expression_code(label) for number, label in enumerate(labels, first)}


def parse_label_order(text: str) -> LabelOrder:
    """The order of a value of --label-order: a name, a text file, or pairs such as '0=neutral,1=happy'.

    A file has the name of a label per line, in the order of the numbers from 0, or a number and a name. Empty lines and
    those that begin with # are skipped.

    Raises:
        AffectoscopeError: it is none of these, or a line has no known label.
    """
    if text in _TITLES:
        return LabelOrder(text)
    path = Path(text).expanduser()
    if path.is_file():
        rows = _read_rows(path)
    elif "=" in text:
        rows = text.split(",")
    else:
        raise AffectoscopeError(
            f"There is no label order '{text}'; pass {', '.join(_TITLES)}, or a text file with the name of a label per line "
            "or a number and a name."
        )
    pairs: dict[int, int] = {}
    for row in rows:
        match = _ROW.match(row)
        if bool(match) != bool(_ROW.match(rows[0])):
            raise AffectoscopeError(
                f"The label order '{text}' has lines with a number and lines without; use one form."
            )
        number = int(match["number"]) if match else len(pairs)
        if number in pairs:
            raise AffectoscopeError(f"The label order '{text}' has the number {number} twice; keep one.")
        try:
            pairs[number] = expression_code(match["name"] if match else row)
        except ValueError as error:
            raise AffectoscopeError(f"The label order '{text}' cannot be read: {error}") from error
    ordered = tuple(sorted(pairs.items()))
    return LabelOrder(",".join(f"{number}={EXPRESSIONS[code]}" for number, code in ordered), ordered)


def _read_rows(path: Path) -> list[str]:
    try:
        content = path.read_bytes()[:_LARGEST_FILE].decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise AffectoscopeError(f"The label order {path} cannot be read as text ({error}).") from error
    rows = [row.strip() for row in content.splitlines()]
    rows = [row for row in rows if row and not row.startswith("#")]
    if not rows:
        raise AffectoscopeError(f"The label order {path} is empty; expected the name of a label per line.")
    return rows


def read_labels(counts: dict[str, int], order: LabelOrder | None, what: str) -> tuple[dict[str, int], str]:
    """AffectNet codes of labels that are names, synonyms or numbers, and a sentence on the numbers, '' where there are none.

    Without an order, only the numbers 1 to 7, all of them and no other label, say whose they are: RAF-DB's.

    Args:
        counts: label as the data has it -> faces.
        order: what the user says that the numbers mean.
        what: what has the labels, as in `undecided`.

    Raises:
        AffectoscopeError: nothing says whose the numbers are.
    """
    codes = {label: code for label in counts if (code := find_code(label)) is not None}
    numbers = {label: int(label) for label in counts if label.isascii() and label.isdigit()}
    if not numbers:
        return codes, ""
    if order is None:
        if set(numbers.values()) != set(range(1, 8)) or codes:
            faces = dict.fromkeys(numbers.values(), 0)
            for label, number in numbers.items():
                faces[number] += counts[label]
            raise undecided(what, faces)
        order = LabelOrder("rafdb")
    known = order.codes(set(numbers.values()))
    codes |= {label: known[number] for label, number in numbers.items() if number in known}
    reading = ", ".join(f"{number} {EXPRESSIONS[code]}" for number, code in sorted(known.items()))
    return codes, f"The numbers of the labels are read as {order.title}: {reading}."


def undecided(what: str, counts: dict[int, int]) -> AffectoscopeError:
    """The error of data that does not say whose numbers its labels are.

    Args:
        what: what has the numbers, such as '/data/faces.zip has class folders'.
        counts: number -> faces.
    """
    orders = [LabelOrder(name) for name in _TITLES]
    candidates = [order for order in orders if len(order.codes(counts)) == len(counts)]
    readings = "; ".join(f"as {order.title}: {_reading(order, counts)}" for order in candidates)
    numbers = ", ".join(str(number) for number in sorted(counts))
    return AffectoscopeError(
        f"{what} numbered {numbers}, and nothing says whose numbers these are. "
        + (f"Read {readings}. " if candidates else "No known order has these numbers. ")
        + f"Pass --label-order {', '.join([order.text for order in candidates] + [''])}"
        + "or a text file with the name of a label per line or a number and a name."
    )


def _reading(order: LabelOrder, counts: dict[int, int]) -> str:
    """The most frequent labels of the numbers, read in that order: '4,772 fear, 2,524 contempt and others'."""
    codes = order.codes(counts)
    largest = sorted(counts, key=lambda number: (-counts[number], number))
    shown = ", ".join(
        f"{counts[number]:,} {EXPRESSIONS[codes[number]]}" for number in largest[:_COUNTS_SHOWN]
    )
    return shown + (" and others" if len(largest) > _COUNTS_SHOWN else "")
