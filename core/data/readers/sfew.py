"""SFEW, still frames of films in class folders, with or without alignment; the clips of AFEW are refused.

Dhall, Goecke, Lucey & Gedeon (2011), "Static Facial Expression Analysis in Tough Conditions", ICCV Workshops.

    Train_Aligned_Faces/Angry/Airheads_000519240_00000005.png    Val/Happy/...
"""

import os
import re

from core.data.face_table import FaceTable
from core.data.readers.file_names import NamedFace, most_match, open_by_name
from core.data.readers.listing import Listing
from core.data.readers.spec import DatasetSpec, Layout, Source, register
from core.errors import AffectoscopeError
from core.labels import find_code

_SPLITS = {"train": "train", "val": "validation", "test": "test"}

_FRAME = re.compile(
    r"(?P<head>(?:.*/)?)(?P<reference>(?P<split>train|val|test)[^/]*/(?:(?P<emotion>[^/]+)/)?[^/]+_\d{6,}_\d{6,}\.[a-z]+)$",
    re.IGNORECASE,
)

_CLIPS = frozenset((".avi", ".mp4", ".mov", ".mkv", ".wmv", ".webm", ".mpg", ".mpeg", ".flv"))


def open_frames(listing: Listing) -> FaceTable:
    """SFEW; its test frames have no public label.

    Raises:
        AffectoscopeError: no frame has a label.
    """
    return open_by_name(
        listing,
        _FRAME,
        _read_name,
        spec=SPEC,
        other="no frame of SFEW by its name",
        expected="Train/Angry/Airheads_000519240_00000005.png",
    )


def _read_name(match: re.Match[str]) -> NamedFace | str:
    code = find_code(match["emotion"] or "")
    if code is None:
        return "unknown label" if match["emotion"] else "no label"
    return NamedFace(code, _SPLITS[match["split"].lower()])


def _clips(listing: Listing) -> list[str]:
    """Video clips in class folders."""
    return [
        name
        for name in listing.names
        if os.path.splitext(name)[1].lower() in _CLIPS
        and find_code(os.path.basename(os.path.dirname(name))) is not None
    ]


def _has_clips(source: Source) -> bool:
    return len(_clips(source.listing)) > len(source.listing.images)


def _refuse_clips(source: Source) -> None:
    clips = _clips(source.listing)
    if clips:
        raise AffectoscopeError(
            f"{source.path} holds {len(clips):,} video clips such as {clips[0]}, and only images are read: write frames of "
            "each clip into the same class folders, such as "
            "'ffmpeg -i clip.avi -r 2 clip_%04d.png', and pass the folder again."
        )


def _open(source: Source) -> FaceTable | None:
    return open_frames(source.listing) if source.listing.images else None


SPEC = register(
    DatasetSpec(
        name="sfew",
        title="SFEW",
        layouts=(
            Layout(
                "sfew",
                "Train/Angry/<film>_<time>_<frame>.png and Val/..., aligned or not, in a folder or a zip",
                lambda source: most_match(source.listing, _FRAME),
                _open,
                labels="the names of the class folders",
            ),
            Layout(
                "afew",
                "clips in class folders: refused, because only images are read",
                _has_clips,
                _refuse_clips,
            ),
        ),
        official={"validation": "SFEW's validation set (the labels of its test set are not public)"},
        # The aligned faces of SFEW 2.0.
        published={"train": 891, "validation": 431},
        published_labels={
            "train": {
                "neutral": 144,
                "happy": 184,
                "sad": 161,
                "surprise": 94,
                "fear": 78,
                "disgust": 52,
                "anger": 178,
            },
            "validation": {
                "neutral": 84,
                "happy": 72,
                "sad": 73,
                "surprise": 56,
                "fear": 46,
                "disgust": 23,
                "anger": 77,
            },
        },
        citation=(
            "A. Dhall, R. Goecke, S. Lucey, T. Gedeon (2011), Static Facial Expression Analysis in Tough Conditions: Data, "
            "Evaluation Protocol and Benchmark, IEEE International Conference on Computer Vision Workshops, 2106-2112."
        ),
        note="The labels of SFEW's test set are not public: papers report on its validation set.",
    )
)
