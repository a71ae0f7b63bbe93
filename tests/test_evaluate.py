"""A saved network on other data, and images attached to a run."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from core.analysis.transfer import list_evaluations
from core.analysis.votes import load_votes
from core.data.images import as_webp
from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.evaluate import EvaluateOptions, attach_images, evaluate
from core.metrics.predictions import Predictions
from core.report.score_tables import prominent_headlines
from core.runs.catalogue import open_run
from core.runs.layout import EVALUATIONS_FOLDER
from core.runtime.files import write_json


def test_the_same_data_gives_the_same_predictions(trained_run, drawn_tree, tmp_path, capsys):
    out = tmp_path / "again.parquet"
    [found] = evaluate(EvaluateOptions(run=str(trained_run.path), data=(drawn_tree,), out=out))
    predictions, scores = found.predictions, found.scores
    np.testing.assert_allclose(predictions.probabilities, trained_run.predictions().probabilities, atol=1e-6)
    assert scores.headline["accuracy"].value == trained_run.scores.headline["accuracy"].value
    np.testing.assert_array_equal(Predictions.load(out).truth, predictions.truth)
    shown = capsys.readouterr().out
    assert "M measure" in shown and "0 of 205 rows rejected" in shown
    assert "15 faces with labels that the network does not know (5 none, 5 uncertain, 5 no-face)" in shown


@pytest.mark.parametrize(("split", "title"), [("train", "Train"), ("all", "All")])
def test_the_headline_names_the_split(trained_run, drawn_tree, capsys, split, title):
    [found] = evaluate(
        EvaluateOptions(run=str(trained_run.path), data=(drawn_tree,), split=split, resamples=0)
    )
    assert f"{title} faces: {len(found.predictions)}" in capsys.readouterr().out


def test_a_split_of_two_words_is_named_in_two_words(trained_run):
    shown = prominent_headlines(trained_run.scores, of="private_test")
    assert "Private test faces: 40" in shown


@pytest.fixture
def class_folders(drawn_tree, tmp_path):
    """Twelve faces in folders of classes, without splits."""
    table = open_dataset(drawn_tree)
    for code, name in ((1, "happiness"), (3, "surprise")):
        folder = tmp_path / "own" / name
        folder.mkdir(parents=True)
        for reference in table.faces.loc[table.faces["expression"] == code, "reference"].head(6):
            (folder / reference.replace("/", "-")).write_bytes(table.read_image(reference))
    return tmp_path / "own"


def test_classes_without_splits_are_scored_whole(trained_run, class_folders):
    [found] = evaluate(EvaluateOptions(run=str(trained_run.path), data=(class_folders,)))
    assert len(found.predictions) == 12
    assert found.scores.present_labels == ("happy", "surprise")


def test_several_data_sets_are_scored_and_kept_with_the_run(
    trained_run, drawn_tree, class_folders, tmp_path, capsys
):
    run = open_run(shutil.copytree(trained_run.path, tmp_path / "run"))
    shutil.rmtree(run.path / EVALUATIONS_FOLDER, ignore_errors=True)
    data = (drawn_tree, class_folders)
    evaluate(EvaluateOptions(run=str(run.path), data=data, resamples=50))
    shown = capsys.readouterr().out
    assert f"{drawn_tree}:" in shown and "Macro F1" in shown
    missing = [label for label in run.labels if label not in ("happy", "surprise")]
    assert f"The data has no {', '.join(missing[:-1])} or {missing[-1]}" in " ".join(shown.split())
    assert "Choosing among the 2 shared labels alone: accuracy" in " ".join(shown.split())
    found, damaged = list_evaluations(run)
    assert damaged == [] and [(each.name, each.split) for each in found] == [
        ("drawn", "test"),
        ("folders", "all"),
    ]
    own, other = found
    assert own.scores.headline["accuracy"].value == run.scores.headline["accuracy"].value
    assert own.labels.data_only == {"none": 5, "uncertain": 5, "no-face": 5}
    assert other.labels.network_only == tuple(missing) and other.labels.faces == 12
    assert other.title == "own (image folders)" and str(tmp_path) not in json.dumps(other.as_dict())
    evaluate(EvaluateOptions(run=str(run.path), data=(drawn_tree,), split="train", resamples=0, keep=False))
    assert len(list_evaluations(run)[0]) == 2


def test_votes_of_the_scored_faces_are_scored_and_kept_with_an_older_run(
    trained_run, drawn_tree, tmp_path, monkeypatch, capsys
):
    run = open_run(shutil.copytree(trained_run.path, tmp_path / "run"))
    table = open_dataset(drawn_tree)
    votes = 8 * np.eye(11, dtype=np.float32)[table.faces["expression"]]
    votes[:, 9] += 2
    voted = replace(table, votes=votes)
    monkeypatch.setattr("core.data.reading.open_dataset", lambda *_, **__: voted)
    [found] = evaluate(EvaluateOptions(run=str(run.path), data=(drawn_tree,), resamples=50))
    assert found.votes.numbers["human_ceiling"].value == pytest.approx(0.8)
    assert found.votes.numbers["majority_accuracy"].value == found.scores.headline["accuracy"].value
    assert "votes on 40 of the run's scored faces are kept" in " ".join(capsys.readouterr().out.split())
    review = load_votes(run, run.predictions())
    assert review.scores.numbers["vote_kl"].value == pytest.approx(
        found.votes.numbers["vote_kl"].value, rel=1e-4
    )


def test_bad_options_say_what_to_do(trained_run, drawn_tree, tmp_path):
    run = str(trained_run.path)
    for options, message in (
        (EvaluateOptions(run="nothing", data=(drawn_tree,)), "Run 'nothing' not found"),
        (EvaluateOptions(run=run, data=(tmp_path / "nowhere",)), "There is no .*nowhere"),
        (
            EvaluateOptions(run=run, data=(drawn_tree,), split="exam"),
            "has no split 'exam'; there are: test, train",
        ),
        (EvaluateOptions(run=run, data=(drawn_tree,), out=tmp_path / "x.xlsx"), "expected a name ending in"),
        (EvaluateOptions(run=run, data=()), "--data names no data"),
        (
            EvaluateOptions(run=run, data=(drawn_tree, drawn_tree), out=tmp_path / "x.json"),
            "--out takes one data set, and --data names 2",
        ),
    ):
        with pytest.raises(AffectoscopeError, match=message):
            evaluate(options)


def test_images_are_attached_to_a_run_without_them(trained_run, drawn_tree, class_folders, tmp_path):
    bare = shutil.copytree(trained_run.path, tmp_path / "bare")
    (bare / "faces.parquet").unlink()
    with pytest.raises(AffectoscopeError, match="holds none of the 40 test faces"):
        attach_images(EvaluateOptions(run=str(bare), data=(class_folders,)))
    assert not open_run(bare).has_thumbnails
    assert attach_images(EvaluateOptions(run=str(bare), data=(drawn_tree,))) == 40
    assert open_run(bare).thumbnails() == trained_run.thumbnails()


def damaged(trained_run, folder, **changes):
    """A copy of the run with other entries in run.json, without its images."""
    shutil.copytree(trained_run.path, folder)
    (folder / "faces.parquet").unlink()
    write_json(folder / "run.json", trained_run.info | changes)
    return folder


def test_a_run_with_foreign_labels_is_refused(trained_run, drawn_tree, tmp_path):
    labels = [*trained_run.labels[:-1], "bored"]
    run = damaged(trained_run, tmp_path / "foreign", data=trained_run.info["data"] | {"labels": labels})
    with pytest.raises(AffectoscopeError, match="'foreign' .*bored"):
        evaluate(EvaluateOptions(run=str(run), data=(drawn_tree,)))


def test_images_are_not_attached_to_a_run_with_foreign_preprocessing(trained_run, drawn_tree, tmp_path):
    run = damaged(trained_run, tmp_path / "foreign", preprocessing={"side": 24})
    with pytest.raises(AffectoscopeError, match="preprocessing in run.json of 'foreign'"):
        attach_images(EvaluateOptions(run=str(run), data=(drawn_tree,)))


def test_thumbnails_are_webp():
    assert as_webp(np.zeros((8, 8, 3), np.uint8))[8:12] == b"WEBP"
