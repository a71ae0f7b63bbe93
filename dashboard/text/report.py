"""What is said of the report before it is made."""

import shlex

from core.runs.run import Run

MEANING = (
    "One HTML file of about 5 MB with all that is known of this run: data, protocol, numbers with intervals, confusions, "
    "calibration, leaks, limits, and uses that are unlawful or unsound. It opens without a network, its charts are live, "
    "and it prints. It is made when you click, which takes some seconds; the model card says the same as text."
)


def command(run: Run, against: str | None) -> str:
    """What writes the same on the command line."""
    compared = f" --against {shlex.quote(against)}" if against else ""
    return f"python -m core.report {shlex.quote(run.name)}{compared}"


def pictures(run: Run) -> str:
    """A caution where the report will show pictures of faces; else ''."""
    if run.info["data"].get("redistributable") is True and run.has_thumbnails:
        return "It shows pictures of faces, because this run's data may be passed on."
    return ""
