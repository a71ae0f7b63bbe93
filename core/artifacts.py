"""A run on disk: the only module that knows its files. Whole or absent, versioned, nothing unpickled.

artifacts/<run>/
  run.json             what was trained, on what, how, where; see RUN_KEYS
  model.keras          weights and graph: uint8 faces in, probabilities out
  history.csv          one row per epoch
  predictions.parquet  one row per test face
  scores.json          every headline number with its 95 % interval
  faces.parquet        small WebP thumbnails by reference; only where the data may be passed on
  card.md              the model card
"""

import json
import os
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import AffectoscopeError
from core.predictions import Predictions
from core.scoring import Scores, scores_from_dict

if TYPE_CHECKING:  # Keras takes seconds to import and only `load_model` needs it
    import keras

SCHEMA_VERSION = 1

#: Where runs lie unless told otherwise: the artifacts/ folder of this project.
ARTIFACTS_FOLDER = Path(__file__).resolve().parent.parent / "artifacts"

#: Top-level keys of run.json.
RUN_KEYS = (
    "schema_version", "name", "created", "data", "config", "preprocessing", "network", "training", "environment",
)  # fmt: skip

_REQUIRED_FILES = ("run.json", "model.keras", "history.csv", "predictions.parquet", "scores.json")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")


@dataclass(frozen=True)
class Run:
    """One finished run. Reading a part of it happens when that part is asked for."""

    path: Path
    info: dict

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The network's labels, in the order of its output nodes."""
        return tuple(self.info["data"]["labels"])

    @cached_property
    def scores(self) -> Scores:
        return scores_from_dict(_read_json(self.path / "scores.json"))

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch; columns as core.fit writes them."""
        return pd.read_csv(self.path / "history.csv")

    @property
    def card(self) -> str:
        path = self.path / "card.md"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def has_thumbnails(self) -> bool:
        return (self.path / "faces.parquet").exists()

    def predictions(self, *, with_embeddings: bool = False) -> Predictions:
        return Predictions.load(self.path / "predictions.parquet", with_embeddings=with_embeddings)

    def thumbnails(self) -> dict[str, bytes]:
        """Face reference -> WebP bytes; empty when the run ships without images."""
        if not self.has_thumbnails:
            return {}
        table = pq.read_table(self.path / "faces.parquet", columns=["reference", "image"])
        return dict(zip(table["reference"].to_pylist(), table["image"].to_pylist(), strict=True))

    def load_model(self) -> "keras.Model":
        """The network, checked against this run's labels and preprocessing. Imports Keras."""
        import keras

        try:
            model = keras.saving.load_model(self.path / "model.keras", compile=False, safe_mode=True)
        except Exception as error:
            raise AffectoscopeError(
                f"model.keras of run '{self.name}' cannot be loaded ({type(error).__name__}); "
                "expected a Keras 3 model file saved by core.train; train the run again."
            ) from error
        contract = self.info["preprocessing"]
        shape = (None, contract["size"], contract["size"], 3 if contract["colour"] == "rgb" else 1)
        outputs = (
            {name: tensor.shape for name, tensor in model.output.items()}
            if isinstance(model.output, dict)
            else {}
        )
        if tuple(model.input_shape) != shape or outputs.get("expression") != (None, len(self.labels)):
            raise AffectoscopeError(
                f"model.keras of run '{self.name}' takes {model.input_shape} and gives {outputs or 'unnamed outputs'}; "
                f"expected {shape} and {len(self.labels)} expression probabilities; train the run again."
            )
        return model


@dataclass(frozen=True)
class Listing:
    """A folder under artifacts/: a run, or the reason why it is none."""

    path: Path
    run: Run | None
    problem: str = ""


