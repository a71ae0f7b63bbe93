"""Batches: order by seed and epoch alone, class weights, balanced sampling, masked affect."""

from itertools import islice

import numpy as np
import pytest

from core.batches import Targets, class_weights, face_order, steps_per_epoch, training_batches
from core.facepack import FacePack

EXPRESSION = np.repeat([0, 1, 2], [60, 30, 10])


@pytest.fixture
def pack():
    # Each face's pixels are its row number, so that a batch tells which rows it holds.
    images = np.broadcast_to(np.arange(100, dtype=np.uint8)[:, None, None, None], (100, 4, 4, 1))
    return FacePack(images, np.arange(100))


def rows_of(batches, count):
    return np.concatenate([faces[:, 0, 0, 0] for faces, _, _ in islice(batches, count)])


def test_class_weights_by_hand():
    # 100 faces, 3 classes present of 4: 100 / (3 * 60), 100 / (3 * 30), 100 / (3 * 10), absent 0.
    np.testing.assert_allclose(class_weights(EXPRESSION, 4), [100 / 180, 100 / 90, 100 / 30, 0], rtol=1e-6)
    assert class_weights(EXPRESSION, 4)[EXPRESSION].mean() == pytest.approx(1)


def test_an_epoch_shows_every_face_once_and_the_next_another_order(pack):
    batches = training_batches(pack, Targets(EXPRESSION, 3), batch_size=10, seed=1)
    first, second = rows_of(batches, 10), rows_of(batches, 10)
    assert sorted(first) == sorted(second) == list(range(100))
    assert not np.array_equal(first, second)


def test_seed_and_epoch_decide_the_order(pack):
    targets = Targets(EXPRESSION, 3)
    whole = rows_of(training_batches(pack, targets, batch_size=10, seed=1), 20)
    later = rows_of(training_batches(pack, targets, batch_size=10, seed=1, first_epoch=1), 10)
    np.testing.assert_array_equal(later, whole[100:])
    assert not np.array_equal(whole, rows_of(training_batches(pack, targets, batch_size=10, seed=2), 20))


def test_balanced_sampling_shows_each_class_alike_and_no_face_needlessly_twice():
    order = face_order(EXPRESSION, seed=0, epoch=0, balanced=True)
    assert len(order) == 100
    counts = np.bincount(EXPRESSION[order])
    assert counts.min() >= 32 and counts.max() <= 34
    seen = np.bincount(order, minlength=100)
    assert seen[:60].max() == 1  # of the 60 common faces none twice
    assert set(seen[90:]) <= {3, 4}  # the 10 rare ones share 33 or 34 places evenly


def test_weights_and_one_hot_truth_reach_the_batch(pack):
    faces, truth, weight = next(
        training_batches(pack, Targets(EXPRESSION, 3), batch_size=50, seed=0, weighted=True)
    )
    labels = EXPRESSION[faces[:, 0, 0, 0]]
    np.testing.assert_array_equal(truth["expression"], np.eye(3)[labels])
    np.testing.assert_allclose(weight["expression"], class_weights(EXPRESSION, 3)[labels])


def test_missing_affect_weighs_nothing(pack):
    affect = np.full((100, 2), 0.5, np.float32)
    affect[::2, 1] = np.nan
    faces, truth, weight = next(
        training_batches(pack, Targets(EXPRESSION, 3, affect), batch_size=100, seed=0)
    )
    known = faces[:, 0, 0, 0] % 2 == 1
    np.testing.assert_array_equal(weight["affect"], known)
    np.testing.assert_array_equal(truth["affect"][known], 0.5)
    assert np.isfinite(truth["affect"]).all()


def test_the_last_partial_batch_waits_but_a_small_set_has_one_step():
    assert steps_per_epoch(105, 10) == 10
    assert steps_per_epoch(5, 10) == 1
