"""The map of a run's faces: what it keeps of the embeddings, its corner cases, and that it is made once."""

import os

import numpy as np
import pytest

from core.analysis import face_map as maps
from core.analysis.face_map import face_map, load_face_map
from core.errors import AffectoscopeError
from core.runs.catalogue import open_run
from core.runs.tables import MAP
from tests.made_runs import make_predictions, make_run


def groups(count: int = 40, *, dimensions: int = 64) -> np.ndarray:
    """Three far groups of `count` embeddings each."""
    random = np.random.default_rng(0)
    centres = 10 * np.eye(3, dimensions)
    return (np.repeat(centres, count, axis=0) + random.normal(0, 0.1, (3 * count, dimensions))).astype(
        np.float16
    )


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_near_embeddings_lie_near_each_other(method):
    table = face_map(groups()).table
    points = table[[f"{method}_x", f"{method}_y"]].to_numpy()
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (distance.argmin(axis=1) // 40 == np.repeat([0, 1, 2], 40)).all()


def test_principal_components_equal_those_of_the_singular_value_decomposition():
    values = np.random.default_rng(1).normal(0, 1, (50, 8)) * np.arange(8, 0, -1)
    made = face_map(values)
    centred = values - values.mean(axis=0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * scale[:2]
    ours = made.table[["pca_x", "pca_y"]].to_numpy()
    assert np.abs(ours) == pytest.approx(np.abs(expected), abs=1e-4)
    assert made.variance == pytest.approx((scale**2 / (scale**2).sum())[:2])


@pytest.mark.parametrize("shape", [(1, 4), (2, 4), (3, 4), (4, 4), (5, 1), (12, 2)])
def test_few_faces_and_few_dimensions_have_a_map(shape):
    made = face_map(np.random.default_rng(2).normal(0, 1, shape))
    assert len(made.table) == shape[0]
    assert np.isfinite(made.table.to_numpy()).all()


def test_faces_that_are_all_seen_alike_lie_on_one_spot():
    table = face_map(np.ones((10, 4), np.float16)).table
    assert (table.drop(columns="row") == 0).all().all()


def test_two_faces_are_as_far_apart_as_their_embeddings():
    table = face_map(np.array([[0.0, 0.0], [3.0, 4.0]])).table
    assert np.hypot(table["pca_x"].diff()[1], table["pca_y"].diff()[1]) == pytest.approx(5.0)


def test_faces_without_finite_numbers_are_left_out():
    values = groups(5)
    values[3, 0], values[7, 1] = np.inf, np.nan
    assert face_map(values).table["row"].tolist() == [row for row in range(15) if row not in (3, 7)]
    with pytest.raises(AffectoscopeError, match="no finite values"):
        face_map(np.full((3, 2), np.nan))


def test_of_many_faces_a_repeatable_sample_is_shown():
    one, two = face_map(groups(), most=30), face_map(groups(), most=30)
    assert len(one.table) == 30 and one.faces == 120
    assert one.table.equals(two.table)
    assert one.table["row"].is_monotonic_increasing and one.table["row"].is_unique


def test_the_map_is_made_once_and_anew_for_other_predictions(tmp_path, monkeypatch):
    run = make_run(tmp_path, "run", faces=30, embeddings=True)
    first = load_face_map(run)
    made = []
    monkeypatch.setattr(maps, "face_map", lambda embeddings: made.append(1) or face_map(embeddings))
    again = load_face_map(run)
    assert made == [] and again.table.equals(first.table)
    assert again.variance == pytest.approx(first.variance) and again.faces == 30
    make_predictions(faces=30, embeddings=True, seed=5).save(run.path / "predictions.parquet")
    assert not load_face_map(open_run(run.path)).table.equals(first.table)
    assert made == [1]
    assert sorted(path.name for path in run.path.iterdir() if "map" in path.name) == [MAP.file]


def test_a_damaged_map_is_made_anew(tmp_path):
    run = make_run(tmp_path, "run", faces=30, embeddings=True)
    (run.path / MAP.file).write_bytes(b"nonsense")
    assert len(load_face_map(run).table) == 30


def test_without_embeddings_there_is_no_map(tmp_path):
    assert load_face_map(make_run(tmp_path, "run", faces=30)) is None


def test_where_nothing_may_be_written_the_map_is_still_made(tmp_path, monkeypatch):
    run = make_run(tmp_path, "run", faces=30, embeddings=True)

    def refuse(*args):
        raise PermissionError("read-only")

    monkeypatch.setattr(os, "replace", refuse)
    assert len(load_face_map(run).table) == 30
    assert [path.name for path in run.path.iterdir() if "map" in path.name] == []
