"""A local Ray cluster of two workers gives what one process gives, also when a worker is killed midway."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("ray", reason="Ray is not installed: make test-cluster installs it")

from core import predict as predict_command
from core.data.face_pack import pack_faces
from core.data.perceptual_hashes import _hash_file, pack_hashes
from core.data.preprocessing import PreprocessingConfig
from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.evaluate import EvaluateOptions, evaluate
from core.network import resumable_inference
from core.predict import PredictOptions, predict
from core.runtime.executor import use_executor
from tests.cluster.dying import DyingLoad, DyingReader, kills, refuses

PREPROCESSING = PreprocessingConfig(colour="rgb", size=32)


@pytest.fixture
def caches(tmp_path, monkeypatch):
    """caches('name') -> the cache is that empty folder from now on."""
    return lambda name: monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / name))


def repeated(table, times):
    """The faces of a table again and again, under other names."""
    faces = pd.concat([table.faces] * times, ignore_index=True)
    return replace(table, faces=faces, landmarks=None)


def test_a_pack_is_the_one_of_one_process_though_a_worker_was_killed(
    cluster, caches, drawn_tree, tmp_path, monkeypatch
):
    monkeypatch.setattr("core.data.face_pack.SERIAL_ROWS", 0)
    monkeypatch.setattr("core.data.face_pack.CHUNK", 32)
    table = repeated(open_dataset(drawn_tree), 3)
    table.faces.loc[7, "reference"] = "missing.jpg"
    marker = tmp_path / "died"
    dying = replace(table, read_image=DyingReader(table.read_image, table.faces["reference"][200], marker))

    caches("here")
    _, here = pack_faces(table, PREPROCESSING, workers=1)
    caches("there")
    told = []
    with use_executor(cluster):
        packed, there = pack_faces(
            dying, PREPROCESSING, progress=lambda done, total: told.append((done, total))
        )

    assert marker.exists()
    np.testing.assert_array_equal(here.images, there.images)
    np.testing.assert_array_equal(here.positions, there.positions)
    assert packed.ledger.rejected["missing file"] == 1
    assert told[-1] == (len(table), len(table)) and told == sorted(told)


def test_hashes_are_those_of_one_process(cluster, caches, drawn_tree, monkeypatch):
    monkeypatch.setattr("core.data.perceptual_hashes._SERIAL_FACES", 0)
    monkeypatch.setattr("core.data.perceptual_hashes._PIECE", 50)
    caches("hashes")
    _, pack = pack_faces(open_dataset(drawn_tree), PREPROCESSING, workers=1)
    with use_executor(cluster):
        there = pack_hashes(pack)
    np.testing.assert_array_equal(
        there, _hash_file(pack.images.filename, len(pack.images), 1, None)[pack.positions]
    )


def test_scores_are_those_of_one_process_though_a_worker_was_killed(
    cluster, caches, trained_run, drawn_tree, tmp_path, monkeypatch
):
    monkeypatch.setattr(resumable_inference, "CHUNK_SIZE", 32)
    caches("scores")
    options = EvaluateOptions(run=str(trained_run.path), data=(drawn_tree,), split="all", resamples=0)
    here = evaluate(options)[0].predictions
    marker = tmp_path / "died"
    monkeypatch.setattr(resumable_inference, "_load", DyingLoad(resumable_inference._load, marker))
    with use_executor(cluster):
        there = evaluate(options)[0].predictions

    assert marker.exists()
    assert len(there) == len(here) > 100
    pd.testing.assert_frame_equal(there.frame, here.frame, rtol=0, atol=1e-6)
    np.testing.assert_allclose(
        there.embeddings.astype(np.float32), here.embeddings.astype(np.float32), atol=2e-3
    )


def test_photos_are_predicted_as_by_one_process_though_a_worker_was_killed(
    cluster, trained_run, drawn_tree, tmp_path, monkeypatch
):
    monkeypatch.setattr(predict_command, "CROPS_AT_ONCE", 8)
    photos = tmp_path / "photos"
    photos.mkdir()
    table = open_dataset(drawn_tree)
    for number, reference in enumerate(table.faces["reference"][:60]):
        (photos / f"{number:03d}.jpg").write_bytes(table.read_image(reference))
    (photos / "030.jpg").write_bytes(b"no image")
    monkeypatch.chdir(tmp_path)  # workers must take relative paths as this process does
    ask = partial(PredictOptions, (Path("photos"),), run=str(trained_run.path), crops=True)
    here, there, marker = tmp_path / "here.csv", tmp_path / "there.csv", tmp_path / "died"
    assert predict(ask(out=here)) == 1
    monkeypatch.setattr(predict_command, "_load", DyingLoad(predict_command._load, marker))
    with use_executor(cluster):
        assert predict(ask(out=there)) == 1

    assert marker.exists()
    one, other = pd.read_csv(here), pd.read_csv(there)
    assert other["photo"].tolist() == one["photo"].tolist() and len(one) == 59
    pd.testing.assert_frame_equal(other, one, rtol=0, atol=1e-6)


def test_an_error_of_a_worker_is_the_same_sentence(cluster):
    for results in (cluster.stream(refuses, [1], chunk_size=1), cluster.map(refuses, [1])):
        with pytest.raises(AffectoscopeError) as error:
            list(results)
        assert str(error.value) == "There is no run 'x'; expected one of y."


def test_faces_that_kill_every_worker_end_the_work_with_a_sentence(cluster, drawn_tree):
    with pytest.raises(AffectoscopeError, match="A task failed on 4 workers of the cluster"):
        list(cluster.stream(kills, [1, 2], chunk_size=1))


def test_more_workers_than_the_cluster_has_are_refused(cluster):
    with pytest.raises(AffectoscopeError, match="--cluster-workers 99 is more than the"):
        type(cluster)(99)
