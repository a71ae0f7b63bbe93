"""Predictions: the truth and a network's outputs, one row per face, in memory and as a parquet file."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.metrics.calibration import log_losses

#: Version of the parquet layout; `load` refuses files of a later one.
SCHEMA_VERSION = 1

#: Key of the parquet metadata that holds the schema version and the labels, as JSON.
METADATA_KEY = b"affectoscope"

#: How far a face's probabilities may be from a sum of 1.
SUM_TOLERANCE = 1e-3

LANDMARKS = 68

#: Rows that are encoded at once: of a million faces the landmarks alone have half a GiB.
ROW_GROUP = 2**16

_AFFECT = ("valence", "arousal", "predicted_valence", "predicted_arousal")
#: Columns of a face's box: pixels of the upright photo, NaN where the image is the face.
BOX_COLUMNS = ("box_x", "box_y", "box_width", "box_height")


@dataclass(frozen=True, eq=False)
class Predictions:
    """One row per face. Build it with `from_arrays` or `load`.

    frame's columns, in this order:
        reference (str)                       names the image inside its dataset
        split (str)                           train, validation, test, ...
        expression (categorical)              the true label's name; its categories are `labels`
        p_<label> (float32), one per label    probabilities, summing to 1
        valence, arousal (float32)            the truth, -1 to 1, NaN where not annotated
        predicted_valence, predicted_arousal  (float32) NaN throughout without an affect head
        box_x, box_y, box_width, box_height   (float32) face box in pixels, NaN: the image is the face
    """

    labels: tuple[str, ...]
    frame: pd.DataFrame
    embeddings: np.ndarray | None = None  # (n, d) float16; None: the network gave none or they were not read
    landmarks: np.ndarray | None = None  # (n, 68, 2) float32, pixels; None likewise

    @classmethod
    def from_arrays(
        cls,
        *,
        labels: Sequence[str],
        truth: np.ndarray,
        probabilities: np.ndarray,
        reference: Sequence[str] | None = None,
        split: str | Sequence[str] = "test",
        valence: np.ndarray | None = None,
        arousal: np.ndarray | None = None,
        predicted_valence: np.ndarray | None = None,
        predicted_arousal: np.ndarray | None = None,
        boxes: np.ndarray | None = None,
        embeddings: np.ndarray | None = None,
        landmarks: np.ndarray | None = None,
    ) -> "Predictions":
        """A table of n faces from arrays; what is not given is NaN, references become row numbers.

        `truth` is (n,) positions in `labels` or names, `probabilities` (n, c), `boxes` (n, 4) as x, y,
        width, height, `embeddings` (n, d), `landmarks` (n, 68, 2), the others (n,).

        Raises:
            AffectoscopeError: shapes do not fit, a truth is no label, or probabilities are NaN or do not
                sum to 1.
        """
        labels = tuple(labels)
        probabilities = np.asarray(probabilities, np.float32)
        n = len(probabilities)
        if probabilities.shape != (n, len(labels)):
            raise AffectoscopeError(
                f"The probabilities have shape {probabilities.shape}; expected one column for each of the "
                f"{len(labels)} labels."
            )
        boxes = np.full((n, 4), np.nan) if boxes is None else np.asarray(boxes)
        affect = (valence, arousal, predicted_valence, predicted_arousal)
        numbers = dict(zip((*_AFFECT, *BOX_COLUMNS), (*affect, *boxes.T), strict=True))
        columns = {
            "reference": np.arange(n).astype(str) if reference is None else list(reference),
            "split": [split] * n if isinstance(split, str) else list(split),
            "expression": _categorical(truth, labels),
            **{f"p_{label}": column for label, column in zip(labels, probabilities.T, strict=True)},
            **{
                name: np.asarray(np.full(n, np.nan) if values is None else values, np.float32)
                for name, values in numbers.items()
            },
        }
        embeddings = None if embeddings is None else np.asarray(embeddings, np.float16)
        landmarks = None if landmarks is None else np.asarray(landmarks, np.float32)
        for name, values in {**columns, "embeddings": embeddings, "landmarks": landmarks}.items():
            if values is not None and len(values) != n:
                raise AffectoscopeError(f"{name} has {len(values)} rows; expected {n}, one per face.")
        if landmarks is not None and landmarks.shape != (n, LANDMARKS, 2):
            raise AffectoscopeError(f"landmarks has shape {landmarks.shape}; expected ({n}, {LANDMARKS}, 2).")
        frame = pd.DataFrame(columns).astype({"reference": "str", "split": "str"})
        _check_probabilities(frame, labels, "The predictions")
        return cls(labels, frame, embeddings, landmarks)

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def truth(self) -> np.ndarray:
        """(n,) positions of the true labels in `labels`."""
        return self.frame["expression"].cat.codes.to_numpy().astype(np.int64)

    @cached_property
    def probabilities(self) -> np.ndarray:
        """(n, c) float32."""
        return self.frame[[f"p_{label}" for label in self.labels]].to_numpy(np.float32)

    @cached_property
    def predicted(self) -> np.ndarray:
        """(n,) positions of the most probable labels, the first one on a tie."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confidence(self) -> np.ndarray:
        """(n,) the highest probability, float32."""
        return self.probabilities.max(axis=1)

    @property
    def correct(self) -> np.ndarray:
        """(n,) boolean: the most probable label is the true one."""
        return self.predicted == self.truth

    @cached_property
    def loss(self) -> np.ndarray:
        """(n,) cross entropy, -ln p(true label), at most 15.9: see core.metrics.calibration.log_losses."""
        return log_losses(self.truth, self.probabilities)

    @cached_property
    def margin(self) -> np.ndarray:
        """(n,) p(true label) minus the best other probability, -1 to 1: negative where wrong."""
        rows = np.arange(len(self))
        others = self.probabilities.copy()
        others[rows, self.truth] = 0.0
        return self.probabilities[rows, self.truth] - others.max(axis=1)

    @property
    def has_affect(self) -> bool:
        """Return whether some face has both an annotated and a predicted valence or arousal."""
        known = self.frame[list(_AFFECT)].notna().to_numpy()
        return bool((known[:, :2] & known[:, 2:]).any())

    def filter(self, mask: np.ndarray | pd.Series) -> "Predictions":
        """The rows where `mask` (n,) is true, or at the given positions, with the same labels."""
        mask = np.asarray(mask)
        return Predictions(
            self.labels,
            self.frame.iloc[mask].reset_index(drop=True),
            None if self.embeddings is None else self.embeddings[mask],
            None if self.landmarks is None else self.landmarks[mask],
        )

    def save(self, path: str | Path) -> None:
        """Write one parquet file: the frame, `embedding` and `landmarks` as fixed-size lists, the labels."""
        table = pa.Table.from_pandas(self.frame, preserve_index=False)
        for name, values in (("embedding", self.embeddings), ("landmarks", self.landmarks)):
            if values is not None:
                flat = np.ascontiguousarray(values).reshape(len(self), np.prod(values.shape[1:], dtype=int))
                lists = pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])
                table = table.append_column(name, lists)
        about = json.dumps({"schema_version": SCHEMA_VERSION, "labels": self.labels})
        described = table.replace_schema_metadata({METADATA_KEY: about})
        pq.write_table(described, path, compression="zstd", row_group_size=ROW_GROUP)

    @classmethod
    def load(
        cls, path: str | Path, *, with_embeddings: bool = False, with_landmarks: bool = False
    ) -> "Predictions":
        """Read what `save` wrote; embeddings and landmarks only on request, as they outweigh the rest.

        Raises:
            AffectoscopeError: the file cannot be read, is no predictions file, or its contents are wrong;
                the sentence names the file.
        """
        path = Path(path)
        try:
            with pq.ParquetFile(path) as file:
                labels = _labels_of(file.schema_arrow, path)
                names = _column_names(labels)
                wanted = names + ["embedding"] * with_embeddings + ["landmarks"] * with_landmarks
                table = file.read([name for name in wanted if name in file.schema_arrow.names])
        except (OSError, pa.ArrowException) as error:
            raise AffectoscopeError(f"{path} cannot be read as a parquet file: {error}") from error
        # A run without an affect head may leave its columns out.
        missing = [name for name in names if name not in (*table.column_names, *_AFFECT[2:])]
        if missing:
            raise AffectoscopeError(
                f"{path} lacks the columns {', '.join(missing)}; write it again with evaluate."
            )
        try:
            frame = table.select([name for name in names if name in table.column_names]).to_pandas()
            kinds = {"reference": "str", "split": "str"}
            frame = frame.reindex(columns=names).astype(
                {name: kinds.get(name, np.float32) for name in names[:2] + names[3:]}
            )
            frame["expression"] = _categorical(frame["expression"].to_numpy(object), labels)
            embeddings = _lists(table, "embedding", ())
            landmarks = _lists(table, "landmarks", (LANDMARKS, 2))
        except (AffectoscopeError, ValueError, TypeError, AttributeError) as error:
            raise AffectoscopeError(
                f"{path} holds values that do not belong in their column: {error}"
            ) from error
        _check_probabilities(frame, labels, str(path))
        return cls(labels, frame, embeddings, landmarks)


