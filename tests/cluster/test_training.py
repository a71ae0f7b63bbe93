"""Two workers of a cluster train the network that one process trains, also when one of them is killed midway."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ray", reason="Ray is not installed: make test-cluster installs it")

from core.errors import AffectoscopeError
from core.network import ray_training
from core.runs.catalogue import open_run
from core.train import train
from tests.cluster import dying
from tests.trained import small_config

ROOT = Path(__file__).resolve().parents[2]

#: Trains in one process of the workers' backend, whose random numbers are its own.
ALONE = """
import sys
from pathlib import Path
from core.train import train
from tests.cluster.test_training import config_of
train(config_of(Path(sys.argv[1])), folder=Path(sys.argv[2]))
"""


def config_of(data: Path):
    """With augmentation, dropout, batch normalisation and a moving average, as in a real training."""
    return small_config(data, name="run", epochs=3, ema=0.9)


@pytest.fixture(scope="module")
def pair(cluster, drawn_tree, tmp_path_factory):
    """The same training by one process, and by two workers of which one is killed after the first epoch."""
    here, there = (tmp_path_factory.mktemp(name) for name in ("here", "there"))
    surroundings = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    alone = subprocess.Popen(
        [sys.executable, "-c", ALONE, str(drawn_tree), str(here)],
        cwd=ROOT,
        env=surroundings,
        stdout=subprocess.DEVNULL,
    )
    told = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ray_training, "_worker", dying.dying_worker)
        train(
            config_of(drawn_tree),
            folder=there,
            trainer=partial(ray_training.fit_on_cluster, cluster),
            after_epoch=told.append,
        )
    assert alone.wait() == 0
    assert (there / "died").exists()
    assert [row["epoch"] for row in told] == [1, 2, 3]
    return open_run(here / "run"), open_run(there / "run")


def test_the_weights_are_those_of_one_process(pair):
    one, two = (run.load_model().get_weights() for run in pair)
    assert len(one) > 10
    assert max(np.abs(a - b).max() for a, b in zip(one, two, strict=True)) < 1e-4


def test_the_history_and_the_answers_are_those_of_one_process(pair):
    one, two = (run.history.drop(columns="seconds") for run in pair)
    np.testing.assert_allclose(one.to_numpy(), two.to_numpy(), atol=1e-4)
    assert one["loss"].iloc[-1] < one["loss"].iloc[0]
    one, two = (run.predictions().probabilities for run in pair)
    np.testing.assert_allclose(one, two, atol=1e-4)


def test_the_run_says_who_trained_it_and_keeps_nothing_of_the_cluster(pair):
    one, two = pair
    assert (one.info["training"]["devices"], one.info["environment"]["backend"]) == (1, "jax")
    assert (two.info["training"]["devices"], two.info["environment"]["backend"]) == (2, "jax")
    assert {path.name for path in one.path.iterdir()} == {path.name for path in two.path.iterdir()}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch_size": 15}, "--batch-size 15 is not divisible by the 2 workers of the cluster"),
        ({"devices": "all"}, "--devices all and --cluster exclude each other"),
        ({"sharpness": 0.05}, "--sharpness needs a single device; remove it, or remove --cluster"),
    ],
)
def test_what_workers_cannot_do_alike_is_refused(cluster, drawn_tree, tmp_path, changes, sentence):
    with pytest.raises(AffectoscopeError, match=sentence):
        train(
            small_config(drawn_tree, name="run", **changes),
            folder=tmp_path,
            trainer=partial(ray_training.fit_on_cluster, cluster),
        )
    assert list(tmp_path.iterdir()) == []
