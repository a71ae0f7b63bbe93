"""Writing the report and the model card."""

from pathlib import Path

from core.errors import AffectoscopeError
from core.report.card import model_card
from core.report.html import report_html
from core.report.review import Review
from core.runs.layout import CARD_FILE, REPORT_FILE
from core.runs.run import Run
from core.runtime.files import write_text


def write_review(review: Review, out: Path | None = None) -> tuple[Path, Path]:
    """Write the report and, beside it, the card; returns where they are.

    Args:
        out: a folder, or a file ending in .html, whose card ends in .md; the run's own folder unless given.

    Raises:
        AffectoscopeError: `out` cannot be written.
    """
    report = _place(review.run, out)
    card = report.with_name(CARD_FILE) if report.name == REPORT_FILE else report.with_suffix(".md")
    try:
        write_text(report, report_html(review))
        write_text(card, model_card(review))
    except OSError as error:
        raise AffectoscopeError(
            f"The report of '{review.name}' cannot be written to {report.parent} ({error.strerror or error}); pass "
            "--out FOLDER."
        ) from error
    return report, card


def _place(run: Run, out: Path | None) -> Path:
    """Where the report goes."""
    if out is None:
        return run.path / REPORT_FILE
    if out.is_dir():
        return out / REPORT_FILE
    if out.suffix.lower() not in (".html", ".htm"):
        raise AffectoscopeError(
            f"--out {out} is no folder, and its name does not end in .html; pass a folder that exists, or a name "
            "ending in .html."
        )
    if not out.absolute().parent.is_dir():
        raise AffectoscopeError(f"--out {out} cannot be written: its folder does not exist; make it first.")
    return out
