"""Scores of runs on other data sets: labels mapped by meaning, evaluations kept with the run, and their table."""

import re
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from core.analysis.protocol import load_protocol
from core.data.readers.spec import dataset_spec
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.metrics import expression
from core.metrics.estimate import Estimate
from core.metrics.intervals import confusion_intervals
from core.metrics.predictions import Predictions
from core.metrics.scoring import Scores, scores_from_dict
from core.metrics.text import count_faces, listed, percent
from core.runs.documents import read_document
from core.runs.layout import EVALUATIONS_FOLDER
from core.runs.run import Run
from core.runtime.files import write_json

#: Version of the document of an evaluation.
SCHEMA_VERSION = 1

#: Numbers of an evaluation in the table, and how they follow from confusion matrices.
NUMBERS = {"accuracy": expression.accuracy, "macro_f1": expression.macro_f1}


@dataclass(frozen=True)
class LabelMapping:
    """Labels of a network beside those of the faces that it is scored on, matched by their meaning (core.labels).

    Attributes:
        shared: labels that both have, in the order of the network.
        network_only: labels of the network that no scored face has: a prediction of one is an error.
        predicted: faces whose most probable label is one of `network_only`.
        faces: faces scored.
        data_only: label that the network does not have -> faces of the scored split, which are left out.
    """

    shared: tuple[str, ...]
    network_only: tuple[str, ...]
    predicted: int
    faces: int
    data_only: dict[str, int]

    def sentence(self) -> str:
        """What is lost: 'The data has no contempt: 12 faces (1.5%) are predicted so, which is never right.'"""
        parts = []
        if self.network_only:
            verb = "is" if self.predicted == 1 else "are"
            parts.append(
                f"The data has no {listed(self.network_only, last='or')}: {count_faces(self.predicted)} "
                f"({percent(self.predicted / max(self.faces, 1))}) {verb} predicted so, which is never right."
            )
        if self.data_only:
            named = listed([f"{faces:,} {label}" for label, faces in self.data_only.items()])
            parts.append(f"Left out, because the network does not have their label: {named}.")
        return " ".join(parts) or "The network and the data have the same labels."


def map_labels(predictions: Predictions, data_only: dict[str, int]) -> LabelMapping:
    """The mapping of the labels of `predictions` to those of their faces.

    Args:
        data_only: label that the network does not have -> faces of the scored split.
    """
    present = np.bincount(predictions.truth, minlength=len(predictions.labels)) > 0
    absent = np.flatnonzero(~present)
    return LabelMapping(
        shared=tuple(label for label, here in zip(predictions.labels, present, strict=True) if here),
        network_only=tuple(predictions.labels[label] for label in absent),
        predicted=int(np.isin(predictions.predicted, absent).sum()),
        faces=len(predictions),
        data_only={label: data_only[label] for label in EXPRESSIONS if data_only.get(label)},
    )


def score_shared(
    predictions: Predictions, mapping: LabelMapping, *, resamples: int, fixed_counts: bool = False
) -> dict[str, Estimate]:
    """NUMBERS where the network may only choose among the shared labels, the most probable of which it predicts.

    Intervals are those of core.metrics.intervals; none without `resamples`.
    """
    shared = [predictions.labels.index(label) for label in mapping.shared]
    truth = np.searchsorted(shared, predictions.truth)
    predicted = predictions.probabilities[:, shared].argmax(axis=1)
    confusion = expression.confusion_matrix(truth, predicted, len(shared))
    if not resamples:
        return {name: Estimate(float(number(confusion))) for name, number in NUMBERS.items()}
    bounds = confusion_intervals(
        confusion, resamples, np.random.default_rng(0), fixed_counts=fixed_counts
    ).ends
    return {
        name: Estimate(float(number(confusion)), *(float(end) for end in bounds[name]))
        for name, number in NUMBERS.items()
    }


