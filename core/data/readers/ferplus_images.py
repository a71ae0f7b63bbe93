"""FERPlus as a data set: FER2013's images, or the folders that FERPlus's script makes, labelled by votes."""

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core.data.face_table import FaceTable
from core.data.readers import fer2013
from core.data.readers.ferplus import (
    FILE,
    NO_VOTES,
    PROTOCOLS,
    apply_protocol,
    find_votes,
    parse_votes,
    read_votes,
)
from core.data.readers.file_names import most_match
from core.data.readers.listing import MISSING, common_prefix
from core.data.readers.spec import DatasetSpec, Layout, Source, register, table_of_files
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS

#: Folders of FERPlus's script, and the usage in FER2013 of the faces that each holds.
FOLDERS = {"fer2013train": "training", "fer2013valid": "publictest", "fer2013test": "privatetest"}

LABELS = "label.csv"

_FILE = re.compile(r"(?P<folder>(?:.*/)?(?P<split>FER2013(?:Train|Valid|Test))/)(?P<name>[^/]+)$", re.I)


def open_images(source: Source) -> FaceTable:
    """FERPlus as FER2013Train|FER2013Valid|FER2013Test/fer0000000.png, before labels are made of the votes.

    Votes are in fer2013new.csv, by the image's name, or in a label.csv beside the images. Of a name that has several rows,
    the image is that of the last row, which FERPlus's script wrote over the others.

    Raises:
        AffectoscopeError: there is no image with votes.
    """
    listing = source.listing
    ledger = listing.ledger()
    votes: dict[str, np.ndarray] = {}
    for name, row in _rows(source):
        if name in votes or name.endswith("/"):
            ledger.read += 1
            ledger.reject("unreadable row" if name.endswith("/") else "duplicate row", name)
        if not name.endswith("/"):
            votes[name] = row
    images = set(listing.images)
    kept: dict[str, list] = {"name": [], "split": []}
    for name in sorted(images | votes.keys()):
        ledger.read += 1
        match = _FILE.match(name)
        if match is None:
            ledger.reject("no official split in the folder's name", name)
        elif name not in images:
            ledger.reject(MISSING, name)
        elif name not in votes:
            ledger.reject(NO_VOTES, name)
        else:
            kept["name"].append(name)
            kept["split"].append(fer2013.USAGE[FOLDERS[match["split"].lower()]])
    if not kept["name"]:
        raise AffectoscopeError(
            f"{listing.path} has no FERPlus face with votes: {ledger.sentence()}. Expected a {LABELS} beside the images of "
            f"each folder, or {FILE}, which --votes names."
        )
    prefix = common_prefix({name[: name.index(_FILE.match(name)["split"])] for name in kept["name"]})
    columns = {
        "reference": [name[len(prefix) :] for name in kept["name"]],
        "expression": [EXPRESSIONS.index("uncertain")] * len(kept["name"]),
        "split": kept["split"],
    }
    parts = {
        "title": f"{SPEC.title} (image {'zip' if listing.is_zip else 'folders'})",
        "votes": np.array([votes[name] for name in kept["name"]]),
    }
    return table_of_files(SPEC, listing, columns, ledger, prefix=prefix, **parts)


def _rows(source: Source) -> Iterator[tuple[str, np.ndarray]]:
    """(path of the image in the listing, (11,) votes) of each row; a row without an image's name ends in a slash."""
    matches = [match for name in source.listing.names if (match := _FILE.match(name))]
    labels = {match["folder"]: match.string for match in matches if match["name"].lower() == LABELS}
    if source.votes is None and labels:
        for folder, name in labels.items():
            table = parse_votes(source.listing.reader()(name), name)
            yield from zip(folder + table["image"], table[list(EXPRESSIONS)].to_numpy(np.float32))
        return
    path = find_votes(source)
    if path is None:
        return
    table = read_votes(path)
    folders = {FOLDERS[match["split"].lower()]: match["folder"] for match in matches}
    folder = table["usage"].str.lower().map(folders)
    table = table[folder.notna() & (table["image"] != "")]
    yield from zip(folder[table.index] + table["image"], table[list(EXPRESSIONS)].to_numpy(np.float32))


def _recognise(source: Source) -> bool:
    return most_match(source.listing, _FILE) or (source.votes_protocol is not None and _is_fer2013(source))


def _is_fer2013(source: Source) -> bool:
    return any(layout.recognise(source) for layout in fer2013.SPEC.layouts)


def _open(source: Source) -> FaceTable | None:
    """FERPlus from whatever holds its images.

    Raises:
        AffectoscopeError: there are no votes, or no face has a label by them.
    """
    if most_match(source.listing, _FILE):
        table = open_images(source)
    else:
        table = _open_fer2013(source)
        if table is None:
            return None
    protocol = source.votes_protocol or "majority"
    labelled = apply_protocol(table, protocol)
    if not len(labelled):
        raise AffectoscopeError(
            f"{table.title} has no face with a label by --votes-protocol {protocol} ({labelled.ledger.sentence()}); pass "
            "another, or other votes."
        )
    return replace(labelled, title=f"{labelled.title}, {protocol} of votes")


def _open_fer2013(source: Source) -> FaceTable | None:
    for layout in sorted(fer2013.SPEC.layouts, key=lambda layout: -layout.precedence):
        if layout.recognise(source):
            table = layout.open(source)
            if table is None or table.votes is None:
                raise AffectoscopeError(
                    f"{source.path} holds FER2013 without votes; put FERPlus's {FILE} beside it, or pass its path as --votes."
                )
            title = table.title.replace(fer2013.SPEC.title, SPEC.title, 1)
            return replace(table, name=SPEC.name, title=title, note=SPEC.note)
    return None


SPEC = register(
    DatasetSpec(
        name="ferplus",
        title="FERPlus",
        layouts=(
            Layout(
                "ferplus",
                f"FER2013Train/fer0000000.png and so on with {LABELS}; or FER2013 with {FILE} and --votes-protocol",
                _recognise,
                _open,
                precedence=1,  # FER2013's own layouts would read the same files
                labels="the annotators' votes, by the protocol that the title names",
            ),
        ),
        official={
            "test": "PublicTest (FER2013Valid of FERPlus)",
            "private_test": "PrivateTest (FER2013Test of FERPlus)",
        },
        published={"train": 28_561, "test": 3_579},
        images=fer2013.SPEC.name,
        votes=True,
        label_set=8,
        frame_margins=fer2013.SPEC.frame_margins,
        citation=(
            "E. Barsoum, C. Zhang, C. Canton Ferrer, Z. Zhang (2016), Training Deep Networks for Facial Expression "
            "Recognition with Crowd-Sourced Label Distribution, ACM International Conference on Multimodal Interaction "
            "(ICMI), 279-283."
        ),
        note=(
            "FERPlus's splits are FER2013's: PublicTest, which its authors validate on, is the test split reported here; "
            "PrivateTest, where present, is kept apart as 'private_test'. Faces without a label by the stated protocol "
            f"({', '.join(PROTOCOLS)}) are left out of all splits."
        ),
        limits=(
            "Ten people voted on each face of FERPlus, and agree on 22% of them: which faces are left out changes every score, "
            "so that only scores under the same protocol can be compared.",
        ),
    )
)
