"""The report in Chromium, opened from disk with the network cut: charts, console, phone, paper."""

from contextlib import contextmanager
from pathlib import Path

import pytest

from core.report.html import report_html
from core.report.review import compute_review
from tests.browsers import chromium, needs_chromium
from tests.made_runs import make_run
from tests.pages import RUNS

pytestmark = needs_chromium

#: Shown charts have marks or cells that are drawn, not only axes.
_MARKS = ".scatterlayer .trace, .heatmaplayer image, .barlayer .trace"


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def reports(report_pages, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    paths = {name: folder / f"{name}.html" for name in report_pages}
    for name, path in paths.items():
        path.write_text(report_pages[name], encoding="utf-8")
    return paths


@contextmanager
def opened(browser, path: Path, *, width: int = 1280, **options):
    """A report opened from disk without a network; its test fails when it asks for anything or logs an error."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    context.set_offline(True)
    page = context.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console",
        lambda message: errors.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.goto(path.as_uri())
    page.wait_for_load_state("load")
    yield page
    context.close()
    assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
    assert errors == []


@pytest.mark.parametrize("name", RUNS)
def test_every_chart_is_drawn_from_disk_with_the_network_cut(browser, reports, name):
    with opened(browser, reports[name]) as page:
        charts = page.locator(".chart")
        assert charts.count() >= 4
        for place in range(charts.count()):
            assert charts.nth(place).locator(_MARKS).count() > 0
            assert charts.nth(place).bounding_box()["height"] > 100
        images = page.evaluate(
            "Promise.all([...document.images].map(image => (image.loading = 'eager', image.decode())))"
            ".then(() => [...document.images].map(image => image.naturalWidth))"
        )
        assert all(width > 0 for width in images) and bool(images) == (name in ("thumbnails", "drawn"))
        assert page.locator(".no-script").count() == 0


def test_a_chart_answers_the_pointer(browser, reports):
    with opened(browser, reports["affect"]) as page:
        cell = page.locator('[data-figure="confusions"] .heatmaplayer image')
        cell.scroll_into_view_if_needed()
        box = cell.bounding_box()
        page.mouse.move(box["x"] + 12, box["y"] + 12)
        hover = page.locator('[data-figure="confusions"] .hoverlayer')
        hover.get_by_text("neutral read as neutral").wait_for(timeout=5000)


@pytest.mark.parametrize("name", ["affect", "eleven", "drawn"])
def test_on_a_phone_nothing_is_wider_than_the_page(browser, reports, name):
    with opened(browser, reports[name], width=390, has_touch=True, is_mobile=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for chart in page.locator(".chart").all():
            assert chart.bounding_box()["width"] <= 390


def test_without_javascript_the_tables_and_the_descriptions_are_there(browser, reports):
    with opened(browser, reports["affect"], java_script_enabled=False) as page:
        assert page.get_by_text("The charts need JavaScript").is_visible()
        assert page.locator("figure .no-script").first.is_visible()
        assert page.locator("table").count() > 8


@pytest.mark.parametrize("name", ["affect", "drawn"])
def test_it_prints_on_several_pages_with_its_charts_inside(browser, reports, name, tmp_path):
    with opened(browser, reports[name]) as page:
        page.evaluate(
            "addEventListener('beforeprint', () => { window.printed = [...document.querySelectorAll('.chart .main-svg')]"
            ".map(drawing => drawing.getBoundingClientRect().width) })"
        )
        page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True, print_background=True)
        widths = page.evaluate("window.printed")
        page.wait_for_function(
            "document.querySelector('.chart .main-svg').getBoundingClientRect().width > 661"
        )
    assert widths and max(widths) <= 672  # A4 less its margins, in CSS pixels
    pdf = (tmp_path / "report.pdf").read_bytes()
    assert pdf.startswith(b"%PDF") and len(pdf) > 100_000
    assert pdf.count(b"/Type /Page\n") > 4


def test_a_text_of_a_user_does_not_run_even_where_it_got_past_the_escaping(browser, tmp_path):
    """The policy of the file is a second wall: a script that stands in it all the same is not run."""
    page = report_html(compute_review(make_run(tmp_path, "run", faces=40)))
    unescaped = "<script>window.ran = 1</script><img src='x' onerror='window.ran = 2'>"
    (tmp_path / "page.html").write_text(page.replace("<main>", f"<main>{unescaped}"), encoding="utf-8")
    context = browser.new_context()
    context.set_offline(True)
    shown = context.new_page()
    refused = []
    shown.on("console", lambda message: refused.append(message.text))
    shown.goto((tmp_path / "page.html").as_uri())
    shown.wait_for_function("document.querySelectorAll('.chart .main-svg').length > 0")
    assert shown.evaluate("window.ran") is None
    assert sum("Content Security Policy" in text for text in refused) >= 2
    context.close()
