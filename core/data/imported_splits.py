"""Which faces of a data set imported predictions are scored on, and the split of every other face."""

from dataclasses import dataclass

import numpy as np

from core.errors import AffectoscopeError

#: Added to the name of a split for its faces without a prediction.
NOT_PREDICTED = "not predicted"

#: Split of the scored faces where they are of several.
PREDICTED = "predicted"


@dataclass(frozen=True, eq=False)
class ScoredSplit:
    """The final split of every face.

    Attributes:
        split: name of the scored one.
        splits: (n,) names; faces of the scored split without a prediction have another one.
        not_predicted: number of these, without those of unknown labels.
    """

    split: str
    splits: np.ndarray
    not_predicted: int


def choose_split(
    own: np.ndarray,
    predicted: np.ndarray,
    named: np.ndarray | None,
    *,
    asked: str | None,
    known: np.ndarray,
    title: str,
) -> ScoredSplit:
    """Choose the scored split and name the split of every face.

    - The split that the table names for a face replaces that of the data.
    - "validation" without "test" becomes "test", as in a training: such data reports on it.
    - By default "test" is scored; where the table's rows are all of one other split that is not "train", that split; where
      nothing has a split, all predicted faces, which are then called "test".
    - "all": all predicted faces, whatever their split; theirs is then PREDICTED.
    - Faces of the scored split, and of "validation" if any of it is predicted, that have no prediction are in a split of
      their own ("test, not predicted"), except those with unknown labels.

    Args:
        own: (n,) split of each face as the data names it, "" for none.
        predicted: (m,) rows of the faces that have a prediction.
        named: (m,) their splits in the table, "" for none; None without such a column.
        asked: the split to score; None: the default.
        known: (n,) whether the network has the label of each face.
        title: of the data, for messages.

    Raises:
        AffectoscopeError: no face of the split has a prediction and a label that the network has.
    """
    splits = np.array(own, object)
    has_prediction = np.zeros(len(splits), bool)
    has_prediction[predicted] = True
    if named is not None:
        given = named != ""
        splits[predicted[given]] = named[given]
    if "test" not in splits:
        splits[splits == "validation"] = "test"
        asked = "test" if asked == "validation" else asked
    split = asked or _default(splits, predicted, named)
    chosen = np.ones(len(splits), bool) if split == "all" else splits == split
    scored = chosen & has_prediction & known
    if not scored.any():
        raise AffectoscopeError(
            f"No {'' if split == 'all' else split + ' '}face of {title} has a prediction; the table is about "
            f"{_counts(splits[predicted]) or 'none of its faces'}. Pass --split with one of these, or all."
        )
    if split == "all":
        split = PREDICTED if any(splits[scored]) else "test"
        splits[chosen & (has_prediction | ~known)] = split
    rest = chosen & ~has_prediction & known
    splits[rest] = NOT_PREDICTED if split == PREDICTED else f"{split}, {NOT_PREDICTED}"
    if split != "validation" and ((splits == "validation") & has_prediction).any():
        splits[(splits == "validation") & ~has_prediction & known] = f"validation, {NOT_PREDICTED}"
    return ScoredSplit(split, splits, int(rest.sum()))


def _default(splits: np.ndarray, predicted: np.ndarray, named: np.ndarray | None) -> str:
    of_rows = set(splits[predicted])
    if named is not None and "test" not in of_rows and len(of_rows - {"train", ""}) == 1:
        return next(iter(of_rows - {"train", ""}))
    return "test" if "test" in splits else "all"


def _counts(splits: np.ndarray) -> str:
    names, counts = np.unique(splits.astype(str), return_counts=True)
    return ", ".join(f"{count:,} {name or 'unsplit'}" for name, count in zip(names, counts, strict=True))
