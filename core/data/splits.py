"""Train, validation and test: splits that keep near-duplicates and the faces of one person on one side.

scikit-learn's StratifiedGroupKFold makes equal folds of all faces. Here splits are carved from what the data's official splits
leave, in given shares, and groups that touch an official split stay.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import sparse

from core.data.face_table import FaceTable
from core.errors import AffectoscopeError


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
        groups: (n,) ids; faces of one group are near-duplicates or show one person (core.data.subjects).
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


def split_out_of_set(out_of_set: FaceTable, before: np.ndarray, after: np.ndarray, *, seed: int) -> FaceTable:
    """The faces in the splits that `core.data.splits.resolve_splits` gave the others.

    - An official "validation" split goes where that of the other faces went.
    - Where part of a split became "test", as much of the out-of-set faces of that split does, per expression and one at
      least. Near-duplicates among them may part: none of them trains.
    - What is not split yet is then "train".

    Args:
        out_of_set: split as the data names it, "" where it names none.
        before, after: (n,) splits of the other faces, as the data names them and as they became.
        seed: the same seed and faces give the same splits.
    """
    faces = out_of_set.faces.copy()
    named = faces["split"].to_numpy(object)
    final = named.copy()
    codes = faces["expression"].to_numpy()
    for split in np.unique(np.asarray(before, str)):
        share = float((np.asarray(after)[np.asarray(before) == split] == "test").mean())
        if split == "test" or not share:
            continue
        for code in np.unique(codes):
            rows = np.flatnonzero((named == split) & (codes == code))
            taken = min(len(rows), max(round(share * len(rows)), 1))
            final[np.random.default_rng((seed, int(code))).choice(rows, taken, replace=False)] = "test"
    final[final == ""] = "train"
    faces["split"] = pd.Series(final, index=faces.index).astype("str")
    table = out_of_set.select(np.arange(len(out_of_set)))
    table.faces = faces
    return table
