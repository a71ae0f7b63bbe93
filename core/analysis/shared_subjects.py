"""People who are in several splits of a data set: a score on a known person measures recognition of that person too."""

from dataclasses import dataclass

import pandas as pd

from core.metrics.text import percent


@dataclass(frozen=True)
class SharedSubjects:
    """People of a split who are also in others.

    Attributes:
        split: its name.
        faces: number of its faces.
        known: of these, those whose subject is known.
        subjects: people in it.
        shared: other split -> (number of people of both, faces that they have in `split`); splits without any are absent.
    """

    split: str
    faces: int
    known: int
    subjects: int
    shared: dict[str, tuple[int, int]]

    def sentence(self) -> str:
        """Summary: 'Of the 30 people of the test faces, 4 are also in train (40 of 300 faces, 13.3%).'"""
        if not self.known:
            return ""
        number = f"{self.subjects:,} {'person' if self.subjects == 1 else 'people'}"
        whom = f"the {number} of the {self.split or 'unsplit'} faces"
        rest = self.faces - self.known
        unknown = f" It is not known who is shown in {rest:,} of these." if rest else ""
        if not self.shared:
            return f"None of {whom} is in another split.{unknown}"
        parts = [
            f"{people:,} {'is' if people == 1 else 'are'} also in {other or 'no split'} "
            f"({faces:,} of {self.faces:,} faces, {percent(faces / self.faces)})"
            for other, (people, faces) in self.shared.items()
        ]
        return f"Of {whom}, {', '.join(parts)}.{unknown}"

    def as_dict(self) -> dict:
        return {
            "faces": self.faces,
            "known": self.known,
            "subjects": self.subjects,
            "shared": {name: list(numbers) for name, numbers in self.shared.items()},
        }

    @classmethod
    def from_dict(cls, split: str, document: dict) -> "SharedSubjects":
        """Load the result of `as_dict`.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: the document is another.
        """
        shared = {
            str(name): (int(people), int(faces)) for name, (people, faces) in document["shared"].items()
        }
        faces, known, subjects = (int(document[name]) for name in ("faces", "known", "subjects"))
        return cls(split, faces, known, subjects, shared)


def find_shared_subjects(faces: pd.DataFrame, *, split: str) -> SharedSubjects:
    """Count the people of a split who are also in others.

    Args:
        faces: split and subject of every face, as in FaceTable.faces.
    """
    inside = faces["split"] == split
    mine = faces.loc[inside & (faces["subject"] != ""), "subject"]
    shared = {}
    for name, group in faces[~inside].groupby("split"):
        both = mine[mine.isin(group["subject"])]
        if len(both):
            shared[str(name)] = (both.nunique(), len(both))
    return SharedSubjects(split, int(inside.sum()), len(mine), mine.nunique(), shared)
