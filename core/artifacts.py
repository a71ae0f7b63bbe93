"""A run on disk: the only module that knows its files. Whole or absent, versioned, nothing unpickled.

artifacts/<run>/
  run.json             what was trained, on what, how, where; see RUN_KEYS
  model.keras          weights and graph: uint8 faces in, probabilities out
  history.csv          one row per epoch
  predictions.parquet  one row per test face
  scores.json          every headline number with its 95 % interval
  faces.parquet        small WebP thumbnails by reference; only where the data may be passed on
  training_sample.parquet  some training faces as the network sees them; older runs have none
  card.md              the model card
  data_summary.parquet how the faces of all splits lie on the plane and how large they are; older runs have none
  robustness.json      scores on spoiled faces; only after core.evaluate --corruptions
  map.parquet          the test faces in two dimensions; made when first asked for
  marks.csv            what a reader marked faces with; the dashboard writes it
"""

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.data_summary import COLUMNS as SUMMARY_COLUMNS
from core.errors import AffectoscopeError
from core.faces import PreprocessingContract
from core.predictions import Predictions, read_embeddings, read_labels, read_landmarks
from core.robustness import COLUMNS as ROBUSTNESS_COLUMNS
from core.scoring import Scores, scores_from_dict

if TYPE_CHECKING:  # Keras takes seconds to import and only `load_model` needs it
    import keras

    from core.training_sample import TrainingSample

SCHEMA_VERSION = 1

#: Where runs lie unless told otherwise: the artifacts/ folder of this project.
ARTIFACTS_FOLDER = Path(__file__).resolve().parent.parent / "artifacts"

#: Top-level keys of run.json.
RUN_KEYS = (
    "schema_version", "name", "created", "data", "config", "preprocessing", "network", "training", "environment",
)  # fmt: skip

#: Folder beside the runs that holds sweeps, each with runs of its own; see core.sweep.
SWEEPS_FOLDER = "sweeps"

#: Some of the training faces; see core.training_sample.
SAMPLE_FILE = "training_sample.parquet"

#: Counts over the faces of every split; see core.data_summary.
SUMMARY_FILE = "data_summary.parquet"

#: Scores on spoiled faces; see core.robustness.
ROBUSTNESS_FILE = "robustness.json"

#: The test faces in two dimensions; see core.face_map.
MAP_FILE = "map.parquet"

#: What a reader marked faces with; see core.marks.
MARKS_FILE = "marks.csv"

