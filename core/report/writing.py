"""Files of the report and the model card."""

from pathlib import Path

from core.errors import AffectoscopeError
from core.report.card import model_card
from core.report.html import report_html
from core.report.review import Review
from core.runs.layout import CARD_FILE, REPORT_FILE
from core.runs.run import Run
from core.runtime.files import write_text


def write_review(review: Review, out: Path | None = None) -> tuple[Path, Path]:
    """Write the report and the model card; returns their paths.

    Args:
        out: a folder, or a file name ending in .html; the card then ends in .md. Default: the run's folder.

    Raises:
        AffectoscopeError: `out` cannot be written.
    """
    report = _report_path(review.run, out)
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


def _report_path(run: Run, out: Path | None) -> Path:
    """Path of the report."""
    if out is None:
        return run.path / REPORT_FILE
    if out.is_dir():
        return out / REPORT_FILE
    if out.suffix.lower() not in (".html", ".htm"):
        raise AffectoscopeError(
            f"--out {out} is neither a folder nor a name ending in .html; pass an existing folder, or a name ending in "
            ".html."
        )
    if not out.absolute().parent.is_dir():
        raise AffectoscopeError(f"--out {out} cannot be written: its folder does not exist; create it first.")
    return out
