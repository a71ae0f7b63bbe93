"""Pairing of the predictions of two runs, face by face.

Two runs can be compared under these conditions, checked in this order:

* They are different runs.
* They have the same labels, in any order.
* They were scored on the same data set: same format and, if given, same name. The storage (folders, zip, table) does not
  matter.
* Faces are identified by reference and split, which are unique in each run.
* There are common faces. `PairedRuns.coverage` reports faces that only one run scored.
* All common faces have the same true expression, valence and arousal in both runs. Leaving out faces with different
  truths would select easy faces, and using one of the truths would favour the network that was trained on it.

Rows are ordered by split and reference, and labels as in core.labels, so that resampling does not depend on the order in
the runs.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.metrics.predictions import Predictions
from core.runs.run import Run

#: Changes of a face from run A to run B; `PairedRuns.changes` holds indices into it.
CHANGES = ("same", "fixed", "broken", "both-wrong")

_KEY = ["split", "reference"]
_AFFECT = ("valence", "arousal")

#: Largest difference between equal annotations of valence or arousal, stored as float32.
_SAME_AFFECT = 1e-5

#: Name -> truth and prediction, each (n,), NaN if unknown; for valence and arousal.
Affect = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class PairedRuns:
    """Predictions of runs A and B for the n faces that both scored.

    Attributes:
        a, b: names of the runs.
        labels: c labels, in the order of core.labels.
        rows_a, rows_b: (n,) rows of the faces in the predictions of each run.
        truth: (n,) indices into `labels`.
        probabilities_a, probabilities_b: (n, c) float32.
        affect_a, affect_b: valence and arousal; None unless both networks predict them.
        only_a, only_b: number of faces that only one run scored.
        fixed_counts: whether the numbers of faces per label were fixed by design (core.metrics.intervals).
    """

    a: str
    b: str
    labels: tuple[str, ...]
    rows_a: np.ndarray
    rows_b: np.ndarray
    truth: np.ndarray
    probabilities_a: np.ndarray
    probabilities_b: np.ndarray
    affect_a: Affect | None
    affect_b: Affect | None
    only_a: int
    only_b: int
    fixed_counts: bool = False

    def __len__(self) -> int:
        return len(self.truth)

    @cached_property
    def predicted_a(self) -> np.ndarray:
        """(n,) indices of the labels predicted by A."""
        return self.probabilities_a.argmax(axis=1)

    @cached_property
    def predicted_b(self) -> np.ndarray:
        return self.probabilities_b.argmax(axis=1)

    @cached_property
    def changes(self) -> np.ndarray:
        """(n,) int8 indices into CHANGES: same prediction; misclassified only by A; misclassified only by B;
        misclassified by both as different labels."""
        right_a, right_b = self.predicted_a == self.truth, self.predicted_b == self.truth
        same = self.predicted_a == self.predicted_b
        return np.select([same, right_b, right_a], [0, 1, 2], 3).astype(np.int8)

    def coverage(self) -> str:
        """Sentence with the number of compared faces and of faces that only one run scored."""
        faces = "the one face" if len(self) == 1 else f"the {len(self):,} faces"
        left_out = [
            f"{count:,} that only '{name}' scored"
            for count, name in ((self.only_a, self.a), (self.only_b, self.b))
            if count
        ]
        rest = f"; left out: {' and '.join(left_out)}" if left_out else ""
        return f"Compared on {faces} that both runs scored{rest}."


def pair(a: Run, b: Run, predictions: tuple[Predictions, Predictions] | None = None) -> PairedRuns:
    """Pair the predictions of runs A and B; pass `predictions` if they are already loaded.

    Raises:
        AffectoscopeError: a condition above is not met, or the predictions cannot be read.
    """
    if reason := obstacle(a, b):
        raise AffectoscopeError(reason)
    of_a, of_b = predictions or (a.predictions(), b.predictions())
    for run, table in ((a, of_a), (b, of_b)):
        if set(table.labels) != set(a.labels):
            raise AffectoscopeError(
                f"The predictions of run '{run.name}' have the labels {', '.join(table.labels)}, which differ from its "
                "run.json; train it again."
            )
        _refuse_duplicates(run, table)
    rows_a, rows_b = _shared(of_a.frame, of_b.frame)
    if not len(rows_a):
        raise AffectoscopeError(
            f"'{a.name}' and '{b.name}' have no scored faces in common: one was scored on faces such as {_first(of_a)}, "
            f"the other on faces such as {_first(of_b)}; score both on the same split of the same data."
        )
    labels = tuple(label for label in EXPRESSIONS if label in a.labels)
    truth, truth_b = _truth(of_a, rows_a, labels), _truth(of_b, rows_b, labels)
    names = np.array(labels, object)
    _refuse_other_truths((a, b), of_a, rows_a, truth != truth_b, names[truth], names[truth_b], "expression")
    affect_a, affect_b = _paired_affect((a, b), of_a, of_b, rows_a, rows_b)
    return PairedRuns(
        a=a.name,
        b=b.name,
        labels=labels,
        rows_a=rows_a,
        rows_b=rows_b,
        truth=truth,
        probabilities_a=_probabilities(of_a, rows_a, labels),
        probabilities_b=_probabilities(of_b, rows_b, labels),
        affect_a=affect_a,
        affect_b=affect_b,
        only_a=len(of_a) - len(rows_a),
        only_b=len(of_b) - len(rows_b),
        fixed_counts=a.has_fixed_counts(of_a),
    )


def obstacle(a: Run, b: Run) -> str:
    """The reason why two runs cannot be compared, as far as run.json shows it; '' if there is none."""
    if a.path == b.path:
        return f"Run '{a.name}' cannot be compared with itself; pass two different runs."
    if set(a.labels) != set(b.labels):
        alone = [_alone(a, b), _alone(b, a)]
        return (
            f"'{a.name}' has {len(a.labels)} labels and '{b.name}' {len(b.labels)}, {' and '.join(filter(None, alone))}; "
            "only runs with the same labels can be compared."
        )
    if _dataset_key(a) != _dataset_key(b):
        return (
            f"'{a.name}' was scored on {a.info['data']['title']} and '{b.name}' on {b.info['data']['title']}; only runs "
            "that were scored on the same data can be compared."
        )
    return ""


def _dataset_key(run: Run) -> tuple[str, str]:
    """Format and name of a run's data set: its title without the storage in brackets."""
    about = run.info["data"]
    title = str(about["title"])
    return str(about.get("name")), title.rpartition(" (")[0] or title


