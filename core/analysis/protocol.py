"""Protocol of a score: the scored faces, those left out and why, and how the network was selected.

Everything is derived from run.json, so that runs of any age have it.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Literal

import pandas as pd

from core.data.face_table import FaceTable
from core.data.readers.spec import dataset_spec
from core.labels import EXPRESSIONS
from core.metrics.text import listed, percent
from core.runs.layout import IMPORTED_PREDICTIONS
from core.runs.run import Run
from core.runs.test_time_augmentation import DESCRIPTIONS, TestTimeAugmentation, run_augmentation

#: Where a face's place in its image comes from, as in `Protocol.boxes`, in words.
BOXES = {
    "annotated": "cropped by their annotated boxes",
    "none": "each the whole of its image",
    "detected": "cropped where the detector finds them",
}

_PURPOSES = {"train": "the network learned from them", "validation": "they chose the epoch"}

_HELD_OUT, _UNSPLIT = "held out of the training faces", "drawn from faces that come without a split"


def known_and_out_of_set(
    counts: dict, labels: Collection[str]
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Known faces per split, and out-of-set ones per label and split."""
    known = {split: sum(n for name, n in of.items() if name in labels) for split, of in counts.items()}
    out_of_set: dict[str, dict[str, int]] = {}
    for name in EXPRESSIONS:
        of = {split: row[name] for split, row in counts.items() if name not in labels and row.get(name)}
        if of:
            out_of_set[name] = of
    return {split: faces for split, faces in known.items() if faces}, out_of_set


def official_split(data: dict, split: str) -> str:
    """Official name of a split, or its origin."""
    official = dataset_spec(data.get("name")).official
    origins = (data.get("origins") or {}).get(split)
    if origins is None:  # runs from before that was kept; data with a note on its splits has them officially
        origins = [split] if data.get("note") and official else []
    if origins == [split] and split:
        return official.get(split, f"the data's own {split} split")
    if origins == ["validation"]:
        return "the data's own validation split"
    if not origins:
        return ""
    return _UNSPLIT if "" in origins else _HELD_OUT


def keeps_last_epoch(info: dict) -> bool:
    """Return whether the run has the weights of its last epoch, whatever the validation said."""
    config = info.get("config") or {}
    if "keep" not in config or config.get(
        "early_stopping"
    ):  # earlier versions kept the lowest validation loss
        return False
    return (config["keep"] or ("last" if config.get("schedule") == "cosine" else "loss")) == "last"


def chosen_on(info: dict, *, own: bool = True) -> str:
    """The faces that validated the epochs, and chose one unless `keeps_last_epoch`.

    Args:
        own: the score is that of the run's own scored faces, not of other data.
    """
    data, config = info["data"], info.get("config") or {}
    if own and config.get("review") == "validation":
        return "these very faces" + ("" if keeps_last_epoch(info) else ", so the score is optimistic")
    known, _ = known_and_out_of_set(data["counts"], data["labels"])
    if not known.get("validation"):
        return "faces that run.json does not name"
    how = (data.get("origins") or {}).get("validation")
    how = {None: "", ("validation",): ", an official split"}.get(how and tuple(how), f" {_HELD_OUT}")
    return f"{known['validation']:,} validation faces{how}"


