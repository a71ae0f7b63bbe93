"""Sentences of the page Votes."""

import math

from core.analysis.votes import VoteReview
from core.metrics.text import count_faces, interval, percent, with_interval
from core.metrics.vote_scores import VOTE_METRICS, VoteScores
from core.runs.calibration import upgrade_command
from core.runs.run import Run
from core.runs.tables import VOTES
from dashboard.tables.votes import AGREE, DISAGREE

#: Definition of the chart.
AGREEMENT = (
    "Agreement is the share of a face's votes that its most chosen label has. Accuracy is against the majority, on faces "
    "that have one; the bars are its 95% interval (Wilson). The line of one annotator is the expected agreement with the "
    "majority of the others on the same faces, where a tie of t labels counts 1/t."
)


def none_yet(run: Run) -> str:
    return (
        f"No votes are kept with run '{run.name}'. Where the data holds the votes of several annotators or soft labels for the "
        "faces that the run was scored on, this command keeps them (FERPlus's fer2013new.csv is found beside FER2013, or named "
        "with --votes); the page shows them as soon as they are there:"
    )


def command(run: Run) -> str:
    if not run.has_network:
        return f"{upgrade_command(run)} --votes fer2013new.csv"
    return VOTES.command.replace(" R ", f" {run.name} ")


def summary(review: VoteReview) -> str:
    """Faces with votes, and votes per face."""
    scores = review.scores
    each = f"{scores.annotators:.1f} votes per face" if scores.counts else "a soft label each"
    return (
        f"{review.data or 'The data'} has votes on {scores.faces:,} of the {count_faces(review.scored)} that were scored, "
        f"{each}. {count_faces(scores.with_majority).capitalize()} have a majority for one of the network's labels."
    )


def finding(review: VoteReview) -> str:
    """Network and people side by side, and whether they are unsure on the same faces."""
    numbers = review.scores.numbers
    accuracy, ceiling = (numbers[name].value for name in ("majority_accuracy", "human_ceiling_decided"))
    parts = []
    if not math.isnan(ceiling) and not math.isnan(accuracy):
        parts.append(
            f"Where there is a majority, the network agrees with it on {percent(accuracy)} of the faces, and one annotator "
            f"with the majority of the others on {percent(ceiling)}."
        )
    correlation = numbers["entropy_correlation"]
    if math.isnan(correlation.value):
        return " ".join(parts)
    known = not math.isnan(correlation.low)
    where = (
        "unsure on the faces that people disagree on"
        if known and correlation.low > 0
        else "surer on the faces that people disagree on"
        if known and correlation.high < 0
        else "not shown to be unsure on the faces that people disagree on"
    )
    form = VOTE_METRICS["entropy_correlation"].format
    return " ".join(
        [*parts, f"The network is {where}: Spearman {with_interval(correlation, form, level=True)}."]
    )


def metrics(scores: VoteScores) -> list[tuple[str, str, str]]:
    """Name, value and interval of each number that can be computed."""
    return [
        (name, metric.format.text(scores.numbers[name].value), interval(scores.numbers[name], metric.format))
        for name, metric in VOTE_METRICS.items()
        if not math.isnan(scores.numbers[name].value)
    ]


def accepted(scores: VoteScores) -> str:
    without = (
        ""
        if scores.counts
        else " Soft labels name no annotators, so that there is no human ceiling and no alpha."
    )
    return (
        f"A label is accepted from {percent(scores.accepted_share, digits=0)} of the votes on. Votes for labels that the "
        f"network does not have count, except in cross-entropy and KL divergence, which renormalise the others.{without}"
    )


def found(choice: str, faces: int) -> str:
    """Number of faces of a selection, and what it means."""
    rule = (
        f"at least {percent(AGREE, digits=0)} of the votes for one label, and the network less sure than on half of the faces"
        if choice == "agreed"
        else f"no label with more than {percent(DISAGREE, digits=0)} of the votes"
    )
    network = {
        "unsure": ", and the network less sure than on half of the faces",
        "sure": ", and the network surer",
    }
    return f"{count_faces(faces).capitalize()}: {rule}{network.get(choice, '')}."
