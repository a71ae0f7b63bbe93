"""Findings about single faces: misread, tagged, explained, on the map."""

import math

import pandas as pd

from core.metrics.text import percent
from core.runs.test_time_augmentation import DESCRIPTIONS, TestTimeAugmentation


def none_misread(faces: int) -> str:
    return (
        "None: the one face of this run was recognised."
        if faces == 1
        else f"None: all {faces:,} faces were recognised."
    )


def misread(wrong: int, faces: int, *, drawn: bool) -> str:
    """'26 of 160 faces were misread, 16.2%.'"""
    kind = "drawn faces" if drawn else "faces"
    return (
        f"{wrong:,} of {faces:,} {kind} {'was' if wrong == 1 else 'were'} misread, {percent(wrong / faces)}."
    )


#: Why a run with thumbnails asks for a path before it shows a whole photo.
ONLY_THUMBNAILS = (
    "This run holds only thumbnails. Point Affectoscope at your own copy of the data to see whole photos."
)


def face_numbers(face: pd.Series) -> str:
    """Loss, margin and what is annotated of one row of a `faces` table."""
    parts = [f"Loss {face['loss']:.2f}, margin {face['margin']:+.2f}"]
    affect = [
        f"{name} {face[name]:+.2f}"
        for name in ("valence", "arousal")
        if not math.isnan(face.get(name, math.nan))
    ]
    if affect:
        parts.append(f"annotated {', '.join(affect)}")
    if not math.isnan(face.get("face_size", math.nan)):
        parts.append(f"face of {face['face_size']:.0f} pixels")
    return "; ".join(parts)


def passing(faces: int, of: int) -> str:
    """How many faces pass the filters."""
    return f"{faces:,} of {of:,} misread faces {'passes' if faces == 1 else 'pass'} the filters."


def place(position: int, faces: int) -> str:
    """Where the face shown stands among those that pass the filters."""
    return f"{position + 1:,} of {faces:,}"


def tags(counts: dict[str, int]) -> str:
    """'Tagged: 3 label wrong, 1 ambiguous.'"""
    return f"Tagged: {', '.join(f'{count:,} {tag}' for tag, count in counts.items())}."


def tagged(tag: pd.Series, predicted: str) -> str:
    """When a face was tagged, and whether the network has read it otherwise since."""
    when = tag["marked"].replace("T", " ").removesuffix("+00:00")
    if tag["predicted"] != predicted:
        return f"Tagged {when} UTC, when it was read as {tag['predicted']}."
    return f"Tagged {when} UTC."


#: What an explanation is and is not, by its method.
EXPLANATIONS = {
    "grad-cam": (
        "Grad-CAM weighs each feature map as a whole: it shows roughly which regions raised the score, not that the "
        "network decides by them."
    ),
    "hirescam": (
        "HiResCAM weighs each feature where it stands: it shows which regions raised the score, to first order, not "
        "what the face would be read as without them."
    ),
}


def explanation(label: str, method: str, side: int, *, nothing: bool) -> str:
    """How to read the heat of one label on a map of side x side, and what it is not."""
    if nothing:
        other = " Try HiResCAM, which cancels out less." if method == "grad-cam" else ""
        return f"Nothing here speaks for {label}: the heat is zero everywhere.{other}"
    return (
        f"Yellow speaks most for {label}, green less, dark not at all; computed on {side} × {side} regions. "
        f"{EXPLANATIONS[method]}"
    )


def other_reading(on: str, stored: str, share: float, *, thumbnail: bool, tta: TestTimeAugmentation) -> str:
    """Where the network reads the explained picture, in one pass, unlike the run's predictions; '' where it does not."""
    source = "Computed on the thumbnail. " if thumbnail else ""
    if on == stored:
        return source.strip()
    if tta != "none":
        return (
            f"{source}In one pass, which is what is explained, the network reads this picture as {on} ({percent(share)}); "
            f"{DESCRIPTIONS[tta]}, as in the run's predictions, it read it as {stored}."
        )
    why = (
        "of which the thumbnail is a smaller copy"
        if thumbnail
        else "so your copy of the data may differ from the run's"
    )
    return f"{source}The network reads this picture as {on} ({percent(share)}), but read the one it was scored on as {stored}, {why}."


def read_by_other(face: pd.Series) -> str:
    """'other run: fear 71%': what the run compared with reads in one face of a gallery."""
    reading = f"other run: {face['other_predicted']} {percent(face['other_probability'], digits=0)}"
    return reading.replace(" ", "\u00a0")


def map_meaning(method: str, variance: tuple[float, float], placed: int, faces: int) -> str:
    """What the axes of a face map mean, and which faces are on it."""
    if method == "pca":
        meaning = (
            "Across and up are the two directions in which the embeddings vary most: "
            f"{percent(variance[0])} and {percent(variance[1])} of their variance. Distances are true as far as "
            "two directions show them."
        )
    else:
        meaning = (
            "t-SNE keeps neighbours together (van der Maaten & Hinton 2008): near faces are seen alike. Sizes of "
            "groups and distances between them mean nothing."
        )
    sample = "" if placed == faces else f" On the map are {placed:,} of the {faces:,} faces, drawn at random."
    return f"{meaning}{sample}"
