"""The same training where there is JAX and no TensorFlow, and its network read by TensorFlow."""

import importlib.util
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from core.runs.catalogue import open_run

pytestmark = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")

#: Makes a Python process one of a machine without TensorFlow.
WITHOUT_TENSORFLOW = """
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *more: None if name.split(".")[0] == "tensorflow" else find(name, *more)
"""

TRAIN = "from core.train import main; main()"

#: Dies right after the first checkpoint.
DIE = """
import os
from core import fit
save = fit.TrainingCallback.save
fit.TrainingCallback.save = lambda self: (save(self), os._exit(9))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory, project_root):
    """A folder whose artifacts/ the commands write to."""
    home = tmp_path_factory.mktemp("jax")
    shutil.copytree(project_root / "core", home / "core")
    return home


def trained(home, *arguments: str, first: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW + first + TRAIN, *arguments],
        cwd=home,
        env=os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )


def options(drawn_tree, name: str, *more: str) -> list[str]:
    return [
        *("--data", str(drawn_tree), "--name", name, "--size", "24", "--filters", "8", "16"),
        *("--dense", "16", "--epochs", "2", "--batch-size", "16", "--ema", "0.9", *more),
    ]


@pytest.fixture(scope="module")
def jax_run(home, drawn_tree):
    ended = trained(home, *options(drawn_tree, "by-jax"))
    assert ended.returncode == 0, ended.stderr
    return open_run(home / "artifacts" / "by-jax")


def test_its_network_gives_the_same_probabilities_in_tensorflow(jax_run, drawn_tree):
    from core.evaluate import EvaluateOptions, evaluate

    assert jax_run.info["environment"]["backend"] == "jax"
    again, _ = evaluate(EvaluateOptions(run=str(jax_run.path), data=drawn_tree, resamples=0))
    np.testing.assert_allclose(again.probabilities, jax_run.predictions().probabilities, atol=1e-4)


def test_a_teacher_mixup_and_bfloat16(home, jax_run, drawn_tree):
    more = ("--teacher", "by-jax", "--mixup", "0.2", "--precision", "mixed_bfloat16")
    ended = trained(home, *options(drawn_tree, "taught", *more))
    assert ended.returncode == 0, ended.stderr
    history = open_run(home / "artifacts" / "taught").history
    assert len(history) == 2 and np.isfinite(history["loss"]).all()


def test_a_killed_training_resumes_to_the_same_result(home, jax_run, drawn_tree):
    ended = trained(home, *options(drawn_tree, "killed"), first=DIE)
    assert ended.returncode == 9, ended.stderr
    assert list((home / "artifacts").glob(".killed*"))
    resumed = trained(home, *options(drawn_tree, "killed", "--resume"))
    assert resumed.returncode == 0, resumed.stderr
    probabilities = open_run(home / "artifacts" / "killed").predictions().probabilities
    np.testing.assert_allclose(probabilities, jax_run.predictions().probabilities, atol=1e-6)


def test_what_needs_tensorflow_is_refused_with_the_reason(home, drawn_tree):
    ended = trained(home, *options(drawn_tree, "sharp", "--sharpness", "0.05"))
    assert ended.returncode == 2
    assert "--sharpness needs the TensorFlow backend, but Keras runs on jax" in ended.stdout + ended.stderr
