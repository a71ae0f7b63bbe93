"""Options and execution of a sweep."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import tyro

from core.config import TrainConfig
from core.data.training_data import TrainingData, load_training_data
from core.errors import AffectoscopeError
from core.options import ClusterOptions, parse_train_config, train_arguments, train_command
from core.runs.parent import training_recipe
from core.runs.sweeps import OBJECTIVES, Sweep, open_sweep, sweep_folder, write_sweep
from core.runtime.console import Console
from core.sweep.spaces import SPACES, Between
from core.sweep.workers import Processes, Workers, watch


@dataclass(frozen=True)
class SweepOptions:
    """Train networks with the configurations of a search space and compare them on the validation faces.

    All other options are those of core.train and apply to every trial: --data, --preset, --epochs, --limit ...
    factors: grid of M, N, filters and dropout. ablation: one change at a time to the configuration. search: joint search
    over all options. --resume continues a stopped sweep, and adds workers to a running one, also on other machines that
    share the folder.
    """

    name: str
    """Name of the sweep's folder under artifacts/sweeps/."""
    space: Literal["factors", "ablation", "search"] = "search"
    """Search space."""
    trials: int | None = None
    """Number of trials; default: all combinations, or 50 for spaces with continuous parameters."""
    objective: Literal["accuracy", "macro_f1", "loss"] = "accuracy"
    """Metric on the validation faces that is optimised."""
    sampler: Literal["grid", "random", "tpe"] | None = None
    """Sampler of the trials; default: that of the space. tpe: Tree-structured Parzen Estimator (Bergstra et al. 2011)."""
    prune: bool = False
    """Stop trials whose objective is worse than the median of the other trials at the same epoch."""
    workers: int = 1
    """Number of processes that train in parallel; they share the cores."""
    resume: bool = False
    """Continue a stopped sweep, or add a worker to a running one."""
    where: Annotated[ClusterOptions, tyro.conf.arg(name="")] = field(default_factory=ClusterOptions)


def parse_sweep(arguments: list[str]) -> tuple[SweepOptions, TrainConfig]:
    """Parse the options of the sweep; all others are parsed as those of core.train.

    Raises:
        AffectoscopeError: an option is out of range.
    """
    options, others = tyro.cli(
        SweepOptions, prog="python -m core.sweep", args=arguments, return_unknown_args=True
    )
    if options.workers < 1:
        raise AffectoscopeError(f"--workers {options.workers} is out of range; expected 1 or more.")
    if options.workers > 1 and options.where.cluster:
        raise AffectoscopeError(
            "--workers sets processes of this machine; with --cluster pass --cluster-workers instead."
        )
    if options.trials is not None and options.trials < 1:
        raise AffectoscopeError(f"--trials {options.trials} is out of range; expected 1 or more.")
    return options, parse_train_config(others)


def worker_arguments(options: SweepOptions, base: TrainConfig) -> list[str]:
    """Command line of a single worker of an existing sweep, for `parse_sweep`."""
    words = ["--name", options.name, "--space", options.space, "--objective", options.objective]
    if options.trials:
        words += ["--trials", str(options.trials)]
    if options.sampler:
        words += ["--sampler", options.sampler]
    if options.prune:
        words.append("--prune")
    return [*words, "--resume", *train_arguments(base)]


