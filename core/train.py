"""Command line `python -m core.train`: train a network and save a run under artifacts/."""

import shutil
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from core.analysis.after_training import describe_data, review_run
from core.analysis.data_inspection.inspection import Inspection, inspect_training
from core.analysis.leaks import load_leaks
from core.analysis.protocol import protocol_from
from core.config import TrainConfig
from core.data.training_data import TrainingData, load_training_data
from core.errors import AffectoscopeError
from core.network.training_job import TrainingJob, fit
from core.options import parse_train_options
from core.report.card import write_card
from core.report.score_tables import prominent_headlines, recipe_lines
from core.runs.catalogue import has_checkpoint, open_run, publish, working_folder
from core.runs.layout import ARTIFACTS_FOLDER, SCHEMA_VERSION
from core.runs.parent import file_digests, training_recipe
from core.runs.recipes import options_key, seed_statistics
from core.runs.run import Run, run_name
from core.runs.starting import check_startable, default_name, prepare_working_folder
from core.runs.tables import save_relabelling, save_thumbnails
from core.runtime.cluster import joined_cluster
from core.runtime.console import Console, run_command
from core.runtime.environment import quiet_tensorflow
from core.runtime.files import network_digest, read_json, write_json
from core.runtime.interruption import resumable_on_ctrl_c
from core.runtime.tensorboard import scalar_writer


def main() -> None:
    run_command(_main)


def _main() -> None:
    config, where, seeds = parse_train_options(sys.argv[1:])
    with joined_cluster(where) as cluster:
        trainer = partial(_fit_on_cluster, cluster) if cluster else fit
        if seeds > 1:
            train_seeds(config, seeds, trainer=trainer)
        else:
            train(config, trainer=trainer)


def _fit_on_cluster(cluster, job: TrainingJob, **options) -> tuple:
    """Train on the workers of a Ray cluster; see core.network.training_job.fit."""
    with quiet_tensorflow():
        from core.network.ray_training import fit_on_cluster

    return fit_on_cluster(cluster, job, **options)


def train(
    config: TrainConfig,
    *,
    folder: Path = ARTIFACTS_FOLDER,
    data: TrainingData | None = None,
    after_epoch: Callable[[dict], None] | None = None,
    trainer: Callable[..., tuple] = fit,
    say_resume: bool = True,
) -> Run:
    """Train a network and publish the run under `folder`.

    Args:
        data: result of `load_training_data(config, ...)`, if already loaded.
        after_epoch: called with each new row of the history; exceptions end the training.
        trainer: function with the signature of core.network.training_job.fit.
        say_resume: after an interruption, print how to resume; off for trainings of a sweep or a cross-validation.

    Raises:
        AffectoscopeError: the data cannot be read, an option is invalid, or a run of that name exists.
    """
    console = Console()
    name = config.name or default_name(config)
    working = prepare_working_folder(name, config, folder)
    try:
        return _train_in(working, config, console, data, after_epoch, trainer)
    except BaseException:
        if not has_checkpoint(working):
            shutil.rmtree(working, ignore_errors=True)
        elif say_resume:
            console.say(
                f"The completed epochs are saved; continue with the same options and --name {name} --resume."
            )
        raise


def train_seeds(
    config: TrainConfig, seeds: int, *, folder: Path = ARTIFACTS_FOLDER, trainer: Callable[..., tuple] = fit
) -> list[Run]:
    """Train NAME-1 to NAME-n, which differ in the seed only, one after the other; returns the runs.

    The seeds are config.seed and the numbers after it; the split is that of config.seed for all. With config.resume, the
    finished runs are kept and the others are trained, from their checkpoints where there are any.

    Raises:
        AffectoscopeError: as for `train`; or a finished run of these names has other options.
    """
    console = Console()
    name = config.name or default_name(config)
    each = [
        replace(
            config, name=f"{name}-{number + 1}", seed=config.seed + number, split_seed=config.seed_of_split
        )
        for number in range(seeds)
    ]
    started = [
        one
        for one in each
        if (folder / one.name).exists() or has_checkpoint(working_folder(one.name, folder))
    ]
    if config.resume and not started:
        raise AffectoscopeError(
            f"No training '{name}-1' to '{name}-{seeds}' found; start them without --resume."
        )
    kept = {
        one.name: _finished(one, folder) for one in started if config.resume and (folder / one.name).exists()
    }
    for one in each:
        if one.name not in kept:
            resumed = config.resume and has_checkpoint(working_folder(one.name, folder))
            check_startable(replace(one, resume=resumed), folder)
    data = None
    try:
        with resumable_on_ctrl_c():
            for one in each:
                if one.name in kept:
                    continue
                data = data or load_training_data(config, console)
                one = replace(one, resume=has_checkpoint(working_folder(one.name, folder)))
                kept[one.name] = train(one, folder=folder, data=data, trainer=trainer, say_resume=False)
    except BaseException:
        console.say(
            f"Completed epochs and runs are saved; continue with the same options, --seeds {seeds} --name {name} --resume."
        )
        raise
    runs = [kept[one.name] for one in each]
    for run in runs:
        write_card(run)  # with the statistics over the seeds
    for line in recipe_lines(seed_statistics([run.scores for run in runs])):
        console.say(line)
    return runs


def _finished(config: TrainConfig, folder: Path) -> Run:
    """A finished run of this name; raises AffectoscopeError if its options or seed differ."""
    run = open_run(folder / config.name)
    trained = TrainConfig.from_dict(run.info["config"])
    same = options_key(trained, run.info.get("digests", {})) == options_key(
        config, file_digests(training_recipe(config))
    )
    if not same or (trained.seed, trained.seed_of_split) != (config.seed, config.seed_of_split):
        raise AffectoscopeError(
            f"The finished run '{run.name}' was trained with other options; resume with the same options, or pass another "
            "--name."
        )
    return run


