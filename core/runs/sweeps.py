"""A sweep on disk, in artifacts/sweeps/<name>/. The dashboard reads it without Optuna.

sweep.json    what varies, on what data, judged by what
trials.csv    one row per trial that has ended: parameters, scores on the validation faces, cost
epochs.csv    the objective after each epoch of each trial
journal.log   Optuna's storage, JSON lines; several workers append to it, and a stopped sweep goes on from it
trial-NNNN/   the run of a trial, scored on the validation faces
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.errors import AffectoscopeError
from core.runs.layout import ARTIFACTS_FOLDER, SWEEPS_FOLDER
from core.runtime.files import replacing, write_json

SCHEMA_VERSION = 1

#: Columns of trials.csv besides the sweep's own parameters.
TRIAL_COLUMNS = (
    "trial", "state", "accuracy", "macro_f1", "loss", "best_epoch", "epochs", "network_parameters", "seconds",
)  # fmt: skip

#: Objective -> (column of trials.csv, whether more is better).
OBJECTIVES = {"accuracy": True, "macro_f1": True, "loss": False}

_INFO_KEYS = ("name", "created", "space", "parameters", "reference", "objective", "sampler", "data", "config")
_SWEEP_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")


@dataclass(frozen=True)
class Sweep:
    """What sweep.json says, and where the rest lies."""

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
        """accuracy, macro_f1 or loss, of the validation faces."""
        return self.info["objective"]

    @property
    def validation_faces(self) -> int:
        return int(self.info["data"]["validation"])

    def trials(self) -> pd.DataFrame:
        """One row per ended trial: TRIAL_COLUMNS and the parameters. Scores of failed trials are missing.

        Raises:
            AffectoscopeError: the table is damaged.
        """
        return self._table("trials.csv", (*TRIAL_COLUMNS, *self.parameters))

    def epochs(self) -> pd.DataFrame:
        """Columns trial, epoch, value: the objective along each trial.

        Raises:
            AffectoscopeError: the table is damaged.
        """
        return self._table("epochs.csv", ("trial", "epoch", "value"))

    def importance(self) -> pd.DataFrame:
        """Columns parameter, importance (0 to 1), largest first; empty before there are finished trials enough.

        Raises:
            AffectoscopeError: the table is damaged.
        """
        return self._table("importance.csv", ("parameter", "importance"))

    def _table(self, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        path = self.path / name
        if not path.exists():
            return pd.DataFrame({column: [] for column in columns})
        try:
            table = pd.read_csv(path)
        except (OSError, ValueError) as error:
            raise AffectoscopeError(
                f"{name} of sweep '{self.name}' cannot be read ({error}); the sweep writes it anew when it goes on."
            ) from error
        missing = [column for column in columns if column not in table]
        if missing:
            raise AffectoscopeError(
                f"{name} of sweep '{self.name}' lacks {', '.join(missing)}; the sweep writes it anew when it goes on."
            )
        return table


def sweep_folder(name: str, folder: Path = ARTIFACTS_FOLDER) -> Path:
    """Where the sweep of that name lies.

    Raises:
        AffectoscopeError: it cannot be a folder's name.
    """
    if not _SWEEP_NAME.fullmatch(name):
        raise AffectoscopeError(
            f"'{name}' cannot name a sweep; use up to 60 letters, digits, '.', '_' and '-', starting with a letter or digit."
        )
    return folder / SWEEPS_FOLDER / name


def open_sweep(path: Path) -> Sweep:
    """The sweep in that folder.

    Raises:
        AffectoscopeError: sweep.json is missing, damaged or of a newer version.
    """
    try:
        info = json.loads((path / "sweep.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AffectoscopeError(f"sweep.json of '{path.name}' cannot be read ({error}).") from error
    version = info.get("schema_version") if isinstance(info, dict) else None
    if not isinstance(version, int):
        raise AffectoscopeError(
            f"sweep.json of '{path.name}' names no schema version; it is none of a sweep."
        )
    if version > SCHEMA_VERSION:
        raise AffectoscopeError(
            f"Sweep '{path.name}' was written by a newer Affectoscope (schema {version}, this one reads up to "
            f"{SCHEMA_VERSION}); update Affectoscope to open it."
        )
    absent = [key for key in _INFO_KEYS if key not in info]
    if absent or info["objective"] not in OBJECTIVES:
        raise AffectoscopeError(
            f"sweep.json of '{path.name}' lacks {', '.join(absent) or 'a known objective'}; start the sweep again."
        )
    return Sweep(path, info)


def list_sweeps(folder: Path = ARTIFACTS_FOLDER) -> tuple[list[Sweep], dict[str, str]]:
    """The sweeps beside the runs of `folder`, newest first; and those that cannot be read, with the reason."""
    sweeps, damaged = [], {}
    beside = folder / SWEEPS_FOLDER
    for path in sorted(beside.iterdir()) if beside.is_dir() else []:
        if path.is_dir() and not path.name.startswith("."):
            try:
                sweeps.append(open_sweep(path))
            except AffectoscopeError as error:
                damaged[path.name] = str(error)
    return sorted(sweeps, key=lambda sweep: str(sweep.info["created"]), reverse=True), damaged


def write_sweep(path: Path, info: dict) -> Sweep:
    """Begin a sweep's folder."""
    path.mkdir(parents=True, exist_ok=True)
    write_json(path / "sweep.json", {"schema_version": SCHEMA_VERSION, **info})
    return open_sweep(path)


def write_tables(
    sweep: Sweep, trials: Iterable[dict], epochs: Iterable[dict], importance: Iterable[dict]
) -> None:
    """All tables, each written beside its place and renamed."""
    for name, rows, columns in (
        ("trials.csv", trials, [*TRIAL_COLUMNS, *sweep.parameters]),
        ("epochs.csv", epochs, ["trial", "epoch", "value"]),
        ("importance.csv", importance, ["parameter", "importance"]),
    ):
        with replacing(sweep.path / name) as beside:
            pd.DataFrame(list(rows), columns=columns).to_csv(beside, index=False, float_format="%.6g")
