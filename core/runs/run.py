"""A finished run, whose files are read on access."""

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
from core.runs.imported_network import ImportedNetwork, Network, parse_imported
from core.runs.keras_file import DAMAGED_MODEL
from core.runs.layout import (
    CARD_FILE,
    DECISIONS_FILE,
    DETECTED_FILE,
    IMPORTED_PREDICTIONS,
    RELABELLED_FILE,
    ROBUSTNESS_FILE,
    SAMPLE_FILE,
    TAGS_FILE,
)
from core.runs.onnx_network import load_onnx_network
from core.runs.tables import ROBUSTNESS_COLUMNS, RunTable, read_table
from core.runs.test_time_augmentation import TestTimeAugmentation, parse_augmentation, run_augmentation
from core.runtime.files import digest, network_file, read_json, write_json

if TYPE_CHECKING:
    from core.runs.training_sample import TrainingSample


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
    def has_network(self) -> bool:
        """Return whether the run has its network; a run of imported predictions has none."""
        return IMPORTED_PREDICTIONS not in self.info

    @property
    def trained_here(self) -> bool:
        """Return whether core.train made the run: neither its predictions nor its network were imported."""
        return self.has_network and self.info.get("imported") is None

    @property
    def imported_predictions(self) -> dict:
        """How the run's predictions were imported; see core.analysis.imported_run. {} for a run with a network."""
        entry = self.info.get(IMPORTED_PREDICTIONS, {})
        return entry if isinstance(entry, dict) else {}

    def no_network(self, purpose: str) -> str:
        """Sentence on why something cannot be had of a run without a network, and what to do.

        Args:
            purpose: what needs the network, as the subject of the sentence: 'Grad-CAM'.
        """
        return (
            f"{purpose} needs a network, and run '{self.name}' was imported without one, as the predictions in "
            f"{self.imported_predictions.get('table', 'a table')}: choose a run with its network, or train one with "
            "python -m core.train."
        )

    def require_network(self, purpose: str) -> None:
        """Raises AffectoscopeError, the sentence of `no_network`, if the run has no network."""
        if not self.has_network:
            raise AffectoscopeError(self.no_network(purpose))

    @property
    def imported(self) -> ImportedNetwork | None:
        """Origin of a network that was trained elsewhere; None for one of core.train.

        Raises:
            AffectoscopeError: the entry in run.json is damaged.
        """
        entry = self.info.get("imported")
        return None if entry is None else parse_imported(entry, self.name)

    @property
    def is_scored(self) -> bool:
        """Return whether the run has predictions; a network that was imported without data has none."""
        return (self.path / "predictions.parquet").exists()

    @property
    def has_history(self) -> bool:
        """Return whether the run has the epochs of its training."""
        return (self.path / "history.csv").exists()

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
        self._require_scores()
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
        self._require_scores()
        return Predictions.load(self.path / "predictions.parquet", with_embeddings=with_embeddings)

    def _require_scores(self) -> None:
        """Raise AffectoscopeError for a run without scored faces."""
        if self.info.get("imported") and not self.is_scored:
            raise AffectoscopeError(
                f"Run '{self.name}' has no scored faces, because its network was imported without data; import it again with "
                "--data PATH --overwrite."
            )

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

    def load_model(self) -> Network:
        """Load the network and check it against the run's labels and preprocessing. Imports Keras, or onnxruntime.

        Returns:
            A keras.Model, or an OnnxNetwork.

        Raises:
            AffectoscopeError: the run has no network, its file is damaged or its SHA-256 differs from run.json, its input or
                outputs have other shapes, the labels differ from those of the predictions, or onnxruntime is needed and not
                installed.
        """
        self.require_network("This")
        file = network_file(self.path)
        trained = self.info["network"].get("sha256")
        if trained and trained != digest(file):
            raise AffectoscopeError(
                f"{file.name} of run '{self.name}' cannot be loaded: its SHA-256 differs from the one in run.json; "
                "restore the original file, or train the run again."
            )
        tested = read_labels(self.path / "predictions.parquet") if self.is_scored else self.labels
        if tested != self.labels:
            raise AffectoscopeError(
                f"run.json of '{self.name}' has the labels {', '.join(self.labels)}, but its predictions have "
                f"{', '.join(tested)}; train the run again."
            )
        return self._load_onnx(file) if file.suffix == ".onnx" else self._load_keras(file)

    def _load_onnx(self, file: Path) -> Network:
        imported = self.imported
        if imported is None:
            raise AffectoscopeError(
                f"run.json of '{self.name}' does not say how faces are converted for {file.name}; import the network again."
            )
        network = load_onnx_network(file, self.preprocessing.size, imported.input, imported.outputs)
        found = network.predict_on_batch(np.zeros((1, *self.preprocessing.shape), np.uint8))
        self._check_shapes(
            file, network.input_shape, {name: (None, value.shape[1]) for name, value in found.items()}
        )
        return network

    def _load_keras(self, file: Path) -> Network:
        import keras

        try:
            model = keras.saving.load_model(file, compile=False, safe_mode=True)
        except DAMAGED_MODEL as error:
            raise AffectoscopeError(
                f"model.keras of run '{self.name}' cannot be loaded ({type(error).__name__}); "
                "expected a Keras 3 model file saved by core.train; train the run again."
            ) from error
        outputs = (
            {name: tuple(tensor.shape) for name, tensor in model.output.items()}
            if isinstance(model.output, dict)
            else {}
        )
        self._check_shapes(file, tuple(model.input_shape), outputs)
        return model

    def _check_shapes(self, file: Path, given: tuple, outputs: dict[str, tuple]) -> None:
        """Raise AffectoscopeError where input or outputs do not fit the run's preprocessing and labels."""
        shape = (None, *self.preprocessing.shape)
        expected = {"expression": (None, len(self.labels)), "affect": (None, 2)}
        wrong = [name for name in outputs if name != "embedding" and expected.get(name) != outputs[name]]
        if given != shape or wrong or "expression" not in outputs:
            raise AffectoscopeError(
                f"{file.name} of run '{self.name}' has input {given} and {outputs or 'unnamed outputs'}; "
                f"expected {shape} and {len(self.labels)} expression probabilities; train the run again."
            )


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
        AffectoscopeError: the run has none, the file is damaged, has no epochs, or lacks a numeric column of HISTORY_COLUMNS.
    """
    run.require_network("A learning curve")
    if not run.has_history and run.info.get("imported"):
        raise AffectoscopeError(
            f"Run '{run.name}' has no history, because its network was trained elsewhere and imported."
        )
    history = read_csv(run.path / "history.csv", columns=HISTORY_COLUMNS, remedy="train the run again")
    if history.empty:
        raise AffectoscopeError(f"history.csv of '{run.name}' has no epochs; train the run again.")
    wrong = [name for name in HISTORY_COLUMNS if not pd.api.types.is_numeric_dtype(history[name])]
    if wrong:
        raise AffectoscopeError(
            f"history.csv of '{run.name}' has non-numeric values in {', '.join(wrong)}; train the run again."
        )
    return history