def open_run(path: str | Path) -> Run:
    """The run at `path`, a folder, or the name of one under artifacts/.

    Raises:
        AffectoscopeError: no such folder, a file is missing or damaged, or its schema is newer.
    """
    folder = Path(path)
    if not folder.exists() and (ARTIFACTS_FOLDER / folder).is_dir():
        folder = ARTIFACTS_FOLDER / folder
    if not folder.is_dir():
        known = ", ".join(listing.path.name for listing in list_runs() if listing.run) or "none yet"
        raise AffectoscopeError(f"There is no run '{path}'; runs under artifacts/: {known}.")
    missing = [name for name in _REQUIRED_FILES if not (folder / name).is_file()]
    if missing:
        raise AffectoscopeError(
            f"'{folder.name}' is no whole run: it lacks {', '.join(missing)}; train it again."
        )
    info = _read_json(folder / "run.json")
    version = info.get("schema_version") if isinstance(info, dict) else None
    if not isinstance(version, int):
        raise AffectoscopeError(f"run.json of '{folder.name}' names no schema version; train the run again.")
    if version > SCHEMA_VERSION:
        raise AffectoscopeError(
            f"'{folder.name}' was written by a newer Affectoscope (schema {version}, this one reads up to "
            f"{SCHEMA_VERSION}); update Affectoscope to open it."
        )
    absent = [key for key in RUN_KEYS if key not in info]
    if absent:
        raise AffectoscopeError(
            f"run.json of '{folder.name}' lacks {', '.join(absent)}; train the run again."
        )
    return Run(folder.resolve(), info)


def list_runs(folder: Path = ARTIFACTS_FOLDER) -> list[Listing]:
    """Every folder under `folder`, newest run first, damaged ones last with their reason."""
    listings = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.name.startswith(".") or not path.is_dir():
            continue
        try:
            listings.append(Listing(path, open_run(path)))
        except (AffectoscopeError, OSError) as error:
            listings.append(Listing(path, None, str(error)))
    whole = [listing for listing in listings if listing.run]
    whole.sort(key=lambda listing: str(listing.run.info["created"]), reverse=True)
    return whole + [listing for listing in listings if not listing.run]


def check_run_name(name: str) -> str:
    """`name` if it may name a run's folder.

    Raises:
        AffectoscopeError: it has other characters than letters, digits, '.', '_' and '-', or too many.
    """
    if not _NAME.fullmatch(name):
        raise AffectoscopeError(
            f"'{name}' cannot name a run; use up to 80 letters, digits, '.', '_' and '-', "
            "starting with a letter or digit."
        )
    return name


def working_folder(name: str, folder: Path = ARTIFACTS_FOLDER) -> Path:
    """The hidden sibling in which a run grows until `publish` renames it."""
    return folder / f".{check_run_name(name)}.partial"


def publish(working: Path, *, replace: bool = False) -> Run:
    """Rename a finished working folder to its run's name and open it.

    The checkpoint is dropped first. With `replace`, a run of that name gives way.

    Raises:
        AffectoscopeError: the run is not whole, or one of that name exists and `replace` is off.
    """
    target = working.parent / working.name.removeprefix(".").removesuffix(".partial")
    if target.exists() and not replace:
        raise AffectoscopeError(f"A run '{target.name}' exists already; pass --overwrite or another --name.")
    missing = [name for name in _REQUIRED_FILES if not (working / name).is_file()]
    if missing:
        raise AffectoscopeError(f"Run '{target.name}' is not whole: it lacks {', '.join(missing)}.")
    shutil.rmtree(working / "checkpoint", ignore_errors=True)
    (working / "recipe.json").unlink(missing_ok=True)
    if target.exists():
        old = target.with_name(f".{target.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        os.replace(target, old)
        os.replace(working, target)
        shutil.rmtree(old)
    else:
        os.replace(working, target)
    return open_run(target)


def check_recipe(path: Path, recipe: dict) -> None:
    """See that an interrupted training was begun with `recipe`.

    Raises:
        AffectoscopeError: an option differs; the sentence names it.
    """
    begun = _read_json(path)
    given = json.loads(json.dumps(recipe))
    changed = [name for name in given if begun.get(name) != given[name]]
    if changed:
        raise AffectoscopeError(
            f"The interrupted training was begun with another {', '.join(changed)} "
            f"({', '.join(str(begun.get(name)) for name in changed)}); resume it with the same options."
        )


def write_json(path: Path, document: dict) -> None:
    """Strict JSON, written beside `path` and renamed, so that a reader never sees half of it."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(
        json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    os.replace(beside, path)


def write_thumbnails(path: Path, references: list[str], images: list[bytes]) -> None:
    """Thumbnails (encoded WebP) by face reference, as faces.parquet."""
    table = pa.table({"reference": pa.array(references, pa.string()), "image": pa.array(images, pa.binary())})
    beside = path.with_name(path.name + ".new")
    pq.write_table(table, beside, compression="none")
    os.replace(beside, path)


def _read_json(path: Path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AffectoscopeError(
            f"{path.name} of '{path.parent.name}' cannot be read as JSON ({error}); train the run again."
        ) from error
