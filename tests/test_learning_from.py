"""Mixup, distillation, sharpness-aware steps and reduced precision: by hand, and in whole trainings."""

from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax, softmax

from core.data.batches import mixed
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.network import fit
from core.network.distillation import add_distillation_output, distillation_loss, load_teachers
from core.network.sam import SharpnessAware
from core.runs.catalogue import open_run
from core.runtime.console import Console
from core.runtime.files import write_json
from core.train import train
from tests.made_runs import make_run
from tests.trained import fit_epochs, made, small_config, tiny_config


@pytest.fixture
def folder(tmp_path, monkeypatch, trained_run):
    """Where trainings write, and where the teacher lies under its own name."""
    monkeypatch.setattr(
        "core.network.distillation.open_run", lambda name: open_run(trained_run.path.parent / name)
    )
    return tmp_path / "artifacts"


def test_mixup_by_hand():
    faces = np.stack([np.full((2, 2, 1), value, np.uint8) for value in (0, 100, 200)])
    truth = {
        "expression": np.eye(3, dtype=np.float32),
        "affect": np.arange(6, dtype=np.float32).reshape(3, 2),
    }
    weight = {"expression": np.array([1, 2, 3], np.float32), "affect": np.array([1, 1, 0], np.float32)}
    share, partner = np.array([0.25, 0.8, 1.0], np.float32), np.array([1, 2, 0])
    pixels, both, weights = mixed(faces, truth, weight, share, partner)
    assert pixels.dtype == np.uint8
    for index in range(3):
        other, of = partner[index], share[index]
        value = of * faces[index, 0, 0, 0] + (1 - of) * faces[other, 0, 0, 0]
        assert pixels[index, 0, 0, 0] == np.rint(value)
        np.testing.assert_allclose(
            both["expression"][index], of * np.eye(3)[index] + (1 - of) * np.eye(3)[other]
        )
        expected = of * weight["expression"][index] + (1 - of) * weight["expression"][other]
        assert weights["expression"][index] == pytest.approx(expected)
        assert weights["affect"][index] == (index != 2 and other != 2)
    np.testing.assert_allclose(both["expression"].sum(axis=1), 1, rtol=1e-6)


def test_the_distillation_loss_by_hand():
    rng = np.random.default_rng(0)
    logits, teacher, temperature = rng.normal(size=(5, 4)), rng.normal(size=(5, 4)), 3.0
    taught = softmax(teacher / temperature, axis=1)
    expected = temperature**2 * (taught * (np.log(taught) - log_softmax(logits / temperature, axis=1))).sum(
        axis=1
    )
    distilled = np.concatenate([logits / temperature, taught], axis=1).astype("float32")
    found = keras.ops.convert_to_numpy(
        distillation_loss(temperature)(None, keras.ops.convert_to_tensor(distilled))
    )
    np.testing.assert_allclose(found, expected, atol=1e-5)
    agreed = np.concatenate([teacher / temperature, taught], axis=1).astype("float32")
    same = keras.ops.convert_to_numpy(
        distillation_loss(temperature)(None, keras.ops.convert_to_tensor(agreed))
    )
    np.testing.assert_allclose(same, 0, atol=1e-5)


def test_several_teachers_are_averaged_and_none_of_them_learns(trained_run):
    network, teacher = trained_run.load_model(), trained_run.load_model()
    other = trained_run.load_model()
    other.get_layer("logits").set_weights([-weight for weight in other.get_layer("logits").get_weights()])
    heads = keras.Model(network.input, {"expression": network.get_layer("logits").output})
    taught = add_distillation_output(heads, [teacher, other], 2.0)
    faces = np.random.default_rng(0).integers(0, 256, (4, *network.input_shape[1:]), dtype=np.uint8)
    logits = keras.Model(teacher.input, teacher.get_layer("logits").output).predict(faces, verbose=0)
    answers = taught.predict(faces, verbose=0)
    expected = (softmax(logits / 2, axis=1) + softmax(-logits / 2, axis=1)) / 2
    np.testing.assert_allclose(answers["distilled"][:, 8:], expected, atol=1e-5)
    np.testing.assert_allclose(answers["distilled"][:, :8], answers["expression"] / 2, atol=1e-5)
    assert len(taught.trainable_variables) == len(heads.trainable_variables)
    training = taught(faces, training=True)["distilled"]
    np.testing.assert_allclose(training[:, 8:], expected, atol=1e-5)  # no dropout in a teacher, ever


def test_a_student_learns_what_its_teacher_says(drawn_tree, folder, trained_run, tmp_path):
    """With all weight on the teacher the labels do not count: the student comes to agree with the teacher."""
    config = small_config(drawn_tree, epochs=30, learning_rate=0.01, dense_dropout=0.0)
    alone, _ = fit_epochs(config, made(tmp_path / "alone"))
    taught, _ = fit_epochs(replace(config, teacher=("small",), teacher_weight=1.0), made(tmp_path / "taught"))
    faces = load_training_data(config, Console()).part("test")[1][:]
    said, one, other = (
        network.predict(faces, verbose=0)["expression"]
        for network in (trained_run.load_model(), taught, alone)
    )
    assert np.abs(one - said).mean() < 0.6 * np.abs(other - said).mean()


