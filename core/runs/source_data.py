"""The data that a run was trained on, read again and split as the training split it."""

from dataclasses import replace
from pathlib import Path

from core.config import PRESETS, TrainConfig
from core.data.training_data import TrainingData, load_training_data
from core.errors import AffectoscopeError
from core.runs.run import Run
from core.runtime.console import Console
from core.runtime.files import digest


def load_run_data(
    run: Run, path: Path | None, console: Console, *, format: str | None = None
) -> TrainingData:
    """The data of a run's training at `path` (None: the drawn faces), split as the training split it: by its seed and share.

    Raises:
        AffectoscopeError: it does not split into the faces that the run was trained on.
    """
    data = load_training_data(_training_config(run, path, format), console)
    trained, now = (
        known_counts(counts, run.labels, "train", "validation")
        for counts in (run.info["data"]["counts"], data.counts)
    )
    if trained != now or data.labels.labels != run.labels:
        raise AffectoscopeError(
            f"{data.table.title} does not split into the faces that run '{run.name}' was trained on (expected "
            f"{run.info['data']['title']} with {_sizes(trained)}, found {_sizes(now)}); pass the data of the training."
        )
    return data


def _training_config(run: Run, path: Path | None, format: str | None) -> TrainConfig:
    """What decides how the training read and split its data."""
    names = ("format", "automatic", "labels", "validation_share", "limit", "colour", "size", "margin", "seed")
    try:
        kept = {name: run.info["config"][name] for name in names}
    except KeyError as error:
        raise AffectoscopeError(
            f"run.json of '{run.name}' does not say {error} of its training; train the run again."
        ) from error
    kept["split_seed"] = run.info["config"].get(
        "split_seed"
    )  # runs from before it was an option split by their seed
    kept["relabel"] = _load_relabelling(run)
    return replace(PRESETS["quick"], **kept | {"data": path, "format": format or kept["format"]})


def _load_relabelling(run: Run) -> Path | None:
    """The run's own copy of the decisions that it was trained with; None where there were none."""
    about = run.info["data"].get("relabelled")
    if not about:
        return None
    path = run.relabelled_path
    if not path.is_file() or digest(path) != about.get("sha256"):
        raise AffectoscopeError(
            f"{path.name} of '{run.name}' is not the file of decisions that the run was trained with; put that one "
            "back, or train the run again."
        )
    return path


def known_counts(counts: dict[str, dict[str, int]], labels: tuple[str, ...], *splits: str) -> dict[str, dict]:
    """Of some splits the faces whose label the run knows."""
    return {
        split: {name: faces for name, faces in counts.get(split, {}).items() if name in labels}
        for split in splits
    }


def _sizes(counts: dict[str, dict[str, int] | None]) -> str:
    return " and ".join(f"{sum((row or {}).values()):,} {split} faces" for split, row in counts.items())