@dataclass(frozen=True)
class Protocol:
    """Protocol of a score. Every face that was read is in exactly one count.

    Attributes:
        data: title of the data that is scored.
        labels: what the network tells apart.
        split: the split that is scored, or 'all'.
        official: what that split is officially, or how it came about; '' where nobody knows.
        faces: faces scored.
        read: rows of the data, used or not.
        rejected: reason -> rows.
        out_of_set: label that the network does not know -> split -> faces.
        others: other split -> its faces with labels that the network knows.
        beyond_limit: training faces that --limit left out.
        unaccounted: rows that are in none of these; not 0 only where run.json contradicts itself.
        boxes: 'annotated', 'none' (the image is the face) or 'detected'.
        detector_misses: faces among those scored that the detector did not find; None where none was asked.
        chosen_on: the faces that the epoch was chosen on, or only validated on.
        last_epoch: the weights are those of the last epoch, which no face chose.
        trained_elsewhere: the network was imported: which faces it was trained on is not known.
        relabelled: what was corrected in the labels; '' for nothing.
        test_time_augmentation: what the network's outputs were averaged over.
        own: these are the scores that the run was published with.
        imported: the table that the predictions were imported from, without a network; '' for none.
        not_predicted: faces of the scored split without an imported prediction.
    """

    data: str
    labels: tuple[str, ...]
    split: str
    official: str
    faces: int
    read: int
    rejected: dict[str, int]
    out_of_set: dict[str, dict[str, int]]
    others: dict[str, int]
    beyond_limit: int
    unaccounted: int
    boxes: Literal["annotated", "none", "detected"]
    detector_misses: int | None
    chosen_on: str
    last_epoch: bool = False
    trained_elsewhere: bool = False
    relabelled: str = ""
    test_time_augmentation: TestTimeAugmentation = "none"
    own: bool = True
    imported: str = ""
    not_predicted: int = 0

    @property
    def out_of_set_scored(self) -> dict[str, int]:
        """Of the scored split: label that the network does not know -> faces."""
        scored = {
            label: sum(n for split, n in of.items() if self.split in (split, "all"))
            for label, of in self.out_of_set.items()
        }
        return {label: faces for label, faces in scored.items() if faces}

    def sentence(self) -> str:
        """All of it in one line, to stand under every headline."""
        faces = _faces(self.faces, "" if self.split == "all" else f" {self.split}")
        official = f" ({self.official})" if self.official else ""
        averaged = DESCRIPTIONS[self.test_time_augmentation]
        parts = [
            self.label_set(),
            f"{faces}{official}, {BOXES[self.boxes]}{averaged and f', {averaged}'}",
            f"left out: {self._left_out()}",
            self._detector(),
            self._selection(),
        ]
        return f"Protocol: {'; '.join([*parts, self.relabelled] if self.relabelled else parts)}."

    def _selection(self) -> str:
        if self.imported:
            return f"predictions imported from {self.imported}, by a network of unknown training"
        if self.trained_elsewhere:
            return "the network was imported, and the faces that it was trained on are not known"
        return f"{'last epoch kept, validated' if self.last_epoch else 'epoch chosen'} on {self.chosen_on}"

    def label_set(self) -> str:
        """'8 labels (with contempt)'."""
        beyond = [label for label in EXPRESSIONS[7:] if label in self.labels]
        return f"{len(self.labels)} labels ({f'with {listed(beyond)}' if beyond else 'without contempt'})"

    def _left_out(self) -> str:
        rejected = sum(self.rejected.values())
        why = ", ".join(f"{count:,} {reason}" for reason, count in _largest(self.rejected))
        rows = f"{rejected:,} of {self.read:,} rows rejected{f' ({why})' if rejected else ''}"
        out_of_set = self.out_of_set_scored
        if self.not_predicted:
            rows += f", {_faces(self.not_predicted)} without a prediction"
        if not out_of_set:
            return f"{rows}, no face for its label"
        named = ", ".join(f"{count:,} {label}" for label, count in out_of_set.items())
        return (
            f"{rows}, {_faces(sum(out_of_set.values()))} with labels that the network does not know ({named})"
        )

    def _detector(self) -> str:
        if self.detector_misses is None:
            return "no detector was asked, so it could miss none"
        share = percent(self.detector_misses / max(self.faces, 1))
        return f"the detector missed {self.detector_misses:,} of them ({share})"

    def rows(self) -> pd.DataFrame:
        """The ledger, from the rows read to the faces scored: step, faces, left (after that row), reason."""
        rows = [("read", "rows in the annotations", self.read)]
        rows += [("rejected", reason, -count) for reason, count in _largest(self.rejected)]
        rows += [
            ("label unknown", f"{label} ({_per_split(of)})", -sum(of.values()))
            for label, of in self.out_of_set.items()
        ]
        if self.beyond_limit:
            rows.append(("not used", "training faces beyond --limit", -self.beyond_limit))
        purposes = _PURPOSES if self.own and not self.imported else {}
        if purposes and self.last_epoch:
            purposes = purposes | {"validation": "they validated the epochs"}
        if self.own and self.trained_elsewhere:
            purposes = {"validation": "they fitted the temperature"}
        rows += [
            ("other split", f"{split or 'no split'}: {purposes.get(split, 'not scored here')}", -faces)
            for split, faces in self.others.items()
        ]
        if self.unaccounted:
            rows.append(("not accounted for", "run.json's ledger and its counts disagree", -self.unaccounted))
        rows.append(("scored", self.official or f"{self.split} faces", 0))
        if self.detector_misses is not None:
            rows.append(("missed by the detector", "no box on the face", -self.detector_misses))
        table = pd.DataFrame(rows, columns=["step", "reason", "faces"])
        table["left"] = table["faces"].cumsum()
        table.loc[table["step"] == "scored", "faces"] = self.faces
        return table[["step", "faces", "left", "reason"]]

    def as_dict(self) -> dict:
        """For JSON documents; with the sentence."""
        return {"sentence": self.sentence(), **asdict(self)}