#: Files that the dashboard writes beside a run's own: they come and go without the run having changed.
KEPT_BESIDE = (MAP_FILE, MARKS_FILE)

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

    @property
    def marks_path(self) -> Path:
        return self.path / MARKS_FILE

    def predictions(self, *, with_embeddings: bool = False) -> Predictions:
        return Predictions.load(self.path / "predictions.parquet", with_embeddings=with_embeddings)

    def embeddings(self) -> np.ndarray | None:
        """(n, d) float16, one row per row of the predictions; None where none were kept."""
        return read_embeddings(self.path / "predictions.parquet")

    def landmarks(self, row: int) -> np.ndarray | None:
        """(68, 2) landmarks of one row of the predictions; None where none are known."""
        return read_landmarks(self.path / "predictions.parquet", row)

    def thumbnails(self) -> dict[str, bytes]:
        """Face reference -> WebP bytes; empty when the run ships without images."""
        if not self.has_thumbnails:
            return {}
        table = pq.read_table(self.path / "faces.parquet", columns=["reference", "image"])
        return dict(zip(table["reference"].to_pylist(), table["image"].to_pylist(), strict=True))

    @property
    def contract(self) -> PreprocessingContract:
        """How a face becomes the network's input.

        Raises:
            AffectoscopeError: run.json names none that could be.
        """
        try:
            return PreprocessingContract(**self.info["preprocessing"])
        except (TypeError, AffectoscopeError) as error:
            raise AffectoscopeError(
                f"The preprocessing in run.json of '{self.name}' is none ({error}); train the run again."
            ) from error

    def data_summary(self) -> pd.DataFrame | None:
        """What core.data_summary counted over every split; None where training did not keep it.

        Raises:
            AffectoscopeError: the file is damaged.
        """
        path = self.path / SUMMARY_FILE
        if not path.exists():
            return None
        try:
            table = pq.read_table(path)
        except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
            raise AffectoscopeError(
                f"{SUMMARY_FILE} of '{self.name}' cannot be read ({error}); train the run again."
            ) from error
        missing = [name for name in SUMMARY_COLUMNS if name not in table.column_names]
        if missing:
            raise AffectoscopeError(
                f"{SUMMARY_FILE} of '{self.name}' lacks {', '.join(missing)}; train the run again."
            )
        return table.select(list(SUMMARY_COLUMNS)).to_pandas()

    def robustness(self) -> tuple[pd.DataFrame, dict] | None:
        """What core.robustness measured, and on which data; None where nobody has asked for it.

        Raises:
            AffectoscopeError: the file is damaged.
        """
        path = self.path / ROBUSTNESS_FILE
        if not path.exists():
            return None
        document = _read_json(path)
        try:
            return pd.DataFrame(document["rows"])[list(ROBUSTNESS_COLUMNS)], document["about"]
        except (KeyError, TypeError, ValueError) as error:
            raise AffectoscopeError(
                f"{ROBUSTNESS_FILE} of '{self.name}' lacks {error}; run core.evaluate --corruptions again."
            ) from error

    @property
    def has_training_sample(self) -> bool:
        return (self.path / SAMPLE_FILE).exists()

    def training_sample(self) -> "TrainingSample | None":
        """Some of the faces that the network was trained on; None where none were kept."""
        from core.training_sample import TrainingSample

        return TrainingSample.load(self.path / SAMPLE_FILE) if self.has_training_sample else None

    def load_model(self) -> "keras.Model":
        """The network, checked against this run's labels and preprocessing. Imports Keras.

        Raises:
            AffectoscopeError: model.keras is damaged, not the file that run.json was written for, takes or
                gives something else, or the labels stand in another order than when the run was tested.
        """
        import keras

        trained = self.info["network"].get("sha256")
        if trained and trained != _digest(self.path / "model.keras"):
            raise AffectoscopeError(
                f"model.keras of run '{self.name}' cannot be loaded: it is not the file that the run was tested "
                "with (its SHA-256 differs from run.json's); put that one back, or train the run again."
            )
        tested = read_labels(self.path / "predictions.parquet")
        if tested != self.labels:
            raise AffectoscopeError(
                f"run.json of '{self.name}' names the labels {', '.join(self.labels)}, but it was tested with "
                f"{', '.join(tested)}; train the run again."
            )
        try:
            model = keras.saving.load_model(self.path / "model.keras", compile=False, safe_mode=True)
        except Exception as error:
            raise AffectoscopeError(
                f"model.keras of run '{self.name}' cannot be loaded ({type(error).__name__}); "
                "expected a Keras 3 model file saved by core.train; train the run again."
            ) from error
        shape = (None, *self.contract.shape)
        outputs = (
            {name: tensor.shape for name, tensor in model.output.items()}
            if isinstance(model.output, dict)
            else {}
        )
        expected = {"expression": (None, len(self.labels)), "affect": (None, 2)}
        fits = "expression" in outputs and all(expected.get(name) == outputs[name] for name in outputs)
        if tuple(model.input_shape) != shape or not fits:
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
        if path.name.startswith(".") or path.name == SWEEPS_FOLDER or not path.is_dir():
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
    if not _NAME.fullmatch(name) or name == SWEEPS_FOLDER:
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

    The checkpoint is dropped first. With `replace`, a run of that name gives way; its marks are the reader's
    work and go over to the new one.

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
        for marks in old.glob(f"{MARKS_FILE}*"):
            os.replace(marks, working / marks.name)
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


def write_data_summary(working: Path, table: pd.DataFrame) -> None:
    """Keep what core.data_summary counted in the folder of a growing run."""
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False), working / SUMMARY_FILE)


def write_robustness(run: Run, table: pd.DataFrame, about: dict) -> None:
    """Keep what core.robustness measured with a finished run."""
    write_json(run.path / ROBUSTNESS_FILE, {"about": about, "rows": table.to_dict("records")})


def write_map(run: Run, table: pd.DataFrame, about: dict) -> None:
    """Keep a map of the run's faces with it; where the folder may not be written, nothing is kept."""
    path = run.path / MAP_FILE
    about = about | {
        "schema_version": SCHEMA_VERSION,
        "predictions": _digest(run.path / "predictions.parquet"),
    }
    written = pa.Table.from_pandas(table, preserve_index=False)
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        pq.write_table(written.replace_schema_metadata({b"affectoscope": json.dumps(about)}), beside)
        os.replace(beside, path)
    except OSError:
        beside.unlink(missing_ok=True)


def read_map(run: Run) -> tuple[pd.DataFrame, dict] | None:
    """What `write_map` kept; None where there is none, or one of other predictions or another version."""
    try:
        table = pq.read_table(run.path / MAP_FILE)
        about = json.loads((table.schema.metadata or {})[b"affectoscope"])
        fits = about["schema_version"] == SCHEMA_VERSION and about["predictions"] == _digest(
            run.path / "predictions.parquet"
        )
    except (OSError, ValueError, KeyError, TypeError):  # pyarrow's errors are ValueErrors
        return None
    return (table.to_pandas(), about) if fits else None


def network_digest(folder: Path) -> str:
    """SHA-256 of the network in a run's folder, for run.json: a file put in its place is noticed."""
    return _digest(folder / "model.keras")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_json(path: Path):
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AffectoscopeError(
            f"{path.name} of '{path.parent.name}' cannot be read as JSON ({error}); train the run again."
        ) from error