def test_a_killed_student_resumes_to_the_same_result(drawn_tree, folder, monkeypatch):
    config = tiny_config(drawn_tree, epochs=3, teacher=("small",), mixup=0.3, ema=0.9)
    whole = train(replace(config, name="whole"), folder=folder)
    original = fit.TrainingCallback.save

    def save_then_die(self):
        original(self)
        if self.epochs_done == 2:
            raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(fit.TrainingCallback, "save", save_then_die)
        with pytest.raises(SystemError):
            train(replace(config, name="killed"), folder=folder)
    resumed = train(replace(config, name="killed", resume=True), folder=folder)
    np.testing.assert_array_equal(resumed.predictions().probabilities, whole.predictions().probabilities)
    pd.testing.assert_frame_equal(
        resumed.history.drop(columns="seconds"), whole.history.drop(columns="seconds")
    )
    assert whole.info["config"]["teacher"] == ["small"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": 7}, "has the labels .* pass a run with the same label set"),
        ({"size": 32}, "preprocessing of teacher"),
        ({"teacher": ("nobody",)}, "nobody' not found"),
    ],
)
def test_a_teacher_that_does_not_fit_is_refused_before_training(drawn_tree, folder, changes, message):
    with pytest.raises(AffectoscopeError, match=message):
        train(small_config(drawn_tree, **{"name": "student", "teacher": ("small",)} | changes), folder=folder)
    assert not list(folder.glob("*"))


def test_a_run_without_a_network_is_no_teacher(drawn_tree, tmp_path):
    run = make_run(tmp_path, "imported", faces=20)
    write_json(run.path / "run.json", run.info | {"imported_predictions": {"table": "table.csv"}})
    (run.path / "model.keras").unlink()
    config = small_config(drawn_tree, teacher=(str(run.path),))
    with pytest.raises(AffectoscopeError, match="A teacher needs a network"):
        load_teachers(config, run.preprocessing, run.labels, precision="float32")


def test_teachers_come_as_networks(trained_run, folder):
    config = small_config(None, teacher=("small",))
    (teacher,) = load_teachers(config, trained_run.preprocessing, trained_run.labels, precision="float32")
    assert teacher.input_shape[1:3] == (24, 24)
    faces = np.random.default_rng(0).integers(0, 256, (4, 24, 24, 1), np.uint8)
    expected = trained_run.load_model().predict_on_batch(faces)["expression"]
    np.testing.assert_allclose(teacher.predict_on_batch(faces)["expression"], expected, atol=1e-6)


def test_teachers_come_in_the_precision_of_the_training(trained_run, folder):
    config = small_config(None, teacher=("small",))
    (teacher,) = load_teachers(
        config, trained_run.preprocessing, trained_run.labels, precision="mixed_bfloat16"
    )
    assert teacher.get_layer("block1_conv1").compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_a_flattening_teacher_does_not_fit_crops(trained_run, folder):
    config = small_config(None, teacher=("small",), crop=20)
    with pytest.raises(AffectoscopeError, match="do not fit this training.s input of 20 pixels"):
        load_teachers(config, trained_run.preprocessing, trained_run.labels, precision="float32")


def test_a_sharpness_aware_step_by_hand():
    """One weight w, loss (w - 3)^2 at w = 1: gradient -4, so the step is taken from w - radius: -2 (3 - 1 + radius)."""
    faces = keras.Input((1,))
    augmentation = keras.layers.Lambda(lambda values: values)
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="ones", name="expression")
    head_input = keras.Input((1,))
    heads = keras.Model(head_input, {"expression": dense(head_input)})
    model = SharpnessAware(faces, heads(augmentation(faces))).prepare(augmentation, heads, 0.5)
    model.compile(keras.optimizers.SGD(0.1), loss={"expression": keras.losses.MeanSquaredError()})
    model.train_on_batch(np.ones((1, 1)), {"expression": np.full((1, 1), 3.0)})
    np.testing.assert_allclose(dense.kernel.numpy(), [[1 + 0.1 * 2 * (3 - (1 - 0.5))]], rtol=1e-6)


@pytest.mark.parametrize("changes", [{"sharpness": 0.05}, {"precision": "mixed_bfloat16"}])
def test_a_training_with_it_repeats(drawn_tree, tmp_path, changes):
    """With mixup, the killed student does."""
    config = tiny_config(drawn_tree, **changes)
    (one, fitted), (again, _) = (fit_epochs(config, made(tmp_path / name)) for name in ("one", "again"))
    for weight, same in zip(one.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, same)
        assert weight.dtype == np.float32 or weight.dtype.kind != "f"
    assert np.isfinite(fitted.history["loss"]).all()
    assert keras.config.dtype_policy().name == "float32"
