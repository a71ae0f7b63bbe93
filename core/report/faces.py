"""The faces that the network misread and was surest about."""

import numpy as np

from core.errors import AffectoscopeError
from core.metrics.text import percent
from core.report.document import Block, Face, Faces, Section, Table, Text
from core.report.review import Review

#: How many are shown.
SHOWN = 24

_CAPTION = "How sure the network was of its reading, and what probability it gave the annotated expression."


def worst_faces(review: Review) -> Section:
    """The surest errors: with pictures where those may be passed on, else by reference."""
    predictions = review.predictions
    wrong = np.flatnonzero(~predictions.correct)
    order = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:SHOWN]
    title = "The surest errors"
    if not len(order):
        return Section("worst-faces", title, (Text("No face was misread."),))
    found = [_face(review, int(row)) for row in order]
    blocks: list[Block] = [
        Text(
            f"{len(wrong):,} of {len(predictions):,} faces were misread, {percent(len(wrong) / len(predictions))}. "
            f"{'This is the one' if len(wrong) == 1 else f'These are the {len(order)} that the network was surest of'}: "
            "often the annotation is as doubtful as the reading."
        )
    ]
    images, why_not = _images(review)
    pictured = tuple(
        Face(f"{place}. {true}, read as {read} ({percent(sure, digits=0)})", images[reference])
        for place, (reference, true, read, sure, _) in enumerate(found, 1)
        if reference in images
    )
    rows = tuple(
        (str(place), reference, true, read, percent(sure), percent(of_true))
        for place, (reference, true, read, sure, of_true) in enumerate(found, 1)
    )
    blocks += [
        Faces(pictured) if pictured else Text(why_not),
        Table(
            ("", "face", "annotated", "read as", "sure", "of the annotated"),
            rows,
            _CAPTION,
            words=(0, 1, 2, 3),
            faces=True,
        ),
    ]
    return Section("worst-faces", title, tuple(blocks))


def _face(review: Review, row: int) -> tuple[str, str, str, float, float]:
    """Reference, annotated and read expression, the probabilities of the read and of the annotated one."""
    predictions = review.predictions
    true, read = predictions.truth[row], predictions.predicted[row]
    return (
        str(predictions.frame["reference"].iloc[row]),
        predictions.labels[true],
        predictions.labels[read],
        float(predictions.confidence[row]),
        float(predictions.probabilities[row, true]),
    )


def _images(review: Review) -> tuple[dict[str, bytes], str]:
    """Pictures by reference, none unless they may be passed on; and why there are none."""
    run, title = review.run, review.data("title")
    if review.data("redistributable") is not True:
        return {}, (
            f"No picture is shown, because {title} may not be redistributed; whoever has the data finds the faces by "
            "their references."
        )
    if not run.has_thumbnails:
        return {}, "No picture is shown, because the run was trained with thumbnails switched off."
    try:
        return run.thumbnails(), "No picture is shown: the run keeps none of these faces."
    except (AffectoscopeError, OSError, ValueError, KeyError):  # pyarrow's errors are ValueErrors or OSErrors
        return {}, "No picture is shown, because the run's thumbnails cannot be read; train it again."
