"""The faces of a training: opened, packed, and every row in its split."""

from dataclasses import dataclass

import numpy as np

from core import splits
from core.config import TrainConfig
from core.console import Console
from core.datasets import open_dataset
from core.datasets.drawn import drawn_faces_folder
from core.datasets.table import FaceTable
from core.errors import AffectoscopeError
from core.facepack import FacePack, pack_faces
from core.faces import PreprocessingContract
from core.framing import frame_margin
from core.labels import LABEL_SETS, LabelSet, smallest_label_set


@dataclass(frozen=True)
class TrainingData:
    """Packed faces of the label set, with every row in its split."""

    table: FaceTable
    pack: FacePack
    labels: LabelSet
    contract: PreprocessingContract
    counts: dict[str, dict[str, int]]  # per split and expression, labels outside the set included

    def part(self, split: str) -> tuple[FaceTable, FacePack]:
        rows = np.flatnonzero((self.table.faces["split"] == split).to_numpy())
        return self.table.select(rows), self.pack.select(rows)

    def sentence(self) -> str:
        sizes = self.table.faces["split"].value_counts()
        faces = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
        return f"{self.table.title}: {faces}; {len(self.labels)} labels"


def load_training_data(config: TrainConfig, console: Console) -> TrainingData:
    """Open, pack and split the data that `config` names; without --data, the drawn faces."""
    if config.data is None:
        with console.progress("Drawing faces") as progress:
            path = drawn_faces_folder(progress=progress)
    else:
        path = config.data
    with console.progress("Reading annotations") as progress:
        table = open_dataset(path, format=config.format, automatic=config.automatic, progress=progress)
    labels = _label_set(config, table)
    counts = table.counts()
    table = table.select(np.isin(table.faces["expression"].to_numpy(), labels.codes))
    if not len(table):
        raise AffectoscopeError(
            f"{table.title} has no face of the {len(labels)}-label set; pass another --labels."
        )
    table = _limited(table, config)
    boxed = table.faces["box_width"].notna().any()
    contract = PreprocessingContract(
        colour=config.colour,
        size=config.size,
        margin=config.margin if boxed else 0.0,
        frame_margin=config.margin if boxed else frame_margin(table.name),
    )
    with console.progress("Packing faces") as progress:
        table, pack = pack_faces(table, contract, progress=progress)
    with console.progress("Looking for near-duplicates"):
        groups = splits.near_duplicate_groups(splits.perceptual_hashes(pack.images)[pack.positions])
    faces = table.faces.copy()
    faces["split"] = splits.resolve_splits(
        faces["split"].to_numpy(dtype=object),
        faces["expression"].to_numpy(),
        groups,
        seed=config.seed_of_split,
        validation_share=config.validation_share,
    )
    table.faces = faces
    return TrainingData(table, pack, labels, contract, _final_counts(table, counts, labels))


def _final_counts(table: FaceTable, before: dict, labels: LabelSet) -> dict[str, dict[str, int]]:
    """Counts after splitting; faces outside the label set stay under their original split's name."""
    counts = table.counts()
    for split, row in before.items():
        outside = {name: count for name, count in row.items() if name not in labels.labels}
        if outside:
            counts.setdefault(split or "train", {}).update(outside)
    return counts


def _label_set(config: TrainConfig, table: FaceTable) -> LabelSet:
    if config.labels:
        return LABEL_SETS[config.labels]
    present = set(table.faces["expression"].unique().tolist())
    return LABEL_SETS[8] if table.name.startswith(("affectnet", "drawn")) else smallest_label_set(present)


def _limited(table: FaceTable, config: TrainConfig) -> FaceTable:
    training = np.flatnonzero(table.faces["split"].isin(["train", ""]).to_numpy())
    if config.limit is None or len(training) <= config.limit:
        return table
    kept = np.random.default_rng(config.seed_of_split).choice(training, config.limit, replace=False)
    others = np.setdiff1d(np.arange(len(table)), training)
    return table.select(np.sort(np.concatenate([kept, others])))
