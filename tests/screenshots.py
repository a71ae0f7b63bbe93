"""Screenshots of the app in headless Chromium: `make screenshots`, or `python tests/screenshots.py --help`.

Without options: the README's pictures, of the confusion page on the shipped FER2013 run, light and dark.
"""

import argparse
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.serving import ROOT, serving

CHROMIUM = "/usr/bin/chromium"
README_PICTURES = ROOT / "dashboard" / "screenshots"


def take(
    address: str,
    paths: dict[str, str],
    folder: Path,
    *,
    themes=("light", "dark"),
    widths=(1280,),
    whole=False,
):
    """One PNG per path, theme and width, named <name>-<theme>[-<width>].png."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for theme in themes:
            for width in widths:
                page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
                page.set_default_timeout(90_000)
                for name, path in paths.items():
                    page.goto(address + path)
                    page.locator("h1").first.wait_for()
                    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
                    page.wait_for_timeout(4000)
                    if whole:
                        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
                        page.set_viewport_size({"width": width, "height": min(int(height) + 20, 4000)})
                        page.wait_for_timeout(1500)
                    suffix = f"-{width}" if len(widths) > 1 else ""
                    page.screenshot(path=folder / f"{name}-{theme}{suffix}.png")
                    page.set_viewport_size({"width": width, "height": 900})
                page.close()
        browser.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=README_PICTURES)
    parser.add_argument("--artifacts", type=Path)
    parser.add_argument("--run", default="fer2013-standard")
    parser.add_argument(
        "--pages", nargs="*", help="url paths such as data or per-class; default: the README's"
    )
    parser.add_argument("--themes", nargs="*", default=["light", "dark"])
    parser.add_argument("--widths", nargs="*", type=int, default=[1280])
    parser.add_argument("--whole", action="store_true", help="the whole page, not only its first screen")
    options = parser.parse_args()
    if options.pages is None:
        paths = {"confusion": f"/confusion?run={options.run}&cells=Share+of+the+true&true=fear&predicted=sad"}
    else:
        paths = {
            page.strip("/") or "overview": f"/{page.strip('/')}?run={options.run}" for page in options.pages
        }
    with serving(ROOT / "streamlit_app.py", options.artifacts) as (address, _):
        take(address, paths, options.out, themes=options.themes, widths=options.widths, whole=options.whole)


if __name__ == "__main__":
    main()
