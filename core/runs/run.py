"""A finished run, whose files are read on access."""

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
from core.runs.documents import read_csv
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


#: Exceptions that Keras raises on a damaged model file (ZIP, JSON, HDF5) or unknown layers.
DAMAGED_MODEL = (
    OSError, ValueError, TypeError, LookupError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError
)  # fmt: skip

#: Columns of every history.csv.
HISTORY_COLUMNS = (
    "epoch", "learning_rate", "loss", "accuracy", "validation_loss", "validation_accuracy",
)  # fmt: skip


def run_name(folder: Path) -> str:
    """Name of the run in `folder`, a published run or a working folder."""
    hidden = folder.name.startswith(".")
    return folder.name.removeprefix(".").removesuffix(".partial") if hidden else folder.name


@dataclass(frozen=True)
class Run:
    """A finished run. Files are read on access.

    Attributes:
        path: folder of the run.
        info: content of run.json.
    """

    path: Path
    info: dict

    @property
    def name(self) -> str:
        return run_name(self.path)

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the network, in the order of its outputs."""
        return tuple(self.info["data"]["labels"])

    @property
    def label_set(self) -> LabelSet:
        """`labels` with their codes.

        Raises:
            AffectoscopeError: a label is not an expression, or there are no labels.
        """
        foreign = [str(label) for label in self.labels if label not in EXPRESSIONS]
        if foreign or not self.labels:
            raise AffectoscopeError(
                f"Run '{self.name}' has unknown labels ({', '.join(foreign) or 'none at all'}); "
                f"expected labels among {', '.join(EXPRESSIONS)}; train the run again."
            )
        return LabelSet(self.labels)

    @property
    def detector(self) -> str:
        """Name of the detector whose boxes the run's frame margin is for; older runs do not name theirs, MTCNN."""
        return self.info.get("detector", "mtcnn")

    @property
    def dataset(self) -> DatasetSpec:
        """Facts about the data set that the run was trained on."""
        return dataset_spec(self.info["data"].get("name"))

    def has_fixed_counts(self, predictions: Predictions) -> bool:
        """Whether the numbers of faces per label of its scored faces were fixed by design; see core.metrics.intervals."""
        return self.dataset.has_fixed_counts(predictions.frame["split"])

    @property
    def test_time_augmentation(self) -> TestTimeAugmentation:
        """Test-time augmentation of the run's predictions.

        Raises:
            AffectoscopeError: run.json names an unknown augmentation.
        """
        return run_augmentation(self.info)

    @cached_property
    def scores(self) -> Scores:
        return scores_from_dict(read_json(self.path / "scores.json"))

    @cached_property
    def history(self) -> pd.DataFrame:
        """One row per epoch, with the columns of core.network.fit."""
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
        """(n, d) float16 embeddings, one row per row of the predictions; None if not stored."""
        return read_embeddings(self.path / "predictions.parquet")

    def landmarks(self, row: int) -> np.ndarray | None:
        """(68, 2) landmarks of one row of the predictions; None if unknown."""
        return read_landmarks(self.path / "predictions.parquet", row)

    def thumbnails(self) -> dict[str, bytes]:
        """Face reference -> WebP bytes; empty if the run has no thumbnails."""
        if not self.has_thumbnails:
            return {}
        table = pq.read_table(self.path / "faces.parquet", columns=["reference", "image"])
        return dict(zip(table["reference"].to_pylist(), table["image"].to_pylist(), strict=True))

    @property
    def preprocessing(self) -> PreprocessingConfig:
        """Preprocessing from a face to the network's input.

        Raises:
            AffectoscopeError: the entry in run.json is invalid.
        """
        try:
            return PreprocessingConfig(**self.info["preprocessing"])
        except (TypeError, AffectoscopeError) as error:
            raise AffectoscopeError(
                f"The preprocessing in run.json of '{self.name}' is invalid ({error}); train the run again."
            ) from error

    def table(self, kind: RunTable) -> tuple[pd.DataFrame, dict] | None:
        """An optional table of the run and its metadata; None if the run does not have it.

        Raises:
            AffectoscopeError: the file is damaged.
        """
        return read_table(self.path, kind)

    def robustness(self) -> tuple[pd.DataFrame, dict] | None:
        """Scores on corrupted faces and their metadata; None if they were not computed. See core.analysis.robustness.

        Raises:
            AffectoscopeError: the file is damaged.
        """
        path = self.path / ROBUSTNESS_FILE
        if not path.exists():
            return None
        document = read_json(path)
        try:
            return pd.DataFrame(document["rows"])[list(ROBUSTNESS_COLUMNS)], _with_augmentation(
                document["about"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise AffectoscopeError(
                f"{ROBUSTNESS_FILE} of '{self.name}' has no {error}; run core.evaluate --corruptions again."
            ) from error

    def detected(self) -> dict | None:
        """Scores on detected faces; None if they were not computed. See core.analysis.detection.

        Raises:
            AffectoscopeError: the file is damaged.
        """
        path = self.path / DETECTED_FILE
        return _with_augmentation(read_json(path)) if path.exists() else None

    @property
    def has_training_sample(self) -> bool:
        return (self.path / SAMPLE_FILE).exists()

    def training_sample(self) -> "TrainingSample | None":
        """Sample of the training faces; None if the run has none."""
        from core.runs.training_sample import TrainingSample

        return TrainingSample.load(self.path / SAMPLE_FILE) if self.has_training_sample else None

    def load_model(self) -> "keras.Model":
        """Load the network and check it against the run's labels and preprocessing. Imports Keras.

        Raises:
            AffectoscopeError: model.keras is damaged or its SHA-256 differs from run.json, its input or outputs have
                other shapes, or the labels differ from those of the predictions.
        """
        import keras

        trained = self.info["network"].get("sha256")
        if trained and trained != digest(self.path / "model.keras"):
            raise AffectoscopeError(
                f"model.keras of run '{self.name}' cannot be loaded: its SHA-256 differs from the one in run.json; "
                "restore the original file, or train the run again."
            )
        tested = read_labels(self.path / "predictions.parquet")
        if tested != self.labels:
            raise AffectoscopeError(
                f"run.json of '{self.name}' has the labels {', '.join(self.labels)}, but its predictions have "
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
                f"model.keras of run '{self.name}' has input {model.input_shape} and {outputs or 'unnamed outputs'}; "
                f"expected {shape} and {len(self.labels)} expression probabilities; train the run again."
            )
        return model


def _with_augmentation(document: dict) -> dict:
    """Read the key "test_time_augmentation", called "views" in earlier versions.

    Raises:
        AffectoscopeError: the augmentation is unknown.
    """
    if not isinstance(document, dict):  # damaged; reported by the caller
        return document
    table = {name: value for name, value in document.items() if name != "views"}
    name = document.get("test_time_augmentation", document.get("views", "none"))
    return table | {"test_time_augmentation": parse_augmentation(name)}


def write_robustness(run: Run, table: pd.DataFrame, about: dict) -> None:
    """Save the scores on corrupted faces in the run's folder."""
    write_json(run.path / ROBUSTNESS_FILE, {"about": about, "rows": table.to_dict("records")})


def write_detected(run: Run, document: dict) -> None:
    """Save the scores on detected faces in the run's folder."""
    write_json(run.path / DETECTED_FILE, document)


def load_history(run: Run) -> pd.DataFrame:
    """Load history.csv and validate it.

    Raises:
        AffectoscopeError: the file is damaged, has no epochs, or lacks a numeric column of HISTORY_COLUMNS.
    """
    history = read_csv(run.path / "history.csv", columns=HISTORY_COLUMNS, remedy="train the run again")
    if history.empty:
        raise AffectoscopeError(f"history.csv of '{run.name}' has no epochs; train the run again.")
    wrong = [name for name in HISTORY_COLUMNS if not pd.api.types.is_numeric_dtype(history[name])]
    if wrong:
        raise AffectoscopeError(
            f"history.csv of '{run.name}' has non-numeric values in {', '.join(wrong)}; train the run again."
        )
    return history
