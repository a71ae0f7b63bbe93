"""Gaps between slices: published examples, second implementations, and that 5% means 5%."""

import numpy as np
import pytest
from scipy.stats import chi2, chi2_contingency, fisher_exact, norm
from sklearn.metrics import f1_score

from core.metrics import expression, slices

LABELS = 4
#: How often each label is read as each; two of them are hard.
READ = np.array(
    [[0.9, 0.04, 0.03, 0.03], [0.1, 0.7, 0.15, 0.05], [0.05, 0.2, 0.6, 0.15], [0.02, 0.08, 0.1, 0.8]]
)
MIX = np.array([0.4, 0.3, 0.2, 0.1])


def binary(right: int, faces: int) -> np.ndarray:
    """A confusion matrix with one true label."""
    return np.array([[right, faces - right], [0, 0]])


def drawn(faces: int, mix: np.ndarray, times: int, seed: int, read: np.ndarray = READ) -> np.ndarray:
    """(times, c, c) confusions of random faces, those without FEWEST_OF_A_LABEL of each label left out."""
    random = np.random.default_rng(seed)
    counts = random.multinomial(faces, mix, size=4 * times)
    counts = counts[(counts >= slices.FEWEST_OF_A_LABEL).all(axis=1)][:times]
    return np.stack([random.multinomial(counts[:, label], read[label]) for label in range(len(mix))], axis=1)


def f1_gap(inside, outside, *, resamples=150, seed=0) -> slices.Gap:
    return slices.macro_f1_gap(inside, outside, resamples=resamples, rng=np.random.default_rng(seed))


#: Newcombe (1998), table II, method 10.
NEWCOMBE = [
    ((56, 70, 48, 80), (0.0524, 0.3339)),
    ((9, 10, 3, 10), (0.1705, 0.8090)),
    ((6, 7, 2, 7), (0.0582, 0.8062)),
    ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ((0, 10, 0, 20), (-0.1611, 0.2775)),
    ((0, 10, 0, 10), (-0.2775, 0.2775)),
    ((10, 10, 0, 20), (0.6791, 1.0)),
    ((10, 10, 0, 10), (0.6075, 1.0)),
]


@pytest.mark.parametrize(("counts", "ends"), NEWCOMBE)
def test_the_interval_of_the_accuracy_gap_is_newcombes(counts, ends):
    a, m, b, n = counts
    gap = slices.accuracy_gap(binary(a, m), binary(b, n))
    assert gap.gap == pytest.approx(a / m - b / n)
    assert (gap.low, gap.high) == pytest.approx(ends, abs=5e-5)


def test_the_test_of_accuracy_is_the_n_minus_1_chi_squared_test():
    # Campbell (2007): the usual statistic times (N - 1) / N.
    inside, outside = binary(31, 45), binary(402, 500)
    usual = chi2_contingency([[31, 14], [402, 98]], correction=False)
    gap = slices.accuracy_gap(inside, outside)
    assert gap.p == pytest.approx(chi2.sf(usual.statistic * 544 / 545, 1), rel=1e-9)
    assert gap.p > usual.pvalue


def test_where_less_than_one_error_is_expected_the_test_is_fishers():
    inside, outside = binary(29, 30), binary(995, 1000)  # 0.17 errors expected inside
    assert slices.accuracy_gap(inside, outside).p == pytest.approx(
        fisher_exact([[29, 1], [995, 5]]).pvalue, rel=1e-12
    )


def test_nobody_misread_is_no_gap():
    gap = slices.accuracy_gap(binary(40, 40), binary(300, 300))
    assert (gap.gap, gap.p) == (0, 1) and gap.low < 0 < gap.high


def test_with_one_label_the_same_mix_changes_nothing():
    inside, outside = binary(56, 70), binary(48, 80)
    plain, same = slices.accuracy_gap(inside, outside), slices.label_standardised_gap(inside, outside)
    assert same.gap == pytest.approx(plain.gap) and same.p == pytest.approx(plain.p, rel=1e-9)


def test_standardisation_by_hand():
    # Both read label 0 at 90% and label 1 at 50%; the slice has 20 and 80 of them, the others 80 and 20.
    inside, outside = np.array([[18, 2], [40, 40]]), np.array([[72, 8], [10, 10]])
    assert slices.accuracy_gap(inside, outside).gap == pytest.approx(0.58 - 0.82)
    same = slices.label_standardised_gap(inside, outside)
    assert same.gap == pytest.approx(0) and same.p == pytest.approx(1)
    # The slice reads label 1 at 60%: a tenth of half of the common mix.
    better = slices.label_standardised_gap(np.array([[18, 2], [32, 48]]), outside)
    assert better.gap == pytest.approx(0.05)


