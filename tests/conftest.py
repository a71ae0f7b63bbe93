"""Fixtures that more than one test module needs."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# As many test processes as cores run at once: threads of OpenMP (scikit-learn, BLAS) would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Tests never touch the user's own cache and configuration; each test process has its own.
_cache = tempfile.TemporaryDirectory(prefix="affectoscope-tests-")
os.environ["AFFECTOSCOPE_CACHE"] = _cache.name
os.environ["AFFECTOSCOPE_CONFIG"] = f"{_cache.name}/config"  # of fixtures; each test has its own
os.environ.pop("AFFECTOSCOPE_DATA", None)


#: Modules that share what is expensive. One worker of xdist runs all of a group, and all of any other module.
GROUPS = {
    "network": (  # TensorFlow, `trained_run`
        "test_any_model",
        "test_detection",
        "test_devices",
        "test_earlier_run",
        "test_evaluate",
        "test_export",
        "test_gradcam",
        "test_import_browser",
        "test_import_model",
        "test_learning_from",
        "test_live_browser",
        "test_live_page",
        "test_model",
        "test_occlusion",
        "test_pack_command",
        "test_predict",
        "test_predictor_bad_input",
        "test_predictor_detector",
        "test_predictor_loading",
        "test_predictor_photos",
        "test_predictor_right_answers",
        "test_presets",
        "test_recipes",
        "test_resumable_inference",
        "test_start_from",
        "test_sweep",
        "test_tensorboard",
        "test_test_time_augmentation",
        "test_train",
        "test_training_recipe",
        "test_training_sample",
    ),
    "report": ("test_card", "test_report", "test_report_browser"),
    "processes": (
        "test_architecture",
        "test_cluster_options",
        "test_dashboard_browser",
        "test_gpu_run",
        "test_resident",
        "test_train_jax",
    ),
}
GROUP_OF = {module: group for group, modules in GROUPS.items() for module in modules}

#: Tests of modules that are not slow that start a process all the same.
STARTING_PROCESSES = {
    "test_pages_that_run_no_model_import_neither_tensorflow_nor_keras",
    "test_the_command_is_one_sentence_where_it_fails_and_never_imports_tensorflow",
    "test_the_command_line_ends_with_one_sentence_and_status_2",
    "test_the_command_tells_it_in_one_sentence",
}


def pytest_ignore_collect(collection_path, config):
    """Leave modules that are slow as a whole unimported where slow tests are left out: some import TensorFlow."""
    slow = GROUP_OF.get(collection_path.stem) in ("network", "processes")
    return True if slow and config.option.markexpr == "not slow" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        module = item.module.__name__.split(".")[-1]
        trained = {"trained_run", "folders_run"} & set(item.fixturenames)
        group = "network" if trained else GROUP_OF.get(module, module)
        item.add_marker(pytest.mark.xdist_group(group))
        if (
            group in ("network", "processes")
            or module == "test_report_browser"
            or item.originalname in STARTING_PROCESSES
        ):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True)
def own_configuration(monkeypatch):
    """No test knows where another one read a data set."""
    with tempfile.TemporaryDirectory(dir=_cache.name) as folder:
        monkeypatch.setenv("AFFECTOSCOPE_CONFIG", folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def no_scan_for_components():
    """AppTest looks through all installed packages for components, every time: a fifth of a second, for none that is used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
        yield


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


@pytest.fixture(scope="session")
def reviews(made_runs) -> dict:
    """The reviews of all made-up runs that are whole, by name."""
    from core.report.review import compute_review
    from core.runs.catalogue import open_run
    from tests.pages import RUNS

    return {name: compute_review(open_run(made_runs / name)) for name in RUNS}


@pytest.fixture(scope="session")
def report_pages(reviews) -> dict[str, str]:
    """The HTML reports of `reviews`."""
    from core.report.html import report_html

    return {name: report_html(review) for name, review in reviews.items()}


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
