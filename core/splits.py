"""Train, validation and test: which faces are near-duplicates, and splits that keep those together.

Mirrored and near-identical copies on both sides of a split were this field's classic leak: a network
that has learnt a face by heart looks as if it recognised the expression.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from PIL import Image
from scipy import fft, sparse

from core.errors import AffectoscopeError

_CHUNK = 2048
_SIDE, _LOW = 32, 8  # the image is shrunk to 32 x 32, of whose cosine transform 8 x 8 values are kept


def perceptual_hashes(images: np.ndarray) -> np.ndarray:
    """64-bit perceptual hashes that an image and its mirror image share.

    The hash is ImageHash's `phash` (Zauner 2010): which of the 64 lowest frequencies of the cosine
    transform exceed their median. Of an image's hash and its mirror image's, the smaller is kept.

    Args:
        images: (n, S, S, C) uint8, C 1 or 3; a memory map is read piece by piece.

    Returns:
        (n,) uint64.
    """
    hashes = np.zeros(len(images), np.uint64)
    for start in range(0, len(images), _CHUNK):
        faces = np.asarray(images[start : start + _CHUNK])
        faces = faces[..., 0] if faces.shape[-1] == 1 else faces
        # Shrinking and mirroring commute, so shrinking once serves both.
        small = np.stack([
            Image.fromarray(face).convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
            for face in faces
        ])  # fmt: skip
        hashes[start : start + _CHUNK] = np.minimum(_phash(small), _phash(small[:, :, ::-1]))
    return hashes


def _phash(small: np.ndarray) -> np.ndarray:
    frequencies = fft.dct(fft.dct(small.astype(np.float64), axis=1), axis=2)[:, :_LOW, :_LOW]
    bits = frequencies > np.median(frequencies, axis=(1, 2), keepdims=True)
    return np.packbits(bits.reshape(-1, 64), axis=1).view(">u8").ravel().astype(np.uint64)


def near_duplicate_groups(hashes: np.ndarray, *, max_distance: int = 3) -> np.ndarray:
    """Groups of faces that chains of near-duplicates join.

    Two hashes that differ in at most d bits agree wholly in one of d + 1 bands of their bits, so only
    hashes that share a band are compared.

    Args:
        hashes: (n,) uint64.
        max_distance: bits in which near-duplicates may differ, 0 to 15.

    Returns:
        (n,) int64 group ids, 0 to the number of groups - 1.
    """
    # Blank images share one hash by the thousand: equal ones become one before any comparison.
    unique, group = np.unique(np.asarray(hashes, np.uint64), return_inverse=True)
    if max_distance == 0 or unique.size < 2:
        return group.astype(np.int64)
    edges = np.linspace(0, 64, max_distance + 2).astype(np.uint64)
    pairs = [
        _close_pairs(unique, (unique >> low) & np.uint64((1 << int(high - low)) - 1), max_distance)
        for low, high in pairwise(edges)
    ]
    first, second = np.concatenate(pairs, axis=1)
    graph = sparse.coo_array((np.ones(first.size, bool), (first, second)), shape=(unique.size,) * 2)
    return sparse.csgraph.connected_components(graph, directed=False)[1][group].astype(np.int64)


def _close_pairs(hashes: np.ndarray, band: np.ndarray, max_distance: int) -> np.ndarray:
    """(2, pairs) positions of hashes that agree in `band` and differ in at most `max_distance` bits."""
    order = np.argsort(band, kind="stable")
    band, hashes = band[order], hashes[order]
    at, pairs = np.arange(band.size), [np.empty((2, 0), np.int64)]
    # Every hash meets the next of its band, then the one after that, ... until its band ends.
    for ahead in range(1, band.size):
        at = at[at < band.size - ahead]
        at = at[band[at] == band[at + ahead]]
        if not at.size:
            break
        close = at[np.bitwise_count(hashes[at] ^ hashes[at + ahead]) <= max_distance]
        pairs.append(np.stack([order[close], order[close + ahead]]))
    return np.concatenate(pairs, axis=1)


def resolve_splits(
    splits: Sequence[str],
    expressions: Sequence[int],
    groups: Sequence[int],
    *,
    seed: int,
    validation_share: float = 0.1,
    test_share: float = 0.1,
) -> np.ndarray:
    """Final split of every face: official splits where there are any, the missing ones carved out.

    - "validation" without "test" becomes "test": such a data set reports on it.
    - A missing test split is carved out of the unsplit ("") faces, or of "train" where none are unsplit.
    - A missing validation split is carved out of what is then "train"; unsplit faces left over join it.
    - Carving takes whole groups and, per expression, close to its share of the faces that were "train"
      or unsplit, never more unless one group is already more: then the smallest one. Every expression
      with two groups or more left gets one.
    - A group with a face in an official split is never carved: its other faces stay in "train".
    - All other official splits stay as they are.

    Args:
        splits: (n,) names, "" where not yet split.
        expressions: (n,) codes.
        groups: (n,) ids; faces of one group are near-duplicates.
        seed: the same seed and arguments give the same splits.
        validation_share, test_share: of the faces that are "train" or unsplit.

    Returns:
        (n,) array of names.

    Raises:
        AffectoscopeError: there is no face to train on.
    """
    final = np.array(splits, dtype=object)
    if "test" not in final:
        final[final == "validation"] = "test"
    unsplit = final == ""
    pool = unsplit | (final == "train")
    if not pool.any():
        found = ", ".join(sorted(set(final))) or "no face"
        raise AffectoscopeError(
            f"There is no face to train on: expected a train split or faces not yet split, found {found}."
        )
    group = np.unique(np.asarray(groups), return_inverse=True)[1]
    expression = np.unique(np.asarray(expressions), return_inverse=True)[1]
    faces = np.bincount(expression[pool], minlength=expression.max() + 1)
    generator = np.random.default_rng(seed)
    for name, share, source in (
        ("test", test_share, unsplit if unsplit.any() else pool),
        ("validation", validation_share, pool),
    ):
        if share > 0 and name not in final:
            targets = np.maximum(np.round(share * faces).astype(int), 1)
            taken = _carve(group, expression, pool, source & pool, targets, generator)
            final[taken] = name
            pool = pool & ~taken
    final[pool] = "train"
    return final.astype(str)


def _carve(
    group: np.ndarray,
    expression: np.ndarray,
    pool: np.ndarray,
    source: np.ndarray,
    targets: np.ndarray,
    generator: np.random.Generator,
) -> np.ndarray:
    """Mask of the faces taken: groups wholly in `source`, up to `targets` faces of each expression.

    Of every expression one group at least stays in `pool`, unless another would then have none taken.
    """
    counts = sparse.coo_array((np.ones(group.size, int), (group, expression))).tocsr()
    in_pool = sparse.coo_array((pool.astype(int), (group, expression)), shape=counts.shape).tocsr() > 0
    left = in_pool.sum(axis=0).tolist()  # groups of each expression that are not taken
    taken, wanted = [0] * len(left), targets.tolist()
    free = np.bincount(group, ~source) == 0
    chosen = np.zeros(free.size, bool)

    def faces_of(each: int) -> list[tuple[int, int]]:
        place = slice(counts.indptr[each], counts.indptr[each + 1])
        return list(zip(counts.indices[place].tolist(), counts.data[place].tolist(), strict=True))

    def fits(each: int) -> bool:
        return all(left[code] > 1 and taken[code] + count <= wanted[code] for code, count in faces_of(each))

    def cost(each: int) -> tuple[bool, int]:
        faces = faces_of(each)
        return any(left[code] < 2 for code, _ in faces), sum(count for _, count in faces)

    def take(each: int) -> None:
        free[each], chosen[each] = False, True
        for code, count in faces_of(each):
            taken[code] += count
            left[code] -= 1

    by_expression = counts.tocsc()
    # The rarest first: the common ones find their share in what remains.
    for code in np.argsort(counts.sum(axis=0), kind="stable").tolist():
        holders = by_expression.indices[by_expression.indptr[code] : by_expression.indptr[code + 1]]
        candidates = generator.permutation(holders[free[holders]]).tolist()
        for each in candidates:
            if taken[code] >= wanted[code]:
                break
            if fits(each):
                take(each)
        if not taken[code] and left[code] > 1 and candidates:
            take(min(candidates, key=cost))
    return chosen[group]
