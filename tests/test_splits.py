from collections import Counter

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.errors import AffectoscopeError
from core.splits import near_duplicate_groups, perceptual_hashes, resolve_splits


def smooth_faces(count, side, channels, seed=0):
    noise = np.random.default_rng(seed).integers(0, 256, (count, 6, 6, channels), np.uint8)
    faces = [
        np.asarray(Image.fromarray(face.squeeze()).resize((side, side), Image.Resampling.BICUBIC))
        for face in noise
    ]
    return np.stack(faces).reshape(count, side, side, channels)


@pytest.mark.parametrize("side", [32, 48, 75, 112, 224])
@pytest.mark.parametrize("channels", [1, 3])
def test_hashes_are_imagehash_phash_of_the_face_or_its_mirror_image(side, channels):
    noise = np.random.default_rng(1).integers(0, 256, (10, side, side, channels), np.uint8)
    faces = np.concatenate([smooth_faces(10, side, channels), noise])
    for face, found in zip(faces, perceptual_hashes(faces), strict=True):
        both = [imagehash.phash(Image.fromarray(each.squeeze())) for each in (face, face[:, ::-1])]
        assert int(found) == min(int(str(each), 16) for each in both)


def test_a_mirror_image_has_the_same_hash_and_another_face_has_not():
    faces = smooth_faces(40, 48, 3)
    hashes = perceptual_hashes(faces)
    assert hashes.dtype == np.uint64 and hashes.shape == (40,)
    np.testing.assert_array_equal(hashes, perceptual_hashes(faces[:, :, ::-1]))
    assert np.unique(hashes).size == 40
    upside_down = perceptual_hashes(faces[:, ::-1])
    assert (hashes != upside_down).mean() > 0.9


def test_hashes_hardly_change_with_brightness():
    faces = smooth_faces(40, 48, 1) // 2
    distance = np.bitwise_count(perceptual_hashes(faces) ^ perceptual_hashes(faces + 20))
    assert np.median(distance) <= 2


def test_hashes_of_a_memory_map_do_not_depend_on_its_pieces(tmp_path):
    faces = np.memmap(tmp_path / "faces", np.uint8, "w+", shape=(2100, 32, 32, 1))
    faces[:] = np.random.default_rng(0).integers(0, 256, faces.shape, np.uint8)
    hashes = perceptual_hashes(faces)
    np.testing.assert_array_equal(hashes[2040:2060], perceptual_hashes(faces[2040:2060]))


def test_hashes_of_nothing_and_of_blank_faces():
    assert perceptual_hashes(np.zeros((0, 48, 48, 1), np.uint8)).shape == (0,)
    blank = np.full((3, 48, 48, 3), [[[[0]]], [[[128]]], [[[255]]]], np.uint8)
    assert np.array_equal(perceptual_hashes(blank), perceptual_hashes(blank[:, :, ::-1]))


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


def dataset(splits, classes=7, seed=0, alike=0.1):
    """So many faces of each split, as in {'train': 500}; some of them in groups of up to a few."""
    rng = np.random.default_rng(seed)
    names = np.repeat(list(splits), list(splits.values()))
    frequency = 0.5 ** np.arange(classes)
    expressions = rng.choice(classes, names.size, p=frequency / frequency.sum())
    groups = np.where(
        rng.random(names.size) < alike, rng.integers(0, names.size, names.size), np.arange(names.size)
    )
    return names, expressions, groups


def crossing(final, groups, parts):
    """Groups with faces in two of `parts`."""
    pairs = {
        (group, name) for group, name in zip(groups.tolist(), final.tolist(), strict=True) if name in parts
    }
    return [group for group, sides in Counter(group for group, _ in pairs).items() if sides > 1]


