"""An imported ONNX network of colour faces of 224 pixels in a real browser: a photo uploaded, answered and explained."""

import io

import numpy as np
import pytest

from core.data.drawn.dataset import draw_scene
from tests.browsers import chromium, needs_chromium, watched_app, watched_page
from tests.onnx_networks import import_network, write_network

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder, home = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("home")
    import_network(write_network(folder / "net.onnx", size=224), folder / "artifacts", margin=0.1)
    with watched_app(folder / "artifacts", home) as (started, calls):
        yield started
        assert not calls.exists(), calls.read_text()


def test_a_photo_is_answered_and_explained(address):
    scene, _, _ = draw_scene(np.random.default_rng(1), faces=2)
    buffer = io.BytesIO()
    scene.save(buffer, "PNG")
    upload = {"name": "two.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    with chromium() as browser, watched_page(browser, address) as page:
        page.set_default_timeout(300_000)  # TensorFlow and the detector are loaded for the first photo
        page.goto("/live?explain=true")
        page.get_by_text("Choose a photo").wait_for()
        page.locator("input[type=file]").set_input_files(upload)
        page.get_by_role("heading", name="Results").wait_for()
        page.get_by_text("Occlusion of").first.wait_for()
        page.goto("/confusion")
        page.get_by_text("was imported without data").first.wait_for()
