"""A run from imported predictions: joined to the faces of a data set, scored, and reviewed without a network."""

from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from core.analysis.data_inspection.inspection import Inspection, inspect_training
from core.analysis.data_summary import data_summary
from core.analysis.label_permutation import BetterOrder, find_better_order
from core.analysis.leaks import save_leaks
from core.analysis.slices.face_attributes import save_face_attributes
from core.analysis.votes import save_votes
from core.config import PRESETS, Preset, TrainConfig
from core.data.imported_splits import ScoredSplit, choose_split
from core.data.prediction_joining import JoinedPredictions, join_predictions
from core.data.prediction_table import Outputs, PredictionTable
from core.data.readers import open_dataset
from core.data.training_data import TrainingData, load_faces
from core.errors import AffectoscopeError
from core.label_orders import LabelOrder, parse_label_order
from core.labels import EXPRESSIONS
from core.metrics.calibration import (
    apply_temperature,
    expected_calibration_error,
    fit_temperature,
    log_probabilities,
)
from core.metrics.predictions import Predictions
from core.metrics.scoring import Scores, score
from core.network.outputs import to_predictions
from core.runs.calibration import Calibration
from core.runs.imported_predictions import ImportReport
from core.runs.layout import IMPORTED_PREDICTIONS, SCHEMA_VERSION
from core.runs.run import run_name
from core.runs.tables import OUT_OF_SET, SUMMARY, save_table, save_thumbnails
from core.runtime.console import Console
from core.runtime.environment import machine, package_versions
from core.runtime.files import write_json

#: Options of ImportSettings that say how the data is read, which run.json keeps under the names of TrainConfig.
_KEPT = (
    "data",
    "format",
    "label_order",
    "automatic",
    "votes",
    "votes_protocol",
    "subjects",
    "colour",
    "size",
    "margin",
)

#: Packages that make the numbers of an imported run.
_PACKAGES = ("numpy", "pandas", "scipy", "scikit-learn", "pillow")


@dataclass(frozen=True)
class ImportSettings:
    """Options of an import; those of the data are those of core.train."""

    data: Path
    """Folder, zip or table of the annotated faces that the predictions are about, in a format that the README lists."""
    name: str
    """Name of the run's folder under artifacts/."""
    split: str | None = None
    """Which faces to score: test, validation, train, private_test, ... or all; default: the test split, as the table's column
    split or else the data names it, or all predicted faces where there is none."""
    label_order: str | None = None
    """What numbers mean in the table, as names of columns and as true labels: affectnet, rafdb, fer2013, alphabetical, or a
    text file with the name of a label per line or a number and a name."""
    outputs: Outputs = "auto"
    """What the columns of the labels hold; auto: probabilities if most rows are non-negative and sum to 1, else logits."""
    fewer_labels: bool = False
    """Accept a table without a column for each label of a set of 7, 8 or 11: faces with other labels are not scored."""
    confirm_order: bool = False
    """Accept the order of the labels although a permutation of the columns fits the true labels far better."""
    most_unknown: float = 0.05
    """Largest share of the rows that may be about no face of the data (0 to 1); they are counted and left out."""
    format: str | None = None
    """Format of the data, if it is not recognised."""
    data_label_order: str | None = None
    """What the numbers of numbered classes in the data mean, as --label-order of core.train."""
    automatic: bool = False
    """Also read AffectNet's automatically annotated list."""
    votes: Path | None = None
    """FERPlus's votes on FER2013's faces; default: fer2013new.csv in the data's folder or beside it."""
    votes_protocol: Literal["majority", "plurality", "strict"] | None = None
    """Label FER2013's faces by FERPlus's votes, as core.train does."""
    subjects: Path | None = None
    """CSV with the columns reference and subject (the person shown), for data that does not name it."""
    preset: Preset = "quick"
    """Preset that crops the faces for galleries, near-duplicates and face attributes; a training with it shares the pack."""
    overwrite: bool = False
    """Replace a run of the same name."""

    def __post_init__(self) -> None:
        if not 0 <= self.most_unknown <= 1:
            raise AffectoscopeError(f"--most-unknown {self.most_unknown} is out of range; expected 0 to 1.")
        for name in ("label_order", "data_label_order"):  # run.json keeps what a file says, not its path
            if order := getattr(self, name):
                object.__setattr__(self, name, parse_label_order(order).text)

    def words(self) -> tuple[str, ...]:
        """The options of the command besides data, name and overwrite that are not at their default; paths by their name."""
        words: list[str] = []
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name in ("data", "name", "overwrite") or value == each.default:
                continue
            words.append(f"--{each.name.replace('_', '-')}")
            if not isinstance(value, bool):
                words.append(value.name if isinstance(value, Path) else str(value))
        return tuple(words)

    def reading(self) -> TrainConfig:
        """The options of the data as a configuration of core.train."""
        return replace(
            PRESETS[self.preset],
            data=self.data,
            format=self.format,
            label_order=self.data_label_order,
            automatic=self.automatic,
            votes=self.votes,
            votes_protocol=self.votes_protocol,
            subjects=self.subjects,
        )


