"""Response times of the dashboard in a real browser, compared with a one-line app: `python benchmarks/dashboard.py`.

Opens each page of the shipped runs and of a run with a million predictions in headless Chromium, then makes
one choice on it, and prints one table. Every round visits the bare app and the pages in turn, so that a busy
machine slows all of them. A page is usable when its script has run to the end and nothing on it waits for
data. Memory is the server's resident set after all of it. Needs Chromium and requirements-dev.txt.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.large_run import FACES, NAME, large_run
from benchmarks.serving import serving
from benchmarks.side_by_side import ROOT, Row, keep, row

CHROMIUM = "/usr/bin/chromium"
BARE = 'import streamlit as st\n\nst.title("Bare")\n'

#: Page -> the control that is changed on it: (label of a select box, option), or None to only visit it.
CHOICES: dict[str, tuple[str, str] | None] = {
    "": None,
    "data": ("Expression", "sad"),
    "training": None,
    "confusion": ("True", "fear"),
    "per-class": ("Expression", "sad"),
    "m-measure": ("Expression", "fear"),
    "misclassified": ("True", "fear"),
    "face-map": ("True", "fear"),
    "valence-arousal": ("Of expression", "sad"),
    "protocol": None,
    "compare": ("True", "fear"),
    "calibration": ("Expression", "sad"),
    "slices": None,
    "leaks": None,
    "label-errors": ("Given", "sad"),
}

_USABLE = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    return app && app.dataset.testScriptState === 'notRunning'
        && document.querySelector('h1')
        && !document.querySelector('[data-testid=stSkeleton], [data-testid=stSpinner], [data-stale=true]');
}"""


def visit(page: Page, address: str) -> float:
    """Seconds from asking for `address` until the page is usable."""
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.wait_for_function(_USABLE, polling=20)
    return time.perf_counter() - began


def choose(page: Page, label: str, option: str) -> float:
    """Seconds from taking an option of a select box until the page is usable again."""
    box = page.get_by_role("combobox", name=label).first
    box.scroll_into_view_if_needed()
    page.wait_for_timeout(300)  # scrolling closes an open list
    box.press("ArrowDown")
    page.keyboard.type(option)
    page.get_by_role("option", name=option, exact=True).wait_for()
    page.evaluate(
        """() => {
            window.ran = false;
            const app = document.querySelector('[data-testid=stApp]');
            new MutationObserver(() => { window.ran ||= app.dataset.testScriptState === 'running'; })
                .observe(app, {attributes: true, attributeFilter: ['data-test-script-state']});
        }"""
    )
    began = time.perf_counter()
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => window.ran && ({_USABLE})()", polling=20)
    return time.perf_counter() - began


def resident(process: subprocess.Popen) -> float:
    """GiB of the process in memory, now."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024**2
    raise OSError("no VmRSS")


def measure(rounds: int, runs: dict[str, Path | None], bare: Path, pages: list[str]) -> list[Row]:
    """Print the table for runs: name -> its artifacts folder (None: the shipped ones); what sums it up."""
    with ExitStack() as stack:
        bare_address, _ = stack.enter_context(serving(bare))
        servers = {name: stack.enter_context(serving(ROOT / "streamlit_app.py", runs[name])) for name in runs}
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        bares: list[float] = []
        visits: dict[tuple[str, str], list[float]] = {}
        clicks: dict[tuple[str, str], list[float]] = {}
        for _ in range(rounds):
            # A context per round: the browser then keeps the app's scripts, as that of a reader does.
            context = browser.new_context(viewport={"width": 1280, "height": 1000})
            page = context.new_page()
            page.set_default_timeout(120_000)
            for address in (bare_address, *(f"{address}/" for address, _ in servers.values())):
                visit(page, address)
            for path in pages:
                choice = CHOICES[path]
                bares.append(visit(page, bare_address))
                for name, (address, _) in servers.items():
                    visits.setdefault((path, name), []).append(visit(page, f"{address}/{path}?run={name}"))
                    if choice and page.get_by_role("combobox", name=choice[0]).count():
                        clicks.setdefault((path, name), []).append(choose(page, *choice))
            context.close()
        browser.close()
        floor = statistics.median(bares)
        print(
            f"bare app: {floor:.2f} s (median of {len(bares)} visits, {min(bares):.2f} to {max(bares):.2f})\n"
        )
        print(
            f"{'run':20s}{'page':18s}{'usable (s)':>12s}{'over bare':>11s}{'worst':>8s}{'choice (s)':>12s}{'worst':>8s}"
        )
        for name in servers:
            for path in pages:
                seen, chosen = visits[path, name], clicks.get((path, name))
                middle = statistics.median(seen)
                print(
                    f"{name:20s}{path or 'overview':18s}{middle:12.2f}{middle - floor:11.2f}{max(seen):8.2f}"
                    + (
                        f"{statistics.median(chosen):12.2f}{max(chosen):8.2f}"
                        if chosen
                        else f"{'-':>12s}{'-':>8s}"
                    )
                )
        summed = []
        for name, (_, process) in servers.items():
            middles = {path: statistics.median(visits[path, name]) for path in pages}
            slowest = max(middles, key=middles.get)
            how = f"run {name}; medians over {rounds} visits of each of {len(pages)} pages"
            beside = ("a bare app", floor)
            summed += [
                row(f"dashboard, {name}: the middle page", statistics.median(middles.values()), "s", beside=beside,
                    how=how),
                row(f"dashboard, {name}: the slowest page", middles[slowest], "s", beside=beside, how=how,
                    note=slowest or "overview"),
            ]  # fmt: skip
            chosen = {path: statistics.median(clicks[path, name]) for path in pages if (path, name) in clicks}
            if chosen:
                slowest = max(chosen, key=chosen.get)
                summed.append(
                    row(f"dashboard, {name}: the slowest choice", chosen[slowest], "s", how=how, note=slowest)
                )
            memory = resident(process)
            summed.append(
                row(f"dashboard, {name}: its server", memory, "GiB", how="resident, after all of it")
            )
        return summed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--faces", type=int, default=FACES, help="predictions of the large run")
    parser.add_argument("--large", type=Path, help="artifacts folder that holds the large run already")
    parser.add_argument("--pages", nargs="*", default=list(CHOICES), choices=list(CHOICES))
    options = parser.parse_args()
    began = time.time()
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        large = options.large or Path(folder) / "artifacts"
        if not options.large:
            large_run(large, faces=options.faces)
        rows = measure(options.rounds, {"fer2013-standard": None, NAME: large}, bare, options.pages)
    keep(__file__, rows, title="The dashboard in a browser", began=began)


if __name__ == "__main__":
    main()
