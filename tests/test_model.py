"""The CNN family: shapes of the study's network, every option, augmentation, losses, optimisers."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from keras import ops

from core.config import PRESETS, Augmentation, TrainConfig
from core.data.batches import Targets
from core.data.preprocessing import PreprocessingConfig
from core.network.augmentation import FaceAugmentation
from core.network.model import build_model
from core.network.objective import expression_loss, optimizer
from tests.soft_losses import expected_soft_losses, soft_losses

SMALL = PreprocessingConfig(size=24)
NO_AUGMENTATION = Augmentation(shift=0, flip=False, rotation=0, scale=0, brightness=0, contrast=0, erasing=0)


def layers_of(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


def test_the_original_network_layer_by_layer():
    model = build_model(PRESETS["original"], PreprocessingConfig(size=50), 8)
    convolutions = layers_of(model, keras.layers.Conv2D)
    assert [layer.filters for layer in convolutions] == [64, 128, 256]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    assert {layer.padding for layer in convolutions} == {"same"}
    assert [layer.pool_size for layer in layers_of(model, keras.layers.MaxPooling2D)] == [(2, 2)] * 3
    assert [layer.units for layer in layers_of(model, keras.layers.Dense)] == [128, 128, 8]
    assert {layer.rate for layer in layers_of(model, keras.layers.Dropout)} == {0.25}
    # By hand: (9*1+1/64..) convolutions 640 + 73,856 + 295,168, dense 6*6*256*128+128, 128*128+128, 128*8+8.
    assert model.count_params() == 640 + 73_856 + 295_168 + 1_179_776 + 16_512 + 1_032


def test_the_shipped_preset_stays_small():
    model = build_model(PRESETS["standard"], PreprocessingConfig(), 7)
    assert model.count_params() <= 2_000_000


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": (8,)},
        {"filters": (4,) * 8},
        {"filters": (8, 16), "repeats": (1, 3), "residual": True, "squeeze_excitation": True},
        {"filters": (8, 16), "dense": (), "pooling": "average"},
        {
            "filters": (8, 16),
            "dense": (16, 16, 16, 16),
            "normalisation": "none",
            "dropout": 0.0,
            "dense_dropout": 0.0,
        },
    ],
)
def test_every_shape_gives_probabilities_and_reloads_without_this_project(changes, tmp_path):
    keras.utils.set_random_seed(1)
    model = build_model(replace(TrainConfig(), **changes), SMALL, 8, affect=True)
    faces = np.random.default_rng(0).integers(0, 256, (5, *SMALL.shape), dtype=np.uint8)
    outputs = {name: np.asarray(value) for name, value in model(faces).items()}
    np.testing.assert_allclose(outputs["expression"].sum(axis=1), 1, atol=1e-5)
    assert outputs["expression"].shape == (5, 8) and outputs["affect"].shape == (5, 2)
    assert np.abs(outputs["affect"]).max() <= 1
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)
    np.testing.assert_allclose(np.asarray(again(faces)["expression"]), outputs["expression"], atol=1e-6)


def augmented(faces, seed=0, **changes):
    layer = FaceAugmentation(replace(NO_AUGMENTATION, **changes), seed=seed)
    return np.asarray(layer(faces, training=True))


@pytest.fixture
def faces():
    return np.random.default_rng(5).integers(0, 256, (64, 16, 16, 1), dtype=np.uint8)


def test_no_augmentation_and_inference_change_nothing(faces):
    np.testing.assert_array_equal(augmented(faces), faces)
    layer = FaceAugmentation(Augmentation())
    np.testing.assert_array_equal(np.asarray(layer(faces, training=False)), faces)


def test_flip_mirrors_about_half_of_the_faces_exactly(faces):
    seen = augmented(faces, flip=True)
    mirrored = (seen == faces[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (seen == faces).all(axis=(1, 2, 3))
    assert (mirrored | same).all()
    assert 16 < mirrored.sum() < 48


def test_shift_moves_by_at_most_its_share():
    faces = np.zeros((64, 32, 32, 1), np.uint8)
    faces[:, 16, 16] = 255
    seen = augmented(faces, shift=0.1).astype(float)[..., 0]
    rows, columns = np.mgrid[:32, :32]
    mass = seen.sum(axis=(1, 2))
    x, y = (seen * columns).sum(axis=(1, 2)) / mass, (seen * rows).sum(axis=(1, 2)) / mass
    assert np.abs(x - 16).max() <= 3.3 and np.abs(y - 16).max() <= 3.3
    assert np.abs(x - 16).max() > 2 and x.std() > 1 and y.std() > 1


def test_rotation_keeps_the_centre_and_scale_changes_the_size():
    faces = np.zeros((32, 33, 33, 1), np.uint8)
    faces[:, 12:21, 12:21] = 200
    turned = augmented(faces, rotation=40.0)
    assert (turned[:, 16, 16, 0] == 200).all()
    assert not np.array_equal(turned, faces)
    scaled = augmented(faces, scale=0.4).astype(float).sum(axis=(1, 2, 3)) / faces[0].sum()
    assert scaled.min() < 0.75 and scaled.max() > 1.3
    assert scaled.min() > 0.3 and scaled.max() < 2.1


def test_brightness_contrast_and_erasing(faces):
    grey = np.full((64, 16, 16, 1), 100, np.uint8)
    change = augmented(grey, brightness=0.1).astype(int) - 100
    assert np.ptp(change, axis=(1, 2, 3)).max() == 0  # the whole face alike
    assert 15 < np.abs(change).max() <= 26  # 0.1 of 255
    np.testing.assert_array_equal(augmented(grey, contrast=0.5), grey)  # about the face's own mean
    erased = (augmented(faces, erasing=1.0) != faces).mean(axis=(1, 2, 3))
    assert 0.01 < erased.mean() < 0.2
    assert (augmented(faces, erasing=0.5) == faces).all(axis=(1, 2, 3)).any()


def test_augmentation_is_drawn_anew_each_time_and_seeded(faces):
    layer = FaceAugmentation(Augmentation(), seed=3)
    first, second = np.asarray(layer(faces, training=True)), np.asarray(layer(faces, training=True))
    assert not np.array_equal(first, second)
    again = FaceAugmentation(Augmentation(), seed=3)
    np.testing.assert_array_equal(np.asarray(again(faces, training=True)), first)


TARGETS = Targets(np.repeat([0, 1, 2], [80, 15, 5]), 3)


def loss_of(logits, label, **changes):
    loss = expression_loss(replace(TrainConfig(), **{"imbalance": "none"} | changes), TARGETS)
    truth = np.eye(3, dtype=np.float32)[[label]]
    return float(ops.convert_to_numpy(ops.mean(loss(truth, np.array([logits], np.float32)))))


def test_losses_by_hand():
    logits = [1.0, 0.0, -1.0]
    p = np.exp(logits) / np.exp(logits).sum()
    assert loss_of(logits, 1) == pytest.approx(-np.log(p[1]), rel=1e-5)
    smooth = 0.9 * np.eye(3)[1] + 0.1 / 3
    assert loss_of(logits, 1, label_smoothing=0.1) == pytest.approx(-(smooth * np.log(p)).sum(), rel=1e-5)
    assert loss_of(logits, 1, imbalance="focal") == pytest.approx(-((1 - p[1]) ** 2) * np.log(p[1]), rel=1e-4)
    adjusted = np.exp(logits) * np.array([0.8, 0.15, 0.05])
    adjusted /= adjusted.sum()
    assert loss_of(logits, 2, imbalance="logit-adjusted") == pytest.approx(-np.log(adjusted[2]), rel=1e-5)


def test_losses_of_soft_targets_by_hand():
    assert soft_losses() == pytest.approx(expected_soft_losses(), rel=1e-4)


def rates(steps, **changes):
    made = optimizer(replace(TrainConfig(), **changes), 10)
    schedule = made._learning_rate
    return [float(ops.convert_to_numpy(schedule(step))) for step in steps]


def test_warm_up_and_cosine_count_steps():
    config = {"epochs": 5, "learning_rate": 0.1, "warmup_epochs": 1.0, "schedule": "cosine"}
    start, half, peak, middle, end = rates([0, 5, 10, 30, 50], **config)
    assert (start, half, peak) == pytest.approx((0.0, 0.05, 0.1), abs=1e-6)
    assert middle == pytest.approx(0.05, abs=1e-6)  # half way down the cosine
    assert end == pytest.approx(0.0, abs=1e-6)


def test_warm_up_to_a_constant_rate():
    config = {"epochs": 5, "learning_rate": 0.1, "warmup_epochs": 1.0, "schedule": "constant"}
    assert rates([0, 5, 10, 49], **config) == pytest.approx([0.0, 0.05, 0.1, 0.1], abs=1e-6)


def test_only_kernels_decay():
    model = build_model(replace(TrainConfig(), filters=(8,), dense=(8,)), SMALL, 7)
    made = optimizer(replace(TrainConfig(), optimiser="sgd", weight_decay=0.01), 10)
    made.build(model.trainable_variables)
    decayed = {v.path.rsplit("/")[-1] for v in model.trainable_variables if made._use_weight_decay(v)}
    assert decayed == {"kernel"}


def test_stochastic_depth_leaves_whole_branches_out_more_often_the_deeper_they_are(tmp_path):
    config = TrainConfig(
        filters=(4, 8), repeats=(2,), residual=True, stochastic_depth=0.4, pooling="average", dense=()
    )
    model = build_model(config, SMALL, 7)
    depths = [model.get_layer(f"block{index}_depth") for index in (1, 2)]
    assert [layer.rate for layer in depths] == pytest.approx([0.2, 0.4])
    branch = np.random.default_rng(0).normal(size=(2000, 3, 3, 2)).astype(np.float32)
    kept = ops.convert_to_numpy(depths[1](branch, training=True))
    left_out = (kept == 0).all(axis=(1, 2, 3))
    assert left_out.mean() == pytest.approx(0.4, abs=0.05)
    np.testing.assert_allclose(kept[~left_out], branch[~left_out] / 0.6, rtol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(depths[1](branch, training=False)), branch)
    without = build_model(replace(config, stochastic_depth=0.0), SMALL, 7)
    assert model.count_params() == without.count_params()
    model.save(tmp_path / "model.keras")
    faces = np.random.default_rng(1).integers(0, 256, (3, 24, 24, 1), np.uint8)
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(faces)["expression"], model(faces)["expression"], atol=1e-6)
