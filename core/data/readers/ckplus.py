"""CK+ as it is distributed: sequences of frames from neutral to the peak, and a label file for some of them.

Lucey et al. (2010). 593 sequences of 123 people, 327 of them labelled. Tables and crops made of it: see ckplus48.
"""

import re

import numpy as np

from core.data.face_table import FaceTable, as_face_frame
from core.data.readers.file_names import most_match
from core.data.readers.listing import IMAGE_SUFFIXES, MISSING, common_prefix
from core.data.readers.spec import DatasetSpec, Layout, Source, register
from core.errors import AffectoscopeError
from core.labels import expression_code

#: CK+'s own codes 0 to 7.
EMOTIONS = ("neutral", "anger", "contempt", "disgust", "fear", "happy", "sad", "surprise")

#: Side of the face box, as a multiple of the larger extent of the landmarks, which end at the brows and the chin.
BOX = 1.25

_IMAGE, _LABEL, _LANDMARKS = (
    re.compile(
        r"(?P<head>(?:.*/)?)(?P<subject>S\d{2,3})/(?P<sequence>\d{3})/S\d{2,3}_\d{3}_(?P<frame>\d{4,8})"
        + end,
        re.IGNORECASE,
    )
    for end in (r"(?P<suffix>\.[^./]+)$", r"_emotion\.txt$", r"_landmarks\.txt$")
)


def open_sequences(source: Source) -> FaceTable:
    """CK+ as cohn-kanade-images/S005/001/S005_001_00000011.png and Emotion/S005/001/S005_001_00000011_emotion.txt.

    The face of a sequence is its last frame, the peak of the expression; the ledger counts sequences. Where there is a
    folder Landmarks, faces have landmarks and a square box around them; else each image is taken whole.

    Raises:
        AffectoscopeError: no sequence has a label.
    """
    listing = source.listing
    ledger, read = listing.ledger(), listing.reader()
    frames, labels, landmarks = (
        _of_sequences(listing.names, pattern) for pattern in (_IMAGE, _LABEL, _LANDMARKS)
    )
    columns: dict[str, list] = {"reference": [], "expression": [], "subject": []}
    points = []
    for sequence in sorted(frames.keys() | labels.keys()):
        ledger.read += 1
        frame, image = max(frames.get(sequence, {-1: ""}).items())
        reference = image or "/".join(sequence)
        if sequence not in labels:
            ledger.reject("sequence without label", reference)
            continue
        labelled, file = max(labels[sequence].items())
        if frame < labelled:  # the peak itself is not there
            ledger.reject(MISSING, reference)
            continue
        code = _read_code(read(file))
        if isinstance(code, str):
            ledger.reject(code, file)
            continue
        columns["reference"].append(image)
        columns["expression"].append(code)
        columns["subject"].append(sequence[0])
        at_peak = landmarks.get(sequence, {}).get(frame)
        points.append(_read_points(read(at_peak)) if at_peak else np.full((68, 2), np.nan, np.float32))
    if not points:
        raise AffectoscopeError(
            f"{listing.path} has no labelled CK+ sequence: {ledger.sentence()}. Expected the folder Emotion, with files such "
            "as S005/001/S005_001_00000011_emotion.txt, beside the folder of the images."
        )
    prefix = common_prefix({_IMAGE.match(image)["head"] for image in columns["reference"]})
    columns["reference"] = [image[len(prefix) :] for image in columns["reference"]]
    all_points = np.stack(points)
    return FaceTable(
        name=SPEC.name,
        title=f"{SPEC.title} (peak frames)",
        faces=as_face_frame(columns | _boxes(all_points)),
        ledger=ledger,
        read_image=listing.reader(prefix),
        landmarks=all_points if landmarks else None,
        note=SPEC.note,
    )


def _of_sequences(names: list[str], pattern: re.Pattern[str]) -> dict[tuple[str, str], dict[int, str]]:
    """(subject, sequence) -> frame -> file."""
    found: dict[tuple[str, str], dict[int, str]] = {}
    for name in names:
        match = pattern.match(name)
        if match and match.groupdict().get("suffix", ".png").lower() in IMAGE_SUFFIXES:
            sequence = match["subject"].upper(), match["sequence"]
            found.setdefault(sequence, {})[int(match["frame"])] = name
    return found


def _read_code(content: bytes) -> int | str:
    """AffectNet code of a label file such as '   3.0000000e+00', or the reason for which it has none."""
    try:
        number = float(content)
    except ValueError:
        return "unreadable annotation"
    return expression_code(EMOTIONS[int(number)]) if number in range(len(EMOTIONS)) else "unknown label"


def _read_points(content: bytes) -> np.ndarray:
    """(68, 2) landmarks of a file with x and y in each line; NaN where there are others."""
    try:
        points = np.array(content.split(), np.float32)
    except ValueError:
        points = np.empty(0, np.float32)
    return points.reshape(68, 2) if points.size == 136 else np.full((68, 2), np.nan, np.float32)


def _boxes(points: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of square boxes around (n, 68, 2) landmarks, BOX times as large; NaN without landmarks."""
    low, high = points.min(axis=1), points.max(axis=1)
    side = BOX * (high - low).max(axis=1)
    x, y = ((low + high) / 2 - side[:, None] / 2).T
    return {"box_x": x, "box_y": y, "box_width": side, "box_height": side}


SPEC = register(
    DatasetSpec(
        name="ckplus",
        title="CK+",
        layouts=(
            Layout(
                "ckplus",
                "cohn-kanade-images/S005/001/*.png, Emotion/S005/001/*_emotion.txt and, if there, Landmarks/",
                lambda source: most_match(source.listing, _IMAGE),
                open_sequences,
                labels="CK+'s codes 0 to 7 in *_emotion.txt, of the last frame",
            ),
        ),
        published={"": 327},
        published_labels={"": dict(zip(EMOTIONS[1:], (45, 18, 59, 25, 69, 28, 83), strict=True))},
        boxes=True,
        subjects=True,
        label_set=8,
        citation=(
            "P. Lucey, J. F. Cohn, T. Kanade, J. Saragih, Z. Ambadar, I. Matthews (2010), The Extended Cohn-Kanade Dataset (CK+): A "
            "Complete Dataset for Action Unit and Emotion-Specified Expression, IEEE Computer Society Conference on Computer Vision "
            "and Pattern Recognition Workshops, 94-101."
        ),
        note="CK+ has no official splits: those made here share no person. Only the last frame of a sequence is used.",
        limits=(
            "The labelled expressions of CK+ were posed in a laboratory, frontal and evenly lit: scores on it do not hold for "
            "spontaneous ones.",
        ),
    )
)
