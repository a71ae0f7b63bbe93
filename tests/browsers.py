"""The app as a first-time user meets it: in Chromium, its server watched for calls to other machines."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = Path("/usr/bin/chromium")

needs_chromium = pytest.mark.skipif(
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


@contextmanager
def watched_app(artifacts: Path, home: Path):
    """Yields (address of the app, file of the connections that its server tried to other machines)."""
    (home / "sitecustomize.py").write_text(_WATCH)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "AFFECTOSCOPE_ARTIFACTS": str(artifacts),
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


@contextmanager
def chromium():
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@contextmanager
def watched_page(browser, address: str):
    """A page that fails its test when it logs an error or asks another machine for anything."""
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
