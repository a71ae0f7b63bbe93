"""Epochs of resident faces on JAX: the weights of the batch-by-batch training, one compilation, resumable."""

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from core.data.face_pack import FacePack
from core.errors import AffectoscopeError
from core.network.devices import OneDevice, uses_resident_training
from tests.soft_losses import expected_soft_losses
from tests.trained import small_config

PACK = FacePack(np.zeros((10, 24, 24, 1), np.uint8), np.arange(10))


@pytest.fixture(scope="module")
def trained(project_root) -> dict[str, dict]:
    """What tests.resident_training found, under "plain", "taught", "frozen" and "soft"."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")
    ended = subprocess.run(
        [sys.executable, "-m", "tests.resident_training"],
        cwd=project_root,
        env=os.environ
        | {
            "KERAS_BACKEND": "jax",
            "JAX_PLATFORMS": "cpu",
            "XLA_FLAGS": "--xla_backend_optimization_level=0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.parametrize("kind", ["plain", "taught"])
def test_the_weights_are_those_of_training_batch_by_batch(trained, kind):
    found = trained[kind]
    assert found["compiled"] == [1, 0]
    assert found["losses"][0] != found["losses"][1]
    assert found["columns"][0] == found["columns"][1]
    assert found["weights"] < 1e-4 and found["history"] < 1e-4
    assert found["epochs"] == 2 and found["resumed"] < 1e-6


def test_layers_are_frozen_in_the_first_epochs_as_batch_by_batch_and_after_an_interruption(trained):
    found = trained["frozen"]
    assert found["weights"] < 1e-4 and found["history"] < 1e-4
    assert found["resumed"] < 1e-6


def test_losses_of_soft_targets_are_those_of_numpy(trained):
    assert trained["soft"] == pytest.approx(expected_soft_losses(), rel=1e-4)


def test_faces_stay_on_the_host_where_keras_does_not_run_on_jax(tmp_path):
    config = small_config(tmp_path)
    assert not uses_resident_training(config, OneDevice(), PACK)
    with pytest.raises(AffectoscopeError, match="--resident yes needs the JAX backend"):
        uses_resident_training(replace(config, resident="yes"), OneDevice(), PACK)


def test_faces_of_several_devices_stay_on_the_host(tmp_path, monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    several = OneDevice()
    several.count = 2
    config = small_config(tmp_path)
    assert not uses_resident_training(config, several, PACK)
    assert uses_resident_training(replace(config, resident="yes"), OneDevice(), PACK)
    with pytest.raises(AffectoscopeError, match="--resident yes needs a single device"):
        uses_resident_training(replace(config, resident="yes"), several, PACK)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_faces_are_resident_where_they_take_two_fifths_of_the_memory_at_most(monkeypatch):
    import jax

    from core.network.resident import fits_in_device_memory

    class Device:
        def __init__(self, memory):
            self.memory_stats = lambda: memory

    size = 10 * 24 * 24
    for memory, expected in (
        ({"bytes_limit": size * 5 // 2}, True),
        ({"bytes_limit": size * 5 // 2 - 1}, False),
        (None, False),
    ):
        monkeypatch.setattr(jax, "devices", lambda memory=memory: [Device(memory)])
        assert fits_in_device_memory(PACK) == expected
