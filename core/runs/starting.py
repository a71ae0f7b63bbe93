"""The start of a training: its name, and its working folder."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from core.config import TrainConfig
from core.errors import AffectoscopeError
from core.runs.catalogue import check_recipe, has_checkpoint, working_folder
from core.runs.parent import training_recipe
from core.runtime.files import write_json


def prepare_working_folder(name: str, config: TrainConfig, folder: Path) -> Path:
    """Create the working folder with its recipe.json, or check that an interrupted training has the same options."""
    working = working_folder(name, folder)
    check_startable(replace(config, name=name), folder)
    recipe = training_recipe(config)
    if config.resume:
        check_recipe(working / "recipe.json", recipe)
        return working
    working.mkdir(parents=True, exist_ok=True)
    write_json(working / "recipe.json", recipe)
    return working


def check_startable(config: TrainConfig, folder: Path) -> None:
    """Raise AffectoscopeError if config.name is taken, or nothing or something is there to resume, against the options."""
    name, working = config.name, working_folder(config.name, folder)
    if (folder / name).exists() and not config.overwrite:
        raise AffectoscopeError(f"Run '{name}' already exists; pass --overwrite or another --name.")
    if config.resume and not (working / "recipe.json").exists():
        raise AffectoscopeError(f"No interrupted training '{name}' found; start it without --resume.")
    if has_checkpoint(working) and not config.resume:
        raise AffectoscopeError(
            f"An interrupted training '{name}' exists; pass --resume to continue it, or delete {working.name} "
            "in the artifacts folder."
        )


def default_name(config: TrainConfig) -> str:
    if config.resume:
        raise AffectoscopeError("--resume needs --name; pass the name of the interrupted training.")
    data = config.data.stem if config.data else "drawn-faces"
    plain = (
        "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in data).strip("._-")
        or "data"
    )
    return f"{plain[:40]}-{config.preset}-{datetime.now():%Y%m%d-%H%M%S}"
