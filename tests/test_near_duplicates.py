"""Near-duplicates among hashes, against comparing every pair."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data import near_duplicates
from core.data.near_duplicates import cross_split_pairs, near_duplicate_groups


def groups_by_force(hashes, max_distance):
    """Every pair compared; the group of a face is the first face it is joined to."""
    group = list(range(len(hashes)))
    changed = True
    while changed:
        changed = False
        for i, a in enumerate(hashes):
            for j, b in enumerate(hashes):
                if (a ^ b).bit_count() <= max_distance and group[j] > group[i]:
                    group[j], changed = group[i], True
    return group


def same_partition(first, second):
    return len(set(zip(first, second, strict=True))) == len(set(first)) == len(set(second))


@settings(max_examples=80, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=6),
    flips=st.lists(st.tuples(st.integers(0, 5), st.sets(st.integers(0, 63), max_size=5)), max_size=14),
    max_distance=st.integers(0, 5),
)
def test_groups_are_those_of_comparing_every_pair(seeds, flips, max_distance):
    hashes = list(seeds)
    for base, bits in flips:
        hashes.append(hashes[base % len(hashes)] ^ sum(1 << bit for bit in bits))
    found = near_duplicate_groups(np.array(hashes, np.uint64), max_distance=max_distance)
    assert same_partition(found.tolist(), groups_by_force(hashes, max_distance))
    assert set(found) == set(range(found.max() + 1))


def test_distance_three_joins_and_four_does_not():
    hashes = np.array([0, 0b111, 2**64 - 1, 2**64 - 1 - 0x8000_0001_0001_0001], np.uint64)
    assert same_partition(near_duplicate_groups(hashes), [0, 0, 1, 2])
    assert same_partition(near_duplicate_groups(hashes, max_distance=4), [0, 0, 1, 1])
    assert same_partition(near_duplicate_groups(hashes, max_distance=0), [0, 1, 2, 3])


def test_a_chain_is_one_group():
    chain = np.array([0, 0x7, 0x3F, 0x1FF], np.uint64)
    assert set(near_duplicate_groups(chain)) == {0}


def test_a_hundred_thousand_blank_images_are_one_group():
    rng = np.random.default_rng(0)
    hashes = np.concatenate([np.zeros(100_000, np.uint64), rng.integers(0, 2**64, 20_000, np.uint64)])
    groups = near_duplicate_groups(hashes)
    assert set(groups[:100_000]) == {groups[0]} and np.unique(groups).size == 20_001


def test_groups_of_nothing():
    assert near_duplicate_groups(np.zeros(0, np.uint64)).size == 0


def test_groups_are_numbered_by_their_smallest_hash():
    """Carving draws among groups by number: the same data must split alike in every version."""
    hashes = np.array([0xFF00_0000, 5, 0xFFFF << 40, 4, 0xFF00_0001, (0xFFFF << 40) + 1], np.uint64)
    np.testing.assert_array_equal(near_duplicate_groups(hashes), [1, 0, 2, 0, 1, 2])


def test_groups_do_not_depend_on_how_many_pairs_are_held(monkeypatch):
    hashes = close_hashes(300, seed=4)
    once = near_duplicate_groups(hashes)
    monkeypatch.setattr(near_duplicates, "_PAIRS", 1)
    np.testing.assert_array_equal(near_duplicate_groups(hashes), once)


@pytest.mark.parametrize("distance", [-1, 9])
def test_distances_that_would_compare_everything_are_refused(distance):
    with pytest.raises(ValueError, match="expected 0 to 8"):
        near_duplicate_groups(np.arange(4, dtype=np.uint64), max_distance=distance)


def close_hashes(count, seed):
    """Hashes of which many are equal or a few bits apart."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**64, max(count // 8, 1), np.uint64)[
        random.integers(0, max(count // 8, 1), count)
    ]
    for _ in range(3):
        flipped = np.uint64(1) << random.integers(0, 64, count).astype(np.uint64)
        hashes = np.where(random.random(count) < 0.4, hashes ^ flipped, hashes)
    return hashes


def by_force(hashes, splits, max_distance, of):
    """Distance of every pair of a face of the splits `of` and a near-duplicate in another split."""
    pairs = {}
    for i, j in combinations(range(len(hashes)), 2):
        distance = (int(hashes[i]) ^ int(hashes[j])).bit_count()
        if distance <= max_distance and splits[i] != splits[j]:
            pairs |= {(a, b): distance for a, b in ((i, j), (j, i)) if splits[a] in of}
    return pairs


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(1, 60),
    seed=st.integers(0, 10**6),
    max_distance=st.integers(0, 8),
    of=st.sets(st.sampled_from(["train", "validation", "test"])),
)
def test_pairs_across_splits_are_those_of_comparing_every_pair(count, seed, max_distance, of):
    hashes = close_hashes(count, seed)
    splits = np.random.default_rng(seed).choice(["train", "validation", "test"], count)
    found = cross_split_pairs(hashes, splits, of=of, max_distance=max_distance, listed=count)
    expected = by_force(hashes, splits, max_distance, of)
    listed = {(row.face, row.other): row.distance for row in found.pairs.itertuples()}
    assert listed == expected and len(found.pairs) == len(expected)
    for i in range(count):
        near = [(int(hashes[i]) ^ int(each)).bit_count() <= max_distance for each in hashes]
        near[i] = False
        counted = Counter(splits[near].tolist())
        assert dict(zip(found.splits, found.counts[i].tolist())) == {
            name: counted[name] for name in found.splits
        }


