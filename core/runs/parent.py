"""The network that a training starts from: a finished run or a Keras file."""

from dataclasses import dataclass
from pathlib import Path

from core.config import TrainConfig
from core.errors import AffectoscopeError
from core.runs.catalogue import open_run
from core.runs.run import Run
from core.runtime.files import digest


@dataclass(frozen=True)
class Parent:
    """Network of --start-from.

    Attributes:
        name: of the run or of the file.
        path: the Keras file.
        run: None for a file.
        sha256: of the Keras file.
    """

    name: str
    path: Path
    run: Run | None
    sha256: str


def find_parent(start_from: Path) -> Parent:
    """Find the network of --start-from: a .keras file, a run's folder, or its name under artifacts/.

    Raises:
        AffectoscopeError: there is no such run or file, or it cannot be read.
    """
    run = None if start_from.suffix == ".keras" and not start_from.is_dir() else open_run(start_from)
    path = run.path / "model.keras" if run else start_from
    try:
        return Parent(run.name if run else path.name, path, run, digest(path))
    except OSError as error:
        raise AffectoscopeError(
            f"--start-from {start_from} cannot be read ({error.strerror or error}); expected a finished run with a network, or "
            "a .keras file."
        ) from error


def training_recipe(config: TrainConfig) -> dict:
    """`config.recipe()`, with the digest of the network that the training starts from.

    Raises:
        AffectoscopeError: a file cannot be read.
    """
    if config.start_from is None:
        return config.recipe()
    return config.recipe() | {"start_from_sha256": find_parent(config.start_from).sha256}


def file_digests(recipe: dict) -> dict[str, str]:
    """The SHA-256 digests of the files in a `training_recipe`, by option."""
    return {name: value for name, value in recipe.items() if name.endswith("_sha256")}
