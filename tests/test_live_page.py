"""The Live page: uploads, crops, what is wrong with a photo, and what happens to it afterwards."""

import io
import sys

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.data.detectors.detector import DetectedFace
from core.data.detectors.mtcnn import Mtcnn
from core.photos.results import FacePrediction, PhotoPrediction
from dashboard import live_photos
from dashboard.loading import ARTIFACTS_VARIABLE
from tests.photo_fixtures import make_standin

PAGE = "dashboard/pages/live.py"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("artifacts")
    make_standin(folder, "standin", affect=True, created="2026-02-01T00:00:00+00:00")
    make_standin(folder, "second", affect=False, created="2026-01-01T00:00:00+00:00")
    return folder


@pytest.fixture
def searched(monkeypatch) -> list:
    """Stands in for the detector: two faces in any picture with contrast; notes what was searched."""
    faces = [DetectedFace(x, 20.0, 60.0, 80.0, 0.97, ((0.0, 0.0),) * 5) for x in (10.0, 110.0)]
    seen = []

    def detect(self, image):
        seen.append(image.size)
        return faces if np.ptp(np.asarray(image)) > 50 else []

    monkeypatch.setattr(Mtcnn, "detect", detect)
    return seen


@pytest.fixture
def page(runs, project_root, monkeypatch, searched) -> AppTest:
    monkeypatch.setenv(ARTIFACTS_VARIABLE, str(runs))
    monkeypatch.chdir(project_root)
    return AppTest.from_file(str(project_root / PAGE), default_timeout=60).run()


def photo(name: str = "photo.png", *, size=(200, 120), exif: int | None = None) -> tuple[str, bytes, str]:
    image = Image.effect_noise(size, 80).convert("RGB")
    options = {}
    if exif:
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = exif
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return (name, buffer.getvalue(), "image/png")


def upload(page: AppTest, *files: tuple[str, bytes, str]) -> AppTest:
    page.file_uploader[0].set_value(list(files))
    page.run()
    assert not page.exception
    return page


def texts(elements) -> str:
    return "\n".join(str(element.value) for element in elements)


def test_before_a_photo_the_page_says_what_to_do_and_what_becomes_of_it(page):
    assert not page.exception
    assert "Choose a photo" in texts(page.info)
    assert "never written to disk" in texts(page.caption)
    assert not page.get("camera_input"), "the camera must not be requested unasked"


def test_only_image_files_of_ten_megabytes_are_taken(page):
    uploader = page.file_uploader[0]
    assert {name.lstrip(".") for name in uploader.allowed_type} == {"jpg", "jpeg", "png", "webp"}
    assert uploader.accept_multiple_files
    assert uploader.proto.max_upload_size_mb == 10


def test_each_face_is_numbered_and_named(page):
    upload(page, photo())
    assert [f"**Face {number}**" in texts(page.markdown) for number in (1, 2, 3)] == [True, True, False]
    assert texts(page.markdown).count("Valence") == 2
    assert "Not sure: its confidence is" in texts(page.warning)
    assert len(page.get("vega_lite_chart")) == 4
    table = page.dataframe[0].value
    assert table["face"].tolist() == [1, 2]
    assert set(table["photo"]) == {"photo.png"}
    assert [button.label for button in page.get("download_button")] == ["CSV", "JSON"]