def _alone(run: Run, other: Run) -> str:
    """Format the labels that only one run has as 'contempt only in 'one''; '' without any."""
    labels = [label for label in run.labels if label not in other.labels]
    return f"{', '.join(labels)} only in '{run.name}'" if labels else ""


def _refuse_duplicates(run: Run, predictions: Predictions) -> None:
    twice = predictions.frame.duplicated(_KEY)
    if twice.any():
        raise AffectoscopeError(
            f"Run '{run.name}' has {twice.sum():,} faces more than once, first "
            f"'{predictions.frame['reference'][twice.idxmax()]}'; score it on data with a unique reference for every "
            "face."
        )


def _shared(a: pd.DataFrame, b: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the faces that are in both frames, by split and reference."""
    keys = [frame[_KEY].assign(**{name: np.arange(len(frame))}) for frame, name in ((a, "a"), (b, "b"))]
    both = keys[0].merge(keys[1], on=_KEY, sort=True)
    return both["a"].to_numpy(), both["b"].to_numpy()


def _truth(predictions: Predictions, rows: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    return np.array([labels.index(label) for label in predictions.labels])[predictions.truth[rows]]


def _probabilities(predictions: Predictions, rows: np.ndarray, labels: tuple[str, ...]) -> np.ndarray:
    columns = [predictions.labels.index(label) for label in labels]
    return predictions.probabilities[rows][:, columns]


def _refuse_other_truths(
    runs: tuple[Run, Run],
    of_a: Predictions,
    rows: np.ndarray,
    differs: np.ndarray,
    truth_a: np.ndarray,
    truth_b: np.ndarray,
    what: str,
) -> None:
    if not differs.any():
        return
    first = int(differs.argmax())
    raise AffectoscopeError(
        f"{differs.sum():,} of the {len(rows):,} faces that both scored have a different {what} in '{runs[0].name}' and "
        f"'{runs[1].name}', first '{of_a.frame['reference'].iloc[rows[first]]}' ({truth_a[first]} and "
        f"{truth_b[first]}); only runs with the same truth can be compared."
    )


def _paired_affect(
    runs: tuple[Run, Run], of_a: Predictions, of_b: Predictions, rows_a: np.ndarray, rows_b: np.ndarray
) -> tuple[Affect | None, Affect | None]:
    """Valence and arousal of both runs, NaN unless truth and prediction are known in both; None without any."""
    affect_a, affect_b = {}, {}
    for name in _AFFECT:
        frames = of_a.frame.iloc[rows_a], of_b.frame.iloc[rows_b]
        truth_a, truth_b = (frame[name].to_numpy(np.float64) for frame in frames)
        with np.errstate(invalid="ignore"):  # NaN in one run is not a difference
            differs = np.abs(truth_a - truth_b) > _SAME_AFFECT
        _refuse_other_truths(runs, of_a, rows_a, differs, truth_a.round(3), truth_b.round(3), name)
        predicted_a, predicted_b = (frame[f"predicted_{name}"].to_numpy(np.float64) for frame in frames)
        known = np.isfinite(truth_a + truth_b + predicted_a + predicted_b)
        if known.any():
            truth = np.where(known, truth_a, np.nan)
            affect_a[name], affect_b[name] = (truth, predicted_a), (truth, predicted_b)
    return affect_a or None, affect_b or None


def _first(predictions: Predictions) -> str:
    """'val/1.jpg' (test)."""
    face = predictions.frame.iloc[0]
    return f"'{face['reference']}' ({face['split']})"