def test_the_variance_of_the_standardised_gap_by_hand():
    inside, outside = np.array([[18, 2], [32, 48]]), np.array([[72, 8], [10, 10]])
    alike = [100 / 99 * 0.9 * 0.1 * (1 / 20 + 1 / 80), 100 / 99 * 0.58 * 0.42 * (1 / 80 + 1 / 20)]
    z = 0.05 / np.sqrt(0.25 * sum(alike))
    assert slices.label_standardised_gap(inside, outside).p == pytest.approx(2 * norm.sf(z), rel=1e-9)


def test_macro_f1_is_compared_at_the_same_mix():
    other = np.array([0.85, 0.05, 0.05, 0.05])
    gap = f1_gap(*(np.round(4e4 * mix[:, None] * READ).astype(int) for mix in (MIX, other)))
    assert gap.gap == pytest.approx(0, abs=2e-3) and gap.p > 0.3
    plain = expression.macro_f1(MIX[:, None] * READ) - expression.macro_f1(other[:, None] * READ)
    assert abs(plain) > 0.02, "without it, the mix alone would be a gap"


def test_the_gap_in_macro_f1_without_its_bias_is_that_of_scikit_learn():
    inside, outside = (drawn(2000, MIX, 1, seed)[0] for seed in (1, 2))
    weights = slices.common_mix(inside, outside)

    def weighted(confusion):
        truth, predicted = (axis.ravel() for axis in np.indices(confusion.shape))
        scaled = confusion / confusion.sum(axis=1, keepdims=True) * weights[:, None]
        return f1_score(truth, predicted, average="macro", sample_weight=scaled.ravel())

    assert f1_gap(inside, outside, resamples=2000).gap == pytest.approx(
        weighted(inside) - weighted(outside), abs=2e-3
    )


@pytest.mark.parametrize("gap_of", [slices.accuracy_gap, slices.label_standardised_gap, f1_gap])
def test_exchanging_the_sides_turns_the_gap_round(gap_of):
    inside, outside = drawn(300, MIX, 1, 3)[0], drawn(900, MIX, 1, 4)[0]
    there, back = gap_of(inside, outside), gap_of(outside, inside)
    turned = back.reversed()
    loose = 0.01 if gap_of is f1_gap else 1e-12  # its resamples are others
    for name in ("gap", "low", "high"):
        assert getattr(there, name) == pytest.approx(getattr(turned, name), abs=loose)


@pytest.mark.parametrize("gap_of", [slices.accuracy_gap, slices.label_standardised_gap, f1_gap])
def test_the_order_of_the_labels_does_not_matter(gap_of):
    inside, outside = drawn(300, MIX, 1, 5)[0], drawn(900, MIX, 1, 6)[0]
    order = np.array([2, 0, 3, 1])
    there, other = gap_of(inside, outside), gap_of(*(side[order][:, order] for side in (inside, outside)))
    loose = 0.01 if gap_of is f1_gap else 1e-12
    assert there.gap == pytest.approx(other.gap, abs=loose) and there.low == pytest.approx(
        other.low, abs=loose
    )


@pytest.mark.parametrize("gap_of", [slices.accuracy_gap, slices.label_standardised_gap])
def test_a_stack_of_matrices_gives_the_gaps_of_each(gap_of):
    inside, outside = drawn(60, MIX, 7, 7), drawn(400, MIX, 7, 8)
    stacked = gap_of(inside, outside)
    for place in range(7):
        alone = gap_of(inside[place], outside[place])
        for name in ("gap", "low", "high", "p"):
            assert getattr(stacked, name)[place] == pytest.approx(getattr(alone, name), rel=1e-12)


def test_absent_labels_take_no_part():
    inside, outside = drawn(300, MIX, 1, 9)[0], drawn(900, MIX, 1, 10)[0]
    wider = [np.pad(side, (0, 1)) for side in (inside, outside)]
    for gap_of in (slices.accuracy_gap, slices.label_standardised_gap):
        assert gap_of(*wider) == gap_of(inside, outside)
    assert f1_gap(*wider).gap == pytest.approx(f1_gap(inside, outside).gap, abs=0.01)


