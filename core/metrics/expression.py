"""Numbers read off a confusion matrix: accuracy, recall, precision, F1, Cohen's kappa.

Every function but `confusion_matrix` takes `confusion`, shaped (..., c, c) with the true label in the
rows, and works on the last two axes: a stack of resampled matrices, (resamples, c, c), gives one number
per resample. Counts may be fractional.

A label is *present* when at least one face truly has it. Where a number cannot be computed it is NaN:

==========  ==========================================  =============================================
            label absent from the truth                 label present but never predicted
==========  ==========================================  =============================================
recall      NaN                                         0
precision   0 if it was predicted, NaN if it was not    NaN
F1          NaN                                         0
==========  ==========================================  =============================================

Averages run over the present labels only, and a NaN precision counts as 0 in them: scikit-learn's
`labels=present, zero_division=0`. Faces predicted as an absent label are errors of the label they have.
"""

import numpy as np


def confusion_matrix(
    truth: np.ndarray, predicted: np.ndarray, n_labels: int, *, weights: np.ndarray | None = None
) -> np.ndarray:
    """Counts of (true, predicted) pairs, (c, c): int64, or float64 sums of `weights` (n,) where given.

    Raises:
        ValueError: truth and predicted differ in length, or a position is not in 0 .. n_labels - 1.
    """
    truth, predicted = np.asarray(truth), np.asarray(predicted)
    if truth.shape != predicted.shape or truth.ndim != 1:
        raise ValueError(
            f"truth {truth.shape} and predicted {predicted.shape} must be one-dimensional and equally long."
        )
    for name, positions in (("truth", truth), ("predicted", predicted)):
        if positions.size and not 0 <= positions.min() <= positions.max() < n_labels:
            raise ValueError(
                f"{name} holds positions {positions.min()} to {positions.max()}; "
                f"expected 0 to {n_labels - 1}."
            )
    cells = truth.astype(np.int64) * n_labels + predicted
    return np.bincount(cells, weights=weights, minlength=n_labels**2).reshape(n_labels, n_labels)


def support(confusion: np.ndarray) -> np.ndarray:
    """Faces truly of each label, (..., c)."""
    return np.asarray(confusion).sum(axis=-1)


def present_labels(confusion: np.ndarray) -> np.ndarray:
    """Which labels occur in the truth, boolean (..., c)."""
    return support(confusion) > 0


def accuracy(confusion: np.ndarray) -> np.ndarray:
    """Share of faces whose label was predicted, 0 to 1; NaN without faces."""
    confusion = np.asarray(confusion)
    return _ratio(_hits(confusion).sum(axis=-1), confusion.sum(axis=(-2, -1)))


def recall(confusion: np.ndarray) -> np.ndarray:
    """Share of each label's faces that were recognised, (..., c), 0 to 1; NaN where the label is absent."""
    return _ratio(_hits(confusion), support(confusion))


def precision(confusion: np.ndarray) -> np.ndarray:
    """Share of each label's predictions that were right, (..., c), 0 to 1; NaN where never predicted."""
    return _ratio(_hits(confusion), np.asarray(confusion).sum(axis=-2))


def f1(confusion: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), (..., c); NaN where absent."""
    confusion = np.asarray(confusion)
    present = support(confusion)
    f1_scores = _ratio(2.0 * _hits(confusion), present + confusion.sum(axis=-2))
    return np.where(present > 0, f1_scores, np.nan)


def balanced_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Mean recall over the present labels, 0 to 1; NaN without faces."""
    return macro_average(recall(confusion), confusion)


#: The same number under the name it has beside macro precision and macro F1.
macro_recall = balanced_accuracy


def macro_precision(confusion: np.ndarray) -> np.ndarray:
    """Mean precision over the present labels, 0 for those never predicted; NaN without faces."""
    return macro_average(precision(confusion), confusion)


def macro_f1(confusion: np.ndarray) -> np.ndarray:
    """Mean F1 over the present labels, 0 to 1; NaN without faces."""
    return macro_average(f1(confusion), confusion)


def weighted_f1(confusion: np.ndarray) -> np.ndarray:
    """F1 averaged over the present labels in proportion to their faces; NaN without faces."""
    return weighted_average(f1(confusion), confusion)


def macro_average(per_label: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Mean of `per_label` (..., c) over the present labels, NaN counting as 0."""
    present = present_labels(confusion)
    total = np.where(present, np.nan_to_num(per_label), 0.0).sum(axis=-1)
    return _ratio(total, present.sum(axis=-1))


def weighted_average(per_label: np.ndarray, confusion: np.ndarray) -> np.ndarray:
    """Mean of `per_label` (..., c) weighted by each label's faces, NaN counting as 0."""
    faces = support(confusion)
    return _ratio((np.nan_to_num(per_label) * faces).sum(axis=-1), faces.sum(axis=-1))


def cohen_kappa(confusion: np.ndarray) -> np.ndarray:
    """Agreement beyond chance, -1 to 1: (p_o - p_e) / (1 - p_e).

    NaN without faces, and where chance alone explains everything (p_e = 1: one label, always predicted).

    Cohen (1960), "A coefficient of agreement for nominal scales", Educ. Psychol. Meas. 20(1).
    """
    confusion = np.asarray(confusion)
    faces = confusion.sum(axis=(-2, -1)).astype(np.float64)
    observed = _hits(confusion).sum(axis=-1)
    # Counts rather than shares: p_e = 1 is then recognised exactly, whatever the number of faces.
    by_chance = (support(confusion).astype(np.float64) * confusion.sum(axis=-2)).sum(axis=-1)
    return _ratio(observed * faces - by_chance, faces * faces - by_chance)


def _hits(confusion: np.ndarray) -> np.ndarray:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return np.divide(
        numerator, denominator, out=np.full(np.broadcast(numerator, denominator).shape, np.nan),
        where=denominator > 0,
    )[()]  # fmt: skip
