"""File names of a run, and the folder of runs."""

from pathlib import Path

#: Sample of the training faces; see core.runs.training_sample.
SAMPLE_FILE = "training_sample.parquet"

#: Scores on corrupted faces; see core.analysis.robustness.
ROBUSTNESS_FILE = "robustness.json"

#: Folder of the scores on other data; see core.analysis.transfer.
EVALUATIONS_FOLDER = "evaluations"

#: Scores on detected faces; see core.analysis.detection.
DETECTED_FILE = "detected.json"

#: The user's tags; see core.runs.tags.
TAGS_FILE = "marks.csv"

#: The model card and the report that core.report writes.
CARD_FILE, REPORT_FILE = "card.md", "report.html"

#: The user's decisions on suspected label errors; see core.data.decisions.
DECISIONS_FILE = "decisions.csv"

#: The decisions that the run was trained with; see core.data.relabelling.
RELABELLED_FILE = "relabelled.csv"

SCHEMA_VERSION = 1

#: Default folder of runs: artifacts/ of this project.
ARTIFACTS_FOLDER = Path(__file__).resolve().parent.parent.parent / "artifacts"

#: Top-level keys of run.json.
RUN_KEYS = (
    "schema_version", "name", "created", "data", "config", "preprocessing", "network", "training", "environment",
)  # fmt: skip

#: Folder of sweeps in the folder of runs; see core.sweep.
SWEEPS_FOLDER = "sweeps"

#: Files of every run; those of the training are absent where predictions were imported without a network.
REQUIRED_FILES = ("run.json", "model.keras", "history.csv", "predictions.parquet", "scores.json")

#: Entry of run.json on how its predictions were imported; only in runs without a network.
IMPORTED_PREDICTIONS = "imported_predictions"


def required_files(info: dict) -> tuple[str, ...]:
    """Files that a run has to have, by its run.json.

    A run of imported predictions has neither network nor history; an imported network has no history, and predictions if it
    was scored.
    """
    if IMPORTED_PREDICTIONS in info:
        return ("run.json", "predictions.parquet", "scores.json")
    imported = info.get("imported")
    if not isinstance(imported, dict):
        return REQUIRED_FILES
    scored = ("predictions.parquet", "scores.json") if imported.get("scored") else ()
    return ("run.json", str(imported.get("model", "model.onnx")), *scored)
