"""Training on a GPU machine: the packed folder, the files of the results, and a dry run on the CPU."""

import importlib.util
import io
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu_training
from benchmarks.gpu_run import compress_zip, restore_training, restore_zip
from benchmarks.gpu_training import TRIAL_EPOCHS, GpuTraining, Pace, make_configs
from core.evaluate import EvaluateOptions, evaluate
from core.runs.catalogue import open_run
from tests.trees import FER_CLASSES, image_bytes

#: sitecustomize.py of a machine without these packages.
SITE = """
from importlib.machinery import PathFinder
MISSING = {"tensorflow", "streamlit", "plotly", "altair", "cleanlab", "optuna", "mtcnn", "tyro", "ray"}
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name.split(".")[0] in MISSING else find(name, *more)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A zip of FER2013's layout: 140 training faces and 28 test faces of noise."""
    path = tmp_path_factory.mktemp("data") / "fer2013.zip"
    with zipfile.ZipFile(path, "w") as files:
        for index in range(168):
            label = FER_CLASSES[index % 7]
            name = f"train/{label}/Training" if index < 140 else f"test/{label}/PublicTest"
            files.writestr(f"{name}_{index}.jpg", image_bytes(index, format="JPEG"))
    return path


def test_a_compressed_zip_is_restored_with_its_files_in_order(data, tmp_path):
    compress_zip(data, tmp_path / "compressed.xz")
    restore_zip(tmp_path / "compressed.xz", tmp_path / "again.zip")
    with zipfile.ZipFile(data) as before, zipfile.ZipFile(tmp_path / "again.zip") as after:
        assert after.namelist() == before.namelist()
        assert all(after.read(name) == before.read(name) for name in before.namelist())


def test_the_number_of_epochs_fits_the_time():
    """100 s less 20 for compiling, 7 for the first and 9 times 1 for the other validations: 64 s, 2.08 s an epoch."""
    pace = Pace(compilation=20.0, first_validation=7.0, epoch=2.0, validation=1.0)
    assert pace.epochs_in(100.0, 200) == 30
    assert pace.epochs_in(0.0, 200) == TRIAL_EPOCHS and pace.epochs_in(1e9, 200) == 200


def test_the_files_of_a_training_are_split_into_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_training, "LARGEST_PART", 1000)
    out, folder = tmp_path / "out", tmp_path / "folder"
    for path, size in ((folder / "history.csv", 150), (folder / "checkpoint" / "state.npz", 2500)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(np.random.default_rng(size).bytes(size))
    out.mkdir()
    training = GpuTraining(*make_configs(tmp_path / "fer2013.zip", "name"), out, tmp_path, 0.0)
    training.write("student", folder, {"epochs": 3}, suffix="-half")
    sizes = [path.stat().st_size for path in sorted(out.glob("student-half.part*"))]
    assert len(sizes) == 3 and max(sizes) == 1000
    restore_training(out, "student", tmp_path / "again")
    for path in (folder / "history.csv", folder / "checkpoint" / "state.npz"):
        assert (tmp_path / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_teacher_and_student_share_validation_faces_and_only_the_student_sees_test_faces(tmp_path):
    teacher, student = make_configs(tmp_path / "fer2013.zip", "name")
    assert teacher.seed != student.seed and teacher.seed_of_split == student.seed_of_split
    assert student.teacher == (teacher.name,)
    assert (teacher.review, student.review) == ("validation", "test")


def change_check(part: Path, *, by: float) -> None:
    """Add `by` to the probabilities of the GPU machine."""
    with zipfile.ZipFile(part) as files:
        contents = {name: files.read(name) for name in files.namelist()}
    with np.load(io.BytesIO(contents[gpu_training.CHECK_FILE])) as saved:
        changed = io.BytesIO()
        np.savez(changed, probabilities=saved["probabilities"] + np.float32(by), faces=saved["faces"])
    contents[gpu_training.CHECK_FILE] = changed.getvalue()
    with zipfile.ZipFile(part, "w") as files:
        for name, content in contents.items():
            files.writestr(name, content)


def command(*arguments, cwd, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_the_results_of_a_dry_run_become_published_runs(data, project_root, tmp_path):
    """The time is too short for more than the fewest epochs, so that the result does not depend on the machine's speed."""
    home, there, out = tmp_path / "home", tmp_path / "there", tmp_path / "out"
    for part in ("core", "benchmarks"):
        shutil.copytree(project_root / part, home / part, ignore=shutil.ignore_patterns("results"))
    script = home / "benchmarks" / "gpu_run.py"
    ended = command(script, "pack", there, "--data", data, "--no-wheels", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr

    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    ended = command(
        *(there / "gpu_run.py", "run", there, "--out", out, "--work", tmp_path / "work"),
        *("--dry-run", "--minutes", "0.05", "--limit", "140"),
        cwd=tmp_path,
        PYTHONPATH=str(tmp_path / "site"),
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    files = {path.name: path.stat().st_size for path in out.iterdir()}
    assert set(files) == {"log.txt", "results.json", "teacher.part1", "student.part1"}

    change_check(out / "teacher.part1", by=2e-4)
    collect = (script, "collect", out, "--data", data)
    ended = command(*collect, cwd=tmp_path)
    assert ended.returncode != 0 and "the weights are not those of the GPU machine" in ended.stderr
    change_check(out / "teacher.part1", by=-2e-4)
    shutil.rmtree(home / "artifacts")
    ended = command(*collect, cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr

    teacher, student = (open_run(home / "artifacts" / f"fer2013-distilled{end}") for end in ("-teacher", ""))
    assert len(student.predictions()) == 28 and len(teacher.predictions()) == 7  # test and validation faces
    for run in (teacher, student):
        assert len(run.history) == TRIAL_EPOCHS
        assert run.info["environment"]["backend"] == "jax"
    assert student.info["config"]["teacher"] == [teacher.name]
    again = evaluate(EvaluateOptions(run=str(student.path), data=(data,), resamples=0))[0].predictions
    np.testing.assert_allclose(again.probabilities, student.predictions().probabilities, atol=1e-5)
