"""Report section on the misclassified faces with the highest confidence."""

import numpy as np

from core.errors import AffectoscopeError
from core.metrics.text import percent
from core.report.document import Block, Face, Faces, Section, Table, Text
from core.report.review import Review

#: Number of faces shown.
SHOWN = 24

_CAPTION = "Confidence of the prediction, and probability of the annotated expression."


def worst_faces(review: Review) -> Section:
    """The most confident errors, with images if they may be redistributed, otherwise by reference."""
    predictions = review.predictions
    wrong = np.flatnonzero(~predictions.correct)
    order = wrong[np.argsort(-predictions.confidence[wrong], kind="stable")][:SHOWN]
    title = "Most confident errors"
    if not len(order):
        return Section("worst-faces", title, (Text("No face was misclassified."),))
    found = [_face(review, int(row)) for row in order]
    blocks: list[Block] = [
        Text(
            f"{len(wrong):,} of {len(predictions):,} faces were misclassified, {percent(len(wrong) / len(predictions))}. "
            f"{'This is the one' if len(wrong) == 1 else f'These are the {len(order)} with the highest confidence'}; "
            "their annotations are often doubtful as well."
        )
    ]
    images, why_not = _images(review)
    pictured = tuple(
        Face(f"{place}. {true}, predicted {predicted} ({percent(confidence, digits=0)})", images[reference])
        for place, (reference, true, predicted, confidence, _) in enumerate(found, 1)
        if reference in images
    )
    rows = tuple(
        (str(place), reference, true, predicted, percent(confidence), percent(of_true))
        for place, (reference, true, predicted, confidence, of_true) in enumerate(found, 1)
    )
    blocks += [
        Faces(pictured) if pictured else Text(why_not),
        Table(
            ("", "face", "annotated", "predicted", "confidence", "of the annotated"),
            rows,
            _CAPTION,
            words=(0, 1, 2, 3),
            faces=True,
        ),
    ]
    return Section("worst-faces", title, tuple(blocks))


def _face(review: Review, row: int) -> tuple[str, str, str, float, float]:
    """Reference, annotated and predicted expression, and the probabilities of the latter and the former."""
    predictions = review.predictions
    true, predicted = predictions.truth[row], predictions.predicted[row]
    return (
        str(predictions.frame["reference"].iloc[row]),
        predictions.labels[true],
        predictions.labels[predicted],
        float(predictions.confidence[row]),
        float(predictions.probabilities[row, true]),
    )


def _images(review: Review) -> tuple[dict[str, bytes], str]:
    """Images by reference, and the reason if there are none."""
    run, title = review.run, review.data("title")
    if review.data("redistributable") is not True:
        return {}, (
            f"Images are not shown, because {title} may not be redistributed; the references identify the faces in the "
            "data set."
        )
    if not run.has_thumbnails:
        return {}, "Images are not shown, because the run was trained with --thumbnails no."
    try:
        return run.thumbnails(), "Images are not shown: the run has no thumbnails of these faces."
    except (AffectoscopeError, OSError, ValueError, KeyError):  # pyarrow's errors are ValueErrors or OSErrors
        return {}, "Images are not shown, because the run's thumbnails cannot be read; train it again."
