"""Run all speed benchmarks and collect their results in one table: `python benchmarks/all.py`, which is `make bench`.

Each script runs in a process of its own and leaves its rows in benchmarks/results/; all of them together go to
benchmarks/results/all.json. A script that fails is named, and the others go on. With --write the latest results become
docs/benchmarks.md, and nothing is measured. With --small everything runs on little, to see that it runs: its figures
say nothing, and are not written.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.side_by_side import RESULTS, ROOT, Row, figure, table, verdict

#: Script -> the options that let it run on little.
SCRIPTS: dict[str, str] = {
    "metrics": "--faces 20000 --repeats 1",
    "packing": "--faces 4000 --images 256 --rounds 1",
    "training": "--images 256 --rounds 1",
    "original": "--faces 256 --rounds 1",
    "precision": "--rounds 1",
    "annotations": "--share 0.01 --rounds 1",
    "live": "--rounds 2 --crops 512",
    "peers": "--rounds 2",
    "live_page": "--rounds 2",
    "dashboard": "--rounds 1 --faces 20000",
}

DOCUMENT = ROOT / "docs" / "benchmarks.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(SCRIPTS), default=list(SCRIPTS))
    parser.add_argument("--peers", help="interpreter whose packages fer and DeepFace are in")
    parser.add_argument("--small", action="store_true", help="on little, to see that all of it runs")
    parser.add_argument("--write", action="store_true", help="measure nothing; write docs/benchmarks.md")
    options = parser.parse_args()
    if options.write:
        write()
        return
    failed = [name for name in options.only if not run(name, options.small, options.peers)]
    join([name for name in options.only if name not in failed], small=options.small)
    if failed:
        sys.exit(f"\nFailed: {', '.join(failed)}; what each said stands above.")


def run(name: str, small: bool, peers: str | None) -> bool:
    """Run a script and show its output; returns whether it succeeded and wrote its rows."""
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / f"{name}.py"),
        *(SCRIPTS[name].split() if small else []),
    ]
    if name == "peers" and peers:
        command += ["--python", peers]
    print(f"\n== {name}", flush=True)
    (RESULTS / f"{name}.json").unlink(missing_ok=True)
    began = time.time()
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    print(f"{name}: {time.time() - began:.0f} s", flush=True)
    return status == 0 and (RESULTS / f"{name}.json").exists()


def join(names: list[str], *, small: bool) -> None:
    """One table of what the scripts left, and all.json, where what this run left out stays as it was."""
    measured = {name: json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8")) for name in names}
    rows = [Row(**each) for document in measured.values() for each in document["rows"]]
    if rows:
        print(f"\n== all\n\n{table(rows)}")
    path = RESULTS / "all.json"
    before = (
        json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"small": small, "scripts": {}}
    )
    known = measured if before["small"] != small else before["scripts"] | measured
    everything = {"small": small, "scripts": {name: known[name] for name in SCRIPTS if name in known}}
    path.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


def write() -> None:
    path = RESULTS / "all.json"
    if not path.exists():
        sys.exit("Nothing has been measured yet; run `make bench` first.")
    everything = json.loads(path.read_text(encoding="utf-8"))
    if everything["small"]:
        sys.exit("What was measured last was measured on little, and says nothing; run `make bench`.")
    DOCUMENT.write_text(rendered(everything["scripts"]), encoding="utf-8")
    print(f"{DOCUMENT} is written.")


def rendered(scripts: dict[str, dict]) -> str:
    """docs/benchmarks.md of what the scripts measured."""
    machine, last = (
        next(iter(scripts.values()))["machine"],
        max(each["measured"] for each in scripts.values()),
    )
    minutes = sum(each["took_seconds"] for each in scripts.values()) / 60
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    missed = [
        Row(**each) for document in scripts.values() for each in document["rows"] if each["met"] is False
    ]
    left_out = [name for name in SCRIPTS if name not in scripts]
    lines = [
        "# Speed, side by side",
        "",
        "Measured by `make bench` and written by `python benchmarks/all.py --write`; nothing here is edited by hand.",
        "",
        f"{machine['cores']} cores of {machine['processor']}, {machine['memory_gib']} GiB, {machine['platform']}; Python "
        f"{machine['python']}, {packages}. {last[:10]}, {minutes:.0f} minutes.",
        "",
        "A ratio is ours over theirs: of faces per second more is better, of seconds less. Where both sides take turns for"
        " several rounds it is the median of the rounds' ratios, and the figures beside it are the best or the middle round's."
        " A target is of the ratio, or of our figure where nothing stands beside it.",
        "",
        *([f"Not measured this time: {', '.join(left_out)}.", ""] if left_out else []),
        "## Missed targets" if missed else "No target is missed.",
        "",
        *(
            f"- {each.case}, {each.target} of {each.compared_with or 'its own'}: {figure(_judged(each))}"
            for each in missed
        ),
        *([""] if missed else []),
    ]
    for name, document in scripts.items():
        lines += [
            f"## {document['title']}",
            "",
            f"`python benchmarks/{name}.py`, {document['measured'][:10]}",
            "",
            *_section(document),
            "",
        ]
    lines += _million()
    return "\n".join(lines).rstrip() + "\n"


def _million() -> list[str]:
    """The table of benchmarks/million.py, where it has run: it takes too long for `make bench`."""
    path = RESULTS / "million.json"
    if not path.exists():
        return []
    document = json.loads(path.read_text(encoding="utf-8"))
    sizes = sorted({each["faces"] for each in document["rows"]})
    told = {(each["stage"], each["faces"]): each for each in document["rows"]}
    lines = [
        "## A million faces",
        "",
        f"`python benchmarks/million.py FOLDER`, {document['measured'][:10]}: commands as a user gives them, each with "
        "nothing kept from an earlier run. Time on the clock, and the most memory that the command and its workers held "
        "together. What starting takes, some ten seconds for TensorFlow, is in the time.",
        "",
        "| | " + " | ".join(f"{size:,} faces" for size in sizes) + " |",
        "|---|" + "---:|" * len(sizes),
    ]
    for stage in dict.fromkeys(each["stage"] for each in document["rows"]):
        cells = [told.get((stage, size)) for size in sizes]
        lines.append(
            f"| {stage} | "
            + " | ".join(
                f"{each['seconds']:.0f} s, {1e6 * each['seconds'] / each['faces']:,.0f} µs/face, {each['gib']:.2f} GiB"
                if each
                else ""
                for each in cells
            )
            + " |"
        )
    return lines


def _judged(each: Row) -> float:
    return each.ours if each.ratio is None else each.ratio


def _section(document: dict) -> list[str]:
    """A table of one script's rows, and below it how they were measured."""
    rows = [Row(**each) for each in document["rows"]]
    lines = ["| | ours | compared with | theirs | ratio | target | |", "|---|---:|---|---:|---:|---|---|"]
    for each in rows:
        unit = f" {each.unit}" if each.unit else ""
        theirs = f"{figure(each.theirs)}{unit}" if each.theirs is not None else ""
        ratio = figure(each.ratio) if each.ratio is not None else ""
        lines.append(
            f"| {each.case} | {figure(each.ours)}{unit} | {each.compared_with} | {theirs} | {ratio} | {each.target} | "
            f"{verdict(each)} |"
        )
    lines.append("")
    cases: dict[str, list[Row]] = {}
    for each in rows:
        cases.setdefault(each.case, []).append(each)
    return lines + [f"- {case}: {_how(of_case)}." for case, of_case in cases.items()]


def _how(rows: list[Row]) -> str:
    """Notes on the measurement of the rows of one case; common notes are given once."""
    shared = rows[0].how if len({each.how for each in rows}) == 1 else ""
    parts = [shared] if shared else []
    for each in rows:
        own = "; ".join(filter(None, ["" if shared else each.how, each.note]))
        if own:
            parts.append(f"beside {each.compared_with}: {own}" if len(rows) > 1 else own)
    return "; ".join(parts)


if __name__ == "__main__":
    main()
