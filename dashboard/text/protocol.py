"""Which faces a score is of, and what abstaining would change."""

import numpy as np
import pandas as pd

from core.analysis.detection import MIN_OVERLAP, DetectedScores
from core.analysis.protocol import Protocol
from core.analysis.selective.abstention import NO_EXPRESSION, Abstention, Accepted
from core.metrics.text import percent, span
from core.photos.face_classifier import SURE
from core.runs.run import Run
from core.runs.test_time_augmentation import DESCRIPTIONS

LEDGER = (
    "Every row of the data, from what was read to what was scored. Left: faces that remain after each row."
)

CONFIDENCE = (
    "Confidence is the highest probability, after the run's temperature: what `core.predict` and the Live page show. "
    f"Both answer 'not sure' below {percent(SURE, digits=0)}."
)

SEPARATION = (
    "Separation: how often a scored face has a higher confidence than a face of that label, ties counting one half (the "
    "area under the ROC curve; 50% is guessing). Intervals of it are from 1,000 resamples of the faces of each label, "
    "those of shares Wilson's."
)

RISK_COVERAGE = (
    "From the left: the surest faces first. A network that knows when it errs rises late; one whose confidence means "
    "nothing runs level (Geifman & El-Yaniv 2017). Dotted: the scored faces with every error last, the best that any "
    "confidence could do."
)

WITH_OUT_OF_SET = (
    " With out-of-set faces, each of them that is accepted counts as an error; their share among the faces is that of this "
    "data and not of photos elsewhere."
)

COVERAGES = (
    "The surest faces up to that share of the scored ones, equally sure ones together. In brackets Wilson's 95% "
    "intervals."
)

RISKS = (
    "In brackets the confidence. Widest coverage: chosen on these faces, so a little optimistic. Guaranteed: on new faces "
    "of the same kind the share of errors stays below the limit with a chance of 95% (selection with guaranteed risk, "
    "Geifman & El-Yaniv 2017)."
)


def contradiction(protocol: Protocol) -> str:
    """Where run.json's numbers do not add up; else ''."""
    if not protocol.unaccounted:
        return ""
    return (
        f"The ledger of this run does not add up: {abs(protocol.unaccounted):,} rows are counted "
        f"{'nowhere' if protocol.unaccounted > 0 else 'twice'}. Score the data again with core.evaluate to see all of them."
    )


def no_outside(run: Run, abstention: Abstention) -> str:
    """Why there is no out-of-set face to look at."""
    if abstention.not_kept:
        return (
            f"Run '{run.name}' keeps nothing of the {abstention.not_kept:,} {abstention.split} faces whose labels its "
            "network does not know. This makes up for it; the page shows them as soon as they are there:"
        )
    own = [label for label in NO_EXPRESSION if label in run.labels]
    if own:
        return (
            f"{', '.join(own).capitalize()} are labels of this network's own: it abstains by naming them, and the pages "
            "Confusion and Per class tell how well."
        )
    return (
        f"All {abstention.split} faces of {run.info['data']['title']} have labels that the network knows: there is none "
        "on which it should abstain altogether."
    )


def upgrade_command(run: Run) -> str:
    return f"python -m core.upgrade --run {run.name} --data PATH"


def accepted(abstention: Abstention, at: Accepted) -> str:
    """What a threshold accepts, in a sentence or two."""
    if not at.scored and not at.accepted_out_of_set:
        return f"No face has a confidence of {percent(at.threshold, digits=0)} or more."
    told = (
        f"At a confidence of {percent(at.threshold, digits=0)} or more the network answers for {at.scored:,} of "
        f"{len(abstention.confidence):,} scored faces"
    )
    told += f" and is wrong on {at.errors:,} of them." if at.scored else "."
    if not abstention.groups:
        return told
    each = ", ".join(
        f"{percent(at.out_of_set[group.name].value)} of {group.name}"
        for group in abstention.groups
        if group.labels == (group.name,)
    )
    return (
        f"{told} It also names an expression for {at.accepted_out_of_set:,} of {len(abstention.out_of_set):,} faces that have "
        f"none of its labels ({each}). With those, {percent(at.risk_with_out_of_set.value)} of its answers are wrong."
    )


def coverages(table: pd.DataFrame) -> pd.DataFrame:
    """An `at_coverages` table as it is shown."""
    return pd.DataFrame(
        {
            "accepted": [f"{percent(coverage, digits=0)}" for coverage in table["coverage"]],
            "confidence from": [f"{threshold:.3f}" for threshold in table["threshold"]],
            "errors": [f"{percent(row.risk)} ({span(row.low, row.high)})" for row in table.itertuples()],
        }
    )


def risks(table: pd.DataFrame) -> pd.DataFrame:
    """An `at_risks` table as it is shown."""

    def told(coverage: float, threshold: float) -> str:
        if np.isnan(threshold):
            return "none"
        return f"{percent(coverage)} (≥ {threshold:.3f})"

    return pd.DataFrame(
        {
            "errors at most": [f"{percent(risk, digits=0)}" for risk in table["risk"]],
            "widest coverage": [told(row.coverage, row.threshold) for row in table.itertuples()],
            "guaranteed": [
                told(row.guaranteed_coverage, row.guaranteed_threshold) for row in table.itertuples()
            ],
        }
    )


def detected(scores: DetectedScores, protocol: Protocol) -> str:
    """What the numbers of the detector are of, and how its boxes lie; told where that is other data than the run's."""
    faces = sum(scores.faces.values())
    same = (scores.data, scores.split, faces) == (protocol.data, protocol.split, protocol.faces)
    of = (
        "The scored faces"
        if same
        else f"{scores.data}, {faces:,} {scores.split} faces (not those that the run was scored on)"
    )
    averaged = DESCRIPTIONS[scores.test_time_augmentation]
    return (
        f"{of}, located by the detector{averaged and f', {averaged}'}. A face is found where a detected box and its annotated one overlap by "
        f"{MIN_OVERLAP:g} or more (intersection over union); of the faces found the median overlap is "
        f"{'not known' if np.isnan(scores.median_overlap) else f'{scores.median_overlap:.2f}'}. Intervals are Wilson's."
    )


def not_detected(run: Run, protocol: Protocol) -> str:
    """Why nothing is known of the detector on these faces."""
    if protocol.boxes == "annotated":
        return (
            f"The scores of run '{run.name}' are of faces whose place in the photo was annotated. In use the detector has "
            "to find them; this counts what it misses, and the page shows the result as soon as it is there:"
        )
    return (
        f"The images of {protocol.data} are cropped faces: nothing had to be found, so these scores say nothing of what "
        "the detector would miss in photos. On data with face boxes this tells:"
    )


def detection(run: Run) -> str:
    return f"python -m core.evaluate --run {run.name} --data PATH --detect"
