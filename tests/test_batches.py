"""Batches: order by seed and epoch alone, class weights, balanced sampling, masked affect."""

from itertools import islice

import numpy as np
import pytest

from core.data.batches import (
    Targets,
    class_weights,
    face_order,
    mixed,
    plan_epoch,
    steps_per_epoch,
    training_batches,
)
from core.data.face_pack import FacePack

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


def test_a_plan_holds_the_order_and_pairs_within_each_batch():
    plan = plan_epoch(EXPRESSION, batch_size=30, seed=1, epoch=2, mixup=0.2)
    np.testing.assert_array_equal(plan.rows.ravel(), face_order(EXPRESSION, seed=1, epoch=2)[:90])
    assert plan.share.shape == plan.partner.shape == plan.rows.shape == (3, 30)
    np.testing.assert_array_equal(np.sort(plan.partner, axis=1), np.tile(np.arange(30), (3, 1)))
    assert not np.array_equal(plan.partner[0], plan.partner[1])
    assert plan.share.dtype == np.float32 and 0 <= plan.share.min() < plan.share.max() <= 1
    without = plan_epoch(EXPRESSION, batch_size=30, seed=1, epoch=2)
    np.testing.assert_array_equal(without.rows, plan.rows)
    assert without.share is None and without.partner is None


def test_mixup_draws_shares_from_its_beta_distribution():
    """Beta(a, a) has mean 1/2 and variance 1 / (4 (2 a + 1)): 0.1786 for a = 0.2."""
    share = plan_epoch(np.zeros(50_000, int), batch_size=500, seed=0, epoch=0, mixup=0.2).share
    assert share.mean() == pytest.approx(0.5, abs=0.01)
    assert share.var() == pytest.approx(1 / (4 * 1.4), abs=0.003)


def test_pixels_mix_without_rounding_before_the_last():
    """Shares of 16 bits times pixels of 8 bits fit the 24 bits of float32, so float64 gives the same pixels."""
    plan = plan_epoch(np.zeros(4000, int), batch_size=4000, seed=0, epoch=0, mixup=0.4)
    faces = np.random.default_rng(0).integers(0, 256, (4000, 3, 3, 1), np.uint8)
    share, partner = plan.share[0], plan.partner[0]
    exact = mixed(faces, {}, {}, share.astype(np.float64), partner)[0]
    np.testing.assert_array_equal(mixed(faces, {}, {}, share, partner)[0], exact)


def test_mixed_batches_are_those_of_the_plan(pack):
    targets = Targets(EXPRESSION, 3)
    plan = plan_epoch(EXPRESSION, batch_size=25, seed=4, epoch=1, mixup=0.3)
    batches = training_batches(pack, targets, batch_size=25, seed=4, first_epoch=1, mixup=0.3, distilled=True)
    for rows, share, partner in zip(plan.rows, plan.share, plan.partner, strict=True):
        faces, truth, weight = next(batches)
        np.testing.assert_array_equal(
            faces[:, 0, 0, 0], np.rint(share * rows + (1 - share) * rows[partner]).astype(np.uint8)
        )
        one_hot = np.eye(3)[EXPRESSION[rows]]
        expected = share[:, None] * one_hot + (1 - share[:, None]) * one_hot[partner]
        np.testing.assert_allclose(truth["expression"], expected, rtol=1e-6)
        np.testing.assert_array_equal(truth["distilled"], truth["expression"])
        np.testing.assert_allclose(weight["distilled"], 1, rtol=1e-6)


def test_cutmix_by_hand():
    faces = np.stack([np.full((4, 4, 1), value, np.uint8) for value in (10, 20, 30)])
    box = np.array([[0, 2, 1, 4], [0, 0, 0, 0], [0, 4, 0, 4]], np.int32)
    share, partner = np.array([10 / 16, 1, 0], np.float32), np.array([1, 2, 0])
    truth = {"expression": np.eye(3, dtype=np.float32)}
    pixels, both, _ = mixed(faces, truth, {}, share, partner, box)
    assert pixels.dtype == np.uint8
    assert pixels[0, :, :, 0].tolist() == [[10, 20, 20, 20], [10, 20, 20, 20], [10] * 4, [10] * 4]
    assert (pixels[1] == 20).all() and (pixels[2] == 10).all()
    np.testing.assert_allclose(both["expression"], [[0.625, 0.375, 0], [0, 1, 0], [1, 0, 0]])


def test_the_share_of_cutmix_is_that_of_the_pixels_that_stay():
    """Squares of the area 1 - l around a random pixel: cut off at the border, they leave a little more than l."""
    plan = plan_epoch(np.zeros(20_000, int), batch_size=500, seed=0, epoch=0, cutmix=1.0, side=48)
    top, bottom, left, right = np.moveaxis(plan.box, -1, 0)
    assert (top >= 0).all() and (left >= 0).all() and (bottom <= 48).all() and (right <= 48).all()
    assert (bottom >= top).all() and (right >= left).all()
    np.testing.assert_allclose(plan.share, 1 - (bottom - top) * (right - left) / 48**2, rtol=1e-6)
    whole = (top > 0) & (bottom < 48) & (left > 0) & (right < 48)
    np.testing.assert_array_equal((bottom - top)[whole], (right - left)[whole])
    # The mean of l is 1/2; borders cut a side of length c off to c - c^2 / 4 on average, lengths as shares of the face.
    cut = np.sqrt(1 - np.random.default_rng(1).random(10**6))
    assert plan.share.mean() == pytest.approx(1 - ((cut - cut**2 / 4) ** 2).mean(), abs=0.01)


def test_batches_of_cutmix_are_those_of_the_plan(pack):
    targets = Targets(EXPRESSION, 3)
    side = pack.images.shape[1]
    plan = plan_epoch(EXPRESSION, batch_size=25, seed=4, epoch=0, cutmix=1.0, side=side)
    batches = training_batches(pack, targets, batch_size=25, seed=4, cutmix=1.0)
    for step, rows in enumerate(plan.rows):
        faces, truth, _ = next(batches)
        own = (faces == pack[rows]).all(axis=-1).mean(axis=(1, 2))
        assert (own >= plan.share[step] - 1e-6).all()
        np.testing.assert_allclose(truth["expression"].sum(axis=1), 1, rtol=1e-6)
        one_hot = np.eye(3)[EXPRESSION[rows]]
        share, partner = plan.share[step][:, None], plan.partner[step]
        np.testing.assert_allclose(
            truth["expression"], share * one_hot + (1 - share) * one_hot[partner], rtol=1e-5
        )


def test_jax_mixes_as_numpy_does():
    jnp = pytest.importorskip("jax.numpy", reason="JAX is not installed")
    rng = np.random.default_rng(2)
    faces = rng.integers(0, 256, (8, 12, 12, 1), np.uint8)
    truth = {"expression": np.eye(8, dtype=np.float32)}
    weight = {"expression": np.ones(8, np.float32)}
    for options in ({"mixup": 0.4}, {"cutmix": 1.0, "side": 12}):
        mixture = plan_epoch(np.zeros(8, int), batch_size=8, seed=0, epoch=0, **options).mixture(0)
        ours = mixed(faces, truth, weight, *mixture)
        theirs = mixed(jnp.asarray(faces), truth, weight, *mixture, numpy=jnp)
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_allclose(ours[1]["expression"], theirs[1]["expression"], rtol=1e-6)
