"""Networks that were trained elsewhere: imported, checked, scored, predicted with, and refused."""

import json
import shutil
import sys
import zipfile

import numpy as np
import pytest
from PIL import Image

from core.analysis.importing import parse_labels
from core.data.network_input import NetworkInput, usual_variants
from core.errors import AffectoscopeError
from core.evaluate import EvaluateOptions, evaluate, evaluate_corrupted
from core.import_model import ImportOptions, command_of, import_model, parse_options
from core.photos.predictor import Predictor
from core.predict import PredictOptions, predict
from core.runs.calibration import load_calibration
from core.runs.catalogue import open_run
from core.runs.imported_network import softmax
from core.upgrade import UpgradeOptions, upgrade
from tests.onnx_networks import (
    LABELS,
    coloured_face,
    expected_logits,
    import_network,
    write_coloured_faces,
    write_network,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_coloured_faces(tmp_path_factory.mktemp("faces") / "coloured")


@pytest.fixture(scope="module")
def imported(data, tmp_path_factory):
    """The run of a network with all three outputs, scored on the coloured faces."""
    folder = tmp_path_factory.mktemp("imported")
    path = write_network(folder / "net.onnx", extras=True)
    named = {"output": "logits", "affect_output": "affect", "embedding_output": "embedding"}
    return import_network(path, folder / "artifacts", data=data, **named)


@pytest.fixture
def faces():
    random = np.random.default_rng(5)
    return np.stack([coloured_face(label, random, side=24) for label in LABELS * 2])


# Conversion


def test_the_conversion_is_the_one_stated():
    """A pixel (255, 51, 0): scaled 1, 0.2, 0; as BGR 0, 0.2, 1; minus 0.5, divided by 0.25: -2, -1.2, 2."""
    face = np.array([255, 51, 0], np.uint8).reshape(1, 1, 1, 3)
    given = NetworkInput("bgr", 3, "0..1", mean=(0.5,), std=(0.25,), layout="nchw")
    np.testing.assert_allclose(given.convert(face).ravel(), [-2, -1.2, 2], atol=1e-6)
    assert given.convert(face).shape == (1, 3, 1, 1)
    assert NetworkInput("rgb", scale="-1..1").convert(face).ravel() == pytest.approx([1, -0.6, -1])
    grey = np.full((1, 2, 2, 1), 255, np.uint8)
    assert NetworkInput("grey", 3, "0..255").convert(grey).shape == (1, 2, 2, 3)
    assert NetworkInput("grey", 1, dtype="uint8").convert(grey).dtype == np.uint8


def test_the_usual_variants_leave_out_the_stated_one():
    stated = NetworkInput("rgb", 3, "0..1")
    variants = {each.sentence() for each in usual_variants(stated)}
    assert stated.sentence() not in variants and len(variants) == 4 * 3 - 1
    assert {each.scale for each in usual_variants(NetworkInput("grey", 1, "0..1"))} == {"0..255", "-1..1"}
    assert usual_variants(NetworkInput("grey", 1, "0..255", dtype="uint8")) == []
    of_bytes = usual_variants(NetworkInput("rgb", 3, "0..255", dtype="uint8"))
    assert {(each.colour, each.scale) for each in of_bytes} == {("bgr", "0..255"), ("grey", "0..255")}


# Runs


def test_probabilities_are_those_of_the_network(imported, faces):
    found = imported.load_model().predict_on_batch(faces)
    np.testing.assert_allclose(found["expression"], softmax(expected_logits(faces)), atol=1e-5)
    means = faces.astype(np.float64).mean(axis=(1, 2)) / 255
    np.testing.assert_allclose(found["embedding"], means, atol=1e-5)
    np.testing.assert_allclose(found["affect"][:, 0], means[:, 0] - means[:, 2], atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [{"batch": 1}, {"layout": "nhwc"}, {"softmax": True}, {"size": "side"}, {"batch": 4, "size": "side"}],
    ids=str,
)
def test_layout_batch_and_outputs_are_read_off_the_file(tmp_path, faces, changes):
    path = write_network(tmp_path / "net.onnx", **changes)
    size = {"size": 24} if changes.get("size") else {}
    run = import_network(path, tmp_path / "artifacts", **size)
    assert run.preprocessing.shape == (24, 24, 3) and run.imported.outputs.logits != changes.get(
        "softmax", False
    )
    found = run.load_model().predict_on_batch(faces)["expression"]
    np.testing.assert_allclose(found, softmax(expected_logits(faces)), atol=1e-5)


def test_a_run_with_data_is_scored_and_calibrated_like_a_trained_one(imported):
    assert imported.scores.headline["accuracy"].value == 1
    assert len(imported.predictions()) == 90 and imported.embeddings().shape == (90, 3)
    calibration = load_calibration(imported)
    assert calibration.temperature < 1, "it is always right and 90 % sure"
    assert calibration.distance_limit is not None and imported.has_training_sample
    assert imported.imported.check["faces"] == 90 and imported.imported.caution == ""
    assert "imported from net.onnx" in " ".join(imported.card.split())
    assert not imported.has_history and "core.import_model net.onnx" in imported.card


def test_it_is_evaluated_on_data_clean_and_corrupted(imported, data):
    copy = imported.path.parent / "evaluated"
    shutil.copytree(imported.path, copy)
    (found,) = evaluate(EvaluateOptions(str(copy), (data,), resamples=0))
    assert found.scores.headline["accuracy"].value == 1
    assert "imported" in found.faces.protocol().sentence()
    table = evaluate_corrupted(EvaluateOptions(str(copy), (data,)))
    assert table.iloc[0]["accuracy"] == 1 and len(table) == 41
    shutil.rmtree(copy)


def test_upgrade_finds_the_same_faces_again(imported, data):
    copy = imported.path.parent / "upgraded"
    shutil.copytree(imported.path, copy)
    before = load_calibration(open_run(copy))
    assert load_calibration(upgrade(UpgradeOptions(str(copy), data))) == before
    shutil.rmtree(copy)


def test_without_data_and_embedding_it_predicts_photos(tmp_path, monkeypatch):
    run = import_network(write_network(tmp_path / "net.onnx"), tmp_path / "artifacts")
    assert not run.is_scored and load_calibration(run).distance_limit is None
    for label in LABELS:
        face = coloured_face(label, np.random.default_rng(1), side=60)
        assert Predictor.load(run.path).predict(face, crops=True).faces[0].label == label
        Image.fromarray(face).save(tmp_path / f"{label}.png")
    paths = tuple(tmp_path / f"{label}.png" for label in LABELS)
    assert predict(PredictOptions(paths, run=str(run.path), crops=True, out=tmp_path / "out.json")) == 0
    rows = json.loads((tmp_path / "out.json").read_text())
    assert [row["label"] for row in rows] == list(LABELS)
    with pytest.raises(AffectoscopeError, match="imported without data"):
        run.predictions()


def test_a_photo_is_cropped_with_the_stated_margin_and_filter(tmp_path):
    path = write_network(tmp_path / "net.onnx", size=224)
    run = import_network(path, tmp_path / "artifacts", margin=0.1, resize="lanczos", colour="bgr")
    assert run.preprocessing.as_dict() == {
        "colour": "rgb", "size": 224, "margin": 0.1, "frame_margin": 0.1, "resize": "lanczos",
    }  # fmt: skip
    from core.data.detectors.detector import DetectedFace

    photo = Image.fromarray(coloured_face("happy", np.random.default_rng(2), side=300))
    box = DetectedFace(50, 50, 200, 200, 0.9, ())
    (face,) = Predictor.load(run.path).predict(photo, found=[box]).faces
    expected = photo.crop((30, 30, 270, 270)).resize((224, 224), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(face.crop, np.asarray(expected))
    assert face.label == "sad", "the network was told bgr: red is blue to it"


def test_a_wrong_preprocessing_is_warned_about(tmp_path, data, capsys):
    path = write_network(tmp_path / "net.onnx")
    swapped = import_network(path, tmp_path / "artifacts", data=data, colour="bgr")
    assert swapped.imported.check["accuracy"]["rgb, 0..1, nchw"] == 1
    assert "--colour rgb --scale=0..1" in swapped.imported.caution
    assert swapped.imported.caution in " ".join(capsys.readouterr().out.split())
    assert swapped.scores.headline["accuracy"].value == pytest.approx(1 / 3)
    wide = import_network(path, tmp_path / "artifacts", data=data, scale="0..255", name="wide")
    assert "with rgb, 0..1" in wide.imported.caution


def test_a_labels_order_of_one_s_own_is_kept(tmp_path):
    assert parse_labels("Sadness, happy,angry").labels == ("sad", "happy", "anger")
    for wrong in ("sad", "sad,sad", "sad,joyful"):
        with pytest.raises(AffectoscopeError, match="--labels"):
            parse_labels(wrong)


def test_the_command_line_is_kept_without_paths(tmp_path):
    words = [
        str(tmp_path / "net.onnx"),
        "--name",
        "n",
        "--labels",
        "sad,happy",
        "--colour",
        "grey",
        "--scale",
        "-1..1",
    ]
    options = parse_options([*words, "--margin", "-0.1", "--data", str(tmp_path)])
    assert (options.scale, options.margin) == ("-1..1", -0.1)
    command = command_of(options)
    assert str(tmp_path) not in command and f"--data={tmp_path.name}" in command
    assert parse_options(command.split()[3:]).scale == "-1..1"


# Refusals


def refused(path, folder, match, **changes):
    with pytest.raises(AffectoscopeError, match=match):
        import_network(path, folder / "artifacts", **changes)
    assert not [each for each in (folder / "artifacts").glob("*")], "nothing may be left"


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"labels": "sad,happy"}, "names 2 labels"),
        ({"size": 48}, "does not fit --size 48"),
        ({"layout": "nhwc"}, "is not nhwc"),
        ({"colour": "grey", "mean": "1,2"}, "--mean has 2 numbers"),
        ({"std": "0"}, "above 0"),
        ({"mean": "a"}, "not a list of numbers"),
        ({"outputs": "probabilities"}, "do not sum to 1"),
        ({"embedding_output": "elsewhere"}, "no output --embedding-output elsewhere"),
        ({"output": "elsewhere"}, "no output --output elsewhere"),
        ({"detector": "unknown"}, "no detector"),
        ({"name": "a/b"}, "Invalid run name"),
        ({"margin": 3.0}, "margin"),
    ],
    ids=str,
)
def test_options_that_contradict_the_file_are_refused(tmp_path, changes, match):
    refused(write_network(tmp_path / "net.onnx"), tmp_path, match, **changes)


