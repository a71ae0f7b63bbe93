from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.splits import resolve_splits
from core.errors import AffectoscopeError


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
