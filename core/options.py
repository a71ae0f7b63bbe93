"""Parsing of command lines to TrainConfig; --preset sets the defaults of all other options."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated

import tyro

from core.config import PRESETS, TrainConfig
from core.errors import AffectoscopeError


@dataclass(frozen=True)
class ClusterOptions:
    """Ray cluster to run on."""

    cluster: str | None = None
    """Address of a Ray cluster to run on: host:port, auto on one of its machines, or local for a temporary cluster on this
    machine. All machines need the project, data, cache and artifacts folder under the same paths."""
    cluster_workers: int | None = None
    """Number of workers that run the network; default: one per GPU, or one per machine without GPUs."""


def parse_train_config(arguments: Sequence[str]) -> TrainConfig:
    """Parse a configuration; options that are not given have the values of the preset.

    Raises:
        AffectoscopeError: the preset is unknown or an option is out of range.
        SystemExit: after --help, or on an option that tyro cannot read (status 2).
    """
    default = _preset_config(arguments)
    return tyro.cli(TrainConfig, prog="python -m core.train", default=default, args=list(arguments))


@dataclass(frozen=True)
class _TrainOptions:
    config: Annotated[TrainConfig, tyro.conf.arg(name="")]
    where: Annotated[ClusterOptions, tyro.conf.arg(name="")]
    seeds: int = 1
    """Number of trainings NAME-1, NAME-2, ... with --seed and the seeds after it, on the same split (1 to 100)."""


def parse_train_options(
    arguments: Sequence[str],
    *,
    prog: str = "python -m core.train",
    about: str = "Train a facial-expression network and leave a reviewed run in artifacts/.",
) -> tuple[TrainConfig, ClusterOptions, int]:
    """Parse a configuration, the cluster options and the number of seeds; raises like `parse_train_config`."""
    default = _TrainOptions(_preset_config(arguments), ClusterOptions())
    options = tyro.cli(_TrainOptions, prog=prog, description=about, default=default, args=list(arguments))
    if not 1 <= options.seeds <= 100:
        raise AffectoscopeError(f"--seeds {options.seeds} is out of range; expected 1 to 100.")
    return options.config, options.where, options.seeds


def _preset_config(arguments: Sequence[str]) -> TrainConfig:
    preset = _preset(list(arguments))
    if preset not in PRESETS:
        raise AffectoscopeError(f"Unknown preset '{preset}'; expected one of {', '.join(PRESETS)}.")
    return PRESETS[preset]


def _preset(arguments: list[str]) -> str:
    """Value of the last --preset, which determines the defaults of the other options."""
    preset = "quick"
    for index, argument in enumerate(arguments):
        if argument.startswith("--preset="):
            preset = argument.removeprefix("--preset=")
        elif argument == "--preset" and index + 1 < len(arguments):
            preset = arguments[index + 1]
    return preset


def train_command(config: TrainConfig, *, data: str | None = None) -> str:
    """Command line of a configuration; `data` replaces the path of the data."""
    return shlex.join(["python", "-m", "core.train", *train_arguments(config, data=data)])


def train_arguments(config: TrainConfig, *, data: str | None = None) -> list[str]:
    """The arguments of `train_command`."""
    words = []
    if config.preset != "quick":
        words += ["--preset", config.preset]
    if data or config.data:
        words += ["--data", str(data or config.data)]
    return words + _options(config, PRESETS[config.preset], prefix="")


def _options(config, preset, *, prefix: str) -> list[str]:
    """Options that differ from the preset."""
    words = []
    for each in fields(config):
        value, usual = getattr(config, each.name), getattr(preset, each.name)
        if value == usual or each.name in ("preset", "data"):
            continue
        option = f"{prefix}{each.name.replace('_', '-')}"
        if is_dataclass(value):
            words += _options(value, usual, prefix=f"{each.name}.")
        elif isinstance(value, bool):
            parent, _, last = option.rpartition(".")
            words.append(f"--{option}" if value else f"--{parent}{'.' if parent else ''}no-{last}")
        else:
            values = value if isinstance(value, tuple) else (value,)
            words += [f"--{option}", *map(str, values)]
    return words