def test_several_photos_and_a_bad_one_between_them(page):
    upload(page, photo("a.png"), ("b.jpg", b"<html>", "image/jpeg"), photo("c.png"))
    assert [header.value for header in page.subheader] == ["a.png", "b.jpg", "c.png", "Results"]
    assert len(page.error) == 1
    assert "cannot be read as an image" in page.error[0].value
    assert page.dataframe[0].value["photo"].tolist() == ["a.png"] * 2 + ["c.png"] * 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "0 bytes"),
        (photo()[1][:900], "damaged"),
        (b"\0" * (10 * 1024 * 1024 + 1), "too large: 10 MB at most"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(page, content, message):
    upload(page, ("x.jpg", content, "image/jpeg"))
    assert message in texts(page.error)
    assert not page.dataframe


def test_no_face_found_is_said_with_what_to_try(page):
    buffer = io.BytesIO()
    Image.new("RGB", (90, 90), "white").save(buffer, "PNG")
    upload(page, ("white.png", buffer.getvalue(), "image/png"))
    assert "No face found" in texts(page.info)
    assert page.dataframe[0].value["abstained"].tolist() == ["no face found"]


def test_cropped_faces_are_not_searched(page, searched):
    page.toggle(key="crops").set_value(True)
    upload(page, photo(size=(48, 48)))
    assert searched == []
    assert "**Face 1**" in texts(page.markdown)
    assert "detection score" not in texts(page.markdown)


def test_a_photo_is_searched_once_and_upright(page, searched):
    upload(page, photo(size=(120, 200), exif=6))
    page.run()
    assert searched == [(200, 120)]


def test_a_removed_photo_is_forgotten(page):
    upload(page, photo())
    assert page.session_state["live_results"]
    page.file_uploader[0].set_value(None)
    page.run()
    assert "live_results" not in page.session_state


def test_the_camera_comes_when_asked_for(page):
    page.segmented_control(key="source").set_value("Camera").run()
    assert not page.exception
    assert len(page.get("camera_input")) == 1


def test_a_drawing_can_be_tried_at_once(page, searched):
    page.segmented_control(key="source").set_value("Sample photo").run()
    assert not page.exception
    assert searched == [(900, 600)]
    assert page.subheader[0].value == "drawing.png"


def test_two_runs_stand_side_by_side_and_the_photo_is_searched_once(page, searched):
    upload(page, photo())
    searched.clear()
    page.selectbox(key="beside").set_value("second").run()
    assert not page.exception
    assert searched == [(200, 120)]
    assert [texts(page.caption).count(run) for run in ("standin", "second")] == [2, 2]
    table = page.dataframe[0].value
    assert table["run"].tolist() == ["standin"] * 2 + ["second"] * 2
    assert table["face"].tolist() == [1, 2, 1, 2]


def test_without_a_training_sample_no_neighbours_are_offered(page):
    assert [toggle.key for toggle in page.toggle] == ["crops", "explain"]


def test_training_faces_seen_alike_and_where_the_network_looked_are_shown_when_asked_for(
    trained_run, project_root, monkeypatch, searched
):
    monkeypatch.setenv(ARTIFACTS_VARIABLE, str(trained_run.path.parent))
    monkeypatch.chdir(project_root)
    page = AppTest.from_file(str(project_root / PAGE), default_timeout=60).run()
    upload(page, photo())
    assert "Nearest neighbours" not in texts(page.caption)
    page.toggle(key="alike").set_value(True).run()
    assert not page.exception
    assert texts(page.caption).count("Nearest neighbours") == 2
    assert len(page.image) == 1 + 2 + 2 * live_photos.NEIGHBOURS
    page.toggle(key="alike").set_value(False).run()
    page.toggle(key="explain").set_value(True).run()
    assert not page.exception
    assert len(page.image) == 1 + 2 + 2, "one heat map per face"


def test_without_drawings_the_page_says_so(page, monkeypatch):
    live_photos.drawn_photo.clear()
    monkeypatch.setitem(sys.modules, "core.data.drawn.dataset", None)
    page.segmented_control(key="source").set_value("Sample photo").run()
    live_photos.drawn_photo.clear()
    assert not page.exception
    assert "sample photo is not available" in texts(page.info)


def test_only_so_many_photos_at_once(page, monkeypatch):
    monkeypatch.setattr(live_photos, "MAX_PHOTOS", 2)
    upload(page, *(photo(f"{number}.png") for number in range(3)))
    assert "Only the first 2 of 3 photos" in texts(page.warning)
    assert [header.value for header in page.subheader] == ["0.png", "1.png", "Results"]


def test_a_damaged_network_is_a_message(page, runs):
    model = runs / "standin" / "model.keras"
    whole = model.read_bytes()
    model.write_bytes(b"not a network")
    try:
        upload(page, photo())
        assert "model.keras of run 'standin' cannot be loaded" in texts(page.error)
    finally:
        model.write_bytes(whole)


def test_no_function_that_sees_a_photo_is_cached():
    """Streamlit's caches are shared between visitors and outlive their visit."""
    cached = {
        name for name, value in vars(live_photos).items() if callable(value) and hasattr(value, "clear")
    }
    assert cached == {"_warm_up", "_predictor", "drawn_photo"}


def test_predicting_logs_no_photo(page, caplog):
    with caplog.at_level("DEBUG"):
        upload(page, photo("anna-at-the-lake.png"))
    assert "anna-at-the-lake" not in caplog.text


def test_boxes_are_drawn_where_the_faces_are():
    face = FacePrediction(1, (-20.0, 300.0, 700.0, 600.0), 0.9, "happy", {"happy": 1.0}, None, None, None, "")
    image = Image.new("RGB", (2400, 1200), "black")
    shown = live_photos.draw_boxes(image, PhotoPrediction(2400, 1200, (face,)))
    assert shown.size == (1200, 600)
    assert shown.getpixel((340, 300)) == (0xE6, 0x9F, 0x00)  # the right edge, in the colour of happy
    assert shown.getpixel((600, 300)) == (0, 0, 0)
    assert np.asarray(shown)[150:165, :20].any(), "the number of a face over the border is inside the photo"
    assert image.getpixel((680, 600)) == (0, 0, 0), "the photo itself was drawn on"


def test_the_warm_up_loads_detector_and_network_once_beside_the_page(runs, searched, monkeypatch):
    loaded = []
    monkeypatch.setenv(ARTIFACTS_VARIABLE, str(runs))
    monkeypatch.setattr(live_photos, "WARM_UP_DELAY", 0)
    monkeypatch.setattr(live_photos, "_predictor", lambda run: loaded.append(run.name))
    live_photos._warm_up.clear()
    live_photos.warm_up().join(timeout=20)
    live_photos.warm_up()
    live_photos._warm_up.clear()
    assert loaded == ["standin"]
    assert searched == [live_photos._WARM_UP_SIZE]
