"""Whether a network's confidence can be believed: calibration and abstention."""

from core.analysis.calibration.review import NUMBERS, READINGS, title_of
from core.analysis.calibration.wording import calibration_findings
from core.analysis.selective.tables import risk_curves
from core.metrics.text import number, percent, with_interval
from core.report.document import Block, Commands, Figure, Items, Section, Table, Text, absent
from core.report.figures import abstention as abstention_figures
from core.report.figures import calibration as calibration_figures
from core.report.review import Review, command_of
from core.runs.tables import OUT_OF_SET


def calibration(review: Review) -> Section:
    """Whether the network is right as often as it is sure."""
    if review.calibration is None:
        return Section("calibration", "Calibration", absent(review.missing["calibration"]), card=True)
    found = review.calibration
    readings = [reading for reading in READINGS if getattr(found, reading) is not None]
    rows = tuple(
        (title_of(name), *(with_interval(getattr(getattr(found, reading), name)) for reading in readings))
        for name in NUMBERS
    )
    blocks: list[Block] = [
        Items(tuple(calibration_findings(found))),
        Table(("", *(READINGS[reading] for reading in readings)), rows, "95% intervals in brackets."),
        Text(
            "Every other number here but those on abstention is of the plain softmax, without the temperature.",
            ("guo", "wilson"),
        ),
    ]
    if review.reliability is not None:
        shown = review.reliability
        blocks.insert(
            1,
            Figure(
                "reliability",
                lambda: calibration_figures.reliability(shown.bins, shown.spread, READINGS),
                f"Reliability diagram. {calibration_findings(found)[0]}",
                "How often the network is right among faces of which it is about as sure, with Wilson intervals; below, "
                "how many faces it is how sure of.",
            ),
        )
    return Section("calibration", "Calibration", tuple(blocks), card=True)


def abstention(review: Review) -> Section:
    """How sure the network is where it should abstain, and what abstaining would buy."""
    title = "Abstention"
    if review.abstention is None:
        return Section("abstention", title, absent(review.missing["abstention"]), card=True)
    found = review.abstention
    rows = tuple(
        (
            f"at most {percent(row.risk, digits=0)}",
            percent(row.coverage),
            number(row.threshold),
            percent(row.guaranteed_coverage),
            number(row.guaranteed_threshold),
        )
        for row in found.at_risks().itertuples()
    )
    curves = risk_curves(found)
    blocks: list[Block] = [Items(tuple(found.findings()))] if found.findings() else []
    blocks.append(
        Figure(
            "abstention",
            lambda: abstention_figures.risk_coverage(curves),
            f"Errors among the faces answered over the share of faces answered, the surest first: {percent(1 - review.scores.headline['accuracy'].value)} errors "
            "where all are answered. The table below has four points of it.",
            "How many errors are left when only the surest faces are answered; dotted, the best order there could be.",
        )
    )
    blocks.append(
        Table(
            ("errors", "answered", "from a confidence of", "answered, guaranteed", "from a confidence of"),
            rows,
            "The largest share of the scored faces that can be answered with so few errors: as it came out on these faces, "
            "and guaranteed: new faces like these have more errors with a chance of 5% at most.",
        )
    )
    blocks.append(
        Text(
            f"Confidence is the highest probability with a temperature of {number(found.temperature)}, as the live page and "
            "core.predict have it.",
            ("selective",),
        )
    )
    if found.not_kept:
        blocks.append(
            Text(
                f"{found.not_kept:,} {found.split} faces have labels that the network does not know; what it says of them "
                "was not kept."
            )
        )
        blocks.append(Commands((command_of(review.run, OUT_OF_SET.command),)))
    return Section("abstention", title, tuple(blocks), card=True)
