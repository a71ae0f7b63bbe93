"""When networks are imported, and what may never be in the source; pyproject.toml has the import contracts."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = [
    *sorted((ROOT / "core").rglob("*.py")),
    *sorted((ROOT / "dashboard").rglob("*.py")),
    ROOT / "streamlit_app.py",
]

#: Modules whose subject is a network; the others may import Keras only inside a function.
NETWORK_MODULES = (
    "core/network/model.py",
    "core/network/backbone.py",
    "core/network/keras_file.py",
    "core/network/pretrained.py",
    "core/network/pooling.py",
    "core/network/augmentation.py",
    "core/network/fit.py",
    "core/network/resident.py",
    "core/network/objective.py",
    "core/network/validation.py",
    "core/network/training_callback.py",
    "core/network/batch_statistics.py",
    "core/network/pooling.py",
    "core/network/precision.py",
    "core/network/inference.py",
    "core/network/distillation.py",
    "core/network/sam.py",
    "core/network/devices.py",
    "core/network/ray_training.py",
    "core/network/wrapping.py",
)

HEAVY = ("tensorflow", "keras", "mtcnn", "onnx", "onnxruntime", "ai_edge_litert")


def imports(path, *, top_level_only=False):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level_only else ast.walk(tree)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def test_networks_are_imported_late():
    for path in SOURCES:
        if name_of(path) not in NETWORK_MODULES:
            heavy = [name for name in imports(path, top_level_only=True) if name.split(".")[0] in HEAVY]
            assert not heavy, f"{name_of(path)} imports {heavy} with itself"
            modules = [module.removesuffix(".py").replace("/", ".") for module in NETWORK_MODULES]
            late = [name for name in imports(path, top_level_only=True) if name in modules]
            assert not late or name_of(path) in NETWORK_MODULES, f"{name_of(path)} imports {late} with itself"


def test_importing_a_command_does_not_import_tensorflow():
    modules = (
        "core.train",
        "core.evaluate",
        "core.import_predictions",
        "core.inspect",
        "core.predict",
        "core.compare",
        "core.upgrade",
        "core.report.__main__",
        "core.sweep.__main__",
        "core.runs",
        "core.metrics.scoring",
        "core.data.detectors.detector",
        "dashboard.live_photos",
    )
    code = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    assert not {"tensorflow", "keras"} & set(sys.modules), name
"""
    done = subprocess.run(
        [sys.executable, "-c", code, *modules], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_nothing_is_unpickled_or_evaluated():
    forbidden = re.compile(
        r"\bpickle\.|\bjoblib\b|\beval\(|\bexec\(|allow_pickle=True|safe_mode=False|unsafe_allow_html=True"
    )
    for path in SOURCES:
        found = forbidden.findall(path.read_text(encoding="utf-8"))
        assert not found, f"{name_of(path)}: {found}"


def test_every_package_that_was_asked_for_is_used():
    used = {name.split(".")[0] for path in SOURCES for name in imports(path)}
    assert {"streamlit", "pandas", "numpy", "plotly", "sklearn", "PIL", "altair", "tensorflow"} <= used


def tracked_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout, so nothing is tracked")
    return [ROOT / name for name in listed.stdout.splitlines()]


def test_no_image_of_fer2013_is_tracked_and_artifacts_stay_small():
    files = [path for path in tracked_files() if path.exists()]
    names = [name_of(path) for path in files]
    assert "artifacts/fer2013-standard/faces.parquet" not in names
    assert not [
        name for name in names if re.search(r"(Training|PublicTest|PrivateTest)_\d+\.(jpg|png)$", name)
    ]
    assert sum(path.stat().st_size for path in files if name_of(path).startswith("artifacts/")) <= 25 * 2**20
    assert sum(path.stat().st_size for path in files) <= 40 * 2**20


def test_the_top_level_is_what_was_asked_for():
    allowed = {
        "dashboard", "core", "artifacts", "tests", "benchmarks", "streamlit_app.py", "requirements.txt", "README.md",
        "docs", "Makefile", "pyproject.toml", "requirements-dev.txt",
            "requirements-cluster.txt", "requirements-onnx.txt", ".streamlit", ".ci", ".gitignore", "LICENSE",
    }  # fmt: skip
    assert {name_of(path).split("/")[0] for path in tracked_files()} <= allowed


def test_the_groups_of_tests_reach_the_scheduler(request):
    """Without them, what a group shares is made by every worker."""
    if not getattr(request.config.option, "loadgroup", False):
        pytest.skip("not run with --dist loadgroup")
    assert request.node.nodeid.endswith("@processes")
