"""Published statistics of a data set, measured on the real one."""

import io
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from PIL import Image

from core.analysis.data_inspection.alteration import ENOUGH_FACES, ks_distance
from core.analysis.data_inspection.duplicates import duplicate_table
from core.analysis.data_inspection.measures import MEASURES, measure_faces, pixel_measures
from core.analysis.data_inspection.published import MAX_DISTANCE, PAIRED, PublishedStatistics
from core.data.face_table import FaceTable
from core.data.images import read_upright
from core.data.preprocessing import PreprocessingConfig, crop_face

#: JPEG qualities at which a copy still counts as the same pictures.
_QUALITIES = (50, 75, 90, 95)

_SAMPLES = 1000


def make_statistics(
    table: FaceTable,
    *,
    datasets: Sequence[str],
    side: int,
    references: dict[str, int] | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> PublishedStatistics:
    """Measure a data set whose images are faces of `side` pixels a side.

    Thresholds come from its training faces alone.

    Args:
        table: all of its faces, in their official splits, "train" among them.
        datasets: names of the DatasetSpecs whose faces these are.
        references: split -> number of its faces to keep measures and hashes of.
    """
    measures = measure_faces(table, np.arange(len(table)), side=side, progress=progress)
    measures = measures[measures["problem"] == ""].reset_index(drop=True)
    faces = table.faces.iloc[measures["row"]].reset_index(drop=True)
    measures = measures.assign(split=faces["split"], expression=faces["expression"])
    random = np.random.default_rng(seed)
    train = measures[measures["split"] == "train"]
    percentiles = np.linspace(0, 1, 101)
    duplicates = duplicate_table(measures).set_index("split")
    kept = _isolated(measures, references or {}, random)
    known = [name for name in MEASURES if train[name].notna().any()]
    return PublishedStatistics(
        datasets=tuple(datasets),
        side=side,
        colour=str(measures["colour"].mode()[0]),
        faces={str(split): int(count) for split, count in measures["split"].value_counts().items()},
        quantiles={
            str(split): {name: np.quantile(part[name], percentiles) for name in known}
            for split, part in measures.groupby("split")
        },
        tolerance={name: _tolerance(train[name].to_numpy(), train["expression"], random) for name in known},
        changes=_changes(table, kept, side) if len(kept) else {},
        leaked={
            str(split): round(float(row["leaked"] / row["faces"]), 4)
            for split, row in duplicates.iterrows()
            if split != "train"
        },
        repeated=round(float(duplicates.at["train", "copies"] / duplicates.at["train", "faces"]), 4),
        references=kept[["split", "hash", *PAIRED]].reset_index(drop=True),
    )


def _tolerance(values: np.ndarray, labels: pd.Series, random: np.random.Generator) -> float:
    """Distance from the whole that the most different label has, and the 99.9% quantile of that of random samples, added."""
    quantiles = np.quantile(values, np.linspace(0, 1, 101))
    of_labels = [
        ks_distance(values[rows], quantiles)
        for rows in (np.flatnonzero(labels == label) for label in labels.unique())
        if len(rows) >= ENOUGH_FACES
    ]
    samples = [ks_distance(random.choice(values, ENOUGH_FACES), quantiles) for _ in range(_SAMPLES)]
    return max(of_labels, default=0.0) + float(np.quantile(samples, 0.999))


def _isolated(measures: pd.DataFrame, wanted: dict[str, int], random: np.random.Generator) -> pd.DataFrame:
    """Random faces of each split whose hashes are over twice MAX_DISTANCE from all others, so that a match is theirs."""
    hashes = measures["hash"].to_numpy(np.uint64)
    chosen: list[int] = []
    for split, count in wanted.items():
        rows, found = random.permutation(np.flatnonzero((measures["split"] == split).to_numpy())), 0
        for row in rows:
            if found == count:
                break
            distance = np.bitwise_count(hashes ^ hashes[row])
            distance[row] = 64
            if distance.min() >= 2 * MAX_DISTANCE:
                chosen.append(int(row))
                found += 1
    return measures.iloc[sorted(chosen)]


def _changes(table: FaceTable, kept: pd.DataFrame, side: int) -> dict[str, float]:
    """Twice the largest median change of the training faces among `kept` by encoding them again, over _QUALITIES."""
    preprocessing = PreprocessingConfig(colour="grey", size=side)
    rows = kept.loc[kept["split"] == "train", "row"]
    references = table.faces["reference"].iloc[rows]
    faces = np.stack(
        [crop_face(read_upright(table.read_image(each)), None, preprocessing)[..., 0] for each in references]
    )
    before = pixel_measures(faces)
    changes = {name: [1 / 255] for name in PAIRED}
    for quality in _QUALITIES:
        after = pixel_measures(np.stack([_as_jpeg(face, quality) for face in faces]))
        for name in PAIRED:
            changes[name].append(2 * float(np.median(np.abs(after[name] - before[name]))))
    return {name: max(values) for name, values in changes.items()}


def _as_jpeg(face: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(face).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))
