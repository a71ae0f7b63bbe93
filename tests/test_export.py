"""Exported networks: the same probabilities without this project, refused where they differ, and imported again."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import AffectoscopeError
from core.evaluate import EvaluateOptions, evaluate
from core.import_model import ImportOptions, import_model
from core.network import exporting
from core.network.exporting import export_run
from core.runs.catalogue import open_run
from tests.onnx_networks import LABELS, coloured_face, import_network, write_network
from tests.photo_fixtures import make_standin

#: sitecustomize.py that hides this project and the packages that an export does without.
SITE = """
from importlib.machinery import PathFinder
MISSING = {"core", "dashboard", "tests", "tensorflow", "keras", "onnx", "tf2onnx", "pandas", "streamlit"}
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name.split(".")[0] in MISSING else find(name, *more)
"""

PARTS = {"README.md", "example.py", "labels.txt", "parity.json", "preprocessing.json"}


@pytest.fixture(scope="module")
def standin(tmp_path_factory):
    return make_standin(
        tmp_path_factory.mktemp("runs"), "standin", affect=True, created="2026-01-01T00:00:00+00:00"
    )


@pytest.fixture(scope="module")
def faces():
    return np.random.default_rng(0).integers(0, 256, (40, 48, 48, 1), dtype=np.uint8)


def example_of(folder: Path, face: np.ndarray, site: Path) -> dict[str, float]:
    """What example.py prints for a face, in a process without this project."""
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(SITE)
    Image.fromarray(face[..., 0] if face.shape[-1] == 1 else face).save(folder / "face.png")
    ended = subprocess.run(
        [sys.executable, "example.py", "face.png"],
        cwd=folder,
        env={"PYTHONPATH": str(site), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize(("target", "file"), [("onnx", "model.onnx"), ("litert", "model.tflite")])
def test_the_example_gives_the_run_s_probabilities_without_this_project(
    standin, faces, tmp_path, target, file
):
    parity = export_run(standin, target, tmp_path / "out", faces=faces, source="random faces")
    out = tmp_path / "out"
    assert {path.name for path in out.iterdir()} == {*PARTS, file}
    assert parity.largest_difference <= 1e-4 and parity.same_label == 1 and parity.faces == "40 random faces"
    assert json.loads((out / "parity.json").read_text())["largest_difference"] == parity.largest_difference
    assert (out / "labels.txt").read_text().split() == list(standin.labels)
    assert len((out / "example.py").read_text().splitlines()) <= 15
    found = example_of(out, faces[3], tmp_path / "site")
    expected = np.asarray(standin.load_model().predict_on_batch(faces[3:4])["expression"])[0]
    assert list(found) == list(standin.labels)
    np.testing.assert_allclose(list(found.values()), expected, atol=1e-4)


def test_a_saved_model_has_the_same_probabilities(standin, faces, tmp_path):
    parity = export_run(standin, "saved-model", tmp_path / "out", faces=faces, source="random faces")
    assert parity.largest_difference <= 1e-4 and (tmp_path / "out" / "model" / "saved_model.pb").exists()


def test_an_exported_network_imported_again_is_the_same(standin, faces, tmp_path):
    export_run(standin, "onnx", tmp_path / "out", faces=faces, source="random faces")
    options = ImportOptions(
        tmp_path / "out" / "model.onnx",
        "again",
        ",".join(standin.labels),
        "grey",
        "0..255",
        affect_output="affect",
    )
    again = import_model(options, folder=tmp_path / "artifacts")
    assert again.labels == standin.labels and not again.imported.outputs.logits
    one, two = (run.load_model().predict_on_batch(faces) for run in (standin, again))
    for name in ("expression", "affect"):
        np.testing.assert_allclose(np.asarray(one[name]), two[name], atol=1e-5)


def test_an_exported_network_scores_the_same_when_it_is_imported_again(
    project_root, drawn_tree, faces, tmp_path
):
    """Its input are bytes, which have no other scale to check."""
    run = open_run(project_root / "artifacts" / "drawn-faces")
    export_run(run, "onnx", tmp_path / "out", faces=faces, source="random faces")
    options = ImportOptions(
        tmp_path / "out" / "model.onnx",
        "again",
        ",".join(run.labels),
        "grey",
        "0..255",
        margin=run.preprocessing.margin,
        affect_output="affect",
        data=drawn_tree,
    )
    again = import_model(options, folder=tmp_path / "artifacts")
    assert len(again.imported.check["accuracy"]) == 1 and not again.imported.caution
    before = EvaluateOptions(run=str(run.path), data=(drawn_tree,), resamples=0, tta="none", keep=False)
    expected = evaluate(before)[0].predictions
    found = again.predictions()
    assert found.frame["reference"].tolist() == expected.frame["reference"].tolist()
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-5)


def test_an_imported_network_is_exported_with_its_preprocessing(tmp_path):
    path = write_network(tmp_path / "net.onnx")
    run = import_network(path, tmp_path / "artifacts", colour="bgr", mean="0.1,0.2,0.3", std="0.5")
    random = np.random.default_rng(0)
    faces = np.stack([coloured_face(label, random, side=24) for label in LABELS])
    assert export_run(run, "onnx", tmp_path / "out", faces=faces, source="faces").largest_difference == 0
    found = example_of(tmp_path / "out", faces[0], tmp_path / "site")
    expected = run.load_model().predict_on_batch(faces[:1])["expression"][0]
    np.testing.assert_allclose(list(found.values()), expected, atol=1e-4)
    with pytest.raises(AffectoscopeError, match="exported as ONNX only"):
        export_run(run, "litert", tmp_path / "other", faces=faces, source="faces")


def test_nothing_is_left_where_the_probabilities_differ(standin, faces, tmp_path, monkeypatch):
    """An exported file that gives every label the same probability."""
    uniform = np.full((len(faces), 8), 1 / 8, np.float32)
    monkeypatch.setattr(exporting, "_open", lambda *_: lambda batch: uniform[: len(batch)])
    monkeypatch.setattr(exporting, "_write_network", lambda *_: None)
    with pytest.raises(AffectoscopeError, match="so that nothing was exported"):
        export_run(standin, "onnx", tmp_path / "out", faces=faces, source="random faces")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_is_refused_before_the_work(standin, tmp_path, monkeypatch):
    (tmp_path / "there").mkdir()
    with pytest.raises(AffectoscopeError, match="already exists"):
        export_run(standin, "onnx", tmp_path / "there")
    with pytest.raises(AffectoscopeError, match="its folder does not exist"):
        export_run(standin, "onnx", tmp_path / "absent" / "out")
    monkeypatch.setattr(exporting, "find_spec", lambda package: None)
    with pytest.raises(
        AffectoscopeError, match=r"--to litert needs the package ai-edge-litert.*requirements-onnx"
    ):
        export_run(standin, "litert", tmp_path / "out")
