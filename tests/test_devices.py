"""Several devices of one machine give the weights that one gives: two logical processors stand in for two GPUs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.runs.catalogue import open_run

ROOT = Path(__file__).resolve().parent.parent

#: Trains in a process of its own: logical devices must be made before TensorFlow is used, and one strategy
#: belongs to one process.
_TRAIN = """
import json, sys
from pathlib import Path
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * int(sys.argv[1]))
from core.config import Augmentation
from core.errors import AffectoscopeError
from core.train import train
from tests.trained import small_config
changes = json.loads(sys.argv[4])
still = Augmentation(shift=0.0, flip=False, rotation=0.0, scale=0.0)
config = small_config(Path(sys.argv[2]), name="run", dense_dropout=0.0, ema=0.9, augment=still, **changes)
try:
    train(config, folder=Path(sys.argv[3]))
except AffectoscopeError as error:
    sys.exit(f"refused: {error}")
"""


def trained(processors: int, data: Path, folder: Path, **changes) -> subprocess.CompletedProcess:
    command = [
        sys.executable,
        "-c",
        _TRAIN,
        str(processors),
        str(data),
        str(folder),
        json.dumps({"devices": "all", **changes}),
    ]
    return subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def pair(drawn_tree, tmp_path_factory):
    """The same training on one device, and with each batch split between two."""
    runs = []
    for devices in (1, 2):
        folder = tmp_path_factory.mktemp(f"devices-{devices}")
        done = trained(devices, drawn_tree, folder)
        assert done.returncode == 0, done.stderr
        assert (" on 2 devices" in done.stdout) == (devices == 2)
        runs.append(open_run(folder / "run"))
    return runs


def test_two_devices_give_the_weights_of_one(pair):
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


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch_size": 15}, "--batch-size 15 is not divisible by the 2 devices of this machine"),
        ({"sharpness": 0.05}, "--sharpness needs a single device"),
    ],
)
def test_what_cannot_be_split_is_refused(drawn_tree, tmp_path, changes, sentence):
    done = trained(2, drawn_tree, tmp_path, **changes)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert list(tmp_path.iterdir()) == []