@settings(max_examples=15, deadline=None)
@given(count=st.integers(2, 80), seed=st.integers(0, 10**6), listed=st.integers(1, 4))
def test_of_each_face_the_nearest_in_each_split_are_listed(count, seed, listed):
    hashes = close_hashes(count, seed)
    splits = np.random.default_rng(seed).choice(["train", "validation", "test"], count)
    found = cross_split_pairs(hashes, splits, listed=listed).pairs
    every = by_force(hashes, splits, 3, {"train", "validation", "test"})
    for face in range(count):
        for split in set(splits):
            all_of_it = sorted(d for (a, b), d in every.items() if a == face and splits[b] == split)
            shown = found[(found["face"] == face) & (splits[found["other"]] == split)]
            assert shown["distance"].tolist() == all_of_it[:listed]
            assert all(every[face, other] == d for other, d in zip(shown["other"], shown["distance"]))


def test_pairs_come_by_face_and_the_nearest_first():
    hashes = np.array([0b111, 0, 0b1, 0, 0b11], np.uint64)
    splits = ["test", "train", "train", "test", "train"]
    pairs = cross_split_pairs(hashes, splits, of=["test"]).pairs
    assert list(pairs) == ["face", "other", "distance"]
    assert pairs.to_numpy().tolist() == [[0, 4, 1], [0, 2, 2], [0, 1, 3], [3, 1, 0], [3, 2, 1], [3, 4, 2]]


def test_ten_thousand_blank_images_list_a_bounded_number_of_pairs_and_count_all():
    hashes = np.zeros(20_000, np.uint64)
    splits = np.repeat(["test", "train"], 10_000)
    found = cross_split_pairs(hashes, splits, of=["test"], listed=3)
    assert len(found.pairs) == 3 * 10_000 and found.pairs.groupby("face").size().eq(3).all()
    np.testing.assert_array_equal(found.counts[0], [9_999, 10_000])
    np.testing.assert_array_equal(found.counts[-1], [10_000, 9_999])


def test_no_faces_and_one_split_have_no_pairs():
    nothing = cross_split_pairs(np.zeros(0, np.uint64), [])
    assert nothing.splits == () and nothing.counts.shape == (0, 0) and nothing.pairs.empty
    alone = cross_split_pairs(np.zeros(3, np.uint64), ["train"] * 3)
    assert alone.pairs.empty and alone.counts.tolist() == [[2]] * 3