def test_an_input_that_leaves_something_open_asks_for_it(tmp_path):
    refused(write_network(tmp_path / "a.onnx", size="side"), tmp_path, "--size")
    refused(write_network(tmp_path / "b.onnx", size=3, batch=1), tmp_path, "--layout", size=3)


def test_a_file_that_is_not_onnx_is_refused(tmp_path):
    for content in (b"", b"not ONNX", b"\x80\x04."):
        (tmp_path / "x.onnx").write_bytes(content)
        refused(tmp_path / "x.onnx", tmp_path, "is not an ONNX file")
    (tmp_path / "x.pt").write_bytes(b"PK")
    refused(tmp_path / "x.pt", tmp_path, "torch.onnx.export")
    refused(tmp_path / "absent.onnx", tmp_path, "does not exist")


def externalise(onnx, graph):
    """The weights are said to lie in a file outside of the model's folder."""
    weights = graph.initializer[0]
    onnx.external_data_helper.set_external_data(weights, location="../../etc/passwd")
    weights.ClearField("raw_data")


def externalise_a_constant(onnx, graph):
    tensor = onnx.numpy_helper.from_array(np.ones(3, np.float32), "kept_elsewhere")
    onnx.external_data_helper.set_external_data(tensor, location="weights.bin")
    tensor.ClearField("raw_data")
    graph.node.append(onnx.helper.make_node("Constant", [], ["unused"], value=tensor))


