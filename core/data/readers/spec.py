"""One record per data set: how it is recognised and read, and every fact about it that other modules need.

A reader's file calls `register` with its DatasetSpec; `core.data.readers` imports all files of its folder, so that a
new format is one more file there.
"""

import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.readers.listing import Listing, list_files, shallow_folders
from core.label_orders import LabelOrder


@dataclass(frozen=True)
class Source:
    """A path that may hold a data set, and the options of reading it.

    Attributes:
        path: a folder or a file, which exists.
        automatic: whether automatically annotated lists join the manual ones.
        progress: called now and then as progress(done, total).
        label_order: what the numbers of its labels mean; None where the user does not say it.
        votes: a file of FERPlus's votes; None: one that lies in the path or beside it.
        votes_protocol: how labels come from votes (core.data.readers.ferplus.PROTOCOLS); None: the data set's own labels.
    """

    path: Path
    automatic: bool = False
    progress: Callable[[int, int], None] | None = None
    label_order: LabelOrder | None = None
    votes: Path | None = None
    votes_protocol: str | None = None

    @cached_property
    def files(self) -> list[Path]:
        """The path itself where it is a file, or the files in the folder and a few levels below it."""
        if not self.path.is_dir():
            return [self.path]
        return [folder / name for folder, _, names in shallow_folders(self.path) for name in names]

    @cached_property
    def is_zip(self) -> bool:
        return self.path.is_file() and (self.path.suffix.lower() == ".zip" or zipfile.is_zipfile(self.path))

    @cached_property
    def listing(self) -> Listing:
        """Every file of the folder or zip; of the only zip in a folder that holds no image. Empty for other files.

        Raises:
            AffectoscopeError: the zip is damaged.
        """
        if self.is_zip:
            return list_files(self.path)
        if not self.path.is_dir():
            return Listing(self.path, [])
        listing = list_files(self.path)
        zips = [file for file in self.files if file.suffix.lower() == ".zip"]
        return list_files(zips[0]) if len(zips) == 1 and not listing.images else listing


@dataclass(frozen=True)
class Layout:
    """A way in which a data set lies on disk.

    Attributes:
        format: its name, a value of --format.
        looks: what lies on disk, in a few words.
        recognise: whether a source holds it, by its content.
        open: reads it; None where the source holds nothing of the kind.
        precedence: layouts with a higher one are asked first.
        numbered: its labels can be numbers, whose order --label-order tells.
        labels: where its labels and their order come from, in a few words.
    """

    format: str
    looks: str
    recognise: Callable[[Source], bool]
    open: Callable[[Source], FaceTable | None]
    precedence: int = 0
    numbered: bool = False
    labels: str = ""


@dataclass(frozen=True)
class DatasetSpec:
    """Facts about a data set.

    Attributes:
        name: `FaceTable.name`, which run.json keeps as data.name.
        title: what to call it to a user.
        layouts: how it may lie on disk; none for a data set that only a run names.
        official: split -> what the split of that name officially is; empty where the data set has no official splits.
        published: split -> faces in it as its authors published them; empty where there is no such number.
        published_labels: split -> label (its name in core.labels.EXPRESSIONS) -> faces, as `published`.
        fixed_counts: splits whose numbers of faces per label were fixed when the data set was made, as AffectNet's 500 of
            each; in all others the labels are drawn with the faces, and intervals allow for that.
        boxes: faces lie in photos and have boxes; else each image is a cropped face.
        affect: faces have valence and arousal.
        affectnet_regions: affect was annotated with AffectNet's software, which expected expressions in the regions that
            core.analysis.contradictions has.
        images: name of another data set whose images these are, or "".
        votes: faces have the votes of several annotators.
        subjects: faces name the person shown.
        label_set: label set used by default; None: the smallest that holds the labels.
        frame_margins: detector -> margin around its boxes that gives the framing of the data set's own images, where
            they are cropped faces; measured with `python benchmarks/framing.py --data PATH`.
        redistributable: whether thumbnails of the faces may travel with a run.
        shows_people: the images are photographs of people.
        citation: the paper that published it, for the sources of a report.
        note: what must be known of its splits, beside every score.
        caution: what must be known before any number of a run trained on it is read.
        limits: what scores on it cannot tell, a sentence each, with `citation` as their source.
    """

    name: str
    title: str
    layouts: tuple[Layout, ...] = ()
    official: dict[str, str] = field(default_factory=dict)
    published: dict[str, int] = field(default_factory=dict)
    published_labels: dict[str, dict[str, int]] = field(default_factory=dict)
    fixed_counts: tuple[str, ...] = ()
    boxes: bool = False
    affect: bool = False
    affectnet_regions: bool = False
    images: str = ""
    votes: bool = False
    subjects: bool = False
    label_set: Literal[7, 8, 11] | None = None
    frame_margins: dict[str, float] = field(default_factory=dict)
    redistributable: bool = False
    shows_people: bool = True
    citation: str = ""
    note: str = ""
    caution: str = ""
    limits: tuple[str, ...] = ()

    def has_fixed_counts(self, splits: Iterable[str]) -> bool:
        """Whether the numbers of faces per label were fixed by design in each of the splits, of which there are some."""
        splits = set(splits)
        return bool(splits) and splits <= set(self.fixed_counts)


_SPECS: dict[str, DatasetSpec] = {}


def register(spec: DatasetSpec) -> DatasetSpec:
    """Make a data set known; returns its spec.

    Raises:
        ValueError: another one has its name, or a format of its layouts.
    """
    taken = {layout.format for layout in layouts()} & {layout.format for layout in spec.layouts}
    if spec.name in _SPECS or taken:
        raise ValueError(
            f"The data set '{spec.name}' or its format {', '.join(taken)} is registered already."
        )
    _SPECS[spec.name] = spec
    return spec


def dataset_specs() -> tuple[DatasetSpec, ...]:
    """The known data sets, by name."""
    return tuple(_SPECS[name] for name in sorted(_SPECS))


def dataset_spec(name: str | None) -> DatasetSpec:
    """The data set that a table or run.json names; for an unknown name a spec that claims nothing."""
    return _SPECS.get(name or "") or DatasetSpec(name=name or "", title=name or "unknown data")


def layouts() -> tuple[Layout, ...]:
    """The layouts of all data sets, in the order in which they are asked."""
    known = [layout for spec in dataset_specs() for layout in spec.layouts]
    return tuple(sorted(known, key=lambda layout: -layout.precedence))


def formats() -> dict[str, str]:
    """Values of --format and what each looks like on disk, by name."""
    return {layout.format: layout.looks for layout in sorted(layouts(), key=lambda layout: layout.format)}


def table_of_files(
    spec: DatasetSpec, listing: Listing, columns: dict, ledger: Ledger, *, prefix: str, **parts
) -> FaceTable:
    """The FaceTable of faces in a folder or zip.

    Args:
        columns: of `as_face_frame`; references are names in the listing without `prefix`.
        parts: attributes of FaceTable that are not the usual ones.
    """
    usual = {
        "name": spec.name,
        "title": f"{spec.title} ({'zip' if listing.is_zip else 'folders'})",
        "read_image": listing.reader(prefix),
        "note": spec.note,
    }
    return FaceTable(faces=as_face_frame(columns), ledger=ledger, **usual | parts)
