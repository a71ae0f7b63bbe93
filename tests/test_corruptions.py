"""Corrupted faces: what each corruption does, that severity counts, and that the same face is always corrupted alike."""

import itertools
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from core.analysis.corruptions import CORRUPTIONS, GREY, SEVERITIES, CorruptedFaces, corrupt_face
from core.analysis.robustness import mean_accuracy, robustness
from core.data.drawn.portrait import draw_face
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.errors import AffectoscopeError
from core.evaluate import EvaluateOptions, evaluate_corrupted
from core.metrics.thresholds import wilson_interval
from core.runs.catalogue import open_run
from core.runs.tables import ROBUSTNESS_COLUMNS as COLUMNS


def drawn(colour="grey", size=48):
    scene = draw_face("happy", np.random.default_rng(5))
    return crop_face(scene.image, scene.box, PreprocessingConfig(colour=colour, size=size, margin=0.1))


@pytest.fixture
def face():
    return drawn()


@pytest.mark.parametrize("size", [24, 48, 112])
@pytest.mark.parametrize("colour", ["grey", "rgb"])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_every_corruption_keeps_shape_and_hurts_more_with_strength(name, colour, size):
    face = drawn(colour, size)
    errors = []
    for severity in SEVERITIES:
        corrupted = corrupt_face(face, name, severity, seed=3)
        assert corrupted.shape == face.shape and corrupted.dtype == np.uint8
        np.testing.assert_array_equal(corrupted, corrupt_face(face, name, severity, seed=3))
        errors.append(np.abs(corrupted.astype(float) - face).mean())
    assert 0 <= errors[0] < errors[-1]  # the slightest blur does not reach the next of 24 pixels
    assert all(later > 0.95 * earlier for earlier, later in itertools.pairwise(errors))


def test_noise_has_the_spread_it_says():
    grey = np.full((48, 48, 1), GREY, np.uint8)
    spread = np.std(corrupt_face(grey, "noise", 2, seed=0).astype(float) - GREY)
    assert spread == pytest.approx(15, rel=0.06)


def test_brightness_moves_every_pixel_alike_and_either_way():
    grey = np.full((48, 48, 1), GREY, np.uint8)
    moved = {int(corrupt_face(grey, "brightness", 3, seed=seed)[0, 0, 0]) for seed in range(20)}
    assert moved == {GREY - 60, GREY + 60}


def test_contrast_keeps_the_mean_and_its_share_of_the_spread(face):
    corrupted = corrupt_face(face, "contrast", 3, seed=0).astype(float)
    assert corrupted.mean() == pytest.approx(face.mean(), abs=0.5)
    assert corrupted.std() == pytest.approx(0.4 * face.std(), rel=0.02)


def test_occlusion_hides_a_square_and_nothing_else(face):
    changed = (corrupt_face(face, "occlusion", 4, seed=1) != face)[..., 0]
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert np.ptp(rows) < 24 and np.ptp(columns) < 24
    block = corrupt_face(face, "occlusion", 4, seed=1)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    assert (block == GREY).all()


def test_rotation_turns_by_its_degrees():
    bar = np.zeros((48, 48, 1), np.uint8)
    bar[:, 22:26] = 255
    turned = corrupt_face(bar, "rotation", 4, seed=0)[..., 0] > 128
    y, x = np.nonzero(turned)
    direction = np.linalg.svd(np.column_stack([x - x.mean(), y - y.mean()]), full_matrices=False)[2][0]
    angle = np.degrees(np.arctan2(abs(direction[0]), abs(direction[1])))
    assert angle == pytest.approx(30, abs=2)


def test_blur_and_low_resolution_take_away_detail():
    checks = np.kron(np.indices((24, 24)).sum(axis=0) % 2, np.ones((2, 2)))[..., None].astype(np.uint8) * 255
    for name in ("blur", "low resolution"):
        assert corrupt_face(checks, name, 5, seed=0).std() < 0.2 * checks.std()


@pytest.fixture
def pack():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (10, 24, 24, 1), dtype=np.uint8)