@dataclass(frozen=True, eq=False)
class ImportedRun:
    """Predictions that were joined to the faces of a data set.

    Attributes:
        data: the faces of the data in their splits; see core.data.imported_splits.
        split: name of the scored one.
        predictions: of the scored faces.
        validation: of the validation faces, which are not scored; None without any.
        out_of_set: reference, split, expression and p_<label> of faces of the split with other labels; None without any.
        report: what became of the rows of the table.
    """

    data: TrainingData
    split: str
    predictions: Predictions
    validation: Predictions | None
    out_of_set: pd.DataFrame | None
    report: ImportReport


def join_run(table: PredictionTable, settings: ImportSettings, console: Console) -> ImportedRun:
    """Read the data of a table of predictions and join both.

    Raises:
        AffectoscopeError: the data cannot be read, the rows do not fit it, no face of the split has a prediction, or the
            labels are in a wrong order.
    """
    config = settings.reading()
    data = load_faces(config, console, labels=table.labels)
    inside, outside = data.table.faces, data.out_of_set.faces
    faces = pd.concat([inside, outside], ignore_index=True)
    numbered = _numbered_references(config, console) if table.columns.row else None
    joined = join_predictions(
        table, faces, numbered=numbered, most_unknown=settings.most_unknown, title=data.table.title
    )
    known = np.arange(len(faces)) < len(inside)
    splits = None if table.splits is None else table.splits[joined.rows]
    scored = choose_split(
        faces["split"].to_numpy(object), joined.faces, splits, asked=settings.split, known=known,
        title=data.table.title,
    )  # fmt: skip
    data = _resplit(data, scored)
    predictions = _predictions(data, table, joined, scored.split)
    _check_affect(predictions, table)
    better = find_better_order(predictions.truth, predictions.predicted, predictions.labels)
    if better and not settings.confirm_order:
        raise _wrong_order(table, better)
    validation = None if scored.split == "validation" else _predictions(data, table, joined, "validation")
    out_of_set = _out_of_set(data, table, joined, scored.split, len(inside))
    return ImportedRun(
        data,
        scored.split,
        predictions,
        validation if validation else None,
        out_of_set,
        _report(
            table,
            joined,
            scored,
            known,
            predictions,
            validation,
            confirmed=better is not None,
            options=settings.words(),
        ),
    )


def _numbered_references(config: TrainConfig, console: Console) -> list[str]:
    """References in the order of the data set.

    Raises:
        AffectoscopeError: rows were rejected, so that those after them have other numbers.
    """
    with console.progress("Reading annotations") as progress:
        table = open_dataset(
            config.data,
            format=config.format,
            automatic=config.automatic,
            label_order=config.label_order,
            votes=config.votes,
            votes_protocol=config.votes_protocol,
            progress=progress,
        )
    references = table.faces["reference"].tolist()
    if table.ledger.rejected and not str(references[0]).startswith("row-"):
        raise AffectoscopeError(
            f"{table.title} has {sum(table.ledger.rejected.values()):,} rejected rows, so that row numbers are not those of the "
            f"faces; name the faces by a column reference instead, such as '{references[0]}'."
        )
    return references


