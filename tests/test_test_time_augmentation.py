"""Copies of faces against crops made pixel by pixel, averages against single passes, and what a run makes of them."""

import json
import shutil
from dataclasses import replace

import keras
import numpy as np
import pytest
from PIL import Image

from core.analysis.protocol import load_protocol, protocol_from
from core.analysis.selective.out_of_set import load_out_of_set_faces
from core.config import PRESETS
from core.data.preprocessing import PreprocessingConfig
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.evaluate import EvaluateOptions, evaluate
from core.network.inference import compare_augmentations, run_network
from core.network.model import build_model
from core.network.test_time_augmentation import (
    augmented_copies,
    choose_augmentation,
    corner_shifts,
    shift_faces,
)
from core.photos.predictor import Predictor
from core.report.about import _augmentation as told_in_card
from core.runs.catalogue import open_run
from core.runs.test_time_augmentation import PASSES, parse_augmentation, run_augmentation
from core.runtime.console import Console
from core.train import train
from core.upgrade import UpgradeOptions, upgrade
from tests.trained import small_config

#: Rows (above, below) and columns (left, right) that a network cuts off.
CUTS = [((2, 2), (2, 2)), ((1, 2), (3, 0)), None]


def network_of(cut, side: int = 48) -> keras.Model:
    """Two heads that tell every pixel of what the network sees apart."""
    faces = keras.Input((side, side, 1), dtype="uint8")
    x = keras.layers.Cropping2D(cut, name="centre_crop")(faces) if cut else faces
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(x))
    outputs = {
        "expression": keras.layers.Dense(7, activation="softmax", kernel_initializer=keras.initializers.RandomNormal(seed=1))(x),
        "affect": keras.layers.Dense(2, kernel_initializer=keras.initializers.RandomNormal(seed=2))(x),
    }  # fmt: skip
    return keras.Model(faces, outputs)


@pytest.fixture
def faces():
    return np.random.default_rng(0).integers(0, 256, (3, 48, 48, 1), dtype=np.uint8)


def cut_out(faces: np.ndarray, cut) -> np.ndarray:
    layer = keras.layers.Cropping2D(cut, dtype="uint8")
    return np.asarray(layer(faces))


def test_a_shift_moves_every_pixel_and_repeats_the_edge(faces):
    moved = np.asarray(shift_faces(faces, 2, -3))
    assert moved.dtype == np.uint8 and moved.shape == faces.shape
    for row in range(48):
        for column in range(48):
            source = faces[:, max(row - 2, 0), min(column + 3, 47)]
            np.testing.assert_array_equal(moved[:, row, column], source)
    np.testing.assert_array_equal(np.asarray(shift_faces(faces, 0, 0)), faces)


def test_the_centre_of_a_shifted_face_is_its_corner_crop(faces):
    """48 pixels, of which the network sees 44: a shift by 2 brings each corner where the centre was."""
    corners = {(2, 2): (0, 0), (2, -2): (0, 4), (-2, 2): (4, 0), (-2, -2): (4, 4)}
    for (down, right), (top, left) in corners.items():
        seen = cut_out(np.asarray(shift_faces(faces, down, right)), ((2, 2), (2, 2)))
        np.testing.assert_array_equal(seen, faces[:, top : top + 44, left : left + 44])


@pytest.mark.parametrize("cut", CUTS[:2])
def test_ten_copies_are_the_ten_crops(faces, cut):
    """Also where the sides are cut unevenly, no copy repeats a pixel."""
    (top, bottom), (left, right) = cut
    height, width = 48 - top - bottom, 48 - left - right
    places = [(top, left), *((y, x) for y in (0, top + bottom) for x in (0, left + right))]
    mirrored = faces[:, :, ::-1]
    expected = [each[:, y : y + height, x : x + width] for y, x in places for each in (faces, mirrored)]
    copies = augmented_copies(faces, network_of(cut), "ten-crop")
    assert len(copies) == PASSES["ten-crop"] == 10
    for copy, crop in zip(copies, expected, strict=True):
        np.testing.assert_array_equal(cut_out(np.asarray(copy), cut), crop)


def test_without_a_centre_the_shift_is_a_24th_of_the_side():
    assert corner_shifts(network_of(((1, 2), (3, 0)))) == ((1, 2), (3, 0))
    for side, pixels in ((48, 2), (64, 3), (24, 1), (112, 5)):
        assert corner_shifts(network_of(None, side)) == ((pixels, pixels), (pixels, pixels))


@pytest.mark.parametrize(("side", "cut"), [(44, (2, 2)), (43, (2, 3)), (48, (2, 2)), (None, (2, 2))])
def test_networks_that_read_a_centre_are_known_by_it(side, cut):
    """Of 48 pixels; without a centre the shift is 2."""
    network = build_model(PRESETS["quick"], PreprocessingConfig(colour="grey", size=48), 7, side=side)
    assert corner_shifts(network) == (cut, cut)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("tta", PASSES)