def sweep(
    options: SweepOptions,
    base: TrainConfig,
    *,
    start_workers: Callable[[list[str], Path], Workers] | None = None,
    lost: Callable[[str], bool] | None = None,
) -> Sweep:
    """Run a sweep until all trials have ended, or until Ctrl-C.

    Args:
        base: configuration that the trials modify.
        start_workers: called with the command line of a worker and the sweep's folder; default: start options.workers
            processes on this machine.
        lost: whether the machine of that name has left the cluster; its trials are then resumed.

    Raises:
        AffectoscopeError: a sweep of that name exists without --resume, an option differs from the sweep that is
            resumed, or the data cannot be read.
    """
    if base.backbone:
        raise AffectoscopeError(
            "The spaces of core.sweep vary the blocks that --backbone replaces; train the backbone with core.train."
        )
    space = SPACES[options.space]
    gridded = (options.sampler or space.sampler) == "grid"
    if gridded and space.grid_size is None:
        raise AffectoscopeError(
            "This space has continuous parameters and cannot be sampled as a grid; pass --sampler random or tpe."
        )
    if gridded and options.trials and options.trials > space.grid_size:
        raise AffectoscopeError(
            f"--trials {options.trials} is more than the {space.grid_size} combinations of the space; remove it to run all."
        )
    folder = _check_sweep_folder(options)
    console = Console()
    data = load_training_data(base, console)
    current = _prepare(folder, options, base, data)
    from core.sweep.search import open_study, queue_grid, run_trials, take_over_abandoned

    wanted = options.trials or space.grid_size or 50
    study = open_study(current)
    if gridded:
        queue_grid(study, space, base.seed)
    resumed = take_over_abandoned(study, lost)
    if resumed:
        console.say(f"Resuming {resumed} interrupted trials.")
    arguments = worker_arguments(options, base)
    if start_workers:
        watch(lambda: start_workers(arguments, folder), wanted, study, console)
    elif options.workers > 1:
        watch(lambda: Processes(options.workers, arguments, folder), wanted, study, console)
    else:
        run_trials(current, base, data, trials=wanted, say=console.say)
    _report(current, base, console)
    return current


def _check_sweep_folder(options: SweepOptions) -> Path:
    """Folder of the sweep; raises before data is read if the options do not match its state."""
    folder = sweep_folder(options.name)
    existing = (folder / "sweep.json").exists()
    if options.resume and not existing:
        raise AffectoscopeError(f"Sweep '{options.name}' not found; start it without --resume.")
    if existing and not options.resume:
        raise AffectoscopeError(
            f"Sweep '{options.name}' already exists; pass --resume to continue it, or another --name."
        )
    return folder


def _prepare(folder: Path, options: SweepOptions, base: TrainConfig, data: TrainingData) -> Sweep:
    """Create the sweep, or open the existing one and check that its options are the same."""
    space = SPACES[options.space]
    sizes = data.table.faces["split"].value_counts()
    info = {
        "name": options.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "space": options.space,
        "parameters": {
            name: asdict(values) if isinstance(values, Between) else list(values)
            for name, values in space.parameters.items()
        },
        "reference": space.reference,
        "objective": options.objective,
        "sampler": options.sampler or space.sampler,
        "prune": options.prune,
        "data": {
            "name": data.table.name,
            "title": data.table.title,
            "train": int(sizes["train"]),
            "validation": int(sizes["validation"]),
        },
        "config": training_recipe(base),
        "command": train_command(
            replace(
                base,
                relabel=base.relabel and Path(base.relabel.name),
                start_from=base.start_from and Path(base.start_from.name),
                tensorboard=None,
            ),
            data=base.data.name if base.data else None,
        ),
    }
    if not options.resume:
        return write_sweep(folder, info)
    existing = open_sweep(folder)
    changed = [
        key
        for key in info
        if key not in ("created", "command") and existing.info.get(key) != _plain(info[key])
    ]
    if changed:
        raise AffectoscopeError(
            f"Sweep '{options.name}' was started with different options {', '.join(changed)}; resume it with the same options."
        )
    return existing


def _plain(value):
    """The value after a round trip through JSON."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


def _report(current: Sweep, base: TrainConfig, console: Console) -> None:
    trials = current.trials()
    done = trials[trials["state"] == "complete"]
    counts = trials["state"].value_counts().to_dict()
    console.say(
        f"Sweep '{current.name}': " + ", ".join(f"{count} {state}" for state, count in counts.items())
    )
    if done.empty:
        return
    order = done.sort_values(current.objective, ascending=not OBJECTIVES[current.objective])
    best = order.iloc[0]
    console.say(
        f"Best {current.objective.replace('_', '-')} of {current.validation_faces:,} validation faces: "
        f"{best[current.objective]:.4f}, trial {int(best['trial'])} "
        f"({', '.join(f'{name} {best[name]}' for name in current.parameters)})"
    )
    console.say(f"Results: {current.path}, and the page Sweep of the dashboard")
