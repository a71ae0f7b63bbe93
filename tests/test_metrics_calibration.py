"""Calibration error, Brier, likelihood and temperature: by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from core.metrics import calibration
from tests.test_metrics_ranking import softmax_faces


def two_labels(confidence, correct):
    """Faces of label 0 or 1, predicted as 0 with the given confidence."""
    confidence = np.asarray(confidence)
    return np.where(correct, 0, 1), np.column_stack([confidence, 1 - confidence])


def test_calibration_error_by_hand():
    # Bins {.6 wrong, .7 right} and {.8, .9 right}: |.5 - .65| and |1 - .85|.
    faces = two_labels([0.9, 0.6, 0.8, 0.7], [True, False, True, True])
    assert calibration.expected_calibration_error(*faces, bins=2) == pytest.approx(0.15)
    table = calibration.reliability_bins(*faces, bins=2)
    np.testing.assert_allclose(table.accuracy, [0.5, 1.0])
    np.testing.assert_allclose(table.confidence, [0.65, 0.85])
    np.testing.assert_allclose(table.faces, [2, 2])
    np.testing.assert_allclose(table.lowest, [0.6, 0.8])
    np.testing.assert_allclose(table.highest, [0.7, 0.9])


def test_a_face_on_an_edge_is_shared_between_bins():
    # 1.5 faces a bin: .6 wrong and half of .7 right give 1/3 right at .95/1.5; the rest 1 at 1.15/1.5.
    faces = two_labels([0.6, 0.7, 0.8], [False, True, True])
    table = calibration.reliability_bins(*faces, bins=2)
    np.testing.assert_allclose(table.accuracy, [1 / 3, 1])
    np.testing.assert_allclose(table.confidence, [0.95 / 1.5, 1.15 / 1.5])
    error = calibration.expected_calibration_error(*faces, bins=2)
    assert error == pytest.approx((0.3 + (1 - 1.15 / 1.5)) / 2)


def test_equal_confidences_are_one_group_whatever_their_order():
    correct = np.array([True, True, False, False])
    for order in ([0, 1, 2, 3], [2, 0, 3, 1], [3, 2, 1, 0]):
        faces = two_labels([0.8] * 4, correct[order])
        assert calibration.expected_calibration_error(*faces, bins=2) == pytest.approx(0.3)


def test_calibration_error_against_plain_bins():
    truth, probabilities = softmax_faces(1500, 4)
    confidence, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.array_split(np.argsort(confidence), 15)  # 100 faces each
    plain = np.mean([abs(correct[b].mean() - confidence[b].mean()) for b in bins])
    assert calibration.expected_calibration_error(truth, probabilities) == pytest.approx(plain, abs=1e-12)
    table = calibration.reliability_bins(truth, probabilities)
    assert np.abs(table.accuracy - table.confidence).mean() == pytest.approx(plain, abs=1e-12)


def test_fewer_faces_than_bins():
    faces = two_labels([0.6, 0.9], [False, True])
    assert calibration.expected_calibration_error(*faces, bins=4) == pytest.approx((0.6 + 0.1) / 2)


def test_brier_and_likelihood_by_hand():
    truth, probabilities = np.array([0, 2]), np.array([[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]])
    # (.3^2 + .2^2 + .1^2 + .5^2 + .25^2 + .75^2) / 2
    assert calibration.brier_losses(truth, probabilities).mean() == pytest.approx((0.14 + 0.875) / 2)
    expected = -(np.log(0.7) + np.log(0.25)) / 2
    assert calibration.log_losses(truth, probabilities).mean() == pytest.approx(expected)


def test_brier_and_likelihood_against_scikit_learn():
    truth, probabilities = softmax_faces(400, 5)
    one_hot = np.eye(5)[truth]
    ours = calibration.brier_losses(truth, probabilities).mean()
    assert ours == pytest.approx(((probabilities - one_hot) ** 2).sum(axis=1).mean(), abs=1e-12)
    ours = calibration.log_losses(truth, probabilities).mean()
    assert ours == pytest.approx(sk.log_loss(truth, probabilities), abs=1e-12)


def test_a_probability_of_zero_costs_a_finite_amount():
    probabilities = np.array([[1.0, 0.0]], np.float32)
    (loss,) = calibration.log_losses(np.array([1]), probabilities)
    assert loss == pytest.approx(-np.log(np.finfo(np.float32).eps))


def test_no_faces_give_nan():
    truth, probabilities = np.zeros(0, int), np.zeros((0, 3))
    assert np.isnan(calibration.expected_calibration_error(truth, probabilities))
    assert np.isnan(calibration.reliability_bins(truth, probabilities).accuracy).all()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_put_in_comes_out(temperature):
    # Truth drawn from softmax(logits): the likelihood is best where the scaling is undone.
    rng = np.random.default_rng(0)
    logits = 2 * rng.standard_normal((20_000, 4))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    truth = (rng.random((20_000, 1)) > probabilities.cumsum(axis=1)).sum(axis=1)
    fitted = calibration.fit_temperature(truth, logits * temperature)
    assert fitted == pytest.approx(temperature, rel=0.03)
    scaled = probabilities**temperature
    scaled /= scaled.sum(axis=1, keepdims=True)
    from_probabilities = calibration.fit_temperature(truth, calibration.log_probabilities(scaled))
    assert from_probabilities == pytest.approx(fitted, rel=1e-6)
    undone = calibration.apply_temperature(scaled, temperature)
    np.testing.assert_allclose(undone, probabilities, atol=1e-10)


def test_the_fitted_temperature_is_the_best_one():
    truth, probabilities = softmax_faces(500, 4)
    best = calibration.fit_temperature(truth, calibration.log_probabilities(probabilities))

    def loss(temperature):
        scaled = calibration.apply_temperature(probabilities, temperature)
        return calibration.log_losses(truth, scaled).mean()

    assert loss(best) < min(loss(best * 1.02), loss(best / 1.02))


def test_temperatures_without_a_best_end_at_the_bounds():
    logits = np.array([[2.0, 0.0], [0.0, 2.0]])
    assert calibration.fit_temperature(np.array([0, 1]), logits) == calibration.LOWEST_TEMPERATURE
    assert calibration.fit_temperature(np.array([1, 0]), logits) == calibration.HIGHEST_TEMPERATURE


def test_wrong_temperatures_and_missing_faces_are_refused():
    with pytest.raises(ValueError, match="The temperature is 0; expected a positive number"):
        calibration.apply_temperature(np.array([[0.5, 0.5]]), 0)
    with pytest.raises(ValueError, match="cannot be fitted without faces"):
        calibration.fit_temperature(np.zeros(0, int), np.zeros((0, 2)))
