"""Near-duplicate faces: perceptual hashes that differ in a few bits, looked for among a million faces.

Mirrored and near-identical copies on both sides of a split were this field's classic leak: a network
that has learnt a face by heart looks as if it recognised the expression.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from scipy import sparse

#: Bits, of 64, in which the hashes of near-duplicates may differ.
MAX_DISTANCE = 3

#: Near-duplicates that are listed of a face in each other split: the nearest ones.
LISTED = 10

#: Pairs of hashes that are held at once.
_PAIRS = 1 << 20


def near_duplicate_groups(hashes: np.ndarray, *, max_distance: int = MAX_DISTANCE) -> np.ndarray:
    """Groups of faces that chains of near-duplicates join.

    Args:
        hashes: (n,) uint64.
        max_distance: bits in which near-duplicates may differ, 0 to 8.

    Returns:
        (n,) int64 group ids, 0 to the number of groups - 1.
    """
    # Blank images share one hash by the thousand: equal ones become one before any comparison.
    unique, place = np.unique(np.asarray(hashes, np.uint64), return_inverse=True)
    group = np.arange(unique.size)
    for one, other, _ in _close_pairs(unique, max_distance):
        edges = np.ones(one.size, bool), (group[one], group[other])
        graph = sparse.coo_array(edges, shape=(unique.size, unique.size))
        group = sparse.csgraph.connected_components(graph, directed=False)[1][group]
    return np.unique(group, return_inverse=True)[1][place].astype(np.int64)


@dataclass(frozen=True, eq=False)
class CrossSplitPairs:
    """Faces and their near-duplicates in other splits than their own.

    Attributes:
        splits: the names, sorted, (s,).
        counts: (n, s) how many near-duplicates each face has in each split, itself left out. All are counted.
        pairs: those that are listed: face and other (rows), distance (bits in which their hashes differ); by
            face, the nearest first.
    """

    splits: tuple[str, ...]
    counts: np.ndarray
    pairs: pd.DataFrame


def cross_split_pairs(
    hashes: np.ndarray,
    splits: Sequence[str],
    *,
    of: Collection[str] | None = None,
    max_distance: int = MAX_DISTANCE,
    listed: int = LISTED,
) -> CrossSplitPairs:
    """The near-duplicates of every face in other splits than its own.

    A thousand blank images in one split and a thousand in another are a million pairs: of each face the
    nearest in each other split are listed, `listed` at most, while the counts are of all.

    Args:
        hashes: (n,) uint64.
        splits: (n,) names.
        of: splits whose faces are listed with their near-duplicates; default: all, so every pair from both sides.
        max_distance: bits in which near-duplicates may differ, 0 to 8.
    """
    names, split = np.unique(np.asarray(splits, dtype=str), return_inverse=True)
    unique, place = np.unique(np.asarray(hashes, np.uint64), return_inverse=True)
    wanted = np.full(split.size, True) if of is None else np.isin(names, list(of))[split]
    shape = unique.size, names.size
    faces, asking = (_cross_table(place[rows], split[rows], shape) for rows in (..., wanted))
    asking = asking.sum(axis=1, keepdims=True) > asking  # whether a wanted face of another split has the hash
    counts = np.zeros(faces.shape, np.int64)
    near = [_no_pairs("one", "other") for _ in names]
    for one, other, distance in _from_both_sides(unique, max_distance):
        for number in range(names.size):
            counts[:, number] += np.bincount(one, faces[other, number], unique.size).astype(np.int64)
            use = asking[one, number] & (faces[other, number] > 0)
            found = pd.DataFrame({"one": one[use], "other": other[use], "distance": distance[use]})
            near[number] = _nearest(pd.concat([near[number], found]), faces[:, number], listed)
    counts = counts[place]
    counts[np.arange(split.size), split] -= 1
    pairs = pd.concat(
        [_no_pairs("face", "other")]
        + [
            _of_faces(pairs, place, wanted & (split != number), split == number, listed)
            for number, pairs in enumerate(near)
        ]
    )
    pairs = pairs.sort_values(["face", "distance", "other"], ignore_index=True)
    return CrossSplitPairs(tuple(names.tolist()), counts, pairs)


def _from_both_sides(
    hashes: np.ndarray, max_distance: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """`_close_pairs` in either order, and every hash with itself."""
    itself = np.arange(hashes.size)
    yield itself, itself, np.zeros(hashes.size, np.int64)
    for one, other, distance in _close_pairs(hashes, max_distance):
        yield one, other, distance
        yield other, one, distance


def _no_pairs(one: str, other: str) -> pd.DataFrame:
    return pd.DataFrame({one: [], other: [], "distance": []}, dtype=np.int64)


def _cross_table(first: np.ndarray, second: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Number of occurrences of each pair of values of `first` and `second`."""
    return np.bincount(first * shape[1] + second, minlength=shape[0] * shape[1]).reshape(shape)


