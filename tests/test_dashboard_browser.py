"""The running app in a real browser: clicks, addresses, downloads, and that nothing leaves the machine."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from core.artifacts import open_run

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = Path("/usr/bin/chromium")

pytestmark = pytest.mark.skipif(
    not CHROMIUM.exists(), reason="No browser at /usr/bin/chromium: the browser tests were not run."
)

#: Imported by the server before anything else: notes and refuses every connection to another machine.
_WATCH = """
import os, socket
_connect, _resolve = socket.socket.connect, socket.getaddrinfo
_LOCAL = ("127.", "::1", "localhost", "0.0.0.0")
def _note(host):
    if not str(host).startswith(_LOCAL):
        with open(os.environ["CALLS_LOG"], "a") as file:
            file.write(f"{host}\\n")
        raise OSError(f"refused: {host}")
def connect(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6):
        _note(address[0])
    return _connect(self, address)
def getaddrinfo(host, *args, **kwargs):
    if host is not None:
        _note(host)
    return _resolve(host, *args, **kwargs)
socket.socket.connect, socket.getaddrinfo = connect, getaddrinfo
"""


@pytest.fixture(scope="module")
def app(made_runs, tmp_path_factory):
    """(address of the app, file of the connections that the server tried), for a first-time user."""
    home = tmp_path_factory.mktemp("home")
    (home / "sitecustomize.py").write_text(_WATCH)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "AFFECTOSCOPE_ARTIFACTS": str(made_runs),
        "HOME": str(home),
        "PYTHONPATH": str(home),
        "CALLS_LOG": str(home / "calls"),
    }
    command = [sys.executable, "-m", "streamlit", "run", "streamlit_app.py", "--server.port", str(port)]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(address, server, home / "log")
        yield address, home / "calls"
    finally:
        server.terminate()
        server.wait(20)


def _wait_until_up(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=5)
            return
        except OSError:
            assert server.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(app, browser):
    """A page that fails its test when it logs an error or asks another machine for anything."""
    address, _ = app
    context = browser.new_context(
        viewport={"width": 1280, "height": 1000}, base_url=address, accept_downloads=True
    )
    shown = context.new_page()
    shown.set_default_timeout(60_000)
    elsewhere, errors = [], []
    local = (address, address.replace("http", "ws"), "data:", "blob:")
    shown.on(
        "request", lambda request: None if request.url.startswith(local) else elsewhere.append(request.url)
    )
    shown.on("pageerror", lambda error: errors.append(str(error)))
    shown.on("console", lambda message: errors.append(_error(message)) if message.type == "error" else None)
    yield shown
    context.close()
    assert elsewhere == []
    assert [error for error in errors if error] == []


def _error(message) -> str:
    # Streamlit looks for its server below a page's own address first, and is told 404.
    expected = re.search(r"/[a-z-]+/_stcore/(health|host-config)$", message.location.get("url", ""))
    return "" if expected else f"{message.text} {message.location}"


def _cell(page, true: str, predicted: str):
    name = f"predicted: {predicted}; true: {true};"
    return page.locator(f'[data-testid="stVegaLiteChart"] path[aria-label*="{name}"]').first


def test_a_click_on_a_confusion_cell_shows_its_faces_and_its_address_brings_them_back(page, made_runs):
    scores = open_run(made_runs / "thumbnails").scores
    count = int(scores.confusion[scores.labels.index("fear"), scores.labels.index("surprise")])
    page.goto("/confusion?run=thumbnails")
    heading = page.get_by_role("heading", name=f"{count} faces: fear read as surprise")
    _cell(page, "fear", "surprise").click(force=True)
    heading.wait_for()
    page.wait_for_function(
        "location.search.includes('true=fear') && location.search.includes('predicted=surprise')"
    )
    page.reload()
    heading.wait_for()
    page.wait_for_function(f"document.querySelectorAll('[data-testid=stImage] img').length >= {count}")
    # The same cell again after the choice was taken back.
    page.get_by_role("button", name="Show no faces").click()
    heading.wait_for(state="detached")
    _cell(page, "fear", "surprise").click(force=True)
    heading.wait_for()


def test_a_click_on_a_pair_shows_why_it_is_hard(page):
    page.goto("/m-measure?run=thumbnails")
    name = "second: surprise; first: fear;"
    page.locator(f'[data-testid="stVegaLiteChart"] path[aria-label*="{name}"]').first.click(force=True)
    page.get_by_role("heading", name="fear against surprise").wait_for()
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


def test_the_server_called_nobody(app):
    _, calls = app
    assert not calls.exists(), calls.read_text()


def test_the_configuration_keeps_everything_on_this_machine():
    import tomllib

    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert settings["browser"]["gatherUsageStats"] is False
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["headless"] is True
    assert settings["server"]["maxUploadSize"] == 10
    assert "http" not in str(settings["theme"])
