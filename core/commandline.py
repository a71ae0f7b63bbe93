"""Command-line arguments -> TrainConfig, with --preset deciding the defaults of all other options."""

from collections.abc import Sequence

import tyro

from core.config import PRESETS, TrainConfig
from core.errors import AffectoscopeError


def parse_train_config(arguments: Sequence[str]) -> TrainConfig:
    """Options as given, the rest from the preset.

    Raises:
        AffectoscopeError: the preset is unknown or an option is out of its range.
        SystemExit: after --help, or on an option that tyro cannot read (status 2).
    """
    preset = _preset(list(arguments))
    if preset not in PRESETS:
        raise AffectoscopeError(f"There is no preset '{preset}'; expected one of {', '.join(PRESETS)}.")
    return tyro.cli(
        TrainConfig,
        prog="python -m core.train",
        default=PRESETS[preset],
        args=list(arguments),
    )


def _preset(arguments: list[str]) -> str:
    """The value of --preset, which has to be known before the others can have defaults."""
    for index, argument in enumerate(arguments):
        if argument.startswith("--preset="):
            return argument.removeprefix("--preset=")
        if argument == "--preset" and index + 1 < len(arguments):
            return arguments[index + 1]
    return "quick"