def test_outputs_are_the_mean_over_the_copies(faces, cut, tta):
    network = network_of(cut)
    copies = [np.asarray(copy) for copy in augmented_copies(faces, network, tta)]
    single = [network.predict(copy, verbose=0) for copy in copies]
    np.testing.assert_array_equal(copies[0], faces)
    found = run_network(network, faces, tta=tta)
    assert len(copies) == PASSES[tta] and set(found) == {"expression", "affect"}
    for name, values in found.items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, np.mean([each[name] for each in single], axis=0), atol=1e-5)


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("tta", ["mirror", "ten-crop"])
def test_a_mirrored_face_has_the_same_answer(faces, cut, tta):
    network = network_of(cut)
    one, other = (
        run_network(network, each, tta=tta)["expression"]
        for each in (faces, np.ascontiguousarray(faces[:, :, ::-1]))
    )
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_names_of_earlier_versions_are_read():
    assert [parse_augmentation(name) for name in ("one", "mirror", "ten", "ten-crop", "none")] == [
        "none", "mirror", "ten-crop", "ten-crop", "none",
    ]  # fmt: skip
    for damaged in ("five", None, 3, []):
        with pytest.raises(
            AffectoscopeError, match="Unknown test-time augmentation .*; expected one of none,"
        ):
            parse_augmentation(damaged)


def test_the_shipped_documents_of_earlier_versions_are_read(project_root):
    path = project_root / "artifacts" / "drawn-faces"
    run = open_run(path)
    written = json.loads((path / "robustness.json").read_text())["about"]
    about = run.robustness()[1]
    assert set(about) == {"data", "split", "test_time_augmentation"}
    assert about["test_time_augmentation"] == {"one": "none"}.get(
        written.get("views"), about["test_time_augmentation"]
    )


def test_a_document_with_views_is_read_as_what_they_are_called_now(trained_run, tmp_path):
    run = open_run(shutil.copytree(trained_run.path, tmp_path / "earlier"))
    (run.path / "detected.json").write_text('{"views": "ten", "data": "X"}')
    assert run.detected() == {"data": "X", "test_time_augmentation": "ten-crop"}


def sure(*shares: float) -> np.ndarray:
    return np.array([[share, 1 - share] for share in shares])


def test_the_cheapest_within_two_thousandths_of_the_least_loss_is_chosen():
    truth = np.zeros(2, int)
    probabilities = {"none": sure(0.5, 0.5), "mirror": sure(0.5, 0.6), "ten-crop": sure(0.5, 0.6)}
    found = choose_augmentation(truth, probabilities)
    assert found["chosen"] == "mirror"
    losses = {name: row["log_loss"] for name, row in found["validation"].items()}
    assert losses == pytest.approx(
        {"none": np.log(2), "mirror": -np.log(0.3) / 2, "ten-crop": -np.log(0.3) / 2}, abs=1e-5
    )
    assert found["validation"]["mirror"]["accuracy"] == 1.0
    least = np.exp(-0.5)
    for gap, chosen in ((0.0019, "none"), (0.0021, "ten-crop")):
        worse = sure(*2 * [least * np.exp(-gap)])
        given = {"none": worse, "mirror": worse, "ten-crop": sure(least, least)}
        assert choose_augmentation(truth, given)["chosen"] == chosen


def test_runs_without_an_entry_have_none_and_damaged_entries_are_named():
    assert run_augmentation({}) == "none"
    assert run_augmentation({"test_time_augmentation": {"chosen": "mirror"}}) == "mirror"
    for damaged in ({"chosen": "five"}, {}, "mirrored"):
        entry = {"test_time_augmentation": damaged}
        if damaged:
            with pytest.raises(AffectoscopeError, match="Unknown test-time augmentation"):
                run_augmentation(entry)
        else:
            assert run_augmentation(entry) == "none"


@pytest.fixture(scope="module")
def data(drawn_tree):
    return load_training_data(small_config(drawn_tree), Console())


@pytest.fixture(scope="module", params=["mirror", "ten-crop"])
def averaged_run(request, data, drawn_tree, tmp_path_factory):
    """A run whose predictions are averaged because its options say so."""
    config = small_config(drawn_tree, name="averaged", epochs=1, tta=request.param)
    return train(config, folder=tmp_path_factory.mktemp("averaged"), data=data)


