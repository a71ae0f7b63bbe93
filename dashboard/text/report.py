"""Description of the report on the page Overview."""

import shlex

from core.runs.run import Run

MEANING = (
    "One HTML file of about 5 MB on this run: data, protocol, metrics with intervals, confusions, "
    "calibration, leaks, limits, and uses that are unlawful or unsound. It opens offline, its charts are interactive, "
    "and it can be printed. It is made on the click, which takes some seconds; the model card has the same content as text."
)


def command(run: Run, against: str | None) -> str:
    """Command that writes the report."""
    compared = f" --against {shlex.quote(against)}" if against else ""
    return f"python -m core.report {shlex.quote(run.name)}{compared}"


def shows_faces(run: Run) -> str:
    """Note where the report will show images of faces; else ''."""
    if run.info["data"].get("redistributable") is True and run.has_thumbnails:
        return "It shows images of faces, because this run's data may be redistributed."
    return ""
