"""The files of a run and the folder of runs."""

from pathlib import Path

#: Some of the training faces; see core.runs.training_sample.
SAMPLE_FILE = "training_sample.parquet"

#: Scores on corrupted faces; see core.analysis.robustness.
ROBUSTNESS_FILE = "robustness.json"

#: What the detector costs; see core.analysis.detection.
DETECTED_FILE = "detected.json"

#: What a user tagged faces with; see core.runs.tags.
TAGS_FILE = "marks.csv"

#: The model card and the report that core.report writes.
CARD_FILE, REPORT_FILE = "card.md", "report.html"

#: What a user decided about labels that may be wrong; see core.data.decisions.
DECISIONS_FILE = "decisions.csv"

#: The decisions that the run was trained with; see core.data.relabelling.
RELABELLED_FILE = "relabelled.csv"

SCHEMA_VERSION = 1

#: Where runs lie unless told otherwise: the artifacts/ folder of this project.
ARTIFACTS_FOLDER = Path(__file__).resolve().parent.parent.parent / "artifacts"

#: Top-level keys of run.json.
RUN_KEYS = (
    "schema_version", "name", "created", "data", "config", "preprocessing", "network", "training", "environment",
)  # fmt: skip

#: Folder beside the runs that holds sweeps, each with runs of its own; see core.sweep.
SWEEPS_FOLDER = "sweeps"

REQUIRED_FILES = ("run.json", "model.keras", "history.csv", "predictions.parquet", "scores.json")
