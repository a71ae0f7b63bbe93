"""Command line `python -m core.upgrade --run R --data PATH`: recompute scores, calibration and review tables of a run.

For runs of earlier versions; the predictions stay unchanged.
"""

import sys
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import tyro

from core.analysis.after_training import review_run
from core.analysis.leaks import load_leaks
from core.analysis.protocol import load_protocol
from core.data.training_data import TrainingData
from core.errors import AffectoscopeError
from core.report.card import write_card
from core.report.score_tables import prominent_headlines
from core.runs.calibration import upgrade_command
from core.runs.catalogue import open_run
from core.runs.run import Run
from core.runs.source_data import load_run_data, restrict_counts
from core.runtime.console import Console, run_command
from core.runtime.environment import quiet_tensorflow
from core.runtime.files import network_digest, write_json


@dataclass(frozen=True)
class UpgradeOptions:
    """Recompute the scores, calibration and review tables of a finished run."""

    run: str
    """A run's folder, or its name under artifacts/."""
    data: Path
    """The data that the run was trained on."""
    format: str | None = None
    """Format of the data, if it is not recognised."""
    label_order: str | None = None
    """What the numbers of numbered classes mean: affectnet, rafdb, fer2013, alphabetical, or a text file; default: as the run was trained."""


def main() -> None:
    run_command(lambda: upgrade(tyro.cli(UpgradeOptions, prog="python -m core.upgrade", args=sys.argv[1:])))


def upgrade(options: UpgradeOptions) -> Run:
    """Recompute scores, calibration, training sample, data summary and review tables of a finished run.

    The predictions and their test-time augmentation stay unchanged.

    Raises:
        AffectoscopeError: the run cannot be read, or the data differs from that of the training.
    """
    console = Console()
    run = open_run(options.run)
    if not run.has_network:
        raise AffectoscopeError(
            f"Run '{run.name}' was imported without a network; make all of it again with {upgrade_command(run)}."
        )
    with quiet_tensorflow():
        network = run.load_model()
    data = load_run_data(run, options.data, console, format=options.format, label_order=options.label_order)
    predictions = run.predictions()
    split = predictions.frame["split"].iloc[0]
    scores, calibration = review_run(
        run.path,
        network,
        data,
        predictions,
        split=split,
        tta=run.test_time_augmentation,
        seed=run.info["config"]["seed"],
        thumbnails=data.table.redistributable,
        console=console,
    )
    info = run.info | {
        "renewed": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": _data(run, data, split),
        "calibration": asdict(calibration),
        "network": run.info["network"] | {"sha256": network_digest(run.path)},
    }
    write_json(run.path / "run.json", info)
    upgraded = open_run(run.path)
    write_card(upgraded)
    distance = calibration.distance_limit
    limit = "no distance limit (no embeddings)" if distance is None else f"distance limit {distance:.3f}"
    console.say(
        f"Run '{run.name}' is up to date: temperature {calibration.temperature:.3f}, calibration error of the "
        f"validation faces {calibration.validation_ece_before:.3f} before and {calibration.validation_ece_after:.3f} "
        f"after, {limit}."
    )
    console.say(prominent_headlines(scores, of=split))
    console.say(load_protocol(upgraded).sentence())
    console.say(load_leaks(upgraded, predictions).summary.sentence())
    return upgraded


def _data(run: Run, data: TrainingData, split: str) -> dict:
    """The entry "data" of run.json with updated counts, ledger and origins; unchanged if the scored faces differ."""
    about = run.info["data"]
    if restrict_counts(about["counts"], run.labels, split) != restrict_counts(data.counts, run.labels, split):
        return about  # not the faces that the run was scored on
    return about | {"counts": data.counts, "ledger": data.table.ledger.as_dict(), "origins": data.origins}


if __name__ == "__main__":
    main()
