"""Several devices of one machine give the weights that one gives: two logical processors stand in for two GPUs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.config import Augmentation
from core.runs.catalogue import open_run
from core.runs.run import Run
from core.train import train
from tests.trained import small_config

ROOT = Path(__file__).resolve().parent.parent

CHANGES = {
    "name": "run",
    "devices": "all",
    "dense_dropout": 0.0,
    "ema": 0.9,
    "augment": Augmentation(shift=0.0, flip=False, rotation=0.0, scale=0.0),
}

#: Trains in a process of its own: logical devices must be made before TensorFlow is used, and one strategy
#: belongs to one process. Prints the reasons of what is refused.
_TRAIN_ON_TWO = """
import sys
from pathlib import Path
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
from core.errors import AffectoscopeError
from core.train import train
from tests.test_devices import CHANGES, REFUSED
from tests.trained import small_config
data, folder = Path(sys.argv[1]), Path(sys.argv[2])
for changes in REFUSED:
    try:
        train(small_config(data, **CHANGES | changes), folder=folder)
    except AffectoscopeError as error:
        print("refused:", error)
assert list(folder.iterdir()) == []
train(small_config(data, **CHANGES), folder=folder)
"""

#: What cannot be split, and the options that the reasons name.
REFUSED = ({"batch_size": 15}, {"sharpness": 0.05})
OPTIONS = ("--batch-size 15", "--sharpness")


@pytest.fixture(scope="module")
def on_two(drawn_tree, tmp_path_factory) -> tuple[Run, str]:
    """The run of two devices, and what its process printed."""
    folder = tmp_path_factory.mktemp("devices-2")
    done = subprocess.run(
        [sys.executable, "-c", _TRAIN_ON_TWO, str(drawn_tree), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return open_run(folder / "run"), done.stdout


@pytest.fixture(scope="module")
def pair(drawn_tree, on_two, tmp_path_factory):
    """The same training on one device, and with each batch split between two."""
    one = train(small_config(drawn_tree, **CHANGES), folder=tmp_path_factory.mktemp("devices-1"))
    return one, on_two[0]


def test_two_devices_give_the_weights_of_one(pair):
    assert [run.info["training"]["devices"] for run in pair] == [1, 2]
    one, two = (run.load_model().get_weights() for run in pair)
    assert len(one) > 10
    assert max(np.abs(a - b).max() for a, b in zip(one, two, strict=True)) < 1e-4

    np.testing.assert_allclose(
        pair[0].predictions().probabilities, pair[1].predictions().probabilities, atol=1e-4
    )


def test_the_history_is_that_of_one_device(pair):
    one, two = (run.history.drop(columns="seconds") for run in pair)
    np.testing.assert_allclose(one.to_numpy(), two.to_numpy(), atol=1e-4)
    assert one["loss"].iloc[-1] < one["loss"].iloc[0]


def test_what_is_kept_knows_nothing_of_the_devices(pair):
    layers = pair[1].load_model().layers
    assert not any(getattr(layer, "synchronized", False) for layer in layers)


def test_what_cannot_be_split_is_refused(on_two):
    refused = [line for line in on_two[1].splitlines() if line.startswith("refused: ")]
    for line, option in zip(refused, OPTIONS, strict=True):
        assert option in line and "device" in line
