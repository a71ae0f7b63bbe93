"""Sample of the training faces of a run, with embeddings."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import AffectoscopeError
from core.runtime.files import replacing

#: Largest number of faces in a sample.
SAMPLE_FACES = 2000


@dataclass(frozen=True, eq=False)
class TrainingSample:
    """Sample of a run's training faces.

    Attributes:
        references: n names of faces in the data set.
        expressions: n annotated labels.
        embeddings: (n, d) float16.
        thumbnails: WebP bytes by reference; empty if the data may not be redistributed.
    """

    references: tuple[str, ...]
    expressions: tuple[str, ...]
    embeddings: np.ndarray
    thumbnails: dict[str, bytes]

    def __len__(self) -> int:
        return len(self.references)

    def save(self, path: Path) -> None:
        """Write the sample atomically as Parquet."""
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
        with replacing(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    @classmethod
    def load(cls, path: Path) -> "TrainingSample":
        """Load a file written by `save`.

        Raises:
            AffectoscopeError: the file is damaged or has other columns.
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
                f"{path.name} of '{path.parent.name}' cannot be read ({type(error).__name__}); recreate it with "
                "python -m core.upgrade, or delete it."
            ) from error