def use_a_custom_operator(onnx, graph):
    graph.node.append(onnx.helper.make_node("Steal", ["faces"], ["stolen"], domain="com.example"))


def make_a_huge_tensor(onnx, graph):
    shape = onnx.numpy_helper.from_array(np.array([2**20, 2**20], np.int64), "huge_shape")
    graph.initializer.append(shape)
    graph.node.append(onnx.helper.make_node("ConstantOfShape", ["huge_shape"], ["huge"]))


def declare_a_huge_weight(onnx, graph):
    graph.initializer[0].dims[:] = [2**40, 2**20]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (externalise, "external data"),
        (externalise_a_constant, "external data"),
        (use_a_custom_operator, "com.example.Steal"),
        (make_a_huge_tensor, "makes a tensor of 1048576 x 1048576"),
        (declare_a_huge_weight, "larger than the file"),
    ],
)
def test_files_that_would_read_others_run_code_or_fill_the_memory_are_refused(tmp_path, change, match):
    refused(write_network(tmp_path / "net.onnx", change=change), tmp_path, match)


def test_a_later_opset_is_refused(tmp_path):
    refused(write_network(tmp_path / "net.onnx", opset=99), tmp_path, "later version of ONNX")


def test_a_run_whose_network_was_swapped_is_not_loaded(tmp_path):
    run = import_network(write_network(tmp_path / "net.onnx"), tmp_path / "artifacts")
    write_network(run.path / "model.onnx", softmax=True)
    with pytest.raises(
        AffectoscopeError, match=r"model\.onnx of run 'coloured' cannot be loaded: its SHA-256"
    ):
        open_run(run.path).load_model()


def test_without_onnxruntime_one_sentence_says_so(tmp_path, monkeypatch):
    path = write_network(tmp_path / "net.onnx")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    refused(path, tmp_path, "requirements-onnx.txt")


# Keras files


