"""The faces of a data set that a run's network is scored on: read, selected, relabelled and packed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.analysis.protocol import Protocol, protocol_of_evaluation
from core.config import ReadingOptions
from core.data.face_pack import FacePack, pack_faces
from core.data.face_table import FaceTable
from core.data.readers.spec import dataset_spec
from core.data.reading import read_dataset
from core.data.relabelling import Relabelled, read_relabelling, relabel
from core.errors import AffectoscopeError
from core.labels import LabelSet
from core.runs.catalogue import open_run
from core.runs.run import Run
from core.runs.test_time_augmentation import TestTimeAugmentation
from core.runtime.console import Console


@dataclass(frozen=True)
class ScoringOptions(ReadingOptions):
    """A run, and the faces that its network is scored on."""

    run: str  # folder, or name under artifacts/
    data: Path
    split: str | None = None  # None: test, or all where there is no such split
    relabel: Path | None = None  # a decisions.csv that corrects the labels
    tta: TestTimeAugmentation | None = None  # None: as the run's own predictions were made


@dataclass(frozen=True)
class ScoredFaces:
    """Faces of one split whose labels the run's network knows, packed."""

    options: ScoringOptions
    run: Run
    read: FaceTable  # all faces of the data
    table: FaceTable
    pack: FacePack
    labels: LabelSet
    split: str
    tta: TestTimeAugmentation
    counts: dict[str, dict[str, int]]  # of all the data, before any face was chosen
    relabelled: Relabelled | None = None

    @property
    def truth(self) -> np.ndarray:
        """(n,) positions of the annotated labels."""
        return self.labels.positions(self.table.faces["expression"].to_numpy())

    def protocol(self, *, detector_misses: int | None = None) -> Protocol:
        return protocol_of_evaluation(
            self.run,
            self.counts,
            self.table,
            split=self.split,
            tta=self.tta,
            detector_misses=detector_misses,
            relabelled=self.relabelled.report if self.relabelled else None,
        )

    def cautions(self) -> list[str]:
        """Sentences on faces that the network may know, and on corrected labels."""
        cautions = []
        images = {
            dataset_spec(name).images or name for name in (self.table.name, self.run.info["data"]["name"])
        }
        if self.run.imported:
            cautions.append(
                "The network was imported: whether it was trained on some of these faces is not known."
            )
        elif "train" in set(self.table.faces["split"]) and len(images) == 1:
            cautions.append("Some of these faces may be the ones that the network was trained on.")
        if self.relabelled:
            cautions.append(
                "Scored with corrected labels, which cannot be compared with scores of the labels as they are: "
                f"{self.relabelled.sentence()}."
            )
        return cautions


def read_faces(options: ScoringOptions, *, console: Console) -> ScoredFaces:
    """Read, select, relabel and pack the faces to score.

    Raises:
        AffectoscopeError: the run or the data cannot be read, or no face is left.
    """
    run = open_run(options.run)
    run.require_network("Scoring other faces")
    labels = run.label_set
    with console.progress("Reading annotations") as progress:
        table = read_dataset(options.data, options, progress=progress)
    read, counts = table, table.counts()
    table, split = _select_split(table, options.split)
    inside = np.isin(table.faces["expression"].to_numpy(), labels.codes)
    if not inside.any():
        raise AffectoscopeError(
            f"{table.title} has no face with a label of run '{run.name}' ({', '.join(run.labels)})."
        )
    table, relabelled = table.select(inside), None
    decisions = read_relabelling(options.relabel, labels) if options.relabel else None
    with console.progress("Packing faces") as progress:
        table, pack = pack_faces(table, run.preprocessing, progress=progress)
    if decisions:
        table, left, relabelled = relabel(table, decisions, splits=None)
        pack = pack.select(np.flatnonzero(left))
        if not len(table):
            raise AffectoscopeError(f"{decisions.file} removes every face; keep some to score.")
    tta = options.tta or run.test_time_augmentation
    return ScoredFaces(options, run, read, table, pack, labels, split, tta, counts, relabelled)


def _select_split(table: FaceTable, split: str | None) -> tuple[FaceTable, str]:
    """The rows of one split and its name; by default the test faces, or all where there is no test split."""
    splits = table.faces["split"]
    if split is None:
        split = "test" if (splits == "test").any() else "all"
    if split == "all":
        return table, split
    rows = (splits == split).to_numpy()
    if not rows.any():
        there = ", ".join(name or "(none)" for name in sorted(splits.unique()))
        raise AffectoscopeError(f"{table.title} has no split '{split}'; there are: {there}; or pass all.")
    return table.select(rows), split
