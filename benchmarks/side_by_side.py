"""Common code of the speed benchmarks: alternating measurements, result rows, table.

Each script leaves benchmarks/results/<its name>.json; `python benchmarks/all.py` runs them all and joins their rows.
"""

import json
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from core.runtime.environment import PACKAGES, package_versions, processor_name

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"

#: Second column of what `take_turns` gives: by the clock, and of the processor.
CLOCK, PROCESSOR = 0, 1


@dataclass(frozen=True)
class Row:
    """One thing measured, beside another where there is one.

    Attributes:
        case: what was measured.
        ours: its figure, in `unit`.
        unit: 's', 'faces/s', ...; '' for a plain number.
        compared_with: what `theirs` is of; '' where nothing stands beside it.
        theirs: the other's figure, in the same unit.
        ratio: ours over theirs.
        target: 'at least 2' or 'at most 1.05', of the ratio or, where nothing is compared, of `ours`; '' without one.
        met: whether the target is met; None without one.
        how: how it was measured, and on what, in a sentence or two.
        note: what else was seen this time.
    """

    case: str
    ours: float
    unit: str
    compared_with: str
    theirs: float | None
    ratio: float | None
    target: str
    met: bool | None
    how: str
    note: str


def row(
    case: str,
    ours: float,
    unit: str,
    *,
    beside: tuple[str, float] | None = None,
    ratio: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    how: str,
    note: str = "",
) -> Row:
    """A row whose ratio, unless it is given, is that of the two figures, and which knows if its target is met.

    Args:
        beside: what it is compared with, and that one's figure.
    """
    name, theirs = beside or ("", None)
    if ratio is None and theirs is not None:
        ratio = ours / theirs
    judged = ours if ratio is None else ratio
    target, met = "", None
    if at_least is not None:
        target, met = f"at least {at_least:g}", bool(judged >= at_least)
    elif at_most is not None:
        target, met = f"at most {at_most:g}", bool(judged <= at_most)
    return Row(
        case,
        float(ours),
        unit,
        name,
        theirs and float(theirs),
        ratio and float(ratio),
        target,
        met,
        how,
        note,
    )


def take_turns(
    timed: Mapping[str, Callable[[], object]], rounds: int, *, warm: int = 1
) -> dict[str, np.ndarray]:
    """Seconds of each by the clock and of this process's processor time, all taking turns.

    Args:
        warm: rounds before those that count.

    Returns:
        Name -> (rounds, 2).
    """
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in timed}
    for number in range(rounds + warm):
        for name, function in timed.items():
            began = time.perf_counter(), time.process_time()
            function()
            if number >= warm:
                seconds[name].append((time.perf_counter() - began[0], time.process_time() - began[1]))
    return {name: np.array(values) for name, values in seconds.items()}


def middle_ratio(ours: np.ndarray, theirs: np.ndarray, column: int = CLOCK) -> float:
    """Median over rounds of ours / theirs: what slows one round of a busy machine slows both sides of it."""
    return float(np.median(ours[:, column] / theirs[:, column]))


def keep(script: str, rows: list[Row], *, title: str, began: float) -> None:
    """Print the rows of a script (its __file__) and write them to benchmarks/results/<name>.json.

    Args:
        began: time.time() when it was started.
    """
    print(f"\n{title}\n")
    print(table(rows))
    RESULTS.mkdir(exist_ok=True)
    document = {
        "title": title,
        "script": f"benchmarks/{Path(script).name}",
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "took_seconds": round(time.time() - began),
        "machine": machine(),
        "rows": [asdict(each) for each in rows],
    }
    path = RESULTS / f"{Path(script).stem}.json"
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def machine() -> dict:
    """Hardware and versions of the measurement, without names of users, paths or hosts."""
    return {
        "cores": os.cpu_count(),
        "processor": processor_name(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": package_versions((*PACKAGES, "streamlit", "mtcnn")),
    }


def table(rows: list[Row]) -> str:
    """The rows as text, a line each."""
    wide = max(len(each.case) for each in rows) + 2
    other = max(len(each.compared_with) for each in rows) + 2
    head = f"{'':{wide}}{'ours':>12s} {'unit':9s}{'compared with':{other}}{'theirs':>10s}{'ratio':>9s}  {'target':15s}"
    lines = [head.rstrip()]
    for each in rows:
        line = f"{each.case:{wide}}{figure(each.ours):>12s} {each.unit:9s}{each.compared_with or '-':{other}}"
        line += f"{figure(each.theirs):>10s}{figure(each.ratio):>9s}  {each.target:15s}{verdict(each):8s}{each.note}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def verdict(each: Row) -> str:
    return "" if each.met is None else "met" if each.met else "MISSED"


def figure(value: float | None) -> str:
    """Three significant digits, or whole numbers with commas: '1,234', '12.3', '0.0123', '4e-16'."""
    if value is None:
        return "-"
    if value and abs(value) < 1e-3:
        return f"{value:.0e}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def progress(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