def read_embeddings(path: str | Path) -> np.ndarray | None:
    """(n, d) float16 embeddings in a predictions file, and nothing else of it; None where it has none.

    Raises:
        AffectoscopeError: the file cannot be read.
    """
    with _open_column(path, "embedding") as file:
        return None if file is None else _lists(file.read(["embedding"]), "embedding", ())


def read_landmarks(path: str | Path, row: int) -> np.ndarray | None:
    """(68, 2) float32 landmarks of one face in a predictions file, pixels of its photo; None where it has none.

    Reads up to that row and keeps nothing of the others: all landmarks of a large run outweigh it many times.

    Raises:
        AffectoscopeError: the file cannot be read.
    """
    with _open_column(path, "landmarks") as file:
        for batch in file.iter_batches(8192, columns=["landmarks"]) if file else ():
            if row < len(batch):
                points = np.array(batch["landmarks"][row].as_py(), np.float32).reshape(LANDMARKS, 2)
                return points if np.isfinite(points).all() else None
            row -= len(batch)
    return None


@contextmanager
def _open_column(path: str | Path, name: str) -> Iterator[pq.ParquetFile | None]:
    """A predictions file, or None where it has no column of that name; what goes wrong in it is one sentence."""
    try:
        with pq.ParquetFile(path) as file:
            yield file if name in file.schema_arrow.names else None
    except (OSError, pa.ArrowException, ValueError, TypeError, AttributeError) as error:
        raise AffectoscopeError(f"The column {name} in {path} cannot be read: {error}") from error


