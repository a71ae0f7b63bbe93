"""One finished run: its parts are read when they are asked for."""

import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from core.data.preprocessing import PreprocessingConfig
from core.data.readers.spec import DatasetSpec, dataset_spec
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS, LabelSet
from core.metrics.predictions import Predictions, read_embeddings, read_labels, read_landmarks
from core.metrics.scoring import Scores, scores_from_dict
from core.runs.layout import (
    CARD_FILE,
    DECISIONS_FILE,
    DETECTED_FILE,
    RELABELLED_FILE,
    ROBUSTNESS_FILE,
    SAMPLE_FILE,
    TAGS_FILE,
)
from core.runs.tables import ROBUSTNESS_COLUMNS, RunTable, read_table
from core.runs.test_time_augmentation import TestTimeAugmentation, parse_augmentation, run_augmentation
from core.runtime.files import digest, read_json, write_json

if TYPE_CHECKING:  # Keras takes seconds to import and only `load_model` needs it
    import keras

    from core.runs.training_sample import TrainingSample


#: What Keras raises on a model file that is damaged (ZIP, JSON, HDF5), or whose layers it cannot rebuild.
DAMAGED_MODEL = (
    OSError, ValueError, TypeError, LookupError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError
)  # fmt: skip

#: Columns that training always writes.
HISTORY_COLUMNS = (
    "epoch", "learning_rate", "loss", "accuracy", "validation_loss", "validation_accuracy",
)  # fmt: skip


def run_name(folder: Path) -> str:
    """Name of the run in `folder`, be it published or still in its working folder."""
    hidden = folder.name.startswith(".")
    return folder.name.removeprefix(".").removesuffix(".partial") if hidden else folder.name