def _train_in(working: Path, config: TrainConfig, console: Console, data, after_epoch, trainer) -> Run:
    events: AbstractContextManager = nullcontext(None)
    if config.tensorboard:
        replaced = config.overwrite and not config.resume
        events = scalar_writer(config.tensorboard / run_name(working), replace=replaced)
    with events as write_event:
        return _train_and_review(working, config, console, data, after_epoch, trainer, write_event)


def _train_and_review(
    working: Path, config: TrainConfig, console: Console, data, after_epoch, trainer, write_event
) -> Run:
    started = time.perf_counter()
    data = data or load_training_data(config, console)
    inspection = inspect_training(data, extended=config.automatic) if data.found else None
    packed = time.perf_counter()
    console.say(data.table.ledger.sentence())
    console.say(data.sentence())
    if data.relabelled:
        console.say(data.relabelled.sentence())
    if config.targets == "soft":
        console.say(data.soft_sentence())
    if inspection:
        console.say(inspection.verdict.sentence)
    listeners = [each for each in (write_event, after_epoch) if each]
    network, fitted = _fit(TrainingJob.of(config, data, working), console, listeners, trainer)
    trained = time.perf_counter()
    seconds = {"data": packed - started, "train": fitted.seconds}
    run = _review(network, config, data, inspection, fitted, working, console, seconds=seconds)
    console.say(
        f"Run '{run.name}' is ready after {time.perf_counter() - started:.0f} s ({packed - started:.0f} s data, "
        f"{trained - packed:.0f} s training, {time.perf_counter() - trained:.0f} s review): {run.path}"
    )
    return run


def _fit(job: TrainingJob, console: Console, listeners: list[Callable[[dict], None]], trainer):
    with console.training(job.config.epochs) as (on_step, say_epoch):

        def on_epoch(row: dict) -> None:
            say_epoch(row)
            for listen in listeners:
                listen(row)

        network, fitted = trainer(job, say=console.say, on_step=on_step, on_epoch=on_epoch)
    if job.config.crop:
        console.say(
            f"Input of the network: the centre of {_side(network)} of {job.preprocessing.size} pixels (trained on crops of {job.config.crop})"
        )
    if fitted.ended != "finished":
        console.say(f"Training ended: {fitted.ended} after epoch {len(fitted.history)}")
    return network, fitted


def _review(
    network, config, data, inspection: Inspection | None, fitted, working, console, *, seconds: dict
) -> Run:
    """Predict and score the test faces, write every file of the run, and publish it."""
    from core.network.inference import compare_augmentations, predict_table

    started = time.perf_counter()
    network.save(working / "model.keras")
    augmentation = {"chosen": config.tta, "validation": {}}
    if config.tta == "auto":
        with console.progress("Choosing the test-time augmentation") as progress:
            augmentation = compare_augmentations(
                network, *data.part("validation"), data.labels, progress=progress
            )
    tta = augmentation["chosen"]
    table, pack = data.part(config.review)
    with console.progress(f"Predicting {config.review} faces") as progress:
        predictions = predict_table(network, table, pack, data.labels, tta=tta, progress=progress)
    predictions.save(working / "predictions.parquet")
    shown = config.thumbnails == "yes" or (config.thumbnails == "auto" and data.table.redistributable)
    if shown:
        with console.progress("Saving thumbnails") as progress:
            save_thumbnails(working / "faces.parquet", table, data.preprocessing, progress=progress)
    scores, calibration = review_run(
        working,
        network,
        data,
        predictions,
        split=config.review,
        tta=tta,
        seed=config.seed,
        thumbnails=shown,
        console=console,
    )
    seconds = {**seconds, "review": time.perf_counter() - started}
    info = {
        "schema_version": SCHEMA_VERSION,
        "name": run_name(working),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": describe_data(data, inspection),
        "config": config.as_dict(),
        "preprocessing": data.preprocessing.as_dict(),
        "detector": config.detector,
        "network": {
            "parameters": network.count_params(),
            "side": _side(network),
            "bytes": (working / "model.keras").stat().st_size,
            "sha256": network_digest(working),
        },
        "training": {
            "epochs": len(fitted.history),
            "best_epoch": fitted.best_epoch,
            "ended": fitted.ended,
            "devices": fitted.devices,
            "precision": fitted.precision,
            "faces_per_second": round(fitted.faces_per_second, 1),
            "seconds": {stage: round(value, 1) for stage, value in seconds.items()},
        },
        "test_time_augmentation": augmentation,
        "calibration": asdict(calibration),
        "environment": fitted.environment,
        "digests": file_digests(read_json(working / "recipe.json")),
        **({"parent": fitted.pretrained.as_dict()} if fitted.pretrained.parent else {}),
    }
    if data.relabelled:
        save_relabelling(working, data.relabelled.relabelling)
    write_json(working / "run.json", info)
    reviewed = open_run(working)
    write_card(reviewed)
    console.say(prominent_headlines(scores, of=config.review))
    console.say(protocol_from(info).sentence())
    console.say(load_leaks(reviewed, predictions).summary.sentence())
    return publish(working, replace=config.overwrite)


def _side(network) -> int:
    """Side, in pixels, of the centre crop that the network uses."""
    first = network.layers[1]
    return first.output.shape[1] if first.name == "centre_crop" else network.input_shape[1]


if __name__ == "__main__":
    main()