def read_labels(path: Path) -> tuple[str, ...]:
    """The labels of a predictions file, in the order of its probabilities, without reading its rows.

    Raises:
        AffectoscopeError: the file cannot be read, or is another table.
    """
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise AffectoscopeError(f"{path} cannot be read: {error}") from error
    _labels_of(schema, path)
    return tuple(name.removeprefix("p_") for name in schema.names if name.startswith("p_"))


def _column_names(labels: tuple[str, ...]) -> list[str]:
    return ["reference", "split", "expression", *(f"p_{label}" for label in labels), *_AFFECT, *BOX_COLUMNS]


def _labels_of(schema: pa.Schema, path: Path) -> tuple[str, ...]:
    """The labels in the file's metadata, once they are known and agree with its p_ columns."""
    try:
        about = json.loads((schema.metadata or {})[METADATA_KEY])
        version, labels = int(about["schema_version"]), tuple(str(label) for label in about["labels"])
    except (KeyError, ValueError, TypeError) as error:
        raise AffectoscopeError(
            f"{path} is no predictions file: its metadata has no readable '{METADATA_KEY.decode()}' entry; "
            "expected a file written by train or evaluate."
        ) from error
    if version > SCHEMA_VERSION:
        raise AffectoscopeError(
            f"{path} has schema version {version}; this Affectoscope reads up to {SCHEMA_VERSION}: update it."
        )
    columns = [name.removeprefix("p_") for name in schema.names if name.startswith("p_")]
    if sorted(columns) != sorted(labels) or not set(labels) <= set(EXPRESSIONS) or not labels:
        raise AffectoscopeError(
            f"{path} names the labels {', '.join(labels) or 'none'} and has probabilities for "
            f"{', '.join(columns) or 'none'}; expected one column p_<label> per expression label."
        )
    return labels


def _lists(table: pa.Table, name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """A fixed-size list column as (n, *shape), or (n, size) where shape is (); None where it was not read."""
    if name not in table.column_names:
        return None
    lists = table[name].combine_chunks()
    return (
        lists.flatten()
        .to_numpy(zero_copy_only=False)
        .reshape(len(lists), *(shape or (lists.type.list_size,)))
    )


def _categorical(truth: np.ndarray, labels: tuple[str, ...]) -> pd.Categorical:
    """Positions or names as a categorical over `labels`."""
    truth = np.asarray(truth)
    if truth.dtype.kind in "iu":
        positions = np.where((truth >= 0) & (truth < len(labels)), truth, -1)
    else:
        positions = pd.Index(labels, dtype=object).get_indexer(truth.astype(object))
    unknown = truth[positions < 0]
    if len(unknown):
        raise AffectoscopeError(
            f"{len(unknown):,} true labels such as '{unknown[0]}' are unknown; "
            f"expected one of {', '.join(labels)}."
        )
    return pd.Categorical.from_codes(positions, categories=list(labels))


def _check_probabilities(frame: pd.DataFrame, labels: tuple[str, ...], name: str) -> None:
    """Every probability a number from 0 to 1, every row's sum 1."""
    probabilities = frame[[f"p_{label}" for label in labels]].to_numpy(np.float32)
    sums = probabilities.sum(axis=1, dtype=np.float64)
    unusable = ~np.isfinite(sums) | (probabilities < 0).any(axis=1)
    off = ~unusable & (np.abs(sums - 1.0) > SUM_TOLERANCE)
    for wrong, what in (
        (unusable, "have NaN, infinite or negative probabilities; expected numbers from 0 to 1"),
        (off, "have probabilities that do not sum to 1; expected the softmax, not logits"),
    ):
        if wrong.any():
            first = frame["reference"].iloc[wrong.argmax()]
            raise AffectoscopeError(
                f"{name}: {wrong.sum():,} of {len(frame):,} rows, first '{first}', {what}."
            )
