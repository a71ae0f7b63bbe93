"""From Predictions to Scores: every headline number of a run, each with its 95% interval."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import AffectoscopeError
from core.metrics import affect, expression, ranking
from core.metrics.estimate import Estimate
from core.metrics.headline import HEADLINES, compute_headlines
from core.metrics.intervals import LEVEL, Bounds, intervals
from core.metrics.predictions import Predictions

#: Version of the scores.json document.
SCHEMA_VERSION = 1

#: A number that cannot be computed, as it stands in scores.json.
_UNKNOWN = {"value": None, "low": None, "high": None}

_AFFECT_NUMBERS = ("rmse", "ccc", "pearson", "sagr")


@dataclass(frozen=True)
class LabelScores:
    """One label's row of the per-class table; NaN rules as in core.metrics.expression."""

    support: int  # faces truly of the label
    predicted: int  # faces predicted as it
    precision: Estimate
    recall: Estimate
    f1: Estimate
    auc: Estimate  # one-versus-rest area under the ROC curve
    average_precision: (
        Estimate  # one versus rest; documents from before it had an interval give its value alone
    )


@dataclass(frozen=True)
class Scores:
    """Every number of one set of predictions. Matrices have the true label in the rows."""

    faces: int
    labels: tuple[str, ...]
    present_labels: tuple[str, ...]  # labels some face truly has; averages run over these
    absent_labels: tuple[str, ...]
    headline: dict[str, Estimate]  # by name, in the order of core.metrics.headline
    per_class: dict[str, LabelScores]  # by label, in label-set order
    confusion: np.ndarray  # (c, c) int64
    pairwise_a: np.ndarray  # (c, c) Hand & Till's A(i, j); NaN on the diagonal and for absent labels
    pairwise_a_low: np.ndarray
    pairwise_a_high: np.ndarray
    affect: dict[str, dict[str, Estimate | int]] | None  # valence, arousal -> rmse, ccc, pearson, sagr, faces
    interval: dict[str, Any]
    """How the intervals were computed: resamples, level, seed, label_counts ("fixed" or "random"), methods (by the name of
    the number), reasons (why a headline metric has none). Documents of earlier versions have one `method` for all."""

    def as_dict(self) -> dict:
        """The scores.json document: strict JSON, null for what cannot be computed."""
        per_class = {label: _fields_as_dict(row.__dict__) for label, row in self.per_class.items()}
        return {
            "schema_version": SCHEMA_VERSION,
            "faces": self.faces,
            "labels": list(self.labels),
            "present_labels": list(self.present_labels),
            "absent_labels": list(self.absent_labels),
            **{name: estimate.as_dict() for name, estimate in self.headline.items()},
            "per_class": per_class,
            "confusion": self.confusion.tolist(),
            **{name: _matrix_or_null(getattr(self, name)) for name in _PAIRWISE},
            "affect": self.affect and {name: _fields_as_dict(row) for name, row in self.affect.items()},
            "interval": dict(self.interval),
        }


_PAIRWISE = ("pairwise_a", "pairwise_a_low", "pairwise_a_high")


def score(
    predictions: Predictions, *, resamples: int = 1000, seed: int = 0, fixed_counts: bool = False
) -> Scores:
    """Every number of `predictions`, with intervals, some of them from `resamples` seeded resamples (0: no intervals).

    The predicted label is the most probable one. Labels no face has are named in `absent_labels` and
    take no part in averages. `fixed_counts`: the numbers of faces per label were fixed when the test set was made, see
    core.metrics.intervals.

    Raises:
        AffectoscopeError: there are no faces.
    """
    if not len(predictions):
        raise AffectoscopeError("There are no faces to score: the selection is empty; widen the filters.")
    truth, probabilities = predictions.truth, predictions.probabilities
    confusion = expression.confusion_matrix(truth, predictions.predicted, len(predictions.labels))
    affect_columns = _affect_columns(predictions)
    bounds = intervals(
        truth,
        probabilities,
        resamples=resamples,
        seed=seed,
        affect=affect_columns,
        fixed_counts=fixed_counts,
    )
    ranks = bounds.rank_scores.ranks if bounds.rank_scores else ranking.hand_till(truth, probabilities)
    values = compute_headlines(truth, probabilities, confusion=confusion, pairwise=ranks.pairwise)
    present = [label for label, here in zip(predictions.labels, ranks.present) if here]
    unknown = np.full(confusion.shape, np.nan)
    low, high = bounds.ends.get("pairwise_a", (unknown, unknown))
    return Scores(
        faces=len(predictions),
        labels=predictions.labels,
        present_labels=tuple(present),
        absent_labels=tuple(label for label in predictions.labels if label not in present),
        headline={name: _estimate(value, bounds, name) for name, value in values.items()},
        per_class=_per_class(predictions, confusion, ranks, bounds),
        confusion=confusion,
        pairwise_a=ranks.pairwise,
        pairwise_a_low=low,
        pairwise_a_high=high,
        affect=_affect(affect_columns, bounds),
        interval={
            "resamples": resamples,
            "level": LEVEL,
            "seed": seed,
            "label_counts": "fixed" if fixed_counts else "random",
            "methods": bounds.methods,
            "reasons": bounds.reasons,
        },
    )


