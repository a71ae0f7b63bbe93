"""Results of all analyses of a run, for the report and the model card."""

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
from core.runs.calibration import upgrade_command
from core.runs.recipes import Recipe, recipe_of
from core.runs.run import Run, load_history
from core.runs.tables import ATTRIBUTES, LABEL_ERRORS, LEAKS, OUT_OF_SET

#: Parts that only a run with a network can have.
_NEEDS_NETWORK = {
    "history": "A learning curve",
    "training_label_errors": "Ranking training faces",
    "robustness": "Scoring corrupted faces",
}


@dataclass(frozen=True)
class Missing:
    """Reason why a part of a review is missing, and the command that creates it ('' if there is none)."""

    reason: str
    command: str = ""


@dataclass(frozen=True, eq=False)
class Review:
    """Results of all analyses of a run. Parts that are None have an entry in `missing`.

    Attributes:
        made: time of computation.
        label_errors, training_label_errors: of the scored faces and of the training faces.
        robustness: table of core.analysis.robustness and its metadata.
        comparison: comparison with another run; None, without an entry in `missing`, if it was not requested.
        recipe: runs that differ from this one in the seed only; None, without an entry in `missing`, if there are none.
        joined: the user's columns, used for slices; None, without an entry in `missing`, if there are none.
        missing: name of the part -> reason and command.
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
    recipe: Recipe | None = None
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
    """Load or compute all analyses of a run.

    Args:
        against: another run to compare with, scored on the same faces.
        joined: the user's columns, for additional slices.

    Raises:
        AffectoscopeError: the scores or the predictions cannot be read, or the runs cannot be compared.
    """
    predictions, scores = _scored(run)
    missing: dict[str, Missing] = {}

    def part(name: str, load: Callable, command: str = "", reason: str = ""):
        """Result of `load`; None, with an entry in `missing`, if it returns None or raises."""
        try:
            found = load()
        except (AffectoscopeError, OSError) as error:
            found, reason = None, _portable(str(error), run)
        if found is None and not run.has_network and name in _NEEDS_NETWORK:
            missing[name] = Missing(run.no_network(_NEEDS_NETWORK[name]))
        elif found is None:
            missing[name] = Missing(reason, command_of(run, command))
        return found

    return Review(
        run=run,
        made=datetime.now(UTC),
        predictions=predictions,
        scores=scores,
        history=part("history", lambda: load_history(run)),
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
            "Near-duplicates between the scored faces and the training data were not searched.",
        ),
        label_errors=part("label_errors", lambda: compute_label_errors(run)),
        training_label_errors=part(
            "training_label_errors",
            lambda: load_label_errors(run),
            LABEL_ERRORS.command,
            "The label quality of the training faces was not estimated.",
        ),
        robustness=part(
            "robustness",
            run.robustness,
            "python -m core.evaluate --run R --data PATH --corruptions",
            "The robustness to blur, noise and other corruptions was not measured.",
        ),
        joined=joined,
        recipe=recipe_of(run),
        comparison=compare(against, run) if against else None,
        missing=missing,
    )


def command_of(run: Run, template: str) -> str:
    """Replace R and PATH in a command line by the run and its data; of a run without a network, the command of its import."""
    if not run.has_network and template:
        template = upgrade_command(run)
    words = {"R": run.name, "PATH": data_path(run)}
    return " ".join(shlex.quote(words[word]) if word in words else word for word in template.split())


def data_path(run: Run) -> str:
    """Path of the run's data in commands: its last part, as stored in run.json, or 'PATH'."""
    data = run.info["config"].get("data")
    return Path(str(data)).name if data else "PATH"


def _scored(run: Run) -> tuple[Predictions, Scores]:
    try:
        predictions, scores = run.predictions(), run.scores
    except AffectoscopeError as error:
        raise AffectoscopeError(_portable(str(error), run)) from error
    if not len(predictions):
        raise AffectoscopeError(f"Run '{run.name}' has no scored faces; train it again.")
    if set(scores.labels) != set(predictions.labels) or scores.faces != len(predictions):
        raise AffectoscopeError(
            f"scores.json of '{run.name}' has {scores.faces:,} faces and {len(scores.labels)} labels, its "
            f"predictions have {len(predictions):,} and {len(predictions.labels)}; update the run with "
            f"{command_of(run, 'python -m core.upgrade --run R --data PATH')}."
        )
    return predictions, scores


def _portable(message: str, run: Run) -> str:
    """Remove the run's path on this machine from a message."""
    for place in {str(run.path), str(run.path.parent)}:
        message = message.replace(f"{place}/", "").replace(place, run.name)
    return message
