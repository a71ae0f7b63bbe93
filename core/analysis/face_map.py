"""A run's test faces in two dimensions: PCA and t-SNE of their embeddings, saved with the run as map.parquet."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.errors import AffectoscopeError
from core.runs.layout import SCHEMA_VERSION
from core.runs.run import Run
from core.runs.tables import MAP, read_table, save_table
from core.runtime.files import digest

#: Most faces on a map: more would cover each other, and t-SNE's time grows faster than their number.
MOST_FACES = 5000

#: Dimensions that PCA leaves to t-SNE, and its perplexity, as van der Maaten & Hinton (2008) used them.
REDUCED, PERPLEXITY = 50, 30.0


@dataclass(frozen=True)
class FaceMap:
    """Faces in two dimensions, twice.

    Attributes:
        table: row (position in the predictions), pca_x, pca_y, tsne_x, tsne_y (float32), rows rising.
        variance: shares of the embeddings' variance along pca_x and pca_y, 0 to 1.
        faces: how many faces there were; those beyond MOST_FACES were left out at random.
    """

    table: pd.DataFrame
    variance: tuple[float, float]
    faces: int


def face_map(embeddings: np.ndarray, *, most: int = MOST_FACES, seed: int = 0) -> FaceMap:
    """Principal components (Pearson 1901) and t-SNE (van der Maaten & Hinton 2008, JMLR 9) of embeddings.

    Args:
        embeddings: (n, d), n from 1; faces with infinite or missing numbers are left out.
        most: above so many faces a random sample of so many is drawn.
        seed: of the sample and of t-SNE; the same seed gives the same map.

    Raises:
        AffectoscopeError: no face has finite numbers.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    rows = np.flatnonzero(np.isfinite(embeddings).all(axis=1))
    if not len(rows):
        raise AffectoscopeError("The run's embeddings hold no finite numbers; train the run again.")
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
    """The run's map: the kept one if it fits the predictions, else made anew and kept where that is possible.

    None where the run keeps no embeddings.

    Raises:
        AffectoscopeError: the predictions cannot be read.
    """
    if kept := _read(run):
        table, about = kept
        return FaceMap(table, tuple(about["variance"]), about["faces"])
    embeddings = run.predictions(with_embeddings=True).embeddings
    if embeddings is None:
        return None
    made = face_map(embeddings)
    with suppress(OSError):  # where the folder may not be written, nothing is kept
        save_table(
            run.path, MAP, made.table, {"variance": made.variance, "faces": made.faces} | _identity(run)
        )
    return made


def _read(run: Run) -> tuple[pd.DataFrame, dict] | None:
    """The kept map; None where there is none, or one of other predictions or another version."""
    try:
        kept = read_table(run.path, MAP)
    except AffectoscopeError:
        return None
    return kept if kept and _identity(run).items() <= kept[1].items() else None


def _identity(run: Run) -> dict:
    """What a map belongs to."""
    return {"schema_version": SCHEMA_VERSION, "predictions": digest(run.path / "predictions.parquet")}
