"""Intended use, limits and prohibited use of a run."""

from core.metrics.scoring import Scores
from core.metrics.text import percent
from core.report.about import cited
from core.report.document import Items, Section, Text
from core.report.review import Review
from core.report.wording import few_faces, presence

#: An expression with fewer scored faces than this is named as resting on few.
FEW = 100

#: Parts of a review that may be missing, as they stand in a sentence.
_PARTS = {
    "calibration": "calibration",
    "abstention": "abstention",
    "robustness": "corrupted faces",
    "leaks": "near-duplicates of the scored faces among those trained on",
    "label_errors": "wrong labels among the scored faces",
    "training_label_errors": "wrong labels among the faces trained on",
}


def limits(review: Review) -> Section:
    """Section with the limits of the numbers."""
    run, scores = review.run, review.scores
    people = run.dataset.shows_people
    items: list[str | Text | None] = [
        f"All numbers are of {run.info['data']['title']}. On other cameras, other light, other ages and other people "
        "they may be worse: score the network on such faces before you rely on it there."
        if people
        else None,
        *(Text(limit, cited(run)) for limit in run.dataset.limits),
        few_faces(scores),
        presence(scores),
        _few(scores),
        "Who the people are, their age, sex, origin or health, is not annotated: whether the network treats them alike was "
        "not measured unless a slice above says so."
        if people
        else None,
        "Probabilities are the network's, not those of a feeling; what it has never seen, it still gives one of its "
        f"{len(run.labels)} names.",
        _not_measured(review),
    ]
    return Section("limits", "Limits", (Items(tuple(item for item in items if item)),), card=True)


def _not_measured(review: Review) -> str:
    """Which parts the run does not have; '' for none."""
    absent = [title for part, title in _PARTS.items() if part in review.missing]
    return (
        f"Not measured yet: {'; '.join(absent)}. Where a command gives it, its section names it."
        if absent
        else ""
    )


def _few(scores: Scores) -> str:
    """Which expressions rest on few faces; '' for none."""
    present = {label: scores.per_class[label].support for label in scores.present_labels}
    few = {label: faces for label, faces in present.items() if faces < FEW}
    if not few or scores.faces < 30:  # said already
        return ""
    if len(few) == len(present) > 1:
        return f"No expression has {FEW} scored faces: look at the intervals before you compare them."
    named = ", ".join(f"{label} ({faces:,})" for label, faces in few.items())
    return f"Few faces stand behind {named}: look at the intervals."


def intended(review: Review) -> Section:
    """Section with the intended use."""
    return Section(
        "use",
        "Intended use",
        (
            Items(
                (
                    "Research on expression recognition, and teaching how its networks are judged.",
                    "Comparing trainings on the same faces, and finding faces that are misclassified or mislabelled.",
                    "Naming the expression that annotators would see in a face, where a person looks at the answer and an "
                    "error hurts nobody.",
                )
            ),
            Text("This card follows the model cards of Mitchell and others.", ("model-cards",)),
        ),
        card=True,
    )


def unsound(review: Review) -> Section:
    """Section with the prohibited use and its reasons."""
    wrong = 1 - review.scores.headline["accuracy"].value
    return Section(
        "misuse",
        "Uses that are unlawful or unsound",
        (
            Text("A facial expression is not a felt emotion."),
            Items(
                (
                    Text(
                        "Inferring what somebody feels. People do smile when happy or scowl when angry more often than "
                        "by chance, but neither reliably nor only then: a review of the evidence found that what a face "
                        "does in an emotion varies across cultures, situations and within one person, and that the same "
                        "movements express several emotions, or none.",
                        ("barrett",),
                    ),
                    Text(
                        "Inferring emotions at work or in education. In the European Union the placing on the market, the "
                        "putting into service for this purpose and the use of AI systems that infer emotions of a natural "
                        "person in the areas of workplace and education institutions are prohibited, except for medical "
                        "or safety reasons (Article 5(1)(f)). Recital 44 names as key shortcomings of such systems their "
                        "limited reliability, the lack of specificity and the limited generalisability.",
                        ("ai-act",),
                    ),
                    Text(
                        "Recognising emotions elsewhere without what the law asks. Systems intended for emotion recognition "
                        "are high-risk AI systems (Annex III, point 1(c)); those who use one have to tell the people who "
                        "are exposed to it and to process their data lawfully (Article 50(3)). Naming a readily apparent "
                        "expression, such as a smile, becomes emotion recognition as soon as it is used to infer an emotion "
                        "(Recital 18).",
                        ("ai-act", "gdpr"),
                    ),
                    f"Judging single persons. {percent(wrong)} of these faces were misclassified, whoever they belong to: hiring, "
                    "grading, policing, lie detection, credit and diagnosis are no uses for it.",
                    "Acting without a person who looks at the face and can disagree.",
                )
            ),
            Text("This is a summary of the law for orientation and no legal advice."),
        ),
        card=True,
    )
