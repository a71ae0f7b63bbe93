"""Run a sweep: its options, its folder, its trials."""

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
from core.runs.sweeps import OBJECTIVES, Sweep, open_sweep, sweep_folder, write_sweep
from core.runtime.console import Console
from core.sweep.spaces import SPACES, Between
from core.sweep.workers import Processes, Workers, watch


@dataclass(frozen=True)
class SweepOptions:
    """Train many networks that differ in the options of a space, and compare them on the validation faces.

    Every other option is one of core.train and holds for all trials: --data, --preset, --epochs, --limit ...
    factors: M, N, filters and dropout, every combination once. ablation: one change at a time to the recipe.
    search: everything together, for the best. A stopped sweep goes on with --resume; further workers, on other
    machines too where they share the folder, join with --resume.
    """

    name: str
    """Name of the sweep's folder under artifacts/sweeps/."""
    space: Literal["factors", "ablation", "search"] = "search"
    """What varies."""
    trials: int | None = None
    """Trainings in all; default: every combination, or 50 where there is no end of them."""
    objective: Literal["accuracy", "macro_f1", "loss"] = "accuracy"
    """What the best trial is best at, on the validation faces."""
    sampler: Literal["grid", "random", "tpe"] | None = None
    """How trials are drawn; default: as the space needs it. tpe learns from the trials before (Bergstra et al. 2011)."""
    prune: bool = False
    """Give up trials that are worse than the median of the others after the same epoch."""
    workers: int = 1
    """Processes that train side by side; they share the processor's cores."""
    resume: bool = False
    """Go on with a sweep that was begun, or help another process with it."""
    where: Annotated[ClusterOptions, tyro.conf.arg(name="")] = field(default_factory=ClusterOptions)


def parse_sweep(arguments: list[str]) -> tuple[SweepOptions, TrainConfig]:
    """The sweep's own options, and what core.train makes of all others."""
    options, others = tyro.cli(
        SweepOptions, prog="python -m core.sweep", args=arguments, return_unknown_args=True
    )
    if options.workers < 1:
        raise AffectoscopeError(f"--workers {options.workers} is out of range; expected 1 or more.")
    if options.workers > 1 and options.where.cluster:
        raise AffectoscopeError(
            "--workers are processes of this machine; with --cluster pass --cluster-workers."
        )
    if options.trials is not None and options.trials < 1:
        raise AffectoscopeError(f"--trials {options.trials} is out of range; expected 1 or more.")
    return options, parse_train_config(others)


def worker_arguments(options: SweepOptions, base: TrainConfig) -> list[str]:
    """The command line of one worker on a sweep that has begun: `parse_sweep` reads it as the same sweep, alone."""
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
    """Run the sweep to its end, or until Ctrl-C.

    Args:
        start_workers: starts workers of the sweep in a folder, given the command line of one; default: processes of
            this machine, options.workers of them.
        lost: whether a machine of that name is gone, so that its trials go on here.

    Raises:
        AffectoscopeError: a sweep of that name stands in the way, was begun differently, or the data cannot be read.
    """
    space = SPACES[options.space]
    gridded = (options.sampler or space.sampler) == "grid"
    if gridded and space.grid_size is None:
        raise AffectoscopeError(
            "This space has ranges of numbers, which make no grid; pass --sampler random or tpe."
        )
    if gridded and options.trials and options.trials > space.grid_size:
        raise AffectoscopeError(
            f"--trials {options.trials} is more than the {space.grid_size} combinations there are; leave it out for all."
        )
    folder = _free_folder(options)
    console = Console()
    data = load_training_data(base, console)
    found = _prepare(folder, options, base, data)
    from core.sweep.search import open_study, queue_grid, run_trials, take_over_abandoned

    wanted = options.trials or space.grid_size or 50
    study = open_study(found)
    if gridded:
        queue_grid(study, space, base.seed)
    again = take_over_abandoned(study, lost)
    if again:
        console.say(f"{again} trials were cut off; they go on from where they were.")
    alone = worker_arguments(options, base)
    if start_workers:
        watch(lambda: start_workers(alone, folder), wanted, study, console)
    elif options.workers > 1:
        watch(lambda: Processes(options.workers, alone, folder), wanted, study, console)
    else:
        run_trials(found, base, data, trials=wanted, say=console.say)
    _conclude(found, base, console)
    return found


def _free_folder(options: SweepOptions) -> Path:
    """Where the sweep is to lie; refused before any data is read where it may not."""
    folder = sweep_folder(options.name)
    begun = (folder / "sweep.json").exists()
    if options.resume and not begun:
        raise AffectoscopeError(f"There is no sweep '{options.name}' to resume; start it without --resume.")
    if begun and not options.resume:
        raise AffectoscopeError(
            f"A sweep '{options.name}' exists already; pass --resume to go on with it, or another --name."
        )
    return folder


def _prepare(folder: Path, options: SweepOptions, base: TrainConfig, data: TrainingData) -> Sweep:
    """The sweep in that folder, begun now or found as it was begun."""
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
        "config": base.recipe(),
        "command": train_command(
            replace(base, relabel=base.relabel and Path(base.relabel.name)),
            data=base.data.name if base.data else None,
        ),
    }
    if not options.resume:
        return write_sweep(folder, info)
    begun = open_sweep(folder)
    changed = [
        key for key in info if key not in ("created", "command") and begun.info.get(key) != _plain(info[key])
    ]
    if changed:
        raise AffectoscopeError(
            f"Sweep '{options.name}' was begun with another {', '.join(changed)}; resume it with the same options."
        )
    return begun


def _plain(value):
    """As it comes back from JSON."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, tuple | list) else value


def _conclude(found: Sweep, base: TrainConfig, console: Console) -> None:
    trials = found.trials()
    done = trials[trials["state"] == "complete"]
    counts = trials["state"].value_counts().to_dict()
    console.say(f"Sweep '{found.name}': " + ", ".join(f"{count} {state}" for state, count in counts.items()))
    if done.empty:
        return
    order = done.sort_values(found.objective, ascending=not OBJECTIVES[found.objective])
    best = order.iloc[0]
    console.say(
        f"Best {found.objective.replace('_', '-')} of {found.validation_faces:,} validation faces: "
        f"{best[found.objective]:.4f}, trial {int(best['trial'])} "
        f"({', '.join(f'{name} {best[name]}' for name in found.parameters)})"
    )
    console.say(f"Look at it: the page Sweep of the dashboard, and {found.path}")
