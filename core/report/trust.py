"""Report sections on protocol, slices, leaks, label errors and the comparison with another run."""

import pandas as pd

from core.analysis.comparison.runs import comparison_methods
from core.analysis.label_errors import LabelErrors
from core.analysis.slices.findings import slice_findings
from core.analysis.slices.tables import SliceReview, SliceTable
from core.metrics.estimate import Estimate
from core.metrics.headline import HEADLINES
from core.metrics.text import POINTS, SMALL_DIFFERENCE, number, percent, with_interval
from core.report.document import Block, Commands, Figure, Items, Section, Table, Text, absent, missing_section
from core.report.figures import comparison as comparison_figures
from core.report.figures import slices as slice_figures
from core.report.review import Review, command_of
from core.runs.tables import ATTRIBUTES

#: Rows of the tables of single faces.
_LISTED = 10

#: Significance of an attribute -> text in a table.
_GAPS = {"gap found": "yes", "none distinguishable from chance": "no"}


def protocol(review: Review) -> Section:
    """Section on the evaluation protocol."""
    if review.protocol is None:
        return missing_section(review, "protocol", "Protocol")
    rows = tuple(
        (row.step, row.reason, f"{row.faces:,}".replace("-", "−"), f"{row.left:,}")
        for row in review.protocol.rows().itertuples()
    )
    return Section(
        "protocol",
        "Protocol",
        (
            Text(review.protocol.sentence().removeprefix("Protocol: ")),
            Table(
                ("step", "reason", "faces", "left"),
                rows,
                "From the rows read to the faces scored.",
                words=(0, 1),
            ),
        ),
        card=True,
    )


def slices(review: Review) -> Section:
    """Section on slices by size, brightness, sharpness, pose and the user's columns."""
    title = "Slices of the faces"
    if review.slices is None:
        return missing_section(review, "slices", title)
    found = review.slices
    blocks: list[Block] = [
        Text(
            "Scores by attributes of the faces. Gaps are associations, not effects: attributes are correlated. p-values are "
            "corrected for all tests together (Holm).",
            ("holm", "wilson"),
        )
    ]
    if review.joined:
        blocks.append(Text(review.joined.sentence()))
    blocks.append(Items(tuple(slice_findings(found))))
    if not (review.run.path / ATTRIBUTES.file).exists():
        blocks.append(Text("Brightness, sharpness and pose of the faces were not measured."))
        blocks.append(Commands((command_of(review.run, ATTRIBUTES.command),)))
    if len(found.overview):
        blocks.append(_slice_overview(found.overview))
    blocks += [_slice_figure(found.tables[key], found.accuracy) for key in _drawn_slices(found)]
    return Section("slices", title, tuple(blocks), card=True)


def leaks(review: Review) -> Section:
    """Section on scored faces with a near-duplicate in the training data."""
    title = "Leaks between splits"
    if review.leaks is None:
        return missing_section(review, "leaks", title)
    found = review.leaks.summary
    blocks: list[Block] = [Text(found.sentence(), ("duplicates",))]
    if found.leaked.faces:
        rows = tuple(
            (
                name,
                f"{part.faces:,}",
                with_interval(part.accuracy, HEADLINES["accuracy"].format),
                with_interval(part.macro_f1, HEADLINES["macro_f1"].format),
            )
            for name, part in (
                ("all", found.every),
                ("with a near-duplicate", found.leaked),
                ("without", found.without),
            )
        )
        blocks.append(Table(("faces", "number", "accuracy", "macro F1"), rows, "95% intervals in brackets."))
    return Section("leaks", title, tuple(blocks), card=True)


def label_errors(review: Review) -> Section:
    """Section on likely label errors."""
    title = "Labels that may be wrong"
    if review.label_errors is None:
        return missing_section(review, "label-errors", title)
    found = review.label_errors
    blocks: list[Block] = [
        Text(found.sentence(), ("confident-learning",)),
        Table(
            ("label", "faces", "expected wrong", "share", "mostly"),
            tuple(
                (row.expression, f"{row.faces:,}", f"{row.errors:,}", percent(row.share), row.mostly or "–")
                for row in found.per_label().itertuples()
            ),
            "Estimates of confident learning per label of the scored faces.",
            words=(0, 4),
        ),
    ]
    flagged = found.table[found.table["issue"]].head(_LISTED)
    if len(flagged):
        blocks.append(_ranking(flagged))
    if review.training_label_errors is None:
        blocks += absent(review.missing["training_label_errors"])
    else:
        blocks += _of_training(review.training_label_errors)
    return Section("label-errors", title, tuple(blocks), card=True)


