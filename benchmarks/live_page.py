"""Latency of uploaded photos on the page Live, in a real browser: `python benchmarks/live_page.py`.

Starts the app, waits 15 seconds as a user who looks around would, then uploads a portrait of 380 pixels and a
photo of 1280x960 pixels with six people, in turn, and times each from handing over the file until its last
face has its answer. Beside it, in the same run: the detector's own time, and a bare app that takes the same upload
and answers with a heading and the photo itself. Needs Chromium and requirements-dev.txt.
"""

import argparse
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.dashboard import CHROMIUM, resident
from benchmarks.live import GROUP_SEED, PORTRAIT_SEED, drawn_photo
from benchmarks.serving import serving
from benchmarks.side_by_side import ROOT, keep, row

BARE = """import streamlit as st

file = st.file_uploader("Photos", accept_multiple_files=True)
if file:
    st.image(file[0].getvalue())
    st.subheader("Results")
else:
    st.info("Choose a photo")
"""

#: Seconds that the app has been up before the first photo.
OPEN = 15.0


#: The photo is shown, and below its last face the table of results begins.
_ANSWERED = """() => document.querySelector('[data-testid=stImage] img')
    && [...document.querySelectorAll('h3')].some(title => title.textContent === 'Results')"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--run", default="fer2013-standard")
    options = parser.parse_args()
    began = time.time()
    photos = {
        "portrait": drawn_photo(1, (380, 380), PORTRAIT_SEED),
        "six people": drawn_photo(6, (1280, 960), GROUP_SEED),
    }
    answers: dict[str, list[float]] = {title: [] for title in photos}
    bare: dict[str, list[float]] = {title: [] for title in photos}
    with ExitStack() as stack:
        script = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "bare.py"
        script.write_text(BARE)
        address, server = stack.enter_context(serving(ROOT / "streamlit_app.py"))
        bare_address, _ = stack.enter_context(serving(script))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page, bare_page = (browser.new_page(viewport={"width": 1280, "height": 1000}) for _ in range(2))
        for each, start in ((page, f"{address}/live?run={options.run}"), (bare_page, bare_address)):
            each.set_default_timeout(60_000)
            each.goto(start)
            each.get_by_text("Choose a photo").wait_for()
        page.wait_for_timeout(OPEN * 1000)
        for _ in range(options.rounds):
            for title, photo in photos.items():
                for each, times in ((page, answers), (bare_page, bare)):
                    each.bring_to_front()
                    times[title].append(upload(each, f"{title}.jpg", photo))
        browser.close()
        memory = resident(server)
    rows = []
    for title, (first, *later) in answers.items():
        middle, floor = statistics.median(later), statistics.median(bare[title][1:])
        alone = detector(photos[title], options.rounds)
        rows.append(
            row(
                f"Live in a browser: {title}",
                middle,
                "s",
                beside=("a bare app and the detector", floor + alone),
                how=f"median of {len(later)} uploads after the first, from handing over the file to the last answer",
                note=f"first {first:.2f} s, worst {max(later):.2f} s; bare app {floor:.2f}, detector {alone:.2f}",
            )
        )
    rows.append(row("Live in a browser: the server process", memory, "GiB", how="resident, after all of it"))
    keep(__file__, rows, title="The page Live", began=began)


def upload(page: Page, name: str, photo: bytes) -> float:
    """Seconds from handing over a photo until its last face is answered; the photo is then taken away."""
    began = time.perf_counter()
    page.locator("input[type=file]").set_input_files(
        {"name": name, "mimeType": "image/jpeg", "buffer": photo}
    )
    page.wait_for_function(_ANSWERED, polling=20)
    took = time.perf_counter() - began
    page.get_by_role("button", name=f"Remove {name}").click()
    page.get_by_text("Choose a photo").wait_for()
    return took


def detector(photo: bytes, rounds: int) -> float:
    """Median seconds of the detector alone."""
    from core.data.detectors.mtcnn import Mtcnn
    from core.data.images import read_upright

    image = read_upright(photo)
    Mtcnn().detect(image)
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        Mtcnn().detect(image)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


if __name__ == "__main__":
    main()