def test_a_training_chooses_on_its_validation_faces(trained_run, data):
    kept = trained_run.info["test_time_augmentation"]
    network = trained_run.load_model()
    table, pack = data.part("validation")
    told = []
    again = compare_augmentations(network, table, pack, data.labels, progress=lambda *step: told.append(step))
    assert kept["chosen"] == again["chosen"] == trained_run.test_time_augmentation
    for tta, figures in again["validation"].items():
        assert kept["validation"][tta] == pytest.approx(figures, abs=2e-5)
    assert told[-1] == (13 * len(pack), 13 * len(pack)) and told == sorted(told)
    assert "Test-time augmentation, by the log loss of the validation faces: one pass" in trained_run.card


def test_what_the_options_say_is_not_measured(averaged_run):
    entry = averaged_run.info["test_time_augmentation"]
    assert entry == {"chosen": averaged_run.info["config"]["tta"], "validation": {}}
    assert told_in_card(averaged_run) == ""
    said = load_protocol(averaged_run).sentence()
    words = {"mirror": "averaged over each face and its mirror image", "ten-crop": "averaged over ten crops"}
    assert words[entry["chosen"]] in said and words[entry["chosen"]] in averaged_run.card
    assert "averaged" not in protocol_from(averaged_run.info | {"test_time_augmentation": None}).sentence()


def test_evaluate_repeats_a_runs_own_scores_and_none_is_one_pass(averaged_run, data, drawn_tree):
    kept = averaged_run.predictions(with_embeddings=True)
    options = EvaluateOptions(run=str(averaged_run.path), data=(drawn_tree,))
    [found] = evaluate(options)
    again, scores = found.predictions, found.scores
    np.testing.assert_array_equal(again.probabilities, kept.probabilities)
    assert again.frame["predicted_valence"].tolist() == kept.frame["predicted_valence"].tolist()
    np.testing.assert_array_equal(again.embeddings, kept.embeddings)
    assert scores.as_dict() == averaged_run.scores.as_dict()
    single = evaluate(replace(options, tta="none", resamples=0))[0].predictions
    assert not np.allclose(single.probabilities, kept.probabilities)
    passed = averaged_run.load_model().predict(data.part("test")[1][:], verbose=0)["expression"]
    np.testing.assert_allclose(single.probabilities, passed, atol=1e-5)


def test_calibration_and_out_of_set_faces_are_averaged_too(averaged_run, data):
    """A sample face that is shown again lies at distance 0 from itself, as only averaged embeddings do."""
    predictor = Predictor(averaged_run)
    sample = averaged_run.training_sample()
    table, pack = data.part("train")
    row = table.faces["reference"].tolist().index(sample.references[0])
    (face,) = predictor.predict(pack[row], crops=True, neighbours=1).faces
    assert face.neighbours[0].reference == sample.references[0]
    assert face.neighbours[0].distance == pytest.approx(0, abs=1e-5)
    network, tta = averaged_run.load_model(), averaged_run.test_time_augmentation
    expected = run_network(network, data.out_of_set_pack, tta=tta)["expression"]
    np.testing.assert_allclose(load_out_of_set_faces(averaged_run).probabilities, expected, atol=1e-6)


def test_photos_of_cropped_faces_get_the_runs_own_probabilities(averaged_run, data):
    pack = data.part("test")[1]
    kept = averaged_run.predictions()
    predictor = Predictor(averaged_run)
    assert predictor.network.passes == PASSES[averaged_run.test_time_augmentation]
    answers = list(predictor.predict_many((face for face in pack[:]), crops=True))
    for answer, probabilities in zip(answers, kept.probabilities, strict=True):
        (face,) = answer.faces
        np.testing.assert_allclose(list(face.probabilities.values()), probabilities, atol=1e-5)
    picture = Image.fromarray(pack[0][..., 0])
    (face,) = predictor.predict(picture, crops=True).faces
    np.testing.assert_allclose(list(face.probabilities.values()), kept.probabilities[0], atol=1e-5)


def test_renewing_keeps_what_the_predictions_were_made_with(averaged_run, drawn_tree, tmp_path):
    folder = shutil.copytree(averaged_run.path, tmp_path / "renewed")
    renewed = upgrade(UpgradeOptions(run=str(folder), data=drawn_tree))
    assert renewed.info["test_time_augmentation"] == averaged_run.info["test_time_augmentation"]
    assert renewed.info["calibration"] == averaged_run.info["calibration"]
    np.testing.assert_array_equal(
        renewed.training_sample().embeddings, averaged_run.training_sample().embeddings
    )
    info = json.loads((folder / "run.json").read_text())
    del info["test_time_augmentation"]
    (folder / "run.json").write_text(json.dumps(info))
    older = upgrade(UpgradeOptions(run=str(folder), data=drawn_tree))
    assert "test_time_augmentation" not in older.info and older.test_time_augmentation == "none"
    assert not np.array_equal(older.training_sample().embeddings, averaged_run.training_sample().embeddings)