def scores_from_dict(document: dict) -> Scores:
    """Scores from a scores.json document; a headline metric that is younger than the document cannot be computed.

    Raises:
        AffectoscopeError: the document lacks something or is of a later schema version.
    """
    try:
        version = document["schema_version"]
        if version > SCHEMA_VERSION:
            raise AffectoscopeError(
                f"The scores have schema version {version}; this Affectoscope reads up to "
                f"{SCHEMA_VERSION}: update it."
            )
        affect_rows = document["affect"]
        return Scores(
            faces=int(document["faces"]),
            **{name: tuple(document[name]) for name in ("labels", "present_labels", "absent_labels")},
            headline={name: Estimate.from_dict(document.get(name, _UNKNOWN)) for name in HEADLINES},
            per_class={
                label: LabelScores(**_fields_from(row)) for label, row in document["per_class"].items()
            },
            confusion=np.array(document["confusion"], np.int64),
            **{name: np.array(document[name], np.float64) for name in _PAIRWISE},
            affect=affect_rows and {name: _fields_from(row) for name, row in affect_rows.items()},
            interval=dict(document["interval"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise AffectoscopeError(
            f"The scores are damaged or were not written by Affectoscope ({type(error).__name__}: {error}); "
            "score the run again with evaluate."
        ) from error


def _per_class(
    predictions: Predictions, confusion: np.ndarray, ranks: ranking.HandTill, bounds: Bounds
) -> dict[str, LabelScores]:
    faces = expression.support(confusion)
    numbers = {
        "precision": expression.precision(confusion),
        "recall": expression.recall(confusion),
        "f1": expression.f1(confusion),
        "auc": ranking.one_vs_rest_from_directional(ranks.directional, faces),
        "average_precision": bounds.rank_scores.average_precision
        if bounds.rank_scores
        else ranking.average_precision(predictions.truth, predictions.probabilities),
    }
    return {
        label: LabelScores(
            support=int(faces[i]),
            predicted=int(confusion[:, i].sum()),
            **{name: _estimate(values[i], bounds, name, i) for name, values in numbers.items()},
        )
        for i, label in enumerate(predictions.labels)
    }


def _affect_columns(predictions: Predictions) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Truth and prediction of valence and arousal; empty without an affect head or annotations."""
    frame = predictions.frame
    names = ("valence", "arousal") if predictions.has_affect else ()
    return {name: (frame[name].to_numpy(), frame[f"predicted_{name}"].to_numpy()) for name in names}


def _affect(
    columns: dict[str, tuple[np.ndarray, np.ndarray]], bounds: Bounds
) -> dict[str, dict[str, Estimate | int]] | None:
    rows: dict[str, dict[str, Estimate | int]] = {}
    for name, pair in columns.items():
        scores = affect.affect_scores(*pair)
        rows[name] = {"faces": scores.faces}
        rows[name] |= {n: _estimate(getattr(scores, n), bounds, f"{name}_{n}") for n in _AFFECT_NUMBERS}
    return rows or None


def _estimate(value: float, bounds: Bounds, name: str, position: int | None = None) -> Estimate:
    """`value` with the interval of that name, if there is one and the value can be computed."""
    if name not in bounds.ends or math.isnan(value):
        return Estimate(float(value))
    low, high = bounds.ends[name]
    if position is not None:
        low, high = low[position], high[position]
    return Estimate(float(value), float(low), float(high))


def _or_null(number: float) -> float | None:
    return None if math.isnan(number) else float(number)


def _matrix_or_null(matrix: np.ndarray) -> list[list[float | None]]:
    return [[_or_null(number) for number in row] for row in matrix.tolist()]


def _fields_as_dict(fields: dict[str, Estimate | int]) -> dict:
    return {name: field.as_dict() if isinstance(field, Estimate) else field for name, field in fields.items()}


def _fields_from(document: dict) -> dict[str, Estimate | int]:
    return {
        name: Estimate.from_dict(field) if isinstance(field, dict) else int(field)
        for name, field in document.items()
    }
