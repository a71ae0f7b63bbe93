"""Fixtures that more than one test module needs."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# Tests never touch the user's own cache; each test process has one of its own.
_cache = tempfile.TemporaryDirectory(prefix="affectoscope-tests-")
os.environ["AFFECTOSCOPE_CACHE"] = _cache.name


#: Modules whose tests train or load networks. One worker of xdist runs them, so that TensorFlow is imported and
#: `trained_run` is trained once, while the other worker runs everything else.
NETWORK = {
    "test_detection",
    "test_devices",
    "test_evaluate",
    "test_gradcam",
    "test_learning_from",
    "test_live_page",
    "test_model",
    "test_predict",
    "test_predictor_bad_input",
    "test_predictor_detector",
    "test_predictor_loading",
    "test_predictor_photos",
    "test_predictor_right_answers",
    "test_presets",
    "test_pack_command",
    "test_resumable_inference",
    "test_sweep",
    "test_test_time_augmentation",
    "test_train",
    "test_training_recipe",
    "test_training_sample",
}

#: Modules, and tests of other modules, that start a browser or Python processes.
PROCESSES = {
    "test_architecture",
    "test_cluster_options",
    "test_dashboard_browser",
    "test_live_browser",
    "test_report_browser",
    "test_resident",
    "test_train_jax",
    "test_pages_that_run_no_model_import_neither_tensorflow_nor_keras",
    "test_the_command_is_one_sentence_where_it_fails_and_never_imports_tensorflow",
    "test_the_command_line_ends_with_one_sentence_and_status_2",
    "test_the_command_tells_it_in_one_sentence",
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        module = item.module.__name__.split(".")[-1]
        if module in NETWORK or {"trained_run", "folders_run"} & set(item.fixturenames):
            item.add_marker(pytest.mark.xdist_group("network"))
            item.add_marker(pytest.mark.slow)
        elif {module, item.originalname} & PROCESSES:
            item.add_marker(pytest.mark.xdist_group(module))
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def project_root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def drawn_tree(tmp_path_factory) -> Path:
    """An AffectNet 2017 tree of 205 drawn faces."""
    from tests.trained import small_drawn_tree

    return small_drawn_tree(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def trained_run(drawn_tree, tmp_path_factory):
    """A whole run, trained for two epochs on `drawn_tree`."""
    from core.train import train
    from tests.trained import small_config

    return train(small_config(drawn_tree, name="small"), folder=tmp_path_factory.mktemp("artifacts"))


@pytest.fixture(scope="session")
def folders_run(tmp_path_factory):
    """A run trained for one epoch on folders of noise, dark faces angry and bright ones happy."""
    import numpy as np
    from PIL import Image

    from core.train import train
    from tests.trained import tiny_config

    random, home = np.random.default_rng(0), tmp_path_factory.mktemp("folders")
    for label, level in (("angry", 60), ("happy", 190)):
        (home / "own" / label).mkdir(parents=True)
        for number in range(30):
            pixels = np.clip(random.normal(level, 30, (40, 40)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(home / "own" / label / f"{number}.png")
    return train(tiny_config(home / "own", name="own", epochs=1), folder=home / "artifacts")


@pytest.fixture(scope="session")
def made_runs(tmp_path_factory) -> Path:
    """A folder of made-up runs, one per state that a page must cope with. Not to be changed."""
    from tests.made_runs import make_states

    return make_states(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def open_page(made_runs, monkeypatch):
    """open_page('confusion', run='affect', true='fear') -> the page after its first run.

    `folder` is where the runs lie, the made-up ones unless given.
    """
    from tests.pages import open_page as open_it

    def opened(page: str, *, folder: Path = made_runs, **query: str | list[str]):
        monkeypatch.setenv("AFFECTOSCOPE_ARTIFACTS", str(folder))
        return open_it(page, **query)

    return opened
