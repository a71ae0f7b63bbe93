"""Sweeps on disk, in artifacts/sweeps/<name>/. Readable without Optuna.

sweep.json    search space, data and objective
trials.csv    one row per ended trial: parameters, scores on the validation faces, cost
epochs.csv    the objective after each epoch of each trial
journal.log   Optuna's storage (JSON lines), shared by all workers; a stopped sweep resumes from it
trial-NNNN/   the run of a trial, scored on the validation faces
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.errors import AffectoscopeError
from core.runs.documents import read_csv, read_document
from core.runs.layout import ARTIFACTS_FOLDER, SWEEPS_FOLDER
from core.runtime.files import replacing, write_json

SCHEMA_VERSION = 1

#: Columns of trials.csv besides the sweep's own parameters.
TRIAL_COLUMNS = (
    "trial", "state", "accuracy", "macro_f1", "loss", "best_epoch", "epochs", "network_parameters", "seconds",
)  # fmt: skip

#: Objective (column of trials.csv) -> whether higher is better.
OBJECTIVES = {"accuracy": True, "macro_f1": True, "loss": False}

_INFO_KEYS = ("name", "created", "space", "parameters", "reference", "objective", "sampler", "data", "config")
_SWEEP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


@dataclass(frozen=True)
class Sweep:
    """A sweep: its folder and the content of sweep.json."""

    path: Path
    info: dict

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def parameters(self) -> list[str]:
        return list(self.info["parameters"])

    @property
    def objective(self) -> str:
        """A key of OBJECTIVES, measured on the validation faces."""
        return self.info["objective"]

    @property
    def validation_faces(self) -> int:
        return int(self.info["data"]["validation"])

    def trials(self) -> pd.DataFrame:
        """One row per ended trial: TRIAL_COLUMNS and the parameters. Scores of failed trials are NaN.

        Raises:
            AffectoscopeError: the table is damaged.
        """
        return self._table("trials.csv", (*TRIAL_COLUMNS, *self.parameters))

    def epochs(self) -> pd.DataFrame:
        """The objective after each epoch: columns trial, epoch and value.

        Raises:
            AffectoscopeError: the table is damaged.
        """
        return self._table("epochs.csv", ("trial", "epoch", "value"))

    def importance(self) -> pd.DataFrame:
        """Columns parameter and importance (0 to 1), largest first; empty with too few finished trials.

        Raises:
            AffectoscopeError: the table is damaged.
        """
        return self._table("importance.csv", ("parameter", "importance"))

    def _table(self, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        path = self.path / name
        if not path.exists():
            return pd.DataFrame({column: [] for column in columns})
        return read_csv(path, columns=columns, remedy="it is recreated when the sweep is resumed")


def sweep_folder(name: str, folder: Path = ARTIFACTS_FOLDER) -> Path:
    """Folder of the sweep `name`.

    Raises:
        AffectoscopeError: the name is invalid.
    """
    if not _SWEEP_NAME.fullmatch(name):
        raise AffectoscopeError(
            f"Invalid sweep name '{name}'; use up to 60 letters, digits, '.', '_' and '-', starting with a letter or digit."
        )
    return folder / SWEEPS_FOLDER / name


def open_sweep(path: Path) -> Sweep:
    """Open the sweep in a folder.

    Raises:
        AffectoscopeError: sweep.json is missing, damaged or of a newer version.
    """
    info = read_document(
        path / "sweep.json", version=SCHEMA_VERSION, keys=_INFO_KEYS, remedy="start the sweep again"
    )
    if info["objective"] not in OBJECTIVES:
        raise AffectoscopeError(f"sweep.json of '{path.name}' has no known objective; start the sweep again.")
    return Sweep(path, info)


def list_sweeps(folder: Path = ARTIFACTS_FOLDER) -> tuple[list[Sweep], dict[str, str]]:
    """List the sweeps of `folder`, newest first, and the names of unreadable ones with the reason."""
    sweeps, damaged = [], {}
    sweeps_folder = folder / SWEEPS_FOLDER
    for path in sorted(sweeps_folder.iterdir()) if sweeps_folder.is_dir() else []:
        if path.is_dir() and not path.name.startswith("."):
            try:
                sweeps.append(open_sweep(path))
            except AffectoscopeError as error:
                damaged[path.name] = str(error)
    return sorted(sweeps, key=lambda sweep: str(sweep.info["created"]), reverse=True), damaged


def write_sweep(path: Path, info: dict) -> Sweep:
    """Create the folder of a sweep and write its sweep.json."""
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "sweep.json", {"schema_version": SCHEMA_VERSION, **info})
    return open_sweep(path)


def write_tables(
    sweep: Sweep, trials: Iterable[dict], epochs: Iterable[dict], importance: Iterable[dict]
) -> None:
    """Write all tables; each file is replaced atomically."""
    for name, rows, columns in (
        ("trials.csv", trials, [*TRIAL_COLUMNS, *sweep.parameters]),
        ("epochs.csv", epochs, ["trial", "epoch", "value"]),
        ("importance.csv", importance, ["parameter", "importance"]),
    ):
        with replacing(sweep.path / name) as temporary:
            pd.DataFrame(list(rows), columns=columns).to_csv(temporary, index=False, float_format="%.6g")