@pytest.mark.parametrize("name", ["noise", "rotation", "occlusion"])
def test_a_face_is_corrupted_alike_whatever_the_batch(pack, name):
    faces = CorruptedFaces(pack, name, 3)
    np.testing.assert_array_equal(faces[0:10], np.concatenate([faces[0:3], faces[3:4], faces[4:10]]))
    assert len(faces) == 10


class Brightness:
    """A network that knows whether a face is light or dark."""

    def predict(self, faces):
        light = (np.asarray(faces).mean(axis=(1, 2, 3)) > GREY).astype(float)
        return {"expression": np.column_stack([1 - light, light])}


def test_scores_by_hand(monkeypatch):
    """Dark faces (64) and light ones (192): contrast never moves them across the middle, brightness may."""
    faces = np.stack([np.full((24, 24, 1), value, np.uint8) for value in [64] * 10 + [192] * 10])
    truth = np.repeat([0, 1], 10)
    monkeypatch.setattr(
        "core.network.inference.run_network", lambda network, pack, **_: network.predict(pack[0 : len(pack)])
    )
    steps = []
    table = robustness(Brightness(), faces, truth, 2, progress=lambda done, of: steps.append((done, of)))
    assert list(table.columns) == list(COLUMNS) and len(table) == 41 == len(steps)
    assert steps[-1] == (41, 41)
    clean = table.iloc[0]
    assert (clean["corruption"], clean["accuracy"], clean["macro_f1"]) == ("none", 1.0, 1.0)
    assert (clean["low"], clean["high"]) == pytest.approx(wilson_interval(20, 20))
    assert table.query("corruption == 'contrast'")["accuracy"].tolist() == [1.0] * 5
    brightness = table.query("corruption == 'brightness'")["accuracy"].tolist()
    assert brightness[0] == 1.0 and brightness[-1] < 1.0
    by_hand = table.iloc[1:].groupby("corruption")["accuracy"].mean().mean()
    assert mean_accuracy(table) == pytest.approx(by_hand)


def test_the_command_keeps_its_result_with_the_run(trained_run, drawn_tree, tmp_path, capsys):
    run = open_run(shutil.copytree(trained_run.path, tmp_path / "corrupted"))
    assert run.robustness() is None
    table = evaluate_corrupted(
        EvaluateOptions(run=str(run.path), data=(drawn_tree,), out=tmp_path / "kept.csv")
    )
    kept, about = run.robustness()
    pd.testing.assert_frame_equal(kept, table)
    assert about == {
        "data": "Drawn faces",
        "split": "test",
        "test_time_augmentation": trained_run.test_time_augmentation,
    }
    assert len(pd.read_csv(tmp_path / "kept.csv")) == 41
    assert kept.iloc[0]["accuracy"] == pytest.approx(trained_run.scores.headline["accuracy"].value)
    assert "low resolution" in capsys.readouterr().out


def test_what_cannot_be_asked_for_together_or_written_is_refused(
    trained_run, drawn_tree, tmp_path, monkeypatch
):
    with pytest.raises(AffectoscopeError, match=r"expected a name ending in \.csv"):
        evaluate_corrupted(
            EvaluateOptions(run=str(trained_run.path), data=(drawn_tree,), out=tmp_path / "kept.json")
        )
    from core import evaluate as command

    arguments = ["--run", "x", "--data", "y", "--corruptions", "--attach-images"]
    monkeypatch.setattr("sys.argv", ["evaluate", *arguments])
    with pytest.raises(SystemExit):
        command.main()


def test_a_damaged_result_is_named(trained_run, tmp_path):
    run = open_run(shutil.copytree(trained_run.path, tmp_path / "damaged"))
    for content, message in (
        ("{", r"robustness\.json"),
        (json.dumps({"rows": []}), "run core.evaluate --corruptions again"),
    ):
        (run.path / "robustness.json").write_text(content)
        with pytest.raises(AffectoscopeError, match=message):
            run.robustness()