def write_keras(path, *, softmax=True, layers=()):
    import keras

    faces = keras.Input((24, 24, 3), name="pixels")
    x = faces
    for layer in layers:
        x = layer(x)
    x = keras.layers.GlobalAveragePooling2D(name="means")(x)
    dense = keras.layers.Dense(3, activation="softmax" if softmax else None, name="answer")
    network = keras.Model(faces, dense(x))
    weights = np.array([[-10, 0, 10], [0, 0, 0], [10, 0, -10]], np.float32)
    dense.set_weights([weights, np.array([0, 2.5, 0], np.float32)])
    network.save(path)
    return path


@pytest.mark.parametrize(("softmax", "colour"), [(True, "rgb"), (False, "bgr")])
def test_a_keras_file_becomes_a_run(tmp_path, faces, softmax, colour):
    path = write_keras(tmp_path / "net.keras", softmax=softmax)
    run = import_network(path, tmp_path / "artifacts", colour=colour, embedding_output="means")
    assert run.imported.model == "model.keras" and run.imported.outputs.logits != softmax
    network = run.load_model()
    pixels = faces if colour == "rgb" else faces[..., ::-1]
    found = network.predict_on_batch(faces)
    np.testing.assert_allclose(found["expression"], softmax_of(pixels), atol=1e-5)
    np.testing.assert_allclose(found["embedding"], pixels.mean(axis=(1, 2)) / 255, atol=1e-5)
    assert Predictor.load(run.path).predict(faces[1], crops=True).faces[0].label == "neutral"


def softmax_of(pixels):
    return softmax(expected_logits(pixels))


def test_keras_files_that_run_code_or_read_files_are_refused(tmp_path):
    import keras

    code = keras.layers.Lambda(lambda x: x, output_shape=(24, 24, 3))
    refused(write_keras(tmp_path / "code.keras", layers=[code]), tmp_path, "'Lambda'")
    path = write_keras(tmp_path / "net.keras")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../outside.txt", "x")
    refused(path, tmp_path, "outside.txt")
    path = write_keras(tmp_path / "custom.keras")
    rewrite(path, lambda config: config.replace('"module": "keras.layers"', '"module": "os"'))
    refused(path, tmp_path, "custom object")
    (tmp_path / "text.keras").write_text("no archive")
    refused(tmp_path / "text.keras", tmp_path, "is not a .keras file")


def test_keras_weights_in_another_file_are_refused(tmp_path):
    import h5py

    path = write_keras(tmp_path / "net.keras")
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    (tmp_path / "w.h5").write_bytes(parts["model.weights.h5"])
    with h5py.File(tmp_path / "w.h5", "a") as weights:
        weights["stolen"] = h5py.ExternalLink("/etc/passwd", "/")
    parts["model.weights.h5"] = (tmp_path / "w.h5").read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    refused(path, tmp_path, "weights in another file")


def rewrite(path, change):
    """Replace the config.json of a .keras file."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = change(parts["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


# Pages


def test_the_pages_of_an_imported_run_say_what_it_lacks(imported, open_page):
    from tests.pages import PAGES, problems, text_of

    folder = imported.path.parent
    for name in PAGES:
        page = open_page(name, folder=folder, run="coloured")
        assert not problems(page), name
        if name == "training":
            assert "learning curves are not known" in text_of(page)


def test_a_run_without_scores_leads_to_live(tmp_path, open_page):
    from tests.pages import problems, text_of

    import_network(write_network(tmp_path / "net.onnx"), tmp_path / "artifacts")
    for name in ("overview", "confusion", "training", "compare", "transfer"):
        page = open_page(name, folder=tmp_path / "artifacts", run="coloured")
        assert not problems(page), name
        if name in ("overview", "confusion"):
            assert "core.import_model net.onnx" in text_of(page)


def test_the_live_page_predicts_and_explains_with_it(tmp_path, open_page, monkeypatch):
    from dashboard import live_photos
    from tests.pages import problems, text_of

    run = import_network(write_network(tmp_path / "net.onnx", size=224), tmp_path / "artifacts")
    monkeypatch.setattr(live_photos, "warm_up", lambda run=None: None)
    page = open_page("live", folder=run.path.parent, source="Sample photo", explain="true", crops="true")
    assert not problems(page) and "Face 1" in text_of(page)
    assert len(page.image) == 3, "the photo, the crop and its heat map"


def test_an_existing_run_is_replaced_only_when_asked(tmp_path):
    path = write_network(tmp_path / "net.onnx")
    import_network(path, tmp_path / "artifacts")
    with pytest.raises(AffectoscopeError, match="already exists"):
        import_network(path, tmp_path / "artifacts")
    options = ImportOptions(path, "coloured", ",".join(LABELS), "rgb", "0..1", overwrite=True, margin=0.2)
    assert import_model(options, folder=tmp_path / "artifacts").preprocessing.margin == 0.2
