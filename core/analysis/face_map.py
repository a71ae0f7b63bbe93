"""Two-dimensional maps of a run's scored faces: PCA and t-SNE of the embeddings, cached in map.parquet."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import AffectoscopeError
from core.runs.layout import SCHEMA_VERSION
from core.runs.run import Run
from core.runs.tables import MAP, read_table, save_table
from core.runtime.files import digest

#: Largest number of faces on a map, which bounds the time of t-SNE.
MOST_FACES = 5000

#: Dimension after PCA, and perplexity of t-SNE, as in van der Maaten & Hinton (2008).
REDUCED, PERPLEXITY = 50, 30.0


@dataclass(frozen=True)
class FaceMap:
    """PCA and t-SNE coordinates of faces.

    Attributes:
        table: columns row (index into the predictions, ascending), pca_x, pca_y, tsne_x, tsne_y (float32).
        variance: explained variance ratio of pca_x and pca_y, 0 to 1.
        faces: number of faces before sampling.
    """

    table: pd.DataFrame
    variance: tuple[float, float]
    faces: int


def face_map(embeddings: np.ndarray, *, most: int = MOST_FACES, seed: int = 0) -> FaceMap:
    """Compute principal components (Pearson 1901) and t-SNE (van der Maaten & Hinton 2008, JMLR 9) of embeddings.

    Args:
        embeddings: (n, d), n at least 1; rows with infinite values or NaN are left out.
        most: largest number of faces; more are sampled at random.
        seed: of the sample and of t-SNE.

    Raises:
        AffectoscopeError: no row is finite.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rows = np.flatnonzero(np.isfinite(embeddings).all(axis=1))
    if not len(rows):
        raise AffectoscopeError("The run's embeddings contain no finite values; train the run again.")
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    values = np.asarray(embeddings[rows], np.float64)
    values -= values.mean(axis=0)
    if len(values) < 3 or not values.any():
        components, shares = np.zeros((len(values), 2)), (0.0, 0.0)
        components[:, 0] = np.linalg.norm(values, axis=1) * np.sign(values @ values[0])
        placed = components
    else:
        pca = PCA(min(REDUCED, *values.shape), random_state=seed).fit(values)
        reduced = pca.transform(values)
        components, shares = np.zeros((len(values), 2)), np.zeros(2)
        components[:, : reduced.shape[1]] = reduced[:, :2]
        shares[: reduced.shape[1]] = pca.explained_variance_ratio_[:2]
        perplexity = min(PERPLEXITY, (len(values) - 1) / 3)
        start = 1e-4 * components / max(components[:, 0].std(), 1e-12)
        placed = TSNE(2, perplexity=perplexity, init=start, random_state=seed).fit_transform(reduced)
    table = pd.DataFrame({"row": rows})
    table[["pca_x", "pca_y"]] = np.asarray(components, np.float32)
    table[["tsne_x", "tsne_y"]] = np.asarray(placed, np.float32)
    return FaceMap(table, (float(shares[0]), float(shares[1])), len(embeddings))


def load_face_map(run: Run) -> FaceMap | None:
    """Load the map of a run, or compute and save it if there is none for these predictions.

    Returns:
        None if the run has no embeddings.

    Raises:
        AffectoscopeError: the predictions cannot be read.
    """
    if stored := _read(run):
        table, about = stored
        return FaceMap(table, tuple(about["variance"]), about["faces"])
    embeddings = run.predictions(with_embeddings=True).embeddings
    if embeddings is None:
        return None
    computed = face_map(embeddings)
    with suppress(OSError):  # read-only folders: the map is not saved
        save_table(
            run.path,
            MAP,
            computed.table,
            {"variance": computed.variance, "faces": computed.faces} | _identity(run),
        )
    return computed


def _read(run: Run) -> tuple[pd.DataFrame, dict] | None:
    """The saved map; None if there is none, or if it belongs to other predictions or another version."""
    try:
        stored = read_table(run.path, MAP)
    except AffectoscopeError:
        return None
    return stored if stored and _identity(run).items() <= stored[1].items() else None


def _identity(run: Run) -> dict:
    """Version and digest of the predictions that a map was computed from."""
    return {"schema_version": SCHEMA_VERSION, "predictions": digest(run.path / "predictions.parquet")}