def comparison(review: Review) -> Section | None:
    """Section on the comparison with another run; None if it was not requested."""
    found = review.comparison
    if found is None:
        return None
    table = found.table()
    a, b = found.paired.a, found.paired.b
    rows = tuple(
        (
            row.number,
            number(row.a),
            number(row.b),
            _difference(row.difference, row.low, row.high),
            _p(row.p_corrected),
            {"undecided": "not distinguishable", "unknown": "cannot be tested"}.get(
                row.significance, row.significance
            ),
        )
        for row in table.itertuples()
    )
    blocks = (
        Text(found.verdict()),
        Text(found.paired.coverage()),
        Text(found.change()),
        Figure(
            "comparison",
            lambda: comparison_figures.advantages(table, a=a, b=b),
            f"Advantage of {b} over {a} on {len(table)} numbers, with intervals. {found.verdict()}",
            "Right of the dotted line this run is better, also for metrics where lower is better.",
        ),
        Table(
            ("number", a, b, "difference (95% interval)", "corrected p", f"{b} is"),
            rows,
            f"{comparison_methods(found.differences)}; p-values corrected for all tests together (Holm).",
            words=(0, 5),
        ),
        Text(
            "Both networks were evaluated on the same faces.",
            ("mcnemar", "mid-p", "tango", "randomisation", "holm", "bootstrap"),
        ),
    )
    return Section("comparison", f"Compared with {a}", blocks)


def _slice_overview(table: pd.DataFrame) -> Table:
    rows = tuple(
        (
            row.attribute,
            f"{row.slices:,}",
            f"{row.faces:,}",
            row.widest or "–",
            _points(row.accuracy_gap, row.low, row.high),
            _p(row.p_corrected),
            _GAPS.get(row.significance, row.significance),
        )
        for row in table.itertuples()
    )
    return Table(
        ("attribute", "slices", "faces", "widest gap in", "points of accuracy", "smallest p", "a gap?"),
        rows,
        "Difference in accuracy between a slice and all other faces in points, 95% interval in brackets; smallest "
        "corrected p-value of all tests of the attribute.",
        words=(0, 3, 6),
    )


def _drawn_slices(found: SliceReview) -> list[str]:
    """Attributes with a significant gap, or else the attribute with the widest gap."""
    gaps = [key for key, table in found.tables.items() if len(table.found)]
    widest = found.overview.set_index("key")["accuracy_gap"].abs().dropna()
    return gaps or ([str(widest.idxmax())] if len(widest) else [])


def _slice_figure(table: SliceTable, overall: float) -> Figure:
    title = table.attribute.title
    return Figure(
        f"slices-{table.key}",
        lambda: slice_figures.dots(table.numbers("accuracy"), "accuracy", overall=overall),
        f"Accuracy of {len(table.rows)} slices by {table.attribute.noun}, with intervals, and {percent(overall)} on all "
        "faces; the sentences above say which differ.",
        f"{title}: accuracy of each slice; the dotted line is that of all faces.",
    )


def _points(value: float, low: float, high: float) -> str:
    return with_interval(Estimate(value, low, high), POINTS)


def _of_training(found: LabelErrors) -> tuple[Block, ...]:
    flagged = found.table[found.table["issue"]].head(_LISTED)
    return (
        Text(f"Of the faces of the training: {found.sentence()}"),
        *([_ranking(flagged)] if len(flagged) else []),
    )


def _ranking(table: pd.DataFrame) -> Table:
    rows = tuple(
        (
            row.reference,
            row.given,
            percent(row.p_given),
            row.suggested,
            percent(row.p_suggested),
        )
        for row in table.itertuples()
    )
    return Table(
        ("face", "label", "probability", "suggested", "probability"),
        rows,
        f"The {len(rows)} most likely of the flagged label errors; check the images before a decision.",
        words=(0, 1, 3),
        faces=True,
    )


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else number(value)


def _difference(value: float, low: float, high: float) -> str:
    return with_interval(Estimate(value, low, high), SMALL_DIFFERENCE)