@dataclass(frozen=True)
class KeptEvaluation:
    """Scores of a run's network on a data set, as they are kept with the run.

    Attributes:
        name: of the DatasetSpec.
        title: of the data.
        file: last part of the path of the data.
        split: scored split, or 'all'.
        variant: what distinguishes it from the usual scores, such as another test-time augmentation or corrected labels;
            '' for nothing.
        created: when, as ISO 8601.
        test_time_augmentation: what the outputs were averaged over.
        protocol: the sentence of core.analysis.protocol.
        cautions: sentences on faces that the network may know, and on corrected labels.
        labels: what was mapped, and what is lost.
        scores: of the faces whose label the network has.
        shared: NUMBERS among the shared labels alone; see `score_shared`.
        own: these are the scores that the run was published with.
    """

    name: str
    title: str
    file: str
    split: str
    variant: str
    created: str
    test_time_augmentation: str
    protocol: str
    cautions: tuple[str, ...]
    labels: LabelMapping
    scores: Scores
    shared: dict[str, Estimate]
    own: bool = False

    @property
    def column(self) -> str:
        """Data set, split and variant. Copies of a data set with official splits have the same column: its title without
        the layout in brackets."""
        title = re.sub(r" \([^)]*\)", "", self.title) if dataset_spec(self.name).official else self.title
        return ", ".join(part for part in (title, self.split, self.variant) if part)

    def keep(self, run: Run) -> Path:
        """Write the evaluation in the run's folder, in place of an earlier one of the same column.

        Raises:
            OSError: the folder cannot be written.
        """
        plain = re.sub(r"[^\w.]+", "-", self.column.lower()).strip("-.")
        folder = run.path / EVALUATIONS_FOLDER
        folder.mkdir(exist_ok=True)
        path = folder / f"{plain[:120]}.json"
        write_json(path, self.as_dict())
        return path

    def as_dict(self) -> dict:
        """Strict JSON."""
        plain = {
            name: value
            for name, value in vars(self).items()
            if name not in ("scores", "shared", "labels", "own")
        }
        return {
            "schema_version": SCHEMA_VERSION,
            **plain,
            "cautions": list(self.cautions),
            "labels": asdict(self.labels),
            "shared": {name: estimate.as_dict() for name, estimate in self.shared.items()},
            "scores": self.scores.as_dict(),
        }

    @classmethod
    def from_dict(cls, document: dict) -> "KeptEvaluation":
        """The evaluation that `as_dict` wrote.

        Raises:
            AffectoscopeError, KeyError, TypeError, ValueError: the document is not one.
        """
        labels = dict(document["labels"])
        labels |= {name: tuple(labels[name]) for name in ("shared", "network_only")}
        texts = ("name", "title", "file", "split", "variant", "created", "test_time_augmentation", "protocol")
        plain: dict[str, Any] = {name: str(document[name]) for name in texts}
        return cls(
            **plain,
            cautions=tuple(document["cautions"]),
            labels=LabelMapping(**labels),
            scores=scores_from_dict(document["scores"]),
            shared={name: Estimate.from_dict(document["shared"][name]) for name in NUMBERS},
        )


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def own_evaluation(run: Run) -> KeptEvaluation:
    """The scores that the run was published with.

    Raises:
        AffectoscopeError: scores.json is damaged.
    """
    data, scores, protocol = run.info["data"], run.scores, load_protocol(run)
    labels = LabelMapping(
        scores.present_labels,
        scores.absent_labels,
        int(sum(scores.per_class[label].predicted for label in scores.absent_labels)),
        scores.faces,
        protocol.out_of_set_scored,
    )
    return KeptEvaluation(
        name=data.get("name", ""),
        title=data["title"],
        file="",
        split=protocol.split,
        variant="",
        created=str(run.info["created"]),
        test_time_augmentation=run.test_time_augmentation,
        protocol=protocol.sentence(),
        cautions=(),
        labels=labels,
        scores=scores,
        shared={},
        own=True,
    )


def list_evaluations(run: Run) -> tuple[list[KeptEvaluation], list[str]]:
    """The evaluations kept with a run, by file name, and a sentence on each file that cannot be read."""
    found, problems = [], []
    for path in sorted((run.path / EVALUATIONS_FOLDER).glob("[!.]*.json")):
        try:
            document = read_document(path, version=SCHEMA_VERSION, keys=(), remedy="score the run again")
            found.append(KeptEvaluation.from_dict(document))
        except (AffectoscopeError, KeyError, TypeError, ValueError) as error:
            problems.append(
                f"{EVALUATIONS_FOLDER}/{path.name} of '{run.name}' cannot be read ({error}); delete it and run "
                "core.evaluate again."
            )
    return found, problems


def transfer_table(evaluations: dict[str, list[KeptEvaluation]]) -> pd.DataFrame:
    """One row per evaluation of the runs, by name.

    Columns: run, data (data set and split), own, faces, accuracy, macro_f1 and shared_accuracy, shared_macro_f1 (among
    the shared labels), each with _low and _high, test_time_augmentation, lost (what the mapping of labels loses),
    cautions, created, protocol.
    """
    rows = []
    for run, each_of in evaluations.items():
        for each in each_of:
            numbers = {name: each.scores.headline[name] for name in NUMBERS}
            numbers |= {f"shared_{name}": each.shared.get(name, Estimate(np.nan)) for name in NUMBERS}
            rows.append(
                {
                    "run": run,
                    "data": each.column,
                    "own": each.own,
                    "faces": each.scores.faces,
                    **{
                        name + end: getattr(estimate, part)
                        for name, estimate in numbers.items()
                        for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
                    },
                    "test_time_augmentation": each.test_time_augmentation,
                    "lost": each.labels.sentence(),
                    "cautions": " ".join(each.cautions),
                    "created": each.created,
                    "protocol": each.protocol,
                }
            )
    return pd.DataFrame(rows)
