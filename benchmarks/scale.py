"""Estimated time for AffectNet on other hardware: `python benchmarks/scale.py`, four minutes.

Measures what a face costs here (benchmarks/scale_measure.py), simulates the way of photos into a pack and of batches
through a training (scale_sites.py, scale_simulation.py) on this and on other hardware, which is taken from data sheets
(scale_hardware.py), and prints tables. Figures go to benchmarks/results/scale.json. `--write` puts the tables into
docs/scale.md, between their marks; `--simulate` takes the figures of the last measuring.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scale_measure import measure
from benchmarks.scale_tables import TABLES

ROOT = Path(__file__).resolve().parent.parent

RESULTS, DOCUMENT = ROOT / "benchmarks" / "results" / "scale.json", ROOT / "docs" / "scale.md"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulate", action="store_true", help="do not measure again")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/scale.md")
    options = parser.parse_args()
    if options.simulate:
        measured = json.loads(RESULTS.read_text(encoding="utf-8"))["measured"]
    else:
        measured = measure()
    made = {name: table(measured) for name, table in TABLES.items()}
    RESULTS.parent.mkdir(exist_ok=True)
    document = {"measured": measured, "tables": made}
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    for name, lines in made.items():
        print(f"\n{name}\n\n" + "\n".join(lines))
    if options.write:
        DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8"), made), encoding="utf-8")


def written(text: str, made: dict[str, list[str]]) -> str:
    """`text` with each table between its marks."""
    for name, lines in made.items():
        before, begin, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition(f"<!-- end of {name} -->")
        if not (begin and end):
            raise SystemExit(f"{DOCUMENT.name} has no marks for the table '{name}'.")
        text = before + begin + "\n".join(lines) + "\n" + end + after
    return text


if __name__ == "__main__":
    main()
