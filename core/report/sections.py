"""Sections of the report, in order."""

from core.analysis.calibration.wording import calibration_findings
from core.analysis.data_inspection.inspection import recorded_verdict
from core.analysis.slices.findings import slice_findings
from core.metrics.text import count_faces
from core.report import about, confidence, faces, numbers, trust, uses
from core.report.document import Block, Caution, Items, Section
from core.report.review import Review
from core.report.score_tables import confusion_cells, strongest_confusions
from core.report.wording import confusion, few_faces, presence


def sections(review: Review) -> list[Section]:
    """All sections of the report; sections that do not apply to the run are left out."""
    order = (
        findings,
        about.data,
        trust.protocol,
        numbers.headline,
        numbers.over_seeds,
        numbers.expressions,
        numbers.confusions,
        numbers.pairs,
        numbers.affect,
        trust.comparison,
        confidence.calibration,
        confidence.abstention,
        numbers.robustness,
        trust.slices,
        trust.leaks,
        trust.label_errors,
        faces.worst_faces,
        about.training,
        uses.limits,
        uses.intended,
        uses.unsound,
        about.reproduction,
    )
    return [section for make in order if (section := make(review)) is not None]


def findings(review: Review) -> Section:
    """Summary of the report."""
    scores, verdict = review.scores, recorded_verdict(review.run)
    cautions = [
        review.run.dataset.caution,
        verdict.sentence if verdict and verdict.problems else "",
        few_faces(scores),
        presence(scores),
    ]
    strongest = strongest_confusions(confusion_cells(scores.confusion, scores.labels), limit=1)
    sentences = [
        f"Scored on {count_faces(scores.faces)} ({review.data('title')}, split '{review.split}') with "
        f"{len(scores.labels)} labels; 95% intervals under the numbers.",
        review.comparison.verdict() if review.comparison else "",
        numbers.weakest(review),
        f"The strongest confusion: {confusion(strongest.iloc[0])}." if len(strongest) else "",
        *(slice_findings(review.slices)[:1] if review.slices and review.slices.tables else []),
        review.leaks.summary.sentence() if review.leaks else "",
        calibration_findings(review.calibration)[0] if review.calibration else "",
        review.label_errors.sentence() if review.label_errors else "",
    ]
    blocks: list[Block] = [Caution(caution) for caution in cautions if caution]
    blocks.append(numbers.cards(review))
    blocks.append(Items(tuple(sentence for sentence in sentences if sentence)))
    return Section("findings", "In short", tuple(blocks), card=True)
