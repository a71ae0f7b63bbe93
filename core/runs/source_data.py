"""Load the data set of a run, with the split of its training."""

from dataclasses import replace
from pathlib import Path

from core.config import PRESETS, TrainConfig
from core.data.training_data import TrainingData, load_training_data
from core.errors import AffectoscopeError
from core.runs.calibration import upgrade_command
from core.runs.run import Run
from core.runtime.console import Console
from core.runtime.files import digest


def load_run_data(
    run: Run,
    path: Path | None,
    console: Console,
    *,
    format: str | None = None,
    label_order: str | None = None,
) -> TrainingData:
    """Load the data set of a run and split it with the seed and validation share of its training.

    Args:
        path: the data set; None for the drawn faces.
        format, label_order: override those recorded in run.json.

    Raises:
        AffectoscopeError: labels or numbers of faces per split differ from those of the training, or the run was imported
            without a network: there was none.
    """
    if not run.has_network:
        raise AffectoscopeError(
            f"Run '{run.name}' was imported without a network, and its data was read then: import it again with "
            f"{upgrade_command(run)}."
        )
    config = _training_config(run, path, format)
    imported = run.imported is not None  # its labels and preprocessing are no options of a training
    data = load_training_data(
        replace(config, label_order=label_order or config.label_order),
        console,
        labels=run.label_set if imported else None,
        preprocessing=run.preprocessing if imported else None,
    )
    trained, now = (
        restrict_counts(counts, run.labels, "train", "validation")
        for counts in (run.info["data"]["counts"], data.counts)
    )
    if trained != now or data.labels.labels != run.labels:
        raise AffectoscopeError(
            f"The splits of {data.table.title} differ from the training data of run '{run.name}' (expected "
            f"{run.info['data']['title']} with {_sizes(trained)}, found {_sizes(now)}); pass the data of the training."
        )
    return data


def _training_config(run: Run, path: Path | None, format: str | None) -> TrainConfig:
    """Configuration with the run's options that determine loading and splitting of the data."""
    names = ("format", "automatic", "labels", "validation_share", "limit", "colour", "size", "margin", "seed")
    try:
        options = {name: run.info["config"][name] for name in names}
    except KeyError as error:
        raise AffectoscopeError(
            f"The config in run.json of '{run.name}' has no {error}; train the run again."
        ) from error
    options["split_seed"] = run.info["config"].get("split_seed")  # None: older runs split by their seed
    options["label_order"] = run.info["config"].get("label_order")
    options["detector"] = run.detector
    options["relabel"] = _load_relabelling(run)
    options |= {name: _find_beside(run, name, path) for name in ("votes", "subjects")}
    options["votes_protocol"] = run.info["config"].get("votes_protocol")
    return replace(PRESETS["quick"], **options | {"data": path, "format": format or options["format"]})


def _find_beside(run: Run, option: str, path: Path | None) -> Path | None:
    """Path of the file of an option of the training, in the data's folder or beside the data; None if there was none."""
    name = run.info["config"].get(option)
    if not name:
        return None
    folder = (path or Path()).absolute()
    for each in (folder / name, folder.parent / name):
        if each.is_file():
            return each
    raise AffectoscopeError(
        f"Run '{run.name}' was trained with --{option} {name}; put that file beside {folder} and try again."
    )


def _load_relabelling(run: Run) -> Path | None:
    """Path of the run's copy of the decisions that it was trained with; None if there were none."""
    about = run.info["data"].get("relabelled")
    if not about:
        return None
    path = run.relabelled_path
    if not path.is_file() or digest(path) != about.get("sha256"):
        raise AffectoscopeError(
            f"{path.name} of '{run.name}' differs from the decisions that the run was trained with; restore the original "
            "file, or train the run again."
        )
    return path


def restrict_counts(
    counts: dict[str, dict[str, int]], labels: tuple[str, ...], *splits: str
) -> dict[str, dict]:
    """Restrict counts (split -> label -> faces) to `splits` and `labels`."""
    return {
        split: {name: faces for name, faces in counts.get(split, {}).items() if name in labels}
        for split in splits
    }


def _sizes(counts: dict[str, dict[str, int] | None]) -> str:
    return " and ".join(f"{sum((row or {}).values()):,} {split} faces" for split, row in counts.items())
