"""Results of a run: headline metrics, expressions, confusions, pairs, valence and arousal, corrupted faces."""

import numpy as np
import pandas as pd

from core.analysis.robustness import CLEAN, mean_accuracy
from core.errors import AffectoscopeError
from core.metrics.estimate import Estimate
from core.metrics.headline import HEADLINES
from core.metrics.text import UNKNOWN, count_faces, percent, span, with_interval
from core.report.document import Block, Cards, Caution, Figure, Items, Section, Table, Text, missing_section
from core.report.figures import scores as figures
from core.report.review import Review
from core.report.score_tables import (
    confusion_cells,
    headlines_as_text,
    pairwise_cells,
    per_class_long,
    strongest_confusions,
)
from core.report.wording import M_IS, confusion, few_faces, interval_method, interval_note, presence
from core.runs.recipes import seed_statistics
from core.runs.run import Run
from core.runs.test_time_augmentation import DESCRIPTIONS


def cards(review: Review) -> Cards:
    """The numbers that a user looks for first."""
    rows = headlines_as_text(review.scores)
    return Cards(tuple((metric.title, value, ends) for metric, value, ends in rows if metric.compared))


def headline(review: Review) -> Section:
    """Every headline number with its interval."""
    scores = review.scores
    rows = [
        (metric.title, value, ends, interval_method(scores, metric.name), metric.meaning)
        for metric, value, ends in headlines_as_text(scores)
    ]
    cautions = [Caution(caution) for caution in (few_faces(scores), presence(scores)) if caution]
    return Section(
        "numbers",
        "Numbers",
        (
            Text(
                f"On {count_faces(scores.faces)} of the split '{review.split}', "
                f"{_pass_over(review.run)}, the most probable "
                "expression taken as the answer."
            ),
            *cautions,
            Table(("number", "value", "95% interval", "method", "what it is"), tuple(rows), words=(0, 3, 4)),
            Text(
                f"{interval_note(scores)} They say how far the numbers depend on which faces were tested, not how far they "
                "depend on the training: another seed gives another network.",
                ("wilson", "bootstrap", "delong", "hand-till"),
            ),
        ),
        card=True,
    )


def over_seeds(review: Review) -> Section | None:
    """The headline numbers over the runs that differ in the seed only; None if there are none or one is damaged."""
    if review.recipe is None:
        return None
    runs = review.recipe.runs
    try:
        statistics = seed_statistics([run.scores for run in runs])
    except (AffectoscopeError, OSError):
        return None
    forms = [(HEADLINES[row["name"]], row) for _, row in statistics.iterrows()]
    rows = tuple(
        (
            metric.title,
            metric.format.text(row["mean"]),
            metric.format.text(row["deviation"]),
            span(row["low"], row["high"], metric.format) or UNKNOWN,
        )
        for metric, row in forms
    )
    return Section(
        "seeds",
        "Other seeds",
        (
            Text(
                f"{len(runs)} runs have the same options and scored faces and differ in the seed only: "
                f"{', '.join(run.name for run in runs)}."
            ),
            Table(("number", "mean", "standard deviation", "range"), rows),
        ),
        card=True,
    )


def expressions(review: Review) -> Section:
    """Precision, recall and F1 of each expression."""
    scores, table = review.scores, per_class_long(review.scores)
    rows = tuple(
        (
            label,
            f"{row.support:,}",
            *(with_interval(each) for each in (row.precision, row.recall, row.f1, row.auc)),
        )
        for label, row in scores.per_class.items()
    )
    blocks: list[Block] = []
    if len(table):
        blocks.append(
            Figure(
                "expressions",
                lambda: figures.per_class(table),
                f"Precision, recall and F1 of {len(scores.present_labels)} expressions; the same numbers are in the "
                "table below.",
                "Per cent; points are values, bars their 95% intervals.",
            )
        )
    head = ("expression", "faces", "precision", "recall", "F1", "area under ROC")
    blocks.append(Table(head, rows, "95% intervals in brackets. A dash cannot be computed on these faces."))
    return Section("expressions", "Expressions one by one", tuple(blocks), card=True)


def confusions(review: Review) -> Section:
    """Section with the confusion matrix."""
    scores = review.scores
    cells = confusion_cells(scores.confusion, scores.labels)
    strongest = strongest_confusions(cells, limit=8)
    shares = tuple(f"{confusion(row)}." for _, row in strongest.iterrows())
    counts = tuple(
        (label, *(f"{count:,}" for count in row))
        for label, row in zip(scores.labels, scores.confusion.tolist(), strict=True)
    )
    first = f" The strongest confusion: {confusion(strongest.iloc[0])}." if len(strongest) else ""
    blocks: list[Block] = [
        Figure(
            "confusions",
            lambda: figures.confusion(cells, scores.labels),
            f"Confusion matrix of {len(scores.labels)} expressions, true ones in rows, predicted ones in columns, in per "
            f"cent of the true one.{first}",
            "Per cent of the true expression's faces; counts under the pointer. Blue: correct; red: misclassified, on a "
            "scale of its own.",
        ),
        Items(shares) if shares else Text("No face was misclassified."),
        Table(("true \\ predicted", *scores.labels), counts, "Faces: true expressions in rows."),
    ]
    return Section("confusions", "Confusions", tuple(blocks), card=True)