def _resplit(data: TrainingData, scored: ScoredSplit) -> TrainingData:
    """The data with every face in its final split, and counts of them."""
    own, count = data.table.faces["split"].to_numpy(object), len(data.table)
    final = scored.splits[:count]
    data.table.faces = data.table.faces.assign(split=pd.Series(final).astype("str"))
    out_of_set = data.out_of_set.select(np.arange(len(data.out_of_set)))
    out_of_set.faces = out_of_set.faces.assign(split=pd.Series(scored.splits[count:]).astype("str"))
    counts = data.table.counts()
    for split, row in out_of_set.counts().items():
        counts.setdefault(split, {}).update(row)
    origins = {split: sorted(set(own[final == split])) for split in sorted(set(final))}
    return replace(data, counts=counts, origins=origins, out_of_set=out_of_set)


def _predictions(
    data: TrainingData, table: PredictionTable, joined: JoinedPredictions, split: str
) -> Predictions | None:
    """Predictions of the joined faces of a split, in the order of the data; None without any."""
    row_of = np.full(len(data.table) + len(data.out_of_set), -1)
    row_of[joined.faces] = joined.rows
    row_of = row_of[: len(data.table)]
    chosen = np.flatnonzero((row_of >= 0) & (data.table.faces["split"] == split).to_numpy())
    if not len(chosen):
        return None
    rows = row_of[chosen]
    outputs = {"expression": table.probabilities[rows], "embedding": None}
    if table.affect is not None:
        outputs["affect"] = table.affect[rows]
    if table.embeddings is not None:
        outputs["embedding"] = table.embeddings[rows]
    return to_predictions(data.table.select(chosen), data.labels, outputs)


def _out_of_set(
    data: TrainingData, table: PredictionTable, joined: JoinedPredictions, split: str, first: int
) -> pd.DataFrame | None:
    """The OUT_OF_SET table of the joined faces of the split whose label the network does not have; None without any.

    Args:
        first: the first of them among the joined faces.
    """
    outside = joined.faces >= first
    places, rows = joined.faces[outside] - first, joined.rows[outside]
    faces = data.out_of_set.faces.iloc[places]
    of_split = (faces["split"] == split).to_numpy()
    if not of_split.any():
        return None
    faces, probabilities = faces[of_split], table.probabilities[rows[of_split]].astype(np.float32)
    return faces[["reference", "split"]].assign(
        expression=np.array(EXPRESSIONS, object)[faces["expression"].to_numpy()],
        **{f"p_{label}": column for label, column in zip(data.labels.labels, probabilities.T, strict=True)},
    )


def _check_affect(predictions: Predictions, table: PredictionTable) -> None:
    """Raise AffectoscopeError where the predicted valence and arousal are the annotated ones."""
    frame = predictions.frame
    known = frame["valence"].notna() & frame["arousal"].notna()
    if table.affect is None or known.sum() < 2:
        return
    given, predicted = (
        frame.loc[known, [f"{kind}{name}" for name in ("valence", "arousal")]].to_numpy()
        for kind in ("", "predicted_")
    )
    if np.allclose(given, predicted, atol=1e-6):
        raise AffectoscopeError(
            f"The columns {' and '.join(table.columns.affect)} of {table.name} equal the annotations of the data on all "
            f"{known.sum():,} faces; pass the predictions as predicted_valence and predicted_arousal, or leave them out."
        )


def _wrong_order(table: PredictionTable, better: BetterOrder) -> AffectoscopeError:
    """The error of labels in a wrong order, with the known order that would be right for numbered columns."""
    columns = {
        label: table.columns.outputs[code]
        for label, code in zip(table.labels.labels, table.labels.codes, strict=True)
    }
    numbers = {label: column.rpartition("_")[2] for label, column in columns.items()}
    hint = ""
    if all(number.isdigit() for number in numbers.values()):
        right = {int(numbers[label]): EXPRESSIONS.index(better.moved.get(label, label)) for label in numbers}
        fitting = [
            name
            for name in ("affectnet", "rafdb", "fer2013", "alphabetical")
            if LabelOrder(name).codes(set(right)) == right
        ]
        hint = f"--label-order {fitting[0]} is that order. " if fitting else ""
    return AffectoscopeError(
        f"The columns of {table.name} seem to be in another order: {better.sentence()} (p below {max(better.p, 1e-12):.0e}). "
        f"{hint}Correct the order of the labels, or pass --confirm-order if it is right."
    )


