"""What a network was trained on, in small: a sample of its training faces, and how far others are from it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import AffectoscopeError
from core.runtime.files import replacing

#: Most faces that a sample holds.
SAMPLE_FACES = 2000

#: A face is as far from the training faces as its k-th nearest of the sample is.
NEIGHBOURS = 10

#: Rows whose distances to the whole sample are held at once.
_ROWS = 1024


@dataclass(frozen=True, eq=False)
class TrainingSample:
    """Some of a run's training faces.

    Attributes:
        references: names of the faces, (n,).
        expressions: their labels, (n,).
        embeddings: (n, d) float16, as the network sees them.
        thumbnails: WebP bytes by reference; empty where the data may not be passed on.
    """

    references: tuple[str, ...]
    expressions: tuple[str, ...]
    embeddings: np.ndarray
    thumbnails: dict[str, bytes]

    def __len__(self) -> int:
        return len(self.references)

    def save(self, path: Path) -> None:
        """As parquet, written beside `path` and renamed."""
        width = self.embeddings.shape[1]
        flat = pa.array(self.embeddings.astype(np.float16).ravel())
        table = pa.table(
            {
                "reference": pa.array(self.references, pa.string()),
                "expression": pa.array(self.expressions, pa.string()),
                "embedding": pa.FixedSizeListArray.from_arrays(flat, width),
                "image": pa.array([self.thumbnails.get(name) for name in self.references], pa.binary()),
            }
        )
        with replacing(path) as beside:
            pq.write_table(table, beside, compression="zstd")

    @classmethod
    def load(cls, path: Path) -> "TrainingSample":
        """The sample in a file that `save` wrote.

        Raises:
            AffectoscopeError: it is damaged, or another table.
        """
        try:
            table = pq.read_table(path, columns=["reference", "expression", "embedding", "image"])
            width = table.schema.field("embedding").type.list_size
            flat = table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
            references = table["reference"].to_pylist()
            images = {
                name: image
                for name, image in zip(references, table["image"].to_pylist(), strict=True)
                if image
            }
            return cls(
                tuple(references),
                tuple(table["expression"].to_pylist()),
                flat.astype(np.float16).reshape(-1, width),
                images,
            )
        except (OSError, ValueError, KeyError, AttributeError, pa.ArrowException) as error:
            raise AffectoscopeError(
                f"{path.name} of '{path.parent.name}' cannot be read ({type(error).__name__}); make it again with "
                "python -m core.upgrade, or delete it to go without."
            ) from error


def draw_rows(expression: np.ndarray, *, seed: int, most: int = SAMPLE_FACES) -> np.ndarray:
    """Rows of a stratified sample, rising: every expression with its share of the faces, one at least.

    Args:
        expression: (n,) codes or positions.
        most: faces drawn at most; a few less where shares are rounded down.
    """
    expression = np.asarray(expression)
    if len(expression) <= most:
        return np.arange(len(expression))
    random = np.random.default_rng(seed)
    codes, counts = np.unique(expression, return_counts=True)
    wanted = np.maximum(counts * (most - len(codes)) // len(expression), 0) + 1
    drawn = [
        random.choice(np.flatnonzero(expression == code), size=min(share, count), replace=False)
        for code, share, count in zip(codes, wanted, counts, strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def directions(embeddings: np.ndarray) -> np.ndarray:
    """(n, d) float32 with length 1 each; an embedding of zeros stays zeros, at distance 1 from all others."""
    values = np.asarray(embeddings, np.float32)
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)


def distances_to(sample: np.ndarray, embeddings: np.ndarray, neighbours: int = NEIGHBOURS) -> np.ndarray:
    """Cosine distance, 0 to 2, from each of `embeddings` (n, d) to its k-th nearest of `sample`, (n,).

    Sun, Ming, Zhu & Li (2022), "Out-of-Distribution Detection with Deep Nearest Neighbors", ICML: the
    distance to the k-th nearest training embedding, of length 1 each, tells faces unlike the training data.
    A sample of fewer faces gives the distance to its farthest.

    Args:
        sample: (m, d) from `directions`, m at least 1.
    """
    place = min(neighbours, len(sample)) - 1
    found = [np.empty(0, np.float32)]
    for start in range(0, len(embeddings), _ROWS):
        apart = 1.0 - directions(embeddings[start : start + _ROWS]) @ sample.T
        found.append(np.partition(apart, place, axis=1)[:, place])
    return np.maximum(np.concatenate(found), 0.0)
