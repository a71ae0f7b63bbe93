"""Sentences of the page Leaks."""

import math

import pandas as pd

from core.analysis.leaks import LeakSummary
from core.data.near_duplicates import LISTED, MAX_DISTANCE
from core.metrics.text import PERCENT, POINTS, interval, percent
from core.runs.run import Run
from core.runs.tables import LEAKS
from dashboard.text.runs import is_drawn

#: Definition of near-duplicates, and the limits of the numbers.
MEANING = (
    f"Near-duplicates have perceptual hashes that differ in at most {MAX_DISTANCE} of 64 bits, mirror images included; "
    "check the pairs for false matches. Faces with near-duplicates may be easier for other reasons, so their higher score is "
    "not only memorisation."
)

#: Reason why a run with thumbnails of its scored faces needs a path.
ONLY_SCORED = (
    "This run has images of its scored faces, and of some training faces. Point Affectoscope at your own copy of the "
    "data to see the others."
)


def none_yet(run: Run) -> str:
    return (
        f"The scored faces of '{run.name}' have not been compared with those of the other splits yet. This command does so and "
        "saves the result with the run; the page shows it as soon as it is there:"
    )


def command(run: Run) -> str:
    command = LEAKS.command.replace(" R ", f" {run.name} ")
    return command.replace(" --data PATH", "") if is_drawn(run) else command


def metrics(summary: LeakSummary) -> list[tuple[str, str, str, str]]:
    """Title, accuracy, its interval and a description: for all scored faces, those that leak, the others, and the
    difference."""
    rows = [
        (
            title,
            PERCENT.text(scores.accuracy.value),
            interval(scores.accuracy, PERCENT),
            f"Accuracy on {scores.faces:,} faces.",
        )
        for title, scores in (
            ("All faces", summary.every),
            ("With a near-duplicate", summary.leaked),
            ("Without them", summary.without),
        )
    ]
    gain = summary.accuracy_gain
    if not math.isnan(gain.value):
        meaning = "Accuracy on all faces minus that without the faces that have a near-duplicate."
        rows.append(("Effect on accuracy", POINTS.text(gain.value), interval(gain, POINTS), meaning))
    return rows


def found(pairs: pd.DataFrame, shown: pd.DataFrame) -> str:
    """Number of pairs that pass the filters, and number of all pairs with different labels."""
    differ = int(pairs["labels_differ"].sum())
    labels = (
        "all have equal labels"
        if not differ
        else f"{differ:,} {'has' if differ == 1 else 'have'} different labels: where both show the same face, one label is likely wrong"
    )
    more = (
        f" Of a face with more than {LISTED} near-duplicates in a split, the nearest {LISTED} are listed."
        if (pairs["near_duplicates"] > LISTED).any()
        else ""
    )
    passing = "" if len(shown) == len(pairs) else f"{len(shown):,} of "
    return f"{passing}{len(pairs):,} {'pair' if len(pairs) == 1 else 'pairs'}; {labels}.{more}"


def format_scored(pair: pd.Series) -> str:
    """'test: fear → fear 81%'."""
    share = percent(pair["probability"], digits=0)
    return f"{pair['split']}: {pair['true']} → **{pair['predicted']}** {share}"


def format_other(pair: pd.Series) -> str:
    """'train: fear'."""
    return f"{pair['other_split']}: {pair['other_expression']}"


def format_distance(pair: pd.Series) -> str:
    """'3 of 64 bits differ'."""
    bits = int(pair["distance"])
    if not bits:
        return "same hash"
    return f"{bits} of 64 bits differ"