@pytest.mark.parametrize(
    "given_, expected",
    [
        ({"train": 900, "test": 100}, {"train": 810, "validation": 90, "test": 100}),
        ({"train": 900, "validation": 100}, {"train": 810, "validation": 90, "test": 100}),
        ({"train": 900, "validation": 50, "test": 50}, {"train": 900, "validation": 50, "test": 50}),
        ({"": 1000}, {"train": 800, "validation": 100, "test": 100}),
        ({"train": 1000}, {"train": 800, "validation": 100, "test": 100}),
        ({"": 900, "test": 100}, {"train": 810, "validation": 90, "test": 100}),
        ({"": 900, "validation": 100}, {"train": 810, "validation": 90, "test": 100}),
        ({"": 500, "train": 500}, {"train": 800, "validation": 100, "test": 100}),
        (
            {"": 100, "train": 700, "validation": 100, "test": 100},
            {"train": 800, "validation": 100, "test": 100},
        ),
        (
            {"train": 900, "test": 50, "private_test": 50},
            {"train": 810, "validation": 90, "test": 50, "private_test": 50},
        ),
    ],
)
def test_which_splits_come_out(given_, expected):
    names, expressions, _ = dataset(given_)
    final = resolve_splits(names, expressions, np.arange(names.size), seed=1)
    found = {name: int((final == name).sum()) for name in np.unique(final)}
    assert found.keys() == expected.keys()
    assert all(abs(found[name] - expected[name]) <= 4 for name in expected)
    if "test" in given_:
        np.testing.assert_array_equal(final == "test", names == "test")
    elif "validation" in given_:
        np.testing.assert_array_equal(final == "test", names == "validation")
    if "" in given_ and not {"test", "validation"} & set(given_):
        assert set(names[final == "test"]) == {""}
    np.testing.assert_array_equal(final == "private_test", names == "private_test")


@settings(max_examples=40, deadline=None)
@given(
    count=st.integers(5, 250),
    classes=st.integers(1, 11),
    alike=st.floats(0, 1),
    seed=st.integers(0, 99),
    unsplit=st.booleans(),
)
def test_properties_of_carving(count, classes, alike, seed, unsplit):
    names, expressions, groups = dataset({"" if unsplit else "train": count}, classes, seed, alike)
    names = np.where(np.arange(count) < max(1, count // 10), "test", names)
    straddling = set(groups[names == "test"])
    final = resolve_splits(names, expressions, groups, seed=seed)
    np.testing.assert_array_equal(final == "test", names == "test")
    assert not crossing(final, groups, ("train", "validation"))
    assert not straddling & set(groups[final == "validation"])
    pool = names != "test"
    for code in np.unique(expressions[pool]):
        of_class = pool & (expressions == code)
        free = set(groups[of_class]) - straddling
        inside = int((of_class & (final == "validation")).sum())
        if len(free) >= 2:
            assert inside >= 1
        if len(set(groups[of_class])) == 1:
            assert inside == 0 or len(set(expressions[np.isin(groups, groups[of_class])])) > 1


@pytest.mark.parametrize("seed", range(5))
def test_shares_hold_for_every_class(seed):
    names, expressions, groups = dataset({"": 4000}, 8, seed)
    final = resolve_splits(names, expressions, groups, seed=seed, validation_share=0.2, test_share=0.1)
    for code in range(8):
        of_class = expressions == code
        for name, share in (("validation", 0.2), ("test", 0.1)):
            assert abs((final[of_class] == name).sum() - share * of_class.sum()) <= 1
    assert not crossing(final, groups, ("train", "validation", "test"))


def test_a_class_of_two_or_three_faces():
    expressions = [0] * 100 + [1] * 3 + [2] * 2 + [3]
    final = resolve_splits(["train"] * 106 + [""] * 0, expressions, range(106), seed=0)
    assert sorted(final[100:103]) == ["test", "train", "validation"]
    assert sorted(final[103:105]) == ["test", "train"]
    assert final[105] == "train"


def test_the_smaller_group_goes_where_none_is_small_enough():
    final = resolve_splits(["train"] * 60 + ["test"], [0] * 61, [1] * 50 + [2] * 10 + [3], seed=0)
    assert set(final[:50]) == {"train"} and set(final[50:60]) == {"validation"}


def test_a_straddling_group_keeps_its_official_splits():
    names = ["train"] * 30 + ["test"] * 2 + ["private_test"]
    groups = [*range(27), 100, 100, 101, 100, 102, 101]
    for seed in range(20):
        final = resolve_splits(names, [0] * 33, groups, seed=seed, validation_share=0.5)
        assert list(final[27:]) == ["train"] * 3 + ["test"] * 2 + ["private_test"]
        assert (final == "validation").sum() == 15


def test_the_seed_decides():
    arguments = dataset({"train": 500})
    first, again, other = (resolve_splits(*arguments, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_no_share_takes_nothing():
    names, expressions, groups = dataset({"train": 100, "test": 10})
    final = resolve_splits(names, expressions, groups, seed=0, validation_share=0)
    np.testing.assert_array_equal(final, names)


@pytest.mark.parametrize("names, found", [(["test"] * 3, "found test"), ([], "found no face")])
def test_nothing_to_train_on(names, found):
    with pytest.raises(AffectoscopeError, match=f"no face to train on.*{found}"):
        resolve_splits(names, [0] * len(names), range(len(names)), seed=0)
