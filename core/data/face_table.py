"""FaceTable, the common form of all data sets: one row per usable face, and a ledger of the rest."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from core.labels import EXPRESSIONS

#: Columns of FaceTable.faces and their dtypes.
COLUMNS: dict[str, str] = {
    "reference": "str",  # unique; names the image inside the dataset, portable between machines
    "expression": "int8",  # AffectNet code 0 to 10
    "valence": "float32",  # -1 to 1, NaN where not annotated
    "arousal": "float32",  # -1 to 1, NaN where not annotated
    "box_x": "float32",  # face box in pixels of the upright full image; NaN: the image is the face
    "box_y": "float32",
    "box_width": "float32",
    "box_height": "float32",
    "split": "str",  # train, validation, test, another official name (private_test), or "" = not yet split
    "subject": "str",  # identifier of the person shown, or "" = unknown
}

#: How many examples of each reason a ledger keeps.
EXAMPLES_KEPT = 5


@dataclass
class Ledger:
    """Which rows were rejected, and why. `read` counts every row met, used or not."""

    read: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    @property
    def used(self) -> int:
        return self.read - sum(self.rejected.values())

    def reject(self, reason: str, reference: str, *, count: int = 1) -> None:
        """Count `count` rows as rejected for `reason`, keeping `reference` as one of a few examples."""
        self.rejected[reason] = self.rejected.get(reason, 0) + count
        kept = self.examples.setdefault(reason, [])
        if len(kept) < EXAMPLES_KEPT:
            kept.append(reference)

    def copy(self) -> "Ledger":
        """The same counts, to count on without changing these."""
        examples = {reason: list(kept) for reason, kept in self.examples.items()}
        return Ledger(self.read, dict(self.rejected), examples)

    def as_dict(self) -> dict:
        return {"read": self.read, "used": self.used, "refused": self.rejected, "examples": self.examples}

    def sentence(self) -> str:
        """The ledger in one sentence: '420,300 rows read, 420,297 used, 3 rejected (2 missing file, ...)'."""
        rejected = sum(self.rejected.values())
        text = f"{self.read:,} rows read, {self.used:,} used, {rejected:,} rejected"
        if rejected:
            reasons = sorted(self.rejected.items(), key=lambda item: -item[1])
            text += " (" + ", ".join(f"{count:,} {reason}" for reason, count in reasons) + ")"
        return text


@dataclass
class FaceTable:
    """Annotated faces of one dataset.

    Attributes:
        name: of its DatasetSpec, such as 'fer2013'.
        title: what to call it to a user, such as 'FER2013 (zip of folders)'.
        faces: one row per face, columns and dtypes as in COLUMNS, index 0..n-1.
        landmarks: (n, 68, 2) float32 pixel coordinates in the upright full image, or None.
        votes: (n, 11) float32, how many annotators chose each of EXPRESSIONS for the face, or the weights of a soft
            label; a row of zeros: unknown. None where the data has neither.
        attributes: (n, columns) further columns of the data set, such as gender or age_group, whose groups of faces can
            be compared (core.analysis.slices); None where it has none.
        ledger: every row of the data set, read, used and rejected; complete, so that selections share it and what
            refuses further rows returns a table with a copy.
        read_image: reference -> encoded image bytes (JPEG, PNG, ...); raises OSError when it cannot.
            Safe to pickle, so that worker processes can read in parallel.
        redistributable: whether thumbnails of the faces may travel with a run.
        note: one sentence about the splits that belongs beside every score, or "".
        format: of the Layout that it was recognised as, or "".
    """

    name: str
    title: str
    faces: pd.DataFrame
    ledger: Ledger
    read_image: Callable[[str], bytes]
    landmarks: np.ndarray | None = None
    redistributable: bool = False
    note: str = ""
    votes: np.ndarray | None = None
    attributes: pd.DataFrame | None = None
    format: str = ""

    def __len__(self) -> int:
        return len(self.faces)

    @property
    def has_affect(self) -> bool:
        """Return whether any face has both valence and arousal."""
        return bool((self.faces["valence"].notna() & self.faces["arousal"].notna()).any())

    def select(self, rows: np.ndarray) -> "FaceTable":
        """The faces at `rows` (boolean mask or positions), in that order, with the ledger of the whole table."""
        positions = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows)
        if len(positions) == len(self) and (positions == np.arange(len(self))).all():
            return replace(self)  # landmarks of a million faces are half a GiB
        attributes = self.attributes
        return replace(
            self,
            faces=self.faces.iloc[positions].reset_index(drop=True),
            landmarks=None if self.landmarks is None else self.landmarks[positions],
            votes=None if self.votes is None else self.votes[positions],
            attributes=None if attributes is None else attributes.iloc[positions].reset_index(drop=True),
        )

    def counts(self) -> dict[str, dict[str, int]]:
        """Faces per split and expression name: {'train': {'neutral': 4965, ...}, ...}."""
        grouped = self.faces.groupby(["split", "expression"], sort=True).size()
        table: dict[str, dict[str, int]] = {}
        for (split, code), count in grouped.items():
            table.setdefault(split, {})[EXPRESSIONS[code]] = int(count)
        return table


def as_face_frame(columns: dict) -> pd.DataFrame:
    """A frame with exactly COLUMNS; columns not given are missing values (NaN, or "" for split and subject)."""
    length = len(columns["reference"])
    frame = pd.DataFrame(index=pd.RangeIndex(length))
    for name, dtype in COLUMNS.items():
        default = "" if dtype == "str" else np.nan
        frame[name] = pd.Series(columns.get(name, default), index=frame.index).astype(dtype)
    return frame
