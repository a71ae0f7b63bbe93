"""The presets for AffectNet: one end to end on drawn faces in its format, the other's network."""

from dataclasses import replace

import numpy as np
import pytest

from core.config import PRESETS
from core.data.preprocessing import PreprocessingConfig
from core.network.model import build_model
from core.train import train


def test_the_affectnet_preset_trains_on_colour_faces_with_affect(drawn_tree, tmp_path):
    small = {"filters": (8, 16, 16, 16), "epochs": 1, "batch_size": 16, "limit": 64, "tta": "none"}
    config = replace(PRESETS["affectnet"], data=drawn_tree, **small)
    run = train(config, folder=tmp_path)
    assert run.load_model().input_shape[1:] == (64, 64, 3)
    assert len(run.labels) == 8 and run.info["config"]["imbalance"] == "logit-adjusted"
    predictions = run.predictions()
    assert len(predictions) == 40 and predictions.has_affect
    assert np.isfinite(predictions.frame["predicted_valence"]).all()
    assert (run.path / "card.md").exists() and run.has_training_sample


@pytest.mark.parametrize(("preset", "side"), [("affectnet", 64), ("affectnet-112", 112)])
def test_the_networks_of_the_affectnet_presets_are_small(preset, side):
    config = PRESETS[preset]
    network = build_model(config, PreprocessingConfig(colour="rgb", size=config.size), 8, affect=True)
    assert network.input_shape == (None, side, side, 3) and network.count_params() <= 3_000_000
    outputs = network(np.zeros((2, side, side, 3), np.uint8))
    assert outputs["expression"].shape == (2, 8) and outputs["affect"].shape == (2, 2)
    assert (config.colour, config.labels, config.imbalance) == ("rgb", 8, "logit-adjusted")