def _nearest(near: pd.DataFrame, faces: np.ndarray, listed: int) -> pd.DataFrame:
    """Of pairs of hashes (one, other, distance), the nearest to each `one` until their `faces` are `listed`."""
    near = near.sort_values(["one", "distance", "other"], ignore_index=True)
    reached = pd.Series(np.minimum(faces[near["other"]], listed))
    return near[reached.groupby(near["one"]).cumsum() - reached < listed]


def _of_faces(
    near: pd.DataFrame, hash_of: np.ndarray, mine: np.ndarray, theirs: np.ndarray, listed: int
) -> pd.DataFrame:
    """Pairs of faces (face, other, distance) from pairs of hashes: the `listed` nearest of `theirs` of each of `mine`.

    Args:
        mine, theirs: (n,) masks of faces.
    """
    mine = pd.DataFrame({"face": np.flatnonzero(mine), "one": hash_of[mine]})
    theirs = pd.DataFrame({"other_face": np.flatnonzero(theirs), "other": hash_of[theirs]})
    theirs = theirs.groupby("other").head(listed)
    pairs = mine.merge(near, on="one").merge(theirs, on="other").drop(columns=["one", "other"])
    pairs = pairs.rename(columns={"other_face": "other"})[["face", "other", "distance"]]
    return pairs.sort_values(["face", "distance", "other"]).groupby("face").head(listed)


def _close_pairs(
    hashes: np.ndarray, max_distance: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(p,) positions, positions and distance of hashes, all different, at most `max_distance` bits apart; a piece
    at a time, every pair once.

    Of d + 3 bands of bits, two hashes that differ in d bits agree wholly in three at least (Manku, Jain & Das
    Sarma 2007, "Detecting Near-Duplicates for Web Crawling"): for every three bands only hashes that agree in
    them are compared. For d = 3 these are 32 bits, which few of a million faces share.
    """
    if not 0 <= max_distance <= 8:
        raise ValueError(f"max_distance is {max_distance}; expected 0 to 8.")
    edges = np.linspace(0, 64, max_distance + 4).astype(int)
    bands = np.array([(1 << high) - (1 << low) for low, high in pairwise(edges.tolist())], np.uint64)
    found, held = [], 0
    for three in combinations(range(bands.size), 3):
        key = hashes & np.bitwise_or.reduce(bands[list(three)])
        order = np.argsort(key)
        key = key[order]
        # Every hash meets the next one that agrees in these bands, then the one after that, and so on.
        at, ahead = np.flatnonzero(key[1:] == key[:-1]), 1
        while at.size:
            one, other = order[at], order[at + ahead]
            differing = hashes[one] ^ hashes[other]
            distance = np.bitwise_count(differing)
            close = distance <= max_distance
            for earlier in set(range(three[-1])) - set(three):  # that agree there too have met already
                close &= differing & bands[earlier] != 0
            found.append((one[close], other[close], distance[close].astype(np.int64)))
            held += found[-1][0].size
            if held >= _PAIRS:
                yield tuple(np.concatenate(parts) for parts in zip(*found, strict=True))
                found, held = [], 0
            ahead += 1
            at = at[at + ahead < key.size]
            at = at[key[at] == key[at + ahead]]
    if held:
        yield tuple(np.concatenate(parts) for parts in zip(*found, strict=True))
