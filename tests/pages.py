"""Pages opened without a browser, and what a user reads on them."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parent.parent
#: Pages about one run; Live is about photos, Sweep about many trainings, Transfer about many runs.
PAGES = sorted(
    path.stem
    for path in (ROOT / "dashboard" / "pages").glob("[!_]*.py")
    if path.stem not in ("live", "sweep", "transfer")
)
RUNS = ("thumbnails", "affect", "absent", "eleven", "one-class", "one-face", "drawn")


def open_page(page: str, **query: str | list[str]) -> AppTest:
    """The page after its first run. Runs lie where AFFECTOSCOPE_ARTIFACTS says."""
    test = AppTest.from_file(str(ROOT / "dashboard" / "pages" / f"{page}.py"), default_timeout=60)
    for name, value in query.items():
        test.query_params[name] = value
    return test.run()


def text_of(page: AppTest) -> str:
    """Everything a user reads outside of charts and tables."""
    kinds = (
        "title",
        "header",
        "subheader",
        "markdown",
        "caption",
        "info",
        "warning",
        "error",
        "success",
        "code",
    )
    return "\n".join(str(element.value) for kind in kinds for element in getattr(page, kind))


def pictures(page: AppTest) -> int:
    return len(page.image)


def problems(page: AppTest) -> list[str]:
    return [element.message for element in page.exception]
