"""The presets for AffectNet, end to end on drawn faces in its format at their real size."""

from dataclasses import replace

import numpy as np
import pytest

from core.config import PRESETS
from core.train import train


@pytest.mark.parametrize(("preset", "side"), [("affectnet", 64), ("affectnet-112", 112)])
def test_an_affectnet_preset_trains_on_colour_faces_with_affect(drawn_tree, tmp_path, preset, side):
    config = replace(PRESETS[preset], data=drawn_tree, epochs=1, batch_size=32)
    run = train(config, folder=tmp_path)
    assert run.load_model().input_shape[1:] == (side, side, 3)
    assert len(run.labels) == 8 and run.info["config"]["imbalance"] == "logit-adjusted"
    predictions = run.predictions()
    assert len(predictions) == 40 and predictions.has_affect
    assert np.isfinite(predictions.frame["predicted_valence"]).all()
    assert run.info["network"]["parameters"] <= 3_000_000
    assert (run.path / "card.md").exists() and run.has_training_sample