@dataclass(frozen=True)
class Run:
    """One finished run. Reading a part of it happens when that part is asked for."""

    path: Path
    info: dict

    @property
    def name(self) -> str:
        return run_name(self.path)

    @property
    def labels(self) -> tuple[str, ...]:
        """The network's labels, in the order of its output nodes."""
        return tuple(self.info["data"]["labels"])

    @property
    def label_set(self) -> LabelSet:
        """`labels` as expressions with their codes.

        Raises:
            AffectoscopeError: a label is no expression, or there are none.
        """
        foreign = [str(label) for label in self.labels if label not in EXPRESSIONS]
        if foreign or not self.labels:
            raise AffectoscopeError(
                f"Run '{self.name}' has labels that are no expressions ({', '.join(foreign) or 'none at all'}); "
                f"expected some of {', '.join(EXPRESSIONS)}; train the run again."
            )
        return LabelSet(self.labels)

    @property
    def dataset(self) -> DatasetSpec:
        """Facts about the data set that the run was trained on."""
        return dataset_spec(self.info["data"].get("name"))

    @property
    def test_time_augmentation(self) -> TestTimeAugmentation:
        """What the run's own predictions were averaged over.

        Raises:
            AffectoscopeError: run.json names none that is known.
        """
        return run_augmentation(self.info)

    @cached_property
    def scores(self) -> Scores:
        return scores_from_dict(read_json(self.path / "scores.json"))

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch; columns as core.network.fit writes them."""
        return pd.read_csv(self.path / "history.csv")

    @property
    def card(self) -> str:
        path = self.path / CARD_FILE
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @property
    def has_thumbnails(self) -> bool:
        return (self.path / "faces.parquet").exists()

    @property
    def tags_path(self) -> Path:
        return self.path / TAGS_FILE

    @property
    def decisions_path(self) -> Path:
        return self.path / DECISIONS_FILE

    @property
    def relabelled_path(self) -> Path:
        return self.path / RELABELLED_FILE

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
    def preprocessing(self) -> PreprocessingConfig:
        """How a face becomes the network's input.

        Raises:
            AffectoscopeError: run.json names none that could be.
        """
        try:
            return PreprocessingConfig(**self.info["preprocessing"])
        except (TypeError, AffectoscopeError) as error:
            raise AffectoscopeError(
                f"The preprocessing in run.json of '{self.name}' is none ({error}); train the run again."
            ) from error

    def table(self, kind: RunTable) -> tuple[pd.DataFrame, dict] | None:
        """A table that lies beside the predictions and the note about it; None where the run has none.

        Raises:
            AffectoscopeError: the file is damaged.
        """
        return read_table(self.path, kind)

    def robustness(self) -> tuple[pd.DataFrame, dict] | None:
        """What core.analysis.robustness measured, and on which data; None where nobody has asked for it.

        Raises:
            AffectoscopeError: the file is damaged.
        """
        path = self.path / ROBUSTNESS_FILE
        if not path.exists():
            return None
        document = read_json(path)
        try:
            return pd.DataFrame(document["rows"])[list(ROBUSTNESS_COLUMNS)], _renamed(document["about"])
        except (KeyError, TypeError, ValueError) as error:
            raise AffectoscopeError(
                f"{ROBUSTNESS_FILE} of '{self.name}' lacks {error}; run core.evaluate --corruptions again."
            ) from error

    def detected(self) -> dict | None:
        """The document of core.analysis.detection; None where nobody has asked for it.

        Raises:
            AffectoscopeError: the file is damaged.
        """
        path = self.path / DETECTED_FILE
        return _renamed(read_json(path)) if path.exists() else None

    @property
    def has_training_sample(self) -> bool:
        return (self.path / SAMPLE_FILE).exists()

    def training_sample(self) -> "TrainingSample | None":
        """Some of the faces that the network was trained on; None where none were kept."""
        from core.runs.training_sample import TrainingSample

        return TrainingSample.load(self.path / SAMPLE_FILE) if self.has_training_sample else None

    def load_model(self) -> "keras.Model":
        """The network, checked against this run's labels and preprocessing. Imports Keras.

        Raises:
            AffectoscopeError: model.keras is damaged, not the file that run.json was written for, takes or
                gives something else, or the labels stand in another order than when the run was tested.
        """
        import keras

        trained = self.info["network"].get("sha256")
        if trained and trained != digest(self.path / "model.keras"):
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
        except DAMAGED_MODEL as error:
            raise AffectoscopeError(
                f"model.keras of run '{self.name}' cannot be loaded ({type(error).__name__}); "
                "expected a Keras 3 model file saved by core.train; train the run again."
            ) from error
        shape = (None, *self.preprocessing.shape)
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


def _renamed(document: dict) -> dict:
    """A document that names a test-time augmentation; earlier versions called it "views".

    Raises:
        AffectoscopeError: it names one that is not known.
    """
    if not isinstance(document, dict):  # damaged; who reads it says so
        return document
    table = {name: value for name, value in document.items() if name != "views"}
    name = document.get("test_time_augmentation", document.get("views", "none"))
    return table | {"test_time_augmentation": parse_augmentation(name)}


def write_robustness(run: Run, table: pd.DataFrame, about: dict) -> None:
    """Keep what core.analysis.robustness measured with a finished run."""
    write_json(run.path / ROBUSTNESS_FILE, {"about": about, "rows": table.to_dict("records")})


def write_detected(run: Run, document: dict) -> None:
    """Keep what core.analysis.detection measured with a finished run."""
    write_json(run.path / DETECTED_FILE, document)


def checked_history(run: Run) -> pd.DataFrame:
    """history.csv, known to have epochs and the columns that charts need.

    Raises:
        AffectoscopeError: it has not.
    """
    try:
        history = run.history
    except (OSError, ValueError) as error:  # pandas' parsing errors are ValueErrors
        raise AffectoscopeError(
            f"history.csv of '{run.name}' cannot be read ({error}); train the run again."
        ) from error
    missing = [name for name in HISTORY_COLUMNS if name not in history]
    if missing:
        raise AffectoscopeError(
            f"history.csv of '{run.name}' lacks {', '.join(missing)}; train the run again."
        )
    if history.empty:
        raise AffectoscopeError(
            f"history.csv of '{run.name}' has no epoch: training ended before the first one."
        )
    wrong = [name for name in HISTORY_COLUMNS if not pd.api.types.is_numeric_dtype(history[name])]
    if wrong:
        raise AffectoscopeError(
            f"history.csv of '{run.name}' has something else than numbers in {', '.join(wrong)}; train the run again."
        )
    return history