def test_faces_that_are_all_read_right_leave_the_interval_open():
    perfect = np.diag([50, 50])
    for gap in (slices.label_standardised_gap(perfect, 4 * perfect), f1_gap(perfect, 4 * perfect)):
        assert gap.gap == 0 and gap.p == 1 and np.isnan([gap.low, gap.high]).all()
    low, high = slices.macro_f1_interval(perfect, resamples=50, rng=np.random.default_rng(0))
    assert np.isnan([low, high]).all()


def test_slice_confusions_count_every_face_once():
    random = np.random.default_rng(11)
    truth, predicted = random.integers(0, LABELS, (2, 500))
    codes = random.integers(-1, 3, 500)
    confusions = slices.slice_confusions(truth, predicted, codes, 3, LABELS)
    for code in range(3):
        own = codes == code
        np.testing.assert_array_equal(
            confusions[code], expression.confusion_matrix(truth[own], predicted[own], LABELS)
        )


def test_scarce_labels_are_those_with_fewer_than_five_faces_that_somebody_has():
    side = np.array([[5, 0, 0], [2, 2, 0], [0, 0, 0]])
    faces = side + np.array([[9, 0, 0], [0, 9, 0], [0, 0, 0]])
    assert slices.scarce_labels(side, faces).tolist() == [False, True, False]


#: Faces inside and outside; the mix of the slice, that of the others being MIX.
SIMULATED = {
    "small": (70, 600, MIX),
    "quarter": (500, 1500, MIX),
    "two small ones": (70, 70, MIX),
    "large": (900, 90, MIX),
    "another mix": (150, 600, MIX[::-1]),
}
TIMES = 2000


@pytest.fixture(scope="module", params=SIMULATED)
def alike(request):
    """Many slices that are read as the others are."""
    inside, outside, mix = SIMULATED[request.param]
    pair = drawn(inside, mix, TIMES, 20), drawn(outside, MIX, TIMES, 21)
    assert len(pair[0]) == len(pair[1]) == TIMES
    return request.param, *pair


@pytest.mark.parametrize("gap_of", [slices.accuracy_gap, slices.label_standardised_gap, f1_gap])
def test_five_percent_of_slices_without_a_gap_are_called_different(alike, gap_of):
    name, inside, outside = alike
    if name == "another mix" and gap_of is slices.accuracy_gap:
        # Harder labels are a gap in accuracy; that nothing else is wrong, the same mix tells.
        assert (gap_of(inside, outside).p < 0.05).mean() > 0.1
        return
    loose = 0.0
    if (
        gap_of is f1_gap
    ):  # its bootstrap allows for fewer simulated slices: two standard errors of their share more
        inside, outside = inside[:400], outside[:400]
        loose = 2 * np.sqrt(0.05 * 0.95 / len(inside))
    rejected = (gap_of(inside, outside).p < 0.05).mean()
    assert 0.03 - loose <= rejected <= 0.07 + loose


@pytest.mark.parametrize("gap_of", [slices.accuracy_gap, slices.label_standardised_gap, f1_gap])
@pytest.mark.parametrize("worse", [0.0, 0.15])
def test_intervals_hold_the_true_gap_nineteen_times_in_twenty(gap_of, worse):
    read = READ * (1 - worse) + worse * (1 - np.eye(LABELS)) / (LABELS - 1)
    read /= read.sum(axis=1, keepdims=True)
    times = 400 if gap_of is f1_gap else TIMES
    inside, outside = drawn(150, MIX, times, 22, read), drawn(600, MIX, times, 23)
    if gap_of is f1_gap:
        true = expression.macro_f1(MIX[:, None] * read) - expression.macro_f1(MIX[:, None] * READ)
    else:
        true = (MIX * np.diag(read - READ)).sum()
    gap = gap_of(inside, outside)
    held = ((gap.low <= true) & (true <= gap.high)).mean()
    assert 0.93 - 3 * np.sqrt(0.05 * 0.95 / times) <= held <= 0.995


def test_a_gap_is_found():
    worse = READ.copy()
    worse[1] = [0.3, 0.4, 0.25, 0.05]
    worse[2] = [0.25, 0.3, 0.3, 0.15]
    inside, outside = drawn(400, MIX, 40, 24, worse), drawn(1600, MIX, 40, 25)
    for gap_of in (slices.accuracy_gap, slices.label_standardised_gap, f1_gap):
        assert (gap_of(inside, outside).p < 0.001).mean() > 0.9