def _report(
    table: PredictionTable,
    joined: JoinedPredictions,
    scored: ScoredSplit,
    known: np.ndarray,
    predictions: Predictions,
    validation: Predictions | None,
    *,
    confirmed: bool,
    options: tuple[str, ...],
) -> ImportReport:
    of_rows, inside = scored.splits[joined.faces], known[joined.faces]
    elsewhere = pd.Series(of_rows[of_rows != scored.split], dtype=object).value_counts().sort_index()
    return ImportReport(
        table=table.name,
        sha256=table.sha256,
        outputs=table.outputs,
        columns={EXPRESSIONS[code]: column for code, column in table.columns.outputs.items()},
        rows=len(table),
        scored=len(predictions),
        other_splits={str(split): int(rows) for split, rows in elsewhere.items()},
        out_of_set=int((~inside & (of_rows == scored.split)).sum()),
        unknown=joined.unknown,
        repeated=joined.repeated,
        not_predicted=scored.not_predicted,
        found_by={str(how): rows for how, rows in joined.found_by.items()},
        validation=len(validation) if validation else 0,
        order_confirmed=confirmed,
        options=options,
    )


def review_imported(
    folder: Path, imported: ImportedRun, settings: ImportSettings, console: Console
) -> Scores:
    """Score the predictions and write every file of the run but the model card; returns the scores."""
    data, predictions = imported.data, imported.predictions
    predictions.save(folder / "predictions.parquet")
    if data.table.redistributable:
        scored = np.flatnonzero((data.table.faces["split"] == imported.split).to_numpy())
        with console.progress("Saving thumbnails") as progress:
            save_thumbnails(
                folder / "faces.parquet", data.table.select(scored), data.preprocessing, progress=progress
            )
    with console.progress("Reviewing faces"):
        save_leaks(folder, data, split=imported.split)
        save_face_attributes(folder, data, predictions)
        save_votes(folder, data.table, predictions.frame["reference"])
        if imported.out_of_set is not None:
            save_table(folder, OUT_OF_SET, imported.out_of_set)
        save_table(folder, SUMMARY, data_summary(data.table))
        inspection = inspect_training(data, extended=settings.automatic) if data.found else None
    scores = score(predictions)
    write_json(folder / "scores.json", scores.as_dict())
    write_json(folder / "run.json", _info(folder, imported, settings, inspection))
    return scores


def _calibration(validation: Predictions | None) -> dict:
    """The entry "calibration" of run.json: a temperature fitted on the validation faces, or nothing."""
    if validation is None:
        return {}
    truth, probabilities = validation.truth, validation.probabilities
    temperature = fit_temperature(truth, log_probabilities(probabilities))
    scaled = apply_temperature(probabilities, temperature)
    return asdict(
        Calibration(
            temperature=round(temperature, 4),
            validation_ece_before=round(expected_calibration_error(truth, probabilities), 4),
            validation_ece_after=round(expected_calibration_error(truth, scaled), 4),
        )
    )


def _info(
    folder: Path, imported: ImportedRun, settings: ImportSettings, inspection: Inspection | None
) -> dict:
    data, config = imported.data, settings.reading().as_dict()
    return {
        "schema_version": SCHEMA_VERSION,
        "name": run_name(folder),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        IMPORTED_PREDICTIONS: imported.report.as_dict(),
        "data": {
            "name": data.table.name,
            "title": data.table.title,
            "note": data.table.note,
            "labels": list(data.labels.labels),
            "label_set": len(data.labels),
            "counts": data.counts,
            "origins": data.origins,
            "ledger": data.table.ledger.as_dict(),
            "redistributable": data.table.redistributable,
            "has_affect": data.table.has_affect,
            **({"voted": data.voted()} if data.table.votes is not None else {}),
            **({"inspection": inspection.as_dict()} if inspection else {}),
        },
        "config": {name: config[name] for name in _KEPT} | {"review": imported.split},
        "preprocessing": data.preprocessing.as_dict(),
        "network": {},
        "training": {},
        "calibration": _calibration(imported.validation),
        "environment": {**machine(), "packages": package_versions(_PACKAGES)},
    }
