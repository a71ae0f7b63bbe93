"""The same training where there is JAX and no TensorFlow, and its network read by TensorFlow."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

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

#: Trains "by-jax"; "taught", by it; "killed", which dies at its first checkpoint and goes on; "sharp" is refused.
TRAIN = """
import sys
from pathlib import Path
from dataclasses import replace
from pathlib import Path
from core.errors import AffectoscopeError
from core.network import distillation, fit
from core.runs.catalogue import open_run
from core.train import train
from tests.trained import small_config

data, folder = Path(sys.argv[1]), Path(sys.argv[2])
distillation.open_run = lambda name: open_run(folder / name)
config = small_config(data, name="by-jax", ema=0.9, tta="none")
train(config, folder=folder)
train(replace(config, name="taught", teacher=("by-jax",), mixup=0.2, precision="mixed_bfloat16"), folder=folder)

class Killed(Exception):
    pass

save = fit.TrainingCallback.save
def save_then_die(self):
    save(self)
    raise Killed

fit.TrainingCallback.save = save_then_die
try:
    train(replace(config, name="killed"), folder=folder)
except Killed:
    fit.TrainingCallback.save = save
assert list(folder.glob(".killed*"))
train(replace(config, name="killed", resume=True), folder=folder)
try:
    train(replace(config, name="sharp", sharpness=0.05), folder=folder)
except AffectoscopeError as error:
    print("refused:", error)
"""


@pytest.fixture(scope="module")
def trained(drawn_tree, project_root, tmp_path_factory) -> tuple[Path, str]:
    """The folder of runs that a process without TensorFlow trained, and the last line that it printed."""
    folder = tmp_path_factory.mktemp("jax")
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW + TRAIN, str(drawn_tree), str(folder)],
        cwd=project_root,
        env=os.environ
        | {
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",  # compiling takes longer than these trainings
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return folder, ended.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def jax_run(trained):
    return open_run(trained[0] / "by-jax")


def test_its_network_gives_the_same_probabilities_in_tensorflow(jax_run, drawn_tree):
    from core.evaluate import EvaluateOptions, evaluate

    assert jax_run.info["environment"]["backend"] == "jax"
    again = evaluate(EvaluateOptions(run=str(jax_run.path), data=(drawn_tree,), resamples=0))[0].predictions
    np.testing.assert_allclose(again.probabilities, jax_run.predictions().probabilities, atol=1e-4)


def test_a_teacher_mixup_and_bfloat16(trained):
    history = open_run(trained[0] / "taught").history
    assert len(history) == 2 and np.isfinite(history["loss"]).all()


def test_a_killed_training_resumes_to_the_same_result(trained, jax_run):
    probabilities = open_run(trained[0] / "killed").predictions().probabilities
    np.testing.assert_allclose(probabilities, jax_run.predictions().probabilities, atol=1e-6)


def test_what_needs_tensorflow_is_refused_with_the_reason(trained):
    assert trained[1].startswith("refused: --sharpness needs") and "jax" in trained[1]
