"""Sentences and tables in words of the page Protocol."""

import numpy as np
import pandas as pd

from core.analysis.detection import MIN_OVERLAP, DetectedScores
from core.analysis.protocol import Protocol
from core.analysis.selective.abstention import NO_EXPRESSION, Abstention, Accepted
from core.metrics.text import percent, span
from core.photos.face_classifier import MIN_CONFIDENCE
from core.runs.run import Run
from core.runs.test_time_augmentation import DESCRIPTIONS

LEDGER = (
    "Every row of the data, from those read to the faces scored. Left: faces that remain after each step."
)

CONFIDENCE = (
    "Confidence is the highest probability, after the run's temperature: as `core.predict` and the Live page show it. "
    f"Both abstain ('not sure') below {percent(MIN_CONFIDENCE, digits=0)}."
)

SEPARATION = (
    "AUROC: probability that a scored face has a higher confidence than a face of that label, ties counting one half "
    "(50%: no separation). Its intervals are from 1,000 bootstrap resamples of the faces, those of shares "
    "Wilson's."
)

RISK_COVERAGE = (
    "Faces are accepted in order of confidence, most confident first. Where confidence ranks errors last the curve "
    "stays low until high coverage; uninformative confidence gives a level curve (Geifman & El-Yaniv 2017). Dotted: the "
    "optimal ranking of the scored faces, every error last."
)

WITH_OUT_OF_SET = (
    " With out-of-set faces, each accepted one counts as an error; their share is that of this data, not of other "
    "photos."
)

COVERAGES = (
    "The most confident faces up to that share of the scored ones, ties together. In brackets Wilson 95% "
    "intervals."
)

RISKS = (
    "In brackets the confidence. Largest coverage: chosen on these faces, so slightly optimistic. Guaranteed: on new faces "
    "of the same kind the share of errors stays below the limit with probability 95% (selection with guaranteed risk, "
    "Geifman & El-Yaniv 2017)."
)


def inconsistency(protocol: Protocol) -> str:
    """Warning where the counts of run.json are inconsistent; else ''."""
    if not protocol.unaccounted:
        return ""
    return (
        f"The counts of this run are inconsistent: {abs(protocol.unaccounted):,} rows are counted "
        f"{'nowhere' if protocol.unaccounted > 0 else 'twice'}. Score the data again with core.evaluate for complete counts."
    )


def no_out_of_set(run: Run, abstention: Abstention) -> str:
    """Reason why there are no out-of-set faces."""
    if abstention.not_kept and not run.has_network:
        return (
            f"The table of run '{run.name}' has no predictions of the {abstention.not_kept:,} {abstention.split} faces whose "
            "labels are outside its label set. Import one that has them:"
        )
    if abstention.not_kept:
        return (
            f"Run '{run.name}' has no predictions of the {abstention.not_kept:,} {abstention.split} faces whose labels are "
            "outside its label set. This command adds them; the page shows them as soon as they are there:"
        )
    own = [label for label in NO_EXPRESSION if label in run.labels]
    if own:
        return (
            f"{', '.join(own).capitalize()} are labels of this network: it abstains by predicting them, and the pages "
            "Confusion and Per class show how accurately."
        )
    return (
        f"All {abstention.split} faces of {run.info['data']['title']} have labels of the network: there is none on "
        "which it should abstain."
    )


def accepted(abstention: Abstention, at: Accepted) -> str:
    """Sentences on the faces that a threshold accepts."""
    if not at.scored and not at.accepted_out_of_set:
        return f"No face has a confidence of {percent(at.threshold, digits=0)} or more."
    sentence = (
        f"At a confidence of {percent(at.threshold, digits=0)} or more, {at.scored:,} of {len(abstention.confidence):,} scored faces "
        "are accepted"
    )
    sentence += f", {at.errors:,} of them misclassified." if at.scored else "."
    if not abstention.groups:
        return sentence
    each = ", ".join(
        f"{percent(at.out_of_set[group.name].value)} of {group.name}"
        for group in abstention.groups
        if group.labels == (group.name,)
    )
    return (
        f"{sentence} So are {at.accepted_out_of_set:,} of {len(abstention.out_of_set):,} out-of-set faces ({each}). With "
        f"those, {percent(at.risk_with_out_of_set.value)} of the accepted predictions are wrong."
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

    def format_coverage(coverage: float, threshold: float) -> str:
        if np.isnan(threshold):
            return "none"
        return f"{percent(coverage)} (≥ {threshold:.3f})"

    return pd.DataFrame(
        {
            "errors at most": [percent(risk, digits=0) for risk in table["risk"]],
            "largest coverage": [format_coverage(row.coverage, row.threshold) for row in table.itertuples()],
            "guaranteed": [
                format_coverage(row.guaranteed_coverage, row.guaranteed_threshold)
                for row in table.itertuples()
            ],
        }
    )


def detected(scores: DetectedScores, protocol: Protocol) -> str:
    """Faces that the detector was evaluated on, and the overlap of its boxes with the annotated ones."""
    faces = sum(scores.faces.values())
    same = (scores.data, scores.split, faces) == (protocol.data, protocol.split, protocol.faces)
    of = (
        "The scored faces"
        if same
        else f"{scores.data}, {faces:,} {scores.split} faces (not those that the run was scored on)"
    )
    averaged = DESCRIPTIONS[scores.test_time_augmentation]
    return (
        f"{of}, located by the detector{averaged and f', {averaged}'}. A face is found where a detected box has an "
        f"intersection over union of {MIN_OVERLAP:g} or more with its annotated box; of the faces found the median overlap is "
        f"{'not known' if np.isnan(scores.median_overlap) else f'{scores.median_overlap:.2f}'}. Wilson 95% intervals."
    )


def not_detected(run: Run, protocol: Protocol) -> str:
    """Reason why the detector has not been evaluated."""
    if protocol.boxes == "annotated":
        return (
            f"The scores of run '{run.name}' are of annotated face boxes. In use the detector finds the faces; this command "
            "evaluates it, and the page shows the result as soon as it is there:"
        )
    return (
        f"The images of {protocol.data} are cropped faces, so these scores do not include the misses of the detector in "
        "photos. On data with face boxes this command evaluates it:"
    )


def detection_command(run: Run) -> str:
    return f"python -m core.evaluate --run {run.name} --data PATH --detect"
