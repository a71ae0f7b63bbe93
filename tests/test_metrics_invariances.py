"""What must not matter, over every metric: the order of the faces, of the labels, and seeing all twice."""

import numpy as np
import pytest

from core.metrics import affect, calibration, expression, intervals, ranking
from tests.test_metrics_ranking import softmax_faces

LABELS = 5


def from_confusion(metric):
    def of_faces(truth, probabilities):
        return metric(expression.confusion_matrix(truth, probabilities.argmax(axis=1), LABELS))

    return of_faces


def of_affect(name):
    def of_faces(truth, probabilities):
        return getattr(
            affect.affect_scores(probabilities[:, 0] + 0.1 * (truth == 0), probabilities[:, 1]), name
        )

    return of_faces


NUMBERS = {
    name: from_confusion(getattr(expression, name))
    for name in (
        "accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1",
        "weighted_f1", "cohen_kappa",
    )
} | {
    "m_measure": ranking.m_measure,
    "expected_calibration_error": calibration.expected_calibration_error,
    "brier": lambda t, p: calibration.brier_losses(t, p).mean(),
    "negative_log_likelihood": lambda t, p: calibration.log_losses(t, p).mean(),
    "temperature": lambda t, p: calibration.fit_temperature(t, calibration.log_probabilities(p)),
}  # fmt: skip
PER_LABEL = {
    "precision": from_confusion(expression.precision),
    "recall": from_confusion(expression.recall),
    "f1": from_confusion(expression.f1),
    "average_precision": ranking.average_precision,
    "roc_area": lambda t, p: np.array([ranking.roc_curve(t, p, i).area for i in range(LABELS)]),
}
MATRICES = {
    "pairwise_a": lambda t, p: ranking.hand_till(t, p).pairwise,
    "directional_auc": ranking.directional_auc,
}
AFFECT = {name: of_affect(name) for name in ("rmse", "ccc", "pearson", "sagr")}
ALL = NUMBERS | PER_LABEL | MATRICES | AFFECT


@pytest.fixture(params=["plain", "ties", "absent label"])
def faces(request):
    truth, probabilities = softmax_faces(400, LABELS, seed=7, steps=40 if request.param == "ties" else None)
    if request.param == "ties":  # ties between labels would leave the predicted label to their order
        top = np.sort(probabilities, axis=1)
        clear = top[:, -1] > top[:, -2]
        return truth[clear], probabilities[clear]
    return (
        (truth[truth != 2], probabilities[truth != 2])
        if request.param == "absent label"
        else (truth, probabilities)
    )


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_faces_does_not_matter(name, faces):
    truth, probabilities = faces
    shuffled = np.random.default_rng(0).permutation(len(truth))
    value = ALL[name](truth, probabilities)
    np.testing.assert_allclose(
        ALL[name](truth[shuffled], probabilities[shuffled]), value, atol=1e-12, rtol=1e-9
    )
    assert not np.isnan(value).all()


@pytest.mark.parametrize("name", ALL)
def test_seeing_every_face_three_times_does_not_matter(name, faces):
    truth, probabilities = faces
    value = ALL[name](truth, probabilities)
    thrice = ALL[name](np.tile(truth, 3), np.tile(probabilities, (3, 1)))
    np.testing.assert_allclose(thrice, value, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("name", NUMBERS | PER_LABEL | MATRICES)
def test_the_order_of_the_labels_does_not_matter(name, faces):
    truth, probabilities = faces
    order = np.array([3, 0, 4, 1, 2])  # new position k holds the old label order[k]
    value = ALL[name](truth, probabilities)
    moved = ALL[name](np.argsort(order)[truth], probabilities[:, order])
    expected = (
        value if name in NUMBERS else value[order] if name in PER_LABEL else value[np.ix_(order, order)]
    )
    np.testing.assert_allclose(moved, expected, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("name", ["accuracy", "macro_f1", "m_measure", "expected_calibration_error", "brier"])
def test_intervals_do_not_depend_on_the_order_of_the_faces(name):
    truth, probabilities = softmax_faces(300, LABELS)
    shuffled = np.random.default_rng(0).permutation(300)
    ends = intervals.intervals(truth, probabilities).ends[name]
    other = intervals.intervals(truth[shuffled], probabilities[shuffled]).ends[name]
    np.testing.assert_allclose(other, ends, atol=0.15 * (ends[1] - ends[0]))
