"""Near-duplicates of scored faces in other splits, in words."""

import math

import pandas as pd

from core.analysis.leaks import LeakSummary
from core.data.near_duplicates import LISTED, MAX_DISTANCE
from core.metrics.text import PERCENT, POINTS, interval, percent
from core.runs.run import Run
from core.runs.tables import LEAKS
from dashboard.text.runs import is_drawn

#: What the pairs are, and what the numbers do not say.
MEANING = (
    f"Near-duplicates have perceptual hashes that differ in at most {MAX_DISTANCE} of 64 bits, mirror images included: "
    "look at the pairs before you trust it. Faces that come in several copies may be easier for other reasons too, so "
    "their score is not all memory."
)

#: Why a run with thumbnails of its scored faces asks for a path.
ONLY_SCORED = (
    "This run holds images of its scored faces, and of some training faces. Point Affectoscope at your own copy of the "
    "data to see the others beside them."
)


def none_yet(run: Run) -> str:
    return (
        f"The scored faces of '{run.name}' have not been compared with those of the other splits yet. This does it and "
        "keeps the result with the run; the page shows it as soon as it is there:"
    )


def command(run: Run) -> str:
    known = LEAKS.renew.replace(" R ", f" {run.name} ")
    return known.replace(" --data PATH", "") if is_drawn(run) else known


def metrics(summary: LeakSummary) -> list[tuple[str, str, str, str]]:
    """Title, accuracy, its interval and what it is on, of all scored faces, those that leak and the others; and the
    difference."""
    told = [
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
        worth = "Accuracy on all faces less that without the faces that have a near-duplicate."
        told.append(("What they are worth", POINTS.text(gain.value), interval(gain, POINTS), worth))
    return told


def found(pairs: pd.DataFrame, shown: pd.DataFrame) -> str:
    """How many pairs pass the filters, and how many of all have two labels."""
    differ = int(pairs["labels_differ"].sum())
    labels = (
        "all agree in their label"
        if not differ
        else f"{differ:,} {'has' if differ == 1 else 'have'} two different labels: where both show the same face, one label is likely wrong"
    )
    more = (
        f" Of a face with more than {LISTED} near-duplicates in a split, the nearest {LISTED} are listed."
        if (pairs["near_duplicates"] > LISTED).any()
        else ""
    )
    passing = "" if len(shown) == len(pairs) else f"{len(shown):,} of "
    return f"{passing}{len(pairs):,} {'pair' if len(pairs) == 1 else 'pairs'}; {labels}.{more}"


def scored(pair: pd.Series) -> str:
    """'test: fear → fear 81%'."""
    share = percent(pair["probability"], digits=0).replace(" ", "\u00a0")
    return f"{pair['split']}: {pair['true']} → **{pair['predicted']}** {share}"


def other(pair: pd.Series) -> str:
    """'train: fear'."""
    return f"{pair['other_split']}: {pair['other_expression']}"


def distance(pair: pd.Series) -> str:
    bits = int(pair["distance"])
    if not bits:
        return "same hash"
    return f"{bits} of 64 bits differ"
