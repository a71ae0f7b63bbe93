"""The faces of a training: opened, packed, and every row in its split."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from core.config import TrainConfig
from core.data.detectors.detector import get_detector
from core.data.drawn.dataset import drawn_faces_folder
from core.data.face_pack import FacePack, pack_faces
from core.data.face_table import FaceTable
from core.data.near_duplicates import near_duplicate_groups
from core.data.perceptual_hashes import pack_hashes
from core.data.preprocessing import PreprocessingConfig
from core.data.readers.spec import dataset_spec, dataset_specs
from core.data.reading import read_dataset
from core.data.relabelling import Relabelled, read_relabelling, relabel
from core.data.splits import resolve_splits, split_out_of_set
from core.data.subjects import join_subjects
from core.errors import AffectoscopeError
from core.labels import LABEL_SETS, LabelSet, smallest_label_set
from core.runtime.console import Console


@dataclass(frozen=True)
class TrainingData:
    """Packed faces of the label set, with every row in its split."""

    table: FaceTable
    pack: FacePack
    labels: LabelSet
    preprocessing: PreprocessingConfig
    counts: dict[str, dict[str, int]]  # per split and expression, labels outside the set included
    hashes: np.ndarray  # (n,) uint64, one per row: see core.data.perceptual_hashes
    relabelled: Relabelled | None = None  # what a user's decisions changed
    origins: dict[str, list[str]] = field(default_factory=dict)  # per split: what the data calls its faces'
    out_of_set: FaceTable | None = None  # faces with other labels; of the scored split alone, once split
    out_of_set_pack: FacePack | None = None  # of `out_of_set`, once split
    found: dict[str, dict[str, int]] = field(
        default_factory=dict
    )  # counts of the whole data set, in its own splits; empty for a part

    def part(self, split: str) -> tuple[FaceTable, FacePack]:
        rows = np.flatnonzero((self.table.faces["split"] == split).to_numpy())
        return self.table.select(rows), self.pack.select(rows)

    def groups(self) -> np.ndarray:
        """(n,) ids of groups of faces that share a person or are near-duplicates, or chains of these."""
        return join_subjects(near_duplicate_groups(self.hashes), self.table.faces["subject"])

    def voted(self) -> dict[str, int]:
        """Split -> faces with votes for labels of the set; empty for data without votes."""
        if self.table.votes is None:
            return {}
        voted = self.table.votes[:, self.labels.codes].any(axis=1)
        return self.table.faces["split"][voted].value_counts().sort_index().to_dict()

    def soft_sentence(self) -> str:
        """The training faces that soft targets differ from the labels on."""
        voted, faces = self.voted().get("train", 0), int((self.table.faces["split"] == "train").sum())
        others = f"; the other {faces - voted:,} are trained on their label" if voted < faces else ""
        return f"Soft targets: {voted:,} of {faces:,} training faces have votes for the {len(self.labels)} labels{others}."

    def sentence(self) -> str:
        sizes = self.table.faces["split"].value_counts()
        faces = ", ".join(f"{count:,} {split}" for split, count in sizes.items())
        return f"{self.table.title}: {faces}; {len(self.labels)} labels"


def load_training_data(
    config: TrainConfig,
    console: Console,
    *,
    labels: LabelSet | None = None,
    preprocessing: PreprocessingConfig | None = None,
) -> TrainingData:
    """Open, pack and split the data that `config` names; without --data, the drawn faces.

    Args:
        labels, preprocessing: those of a finished run, in place of the ones that `config` gives.
    """
    data = load_faces(config, console, labels=labels, preprocessing=preprocessing)
    faces = data.table.faces.copy()
    named = faces["split"].to_numpy(dtype=object)
    faces["split"] = resolve_splits(
        named,
        faces["expression"].to_numpy(),
        data.groups(),
        seed=config.seed_of_split,
        validation_share=config.validation_share,
    )
    data.table.faces = faces
    origins = {split: sorted(set(named[faces["split"] == split])) for split in sorted(set(faces["split"]))}
    out_of_set = split_out_of_set(
        data.out_of_set, named, faces["split"].to_numpy(), seed=config.seed_of_split
    )
    data = _relabelled(data, config.relabel) if config.relabel else data
    return _with_out_of_set(replace(data, origins=origins), out_of_set, config.review, console)


def load_faces(
    config: TrainConfig,
    console: Console,
    *,
    labels: LabelSet | None = None,
    preprocessing: PreprocessingConfig | None = None,
) -> TrainingData:
    """Data of `load_training_data` before the split: every row in the split that the data names, or in "".

    Args:
        labels: the label set; None: as `config` and the data say.
        preprocessing: None: as `config` and the data say.
    """
    get_detector(config.detector)  # an unknown one is refused before the work
    if config.data is None:
        with console.progress("Drawing faces") as progress:
            path = drawn_faces_folder(progress=progress)
    else:
        path = config.data
    with console.progress("Reading annotations") as progress:
        table = read_dataset(path, config, progress=progress)
    labels = labels or _label_set(config, table)
    if config.targets == "soft":
        _check_votes(table, labels)
    counts = table.counts()
    inside = np.isin(table.faces["expression"].to_numpy(), labels.codes)
    out_of_set, table = table.select(~inside), table.select(inside)
    if not len(table):
        raise AffectoscopeError(
            f"{table.title} has no face of the {len(labels)}-label set; pass another --labels."
        )
    table = _limited(table, config)
    boxed = table.faces["box_width"].notna().any()
    preprocessing = preprocessing or PreprocessingConfig(
        colour=config.colour,
        size=config.size,
        margin=config.margin if boxed else 0.0,
        frame_margin=config.margin
        if boxed
        else dataset_spec(table.name).frame_margins.get(config.detector, 0.0),
    )
    with console.progress("Packing faces") as progress:
        table, pack = pack_faces(table, preprocessing, progress=progress)
    with console.progress("Looking for near-duplicates") as progress:
        hashes = pack_hashes(pack, progress=progress)
    return TrainingData(
        table, pack, labels, preprocessing, counts, hashes, out_of_set=out_of_set, found=counts
    )


def _relabelled(data: TrainingData, path: Path) -> TrainingData:
    """The data with a user's decisions applied to its training and validation faces, every face in its split."""
    table, left, done = relabel(data.table, read_relabelling(path, data.labels))
    if not (table.faces["split"] == "train").any():
        raise AffectoscopeError(f"{path.name} removes every training face; keep some.")
    rows = np.flatnonzero(left)
    return replace(data, table=table, pack=data.pack.select(rows), hashes=data.hashes[rows], relabelled=done)


