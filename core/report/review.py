"""Everything that the report and the model card say of a run, collected once."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from core.analysis.calibration.review import (
    CalibrationReview,
    Reliability,
    compute_calibration,
    compute_reliability,
)
from core.analysis.comparison.runs import Comparison, compare
from core.analysis.label_errors import LabelErrors, compute_label_errors, load_label_errors
from core.analysis.leaks import Leaks, load_leaks
from core.analysis.protocol import Protocol, load_protocol
from core.analysis.selective.abstention import Abstention, compute_abstention
from core.analysis.slices.review import all_slices
from core.analysis.slices.tables import SliceReview
from core.analysis.slices.user_columns import JoinedColumns
from core.errors import AffectoscopeError
from core.metrics.predictions import Predictions
from core.metrics.scoring import Scores
from core.runs.run import Run, checked_history
from core.runs.tables import ATTRIBUTES, LABEL_ERRORS, LEAKS, OUT_OF_SET


@dataclass(frozen=True)
class Missing:
    """Why a part of a review is not there, and the command that would give it; '' where none would."""

    reason: str
    command: str = ""


@dataclass(frozen=True, eq=False)
class Review:
    """A run and what was found about it. Parts that are None have an entry in `missing`.

    Attributes:
        made: when it was collected.
        label_errors, training_label_errors: of the scored faces, and of those trained on.
        robustness: what core.analysis.robustness measured, and on which data.
        comparison: this run against another one; None where none was asked for, and then not missing.
        joined: the user's columns that its slices were cut by too, likewise.
    """

    run: Run
    made: datetime
    predictions: Predictions
    scores: Scores
    history: pd.DataFrame | None
    protocol: Protocol | None
    calibration: CalibrationReview | None
    reliability: Reliability | None
    abstention: Abstention | None
    slices: SliceReview | None
    leaks: Leaks | None
    label_errors: LabelErrors | None
    training_label_errors: LabelErrors | None
    robustness: tuple[pd.DataFrame, dict] | None
    comparison: Comparison | None = None
    joined: JoinedColumns | None = None
    missing: dict[str, Missing] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def split(self) -> str:
        """The scored split."""
        return str(self.predictions.frame["split"].iloc[0])

    def data(self, entry: str, default=None):
        """An entry of run.json's data."""
        return self.run.info["data"].get(entry, default)


def compute_review(run: Run, *, against: Run | None = None, joined: JoinedColumns | None = None) -> Review:
    """Collect what is known of a run; what its folder lacks is noted as missing.

    Args:
        against: another run that was scored on the same faces.
        joined: a user's own columns, to cut the faces by.

    Raises:
        AffectoscopeError: the scores or the predictions cannot be read, or the runs cannot be compared.
    """
    predictions, scores = _scored(run)
    missing: dict[str, Missing] = {}

    def part(name: str, load: Callable, command: str = "", reason: str = ""):
        """What `load` gives; where that is nothing, `missing` says why."""
        try:
            found = load()
        except (AffectoscopeError, OSError) as error:
            found, reason = None, _portable(str(error), run)
        if found is None:
            missing[name] = Missing(reason, command_of(run, command))
        return found

    return Review(
        run=run,
        made=datetime.now(UTC),
        predictions=predictions,
        scores=scores,
        history=part("history", lambda: checked_history(run)),
        protocol=part("protocol", lambda: load_protocol(run)),
        calibration=part("calibration", lambda: compute_calibration(run, predictions)),
        reliability=part("reliability", lambda: compute_reliability(run, predictions)),
        abstention=part("abstention", lambda: compute_abstention(run), OUT_OF_SET.command),
        slices=part(
            "slices",
            lambda: all_slices(run, None if joined is None else joined.frame),
            ATTRIBUTES.command,
        ),
        leaks=part(
            "leaks",
            lambda: load_leaks(run),
            LEAKS.command,
            "Nobody has looked for near-duplicates of the scored faces among the faces of the training.",
        ),
        label_errors=part("label_errors", lambda: compute_label_errors(run)),
        training_label_errors=part(
            "training_label_errors",
            lambda: load_label_errors(run),
            LABEL_ERRORS.command,
            "The labels of the training faces were not ranked by how likely they are wrong.",
        ),
        robustness=part(
            "robustness",
            run.robustness,
            "python -m core.evaluate --run R --data PATH --corruptions",
            "How the network does on blurred, noisy, darkened or otherwise corrupted faces was not measured.",
        ),
        joined=joined,
        comparison=compare(against, run) if against else None,
        missing=missing,
    )


def command_of(run: Run, template: str) -> str:
    """A command with R and PATH replaced by this run and its data."""
    words = {"R": run.name, "PATH": data_path(run)}
    return " ".join(shlex.quote(words[word]) if word in words else word for word in template.split())


def data_path(run: Run) -> str:
    """What stands in commands for the run's data: the last part of its path, which is all that a run keeps of it."""
    kept = run.info["config"].get("data")
    return Path(str(kept)).name if kept else "PATH"


def _scored(run: Run) -> tuple[Predictions, Scores]:
    try:
        predictions, scores = run.predictions(), run.scores
    except AffectoscopeError as error:
        raise AffectoscopeError(_portable(str(error), run)) from error
    if not len(predictions):
        raise AffectoscopeError(f"Run '{run.name}' was scored on no face; train it again.")
    if set(scores.labels) != set(predictions.labels) or scores.faces != len(predictions):
        raise AffectoscopeError(
            f"scores.json of '{run.name}' is about {scores.faces:,} faces and {len(scores.labels)} labels, its "
            f"predictions about {len(predictions):,} and {len(predictions.labels)}; bring the run up to date with "
            f"{command_of(run, 'python -m core.upgrade --run R --data PATH')}."
        )
    return predictions, scores


def _portable(sentence: str, run: Run) -> str:
    """A sentence without the place of the run on this machine."""
    for place in {str(run.path), str(run.path.parent)}:
        sentence = sentence.replace(f"{place}/", "").replace(place, run.name)
    return sentence
