"""The running app in a real browser: clicks, addresses, downloads, and that nothing leaves the machine."""

import re
from pathlib import Path

import pytest

from core.runs.catalogue import list_runs, open_run
from dashboard.tables.planes import error_by_region
from tests.browsers import ROOT, chromium, needs_chromium, watched_app, watched_page

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def app(made_runs, tmp_path_factory):
    with watched_app(made_runs, tmp_path_factory.mktemp("home")) as started:
        yield started


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def page(app, browser):
    with watched_page(browser, app[0]) as shown:
        yield shown


def _settled(page) -> None:
    """Wait until no script runs: what is being drawn again loses clicks."""
    page.locator('[data-test-script-state="notRunning"]').wait_for(state="attached")


def _cell(page, true: str, predicted: str):
    _settled(page)
    name = f"predicted: {predicted}; true: {true};"
    return page.locator(f'[data-testid="stVegaLiteChart"] path[aria-label*="{name}"]').first


def test_a_click_on_a_confusion_cell_shows_its_faces_and_its_address_brings_them_back(page, made_runs):
    scores = open_run(made_runs / "thumbnails").scores
    count = int(scores.confusion[scores.labels.index("fear"), scores.labels.index("surprise")])
    page.goto("/confusion?run=thumbnails")
    heading = page.get_by_role("heading", name=f"{count} faces: fear predicted as surprise")
    _cell(page, "fear", "surprise").click(force=True)
    heading.wait_for()
    page.wait_for_function(
        "location.search.includes('true=fear') && location.search.includes('predicted=surprise')"
    )
    page.reload()
    heading.wait_for()
    page.wait_for_function(f"document.querySelectorAll('[data-testid=stImage] img').length >= {count}")
    # The same cell again after the choice was taken back.
    page.get_by_role("button", name="Hide the faces").click()
    heading.wait_for(state="detached")
    _cell(page, "fear", "surprise").click(force=True)
    heading.wait_for()


def test_a_click_on_a_pair_shows_why_it_is_hard(page):
    page.goto("/m-measure?run=thumbnails")
    name = "second: surprise; first: fear;"
    page.locator(f'[data-testid="stVegaLiteChart"] path[aria-label*="{name}"]').first.click(force=True)
    page.get_by_role("heading", name="fear and surprise").wait_for()
    page.wait_for_function("location.search.includes('first=fear')")


def test_the_run_is_kept_from_page_to_page(page):
    page.goto("/training?run=eleven")
    page.get_by_role("heading", name="Training").wait_for()
    page.get_by_role("link", name="Per class").click()
    page.get_by_role("heading", name="Per class").wait_for()
    page.wait_for_function("location.pathname === '/per-class' && location.search.includes('run=eleven')")


def test_numbers_can_be_downloaded(page, made_runs):
    page.goto("/confusion?run=thumbnails")
    button = page.get_by_role("button", name="CSV").first
    button.wait_for()
    with page.expect_download() as download:
        button.click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert download.value.suggested_filename == "thumbnails-confusion.csv"
    assert lines[0] == "true,predicted,faces,row,column" and len(lines) == 1 + 49
    assert (
        sum(int(line.split(",")[2]) for line in lines[1:]) == open_run(made_runs / "thumbnails").scores.faces
    )