def pairs(review: Review) -> Section:
    """Section with the pairwise A matrix of the M measure."""
    scores = review.scores
    cells = pairwise_cells(scores)
    meaning = Text(f"{M_IS}.", ("hand-till",))
    order = {label: place for place, label in enumerate(scores.labels)}
    once = cells[cells["first"].map(order) < cells["second"].map(order)].sort_values("value", kind="stable")
    if once.empty:
        return Section(
            "pairs",
            "Pairs of expressions",
            (meaning, Text("The scored faces have one expression: there is no pair.")),
        )
    rows = tuple(
        (f"{row.first} and {row.second}", with_interval(Estimate(row.value, row.low, row.high)))
        for row in once.head(8).itertuples()
    )
    return Section(
        "pairs",
        "Pairs of expressions",
        (
            meaning,
            Text(f"M is {with_interval(scores.headline['m_measure'])}."),
            Figure(
                "pairs",
                lambda: figures.pairwise(cells, scores.labels),
                f"Matrix of A for {len(once)} pairs of expressions, from {once['value'].min():.3f} to "
                f"{once['value'].max():.3f}; the weakest are in the table below.",
                "A of each pair; the redder, the harder to tell apart.",
            ),
            Table(("pair", "A (95% interval)"), rows, "The pairs that are hardest to tell apart."),
        ),
    )


def affect(review: Review) -> Section | None:
    """Valence and arousal, where the network predicts them."""
    if not review.scores.affect:
        return None
    names = {"rmse": "RMSE", "ccc": "CCC", "pearson": "Pearson's r", "sagr": "sign agreement"}
    rows = tuple(
        (dimension, f"{numbers['faces']:,}", *(with_interval(numbers[name]) for name in names))
        for dimension, numbers in review.scores.affect.items()
    )
    return Section(
        "affect",
        "Valence and arousal",
        (
            Text(
                "Both run from -1 to 1. The concordance correlation coefficient (CCC) is 1 where every prediction equals "
                "its annotation, 0 where they have nothing to do with each other; sign agreement is the share of faces "
                "where both have the same sign.",
                ("lin",),
            ),
            Table(("", "faces", *names.values()), rows, "95% intervals in brackets."),
        ),
        card=True,
    )


def robustness(review: Review) -> Section:
    """Accuracy on corrupted faces."""
    title, cites = "Corrupted faces", ("corruptions",)
    if review.robustness is None:
        return missing_section(review, "robustness", title)
    table, about = review.robustness
    clean = table[table["corruption"] == CLEAN]["accuracy"]
    corrupted = table[table["corruption"] != CLEAN]
    if clean.empty or corrupted.empty:
        return Section(
            "robustness", title, (Text("What was measured of it holds no accuracy; measure it again."),)
        )
    wide = corrupted.pivot_table(index="corruption", columns="strength", values="accuracy", sort=False)
    wide = wide.assign(mean=wide.mean(axis=1)).sort_values("mean")
    rows = tuple(
        (str(name), *(percent(share) for share in row)) for name, row in zip(wide.index, wide.to_numpy())
    )
    head = ("corruption", *(f"severity {severity}" for severity in wide.columns[:-1]), "mean")
    averaged = DESCRIPTIONS[about["test_time_augmentation"]]
    on = f"{about.get('data', 'unnamed data')}, split {about.get('split', 'not named')}{averaged and f', {averaged}'}"
    return Section(
        "robustness",
        title,
        (
            Text(
                f"Accuracy is {percent(clean.iloc[0])} on the faces as they are and {percent(mean_accuracy(table))} on "
                f"average when they are corrupted on purpose ({on}).",
                cites,
            ),
            Table(head, rows, "Accuracy under each corruption, the hardest first."),
        ),
        card=True,
    )


def weakest(review: Review) -> str:
    """Which expressions are read best and worst, by F1; '' where there are fewer than two."""
    known = {
        label: row.f1.value for label, row in review.scores.per_class.items() if not np.isnan(row.f1.value)
    }
    if len(known) < 2:
        return ""
    ranked = pd.Series(known).sort_values()
    return (
        f"By F1, {ranked.index[-1]} is read best ({ranked.iloc[-1]:.3f}) and {ranked.index[0]} worst "
        f"({ranked.iloc[0]:.3f}, {review.scores.per_class[ranked.index[0]].support:,} faces)."
    )


def _pass_over(run: Run) -> str:
    """What the outputs were averaged over, in words."""
    if not run.has_network:
        return "predicted elsewhere"
    return DESCRIPTIONS[run.test_time_augmentation] or "one pass over each face"
