"""Tables of docs/study.md from the shipped sweeps: `python benchmarks/study.py`."""

import sys
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.analysis.sweep_effects import level_effects, parameter_tests
from core.runs.layout import ARTIFACTS_FOLDER
from core.runs.sweeps import Sweep, list_sweeps


def main() -> None:
    sweeps, damaged = list_sweeps(ARTIFACTS_FOLDER)
    for sweep in sorted(sweeps, key=lambda each: each.name):
        print(f"\n{sweep.name}\n\n" + "\n".join(tables(sweep)))
    for name, problem in damaged.items():
        print(f"\n{name} cannot be read: {problem}")


def tables(sweep: Sweep) -> list[str]:
    """Markdown tables of the effects of values and parameters."""
    done = sweep.trials().query("state == 'complete'")
    worth = level_effects(done, sweep.parameters, "accuracy", reference=sweep.info["reference"])
    balanced = level_effects(done, sweep.parameters, "macro_f1", reference=sweep.info["reference"])
    order = worth if sweep.info["space"] == "factors" else worth.sort_values("effect", ascending=False)
    lines = [
        "| | trials | accuracy, mean | against the reference, points (95 %) | macro-F1, points (95 %) |",
        "|---|---|---|---|---|",
    ]
    for index, row in order.iterrows():
        lines.append(
            f"| {row['parameter']}: {row['level']} | {row['trials']} | {100 * row['mean']:.1f} % | "
            f"{points(row)} | {points(balanced.loc[index])} |"
        )
    tests = parameter_tests(done, sweep.parameters, "accuracy")
    lines += ["", "| | share of the variance | p |", "|---|---|---|"]
    lines += [f"| {row.parameter} | {row.share:.1%} | {shown(row.p)} |" for row in tests.itertuples()]
    return lines


def points(row: pd.Series) -> str:
    if row["reference"]:
        return "reference"
    return f"{100 * row['effect']:+.1f} ({100 * row['low']:+.1f} to {100 * row['high']:+.1f})"


def shown(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


if __name__ == "__main__":
    main()
