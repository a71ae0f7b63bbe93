"""A photo in a real browser: uploaded, answered, gone, and sent nowhere."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.data.drawn.dataset import draw_scene
from tests.browsers import chromium, needs_chromium, watched_app, watched_page

pytestmark = needs_chromium

#: A photo and a marker that would give it away in a log or a file.
MARKER = b"where-this-was-taken-51.5074N"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def app(trained_run, home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifacts")
    shutil.copytree(trained_run.path, folder / "small")
    with watched_app(folder, home) as started:
        yield started


@pytest.fixture
def page(app):
    with chromium() as browser, watched_page(browser, app[0]) as shown:
        yield shown


def photo() -> bytes:
    """A drawn scene of two people as JPEG, with a place in its EXIF."""
    scene, _, _ = draw_scene(np.random.default_rng(1), faces=2)
    buffer = io.BytesIO()
    exif = scene.getexif()
    exif[0x010E] = MARKER.decode()
    scene.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_an_uploaded_photo_is_answered_and_leaves_no_trace(page, app, home, tmp_path):
    page.goto("/live")
    page.get_by_text("Choose a photo").wait_for()
    upload = {"name": "two-people.jpg", "mimeType": "image/jpeg", "buffer": photo()}
    page.locator("input[type=file]").set_input_files(upload)
    page.get_by_role("heading", name="Results").wait_for()
    page.get_by_text("Face 1").first.wait_for()
    with page.expect_download() as download:
        page.get_by_role("button", name="JSON").click()
    assert MARKER not in Path(download.value.path()).read_bytes()
    page.get_by_role("button", name="Remove two-people.jpg").click()
    page.get_by_text("Choose a photo").wait_for()
    written = [path for path in home.rglob("*") if path.is_file() and MARKER in path.read_bytes()]
    assert written == []
    assert b"two-people" not in (home / "log").read_bytes()
    assert not app[1].exists(), app[1].read_text()