def load_protocol(run: Run) -> Protocol:
    """Load the protocol of the run's own scores."""
    return protocol_from(run.info)


def protocol_from(info: dict) -> Protocol:
    """Protocol of a run's own scores, from the document run.json."""
    data, config = info["data"], info.get("config") or {}
    split, counts = config.get("review") or "test", data["counts"]
    imported = info.get(IMPORTED_PREDICTIONS)
    ledger = data.get("ledger") or {}
    read, rejected = int(ledger.get("read", 0)), dict(ledger.get("refused") or {})
    used = read - sum(rejected.values())
    missing = used - sum(sum(of.values()) for of in counts.values())
    beyond = missing if config.get("limit") and missing > 0 else 0
    known, out_of_set = known_and_out_of_set(counts, data["labels"])
    origins = (data.get("origins") or {}).get(split)
    own_split = imported is None or origins in ([split], ["validation"])
    return Protocol(
        data=data["title"],
        labels=tuple(data["labels"]),
        split=split,
        official=official_split(data, split) if own_split else "",
        faces=known.get(split, 0),
        read=read,
        rejected=rejected,
        out_of_set=out_of_set,
        others={name: faces for name, faces in known.items() if name != split},
        beyond_limit=beyond,
        unaccounted=missing - beyond,
        boxes=_boxes(data.get("name", "")),
        detector_misses=None,
        chosen_on=chosen_on(info),
        last_epoch=keeps_last_epoch(info),
        trained_elsewhere=bool(info.get("imported")),
        relabelled=_relabelled(data.get("relabelled"), "training and validation labels"),
        test_time_augmentation=run_augmentation(info),
        imported=str(imported.get("table", "a table")) if isinstance(imported, dict) else "",
        not_predicted=int(imported.get("not_predicted") or 0) if isinstance(imported, dict) else 0,
    )


def protocol_of_evaluation(
    run: Run,
    counts: dict[str, dict[str, int]],
    table: FaceTable,
    *,
    split: str,
    tta: TestTimeAugmentation = "none",
    detector_misses: int | None = None,
    relabelled: dict | None = None,
) -> Protocol:
    """Protocol of the scores of a run on other data.

    Args:
        counts: faces per split and expression of all the data, before any were chosen.
        table: the faces that are scored, with the ledger of all the data.
        split: which they are, or 'all'.
        tta: what the network's outputs were averaged over.
        detector_misses: how many of them the detector did not find, where it was asked for them.
        relabelled: `core.data.relabelling.Relabelled.report`.
    """
    known, out_of_set = known_and_out_of_set(counts, run.labels)
    others = {} if split == "all" else {name: faces for name, faces in known.items() if name != split}
    left = table.ledger.used - len(table) - sum(others.values())
    about = {"name": table.name, "note": table.note, "origins": {split: [split]}}
    return Protocol(
        data=table.title,
        labels=run.labels,
        split=split,
        official="" if split == "all" else official_split(about, split),
        faces=len(table),
        read=table.ledger.read,
        rejected=dict(table.ledger.rejected),
        out_of_set=out_of_set,
        others=others,
        beyond_limit=0,
        unaccounted=left - sum(sum(of.values()) for of in out_of_set.values()),
        boxes=_boxes(table.name) if detector_misses is None else "detected",
        detector_misses=detector_misses,
        last_epoch=keeps_last_epoch(run.info),
        trained_elsewhere=bool(run.info.get("imported")),
        chosen_on=f"{chosen_on(run.info, own=False)} of {run.info['data']['title']} (run '{run.name}')",
        relabelled=_relabelled(relabelled, "labels"),
        test_time_augmentation=tta,
        own=False,
    )


def _boxes(name: str) -> Literal["annotated", "none"]:
    return "annotated" if dataset_spec(name).boxes else "none"


def _relabelled(report: dict | None, what: str) -> str:
    if not report:
        return ""
    return (
        f"{what} corrected by {report.get('file', 'a user')} ({report.get('relabelled', 0):,} changed, "
        f"{report.get('removed', 0):,} faces removed)"
    )


def _per_split(of: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {split or 'without a split'}" for split, count in of.items())


def _largest(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])


def _faces(count: int, kind: str = "") -> str:
    return f"{count:,}{kind} {'face' if count == 1 else 'faces'}"
