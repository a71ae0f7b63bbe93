"""Report sections on calibration and abstention."""

from core.analysis.calibration.review import NUMBERS, READINGS, title_of
from core.analysis.calibration.wording import calibration_findings
from core.analysis.selective.tables import risk_curves
from core.metrics.text import number, percent, with_interval
from core.report.document import Block, Commands, Figure, Items, Section, Table, Text, missing_section
from core.report.figures import abstention as abstention_figures
from core.report.figures import calibration as calibration_figures
from core.report.review import Review, command_of
from core.runs.tables import OUT_OF_SET


def calibration(review: Review) -> Section:
    """Section on the calibration of the confidence."""
    if review.calibration is None:
        return missing_section(review, "calibration", "Calibration")
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
            "All other numbers, except those on abstention, use the softmax without temperature.",
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
                "Accuracy by confidence, with Wilson intervals; below, the histogram of the confidence.",
            ),
        )
    return Section("calibration", "Calibration", tuple(blocks), card=True)


def abstention(review: Review) -> Section:
    """Section on selective prediction."""
    title = "Abstention"
    if review.abstention is None:
        return missing_section(review, "abstention", title)
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
            f"Risk (share of errors) over coverage (share of accepted faces), most confident faces first: "
            f"{percent(1 - review.scores.headline['accuracy'].value)} errors at full coverage. The table below has four points of it.",
            "Errors among the accepted faces, most confident first; dotted: the best possible order.",
        )
    )
    blocks.append(
        Table(
            ("errors", "coverage", "threshold", "guaranteed coverage", "threshold"),
            rows,
            "The largest coverage with at most this share of errors, on these faces and guaranteed: new faces from the same "
            "distribution exceed the share with a probability of at most 5%.",
        )
    )
    blocks.append(
        Text(
            f"Confidence is the highest probability with a temperature of {number(found.temperature)}, as on the live page and in "
            "core.predict.",
            ("selective",),
        )
    )
    if found.not_kept:
        blocks.append(
            Text(
                f"{found.not_kept:,} {found.split} faces have labels outside of the label set; their predictions were not "
                "saved."
            )
        )
        blocks.append(Commands((command_of(review.run, OUT_OF_SET.command),)))
    return Section("abstention", title, tuple(blocks), card=True)