def _with_out_of_set(
    data: TrainingData, out_of_set: FaceTable, scored: str, console: Console
) -> TrainingData:
    """The data with its out-of-set faces of the scored split packed, and counts of all faces in their splits.

    The ledger of the data then counts what was refused of them too.
    """
    of_split = (out_of_set.faces["split"] == scored).to_numpy()
    part, pack = replace(out_of_set.select(of_split), ledger=data.table.ledger), None
    elsewhere = out_of_set.select(~of_split).counts()
    if len(part):
        with console.progress("Packing faces with other labels") as progress:
            part, pack = pack_faces(part, data.preprocessing, allow_empty=True, progress=progress)
    counts = data.table.counts()
    for more in (elsewhere, part.counts()):
        for split, row in more.items():
            counts.setdefault(split, {}).update(row)
    table = replace(data.table, ledger=part.ledger)
    return replace(
        data, table=table, counts=counts, out_of_set=part, out_of_set_pack=pack if len(part) else None
    )


def _label_set(config: TrainConfig, table: FaceTable) -> LabelSet:
    if config.labels:
        return LABEL_SETS[config.labels]
    if usual := dataset_spec(table.name).label_set:
        return LABEL_SETS[usual]
    return smallest_label_set(set(table.faces["expression"].unique().tolist()))


def _check_votes(table: FaceTable, labels: LabelSet) -> None:
    """Raise AffectoscopeError where no face that may be trained on has votes for a label of the set."""
    trained = table.faces["split"].isin(["train", ""]).to_numpy()
    if table.votes is not None and table.votes[:, labels.codes][trained].any():
        return
    having = [spec.title for spec in dataset_specs() if spec.votes]
    known = f" ({', '.join(having)})" if having else ""
    lacking = (
        "no votes" if table.votes is None else f"no votes for the {len(labels)} labels on a training face"
    )
    raise AffectoscopeError(
        f"--targets soft needs faces with the votes of several annotators or soft labels{known}, and {table.title} has "
        f"{lacking}; pass such data, or --targets majority."
    )


def _limited(table: FaceTable, config: TrainConfig) -> FaceTable:
    training = np.flatnonzero(table.faces["split"].isin(["train", ""]).to_numpy())
    if config.limit is None or len(training) <= config.limit:
        return table
    kept = np.random.default_rng(config.seed_of_split).choice(training, config.limit, replace=False)
    others = np.setdiff1d(np.arange(len(table)), training)
    return table.select(np.sort(np.concatenate([kept, others])))