def test_the_overview_fits_a_phone_and_asks_no_other_machine(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/?run=affect")
    page.get_by_role("heading", name="Learning curves").wait_for()
    page.locator(".js-plotly-plot").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_configuration_keeps_everything_on_this_machine():
    import tomllib

    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["headless"] is True
    assert settings["server"]["maxUploadSize"] == 10
    assert "http" not in str(settings["theme"])


def area_of_the_map(page) -> dict:
    """Position and size of the face map's plot, in pixels of the page."""
    page.goto("/face-map?run=thumbnails")
    chart = page.locator(".js-plotly-plot .nsewdrag").first
    chart.wait_for()
    return chart.bounding_box()


def test_a_box_on_the_map_shows_its_faces_and_has_an_address(page):
    box = area_of_the_map(page)
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.locator('.modebar-btn[data-attr="dragmode"][data-val="select"]').click()
    left, top = box["x"] + 5, box["y"] + 5
    page.mouse.move(left, top)
    page.mouse.down()
    page.mouse.move(left + 0.5 * box["width"], top + 0.5 * box["height"], steps=5)
    page.mouse.move(left + 0.9 * box["width"], top + 0.95 * box["height"], steps=5)
    page.mouse.up()
    heading = page.get_by_role("heading", name=re.compile(r"[1-9]\d* faces in the area$"))
    heading.wait_for()
    page.wait_for_function("location.search.includes('area=')")
    page.locator("[data-testid=stImage] img").first.wait_for()
    said = heading.inner_text()
    page.reload()
    heading.wait_for()
    assert heading.inner_text() == said


def test_faces_inside_a_lasso_are_shown(page):
    box = area_of_the_map(page)
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    for across, up in ((0.5, 0.05), (0.95, 0.1), (0.95, 0.95), (0.5, 0.95), (0.05, 0.95)):
        page.mouse.move(box["x"] + across * box["width"], box["y"] + up * box["height"], steps=5)
    page.mouse.up()
    page.get_by_role("heading", name=re.compile(r"^[1-9]\d* selected faces$")).wait_for()
    page.locator("[data-testid=stImage] img").first.wait_for()


def test_a_cell_of_a_comparison_with_another_run_opens_its_faces_too(page, made_runs):
    scores = open_run(made_runs / "thumbnails").scores
    count = int(scores.confusion[scores.labels.index("sad"), scores.labels.index("neutral")])
    page.goto("/confusion?run=thumbnails")
    box = page.get_by_role("combobox", name="Compare with").first
    box.press("ArrowDown")
    page.keyboard.type("one-class")
    page.get_by_role("option", name="one-class", exact=True).click()
    page.get_by_text("Blue: more than in 'one-class'").wait_for()
    page.wait_for_function("location.search.includes('against_run=one-class')")
    _cell(page, "sad", "neutral").click(force=True)
    page.get_by_role("heading", name=f"{count} faces: sad predicted as neutral").wait_for()
    page.wait_for_function(f"document.querySelectorAll('[data-testid=stImage] img').length >= {count}")
    page.reload()
    page.get_by_text("Blue: more than in 'one-class'").wait_for()
    page.get_by_role("heading", name=f"{count} faces: sad predicted as neutral").wait_for()


def test_a_mark_stays_when_the_page_is_reloaded_and_comes_with_the_csv(page, made_runs):
    from playwright.sync_api import expect

    tags = open_run(made_runs / "drawn").tags_path
    try:
        page.goto("/misclassified?run=drawn")
        page.get_by_role("button", name="→").first.click()
        page.wait_for_function("location.search.includes('face=test')")
        page.get_by_test_id("stButtonGroup").get_by_text("ambiguous", exact=True).click()
        page.get_by_role("textbox", name="Note").fill("=eyes closed")
        page.get_by_role("button", name="Save the tag").click()
        page.get_by_text("Tags: 1 ambiguous.").wait_for()
        page.reload()
        page.get_by_text("Tags: 1 ambiguous.").wait_for()
        page.get_by_role("button", name="Remove the tag").wait_for()
        expect(page.get_by_role("textbox", name="Note")).to_have_value("=eyes closed")
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV of the tags").click()
        lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
        assert download.value.suggested_filename == "drawn-marks.csv"
        assert lines[0] == "reference,true,predicted,mark,note,marked" and len(lines) == 2
        assert ",ambiguous,'=eyes closed,20" in lines[1]
        _settled(page)
        page.get_by_role("button", name="Next").click()
        page.get_by_text("2 of ").wait_for()
        page.get_by_role("button", name="All faces").click()
        page.get_by_text("ambiguous", exact=True).first.wait_for()
        page.wait_for_function("!location.search.includes('face=')")
    finally:
        tags.unlink(missing_ok=True)


def test_a_click_on_a_region_shows_its_faces_and_its_address_brings_them_back(page, made_runs):
    regions = error_by_region(open_run(made_runs / "drawn").predictions())
    row = regions.loc[regions["faces"].idxmax()]
    page.goto("/valence-arousal?run=drawn")
    region = page.locator(f'[data-testid="stVegaLiteChart"] path[aria-label*="{row["region"]}"]').first
    region.click(force=True)  # forced: its number lies over it, and takes the click as well
    title = page.get_by_role("heading", name=f"{row['faces']} faces annotated with {row['region']}")
    title.wait_for()
    link = page.url
    assert "region=" in link
    page.goto("about:blank")
    page.goto(link)
    title.wait_for()


def test_a_ticked_row_chooses_its_run_in_the_link_and_the_sidebar(page, made_runs):
    order = [listing.run.name for listing in list_runs(made_runs) if listing.run]
    page.goto("/?run=affect")
    page.get_by_role("heading", name="affect", exact=True).wait_for()
    box = page.get_by_test_id("stDataFrame").first.locator("canvas").first.bounding_box()
    row = box["height"] / (len(order) + 1)
    page.mouse.click(box["x"] + 14, box["y"] + row * (order.index("eleven") + 1.5))
    page.get_by_role("heading", name="eleven", exact=True).wait_for()
    page.wait_for_url("**run=eleven*")
    chosen = page.get_by_test_id("stSidebar").get_by_role("combobox")
    assert "eleven" in (chosen.get_attribute("aria-label") or "") + chosen.input_value()


def test_the_button_downloads_the_report_and_the_card(page):
    page.goto("/?run=affect&report=true")
    kept = {}
    for button in ("Report (HTML)", "Model card (Markdown)"):
        with page.expect_download() as download:
            page.get_by_role("button", name=button).click()
        kept[download.value.suggested_filename] = Path(download.value.path()).read_text(encoding="utf-8")
    assert set(kept) == {"affect-report.html", "affect-card.md"}
    assert kept["affect-report.html"].startswith("<!DOCTYPE html>")
    assert "Article 5(1)(f)" in kept["affect-card.md"]


def test_the_server_called_nobody(app):
    """Last: of all the pages above."""
    _, calls = app
    assert not calls.exists(), calls.read_text()
