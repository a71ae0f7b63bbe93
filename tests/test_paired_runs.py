"""Two runs on the faces that both scored: how they are joined, and why they are refused."""

import numpy as np
import pytest

from core.analysis.comparison.pairing import CHANGES, PairedRuns, obstacle, pair
from core.errors import AffectoscopeError
from core.metrics.predictions import Predictions
from core.runs.run import Run
from tests.made_runs import make_predictions

LABELS = ("neutral", "happy", "sad")

#: Four faces: their truth, and what each run reads.
TRUTH = np.array([0, 1, 2, 0])
READ_A, READ_B = np.array([0, 2, 2, 1]), np.array([0, 1, 0, 2])


def made_up(tmp_path, name: str, *, labels=LABELS, title="FER2013 (folders)", data="fer2013") -> Run:
    return Run(tmp_path / name, {"data": {"name": data, "title": title, "labels": list(labels)}})


def read_as(read, truth=TRUTH, *, labels=LABELS, reference=None, **columns) -> Predictions:
    """A network that gives 0.8 to the label in `read`."""
    probabilities = np.full((len(read), len(labels)), 0.2 / (len(labels) - 1))
    probabilities[np.arange(len(read)), read] = 0.8
    return Predictions.from_arrays(
        labels=labels, truth=truth, probabilities=probabilities, reference=reference, **columns
    )


def shuffled(predictions: Predictions, seed: int = 1) -> Predictions:
    """The same faces in another order, and the labels in another one too."""
    random = np.random.default_rng(seed)
    rows, order = random.permutation(len(predictions)), random.permutation(len(predictions.labels))
    frame = predictions.frame.iloc[rows]
    names = ["valence", "arousal", "predicted_valence", "predicted_arousal"]
    return Predictions.from_arrays(
        labels=[predictions.labels[i] for i in order],
        truth=np.argsort(order)[predictions.truth[rows]],
        probabilities=predictions.probabilities[rows][:, order],
        reference=list(frame["reference"]),
        split=list(frame["split"]),
        **{name: frame[name].to_numpy() for name in names},
    )


@pytest.fixture
def runs(tmp_path):
    return made_up(tmp_path, "a"), made_up(tmp_path, "b")


def refused(runs, of_a: Predictions, of_b: Predictions) -> str:
    with pytest.raises(AffectoscopeError) as told:
        pair(*runs, (of_a, of_b))
    return str(told.value)


def test_four_faces_by_hand(runs):
    paired = pair(*runs, (read_as(READ_A), read_as(READ_B)))
    assert (paired.a, paired.b, paired.labels, len(paired)) == ("a", "b", LABELS, 4)
    np.testing.assert_array_equal(paired.truth, TRUTH)
    np.testing.assert_array_equal(paired.predicted_a, READ_A)
    np.testing.assert_array_equal(paired.predicted_b, READ_B)
    assert [CHANGES[code] for code in paired.changes] == ["same", "fixed", "broken", "both-wrong"]
    assert paired.affect_a is None and paired.affect_b is None
    assert paired.coverage() == "Compared on the 4 faces that both runs scored."


def test_faces_are_found_by_their_reference_and_labels_by_their_name(runs):
    of_b = read_as(
        [2, 1, 0, 2], [0, 1, 2, 1], labels=("happy", "neutral", "sad"), reference=["2", "1", "3", "0"]
    )  # b reads face 2 as sad, 1 as neutral, 3 as happy and 0 as sad; the truths are those of TRUTH by name
    truth = [0, 0, 1, 2]  # neutral, neutral, happy, sad
    paired = pair(*runs, (read_as(READ_A, truth), of_b))
    np.testing.assert_array_equal(paired.predicted_b, [2, 0, 2, 1])
    np.testing.assert_array_equal(paired.truth, truth)
    np.testing.assert_array_equal(paired.rows_b, [3, 1, 0, 2])


def arrays(paired: PairedRuns) -> list[np.ndarray]:
    affect = [values for each in (paired.affect_a, paired.affect_b) for of in each.values() for values in of]
    return [paired.truth, paired.probabilities_a, paired.probabilities_b, paired.changes, *affect]


def test_neither_the_order_of_faces_nor_of_labels_matters(tmp_path):
    of_a, of_b = (make_predictions(label_set=8, affect=True, network_seed=seed) for seed in (1, 2))
    runs = [made_up(tmp_path, name, labels=of_a.labels) for name in ("a", "b")]
    once = pair(*runs, (of_a, of_b))
    turned = shuffled(of_b)
    runs[1] = made_up(tmp_path, "b", labels=turned.labels)
    again = pair(*runs, (shuffled(of_a, seed=2), turned))
    assert again.labels == once.labels == of_a.labels and len(once) == 240
    for one, other in zip(arrays(once), arrays(again), strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_lead_back_to_each_runs_own_predictions(tmp_path):
    of_a, of_b = make_predictions(network_seed=1), shuffled(make_predictions(network_seed=2))
    runs = made_up(tmp_path, "a", labels=of_a.labels), made_up(tmp_path, "b", labels=of_b.labels)
    paired = pair(*runs, (of_a, of_b))
    for rows, of in ((paired.rows_a, of_a), (paired.rows_b, of_b)):
        frame = of.frame.iloc[rows]
        assert frame["reference"].is_monotonic_increasing
        assert list(frame["expression"]) == [paired.labels[code] for code in paired.truth]
    np.testing.assert_array_equal(of_b.confidence[paired.rows_b], paired.probabilities_b.max(axis=1))


def test_only_shared_faces_are_compared_and_the_others_counted(runs):
    of_a = read_as(READ_A, reference=["1", "2", "3", "4"])
    of_b = read_as([0, 2, 1], TRUTH[[1, 2, 0]], reference=["2", "3", "9"])
    paired = pair(*runs, (of_a, of_b))
    np.testing.assert_array_equal(paired.rows_a, [1, 2])
    np.testing.assert_array_equal(paired.rows_b, [0, 1])
    assert paired.coverage() == (
        "Compared on the 2 faces that both runs scored; left out: 2 that only 'a' scored and 1 that only 'b' scored."
    )
    alone = pair(*runs, (of_a, read_as([0], TRUTH[[1]], reference=["2"])))
    assert alone.coverage().startswith("Compared on the one face that both runs scored; left out: 3 that")


def test_the_same_reference_in_another_split_is_another_face(runs):
    of_a = read_as(READ_A, reference=["1", "2", "1", "2"], split=["train", "train", "test", "test"])
    of_b = read_as(READ_B[[3, 2]], TRUTH[[3, 2]], reference=["2", "1"])
    paired = pair(*runs, (of_a, of_b))
    np.testing.assert_array_equal(paired.rows_a, [2, 3])
    assert (paired.only_a, paired.only_b) == (2, 0)


def test_a_run_is_not_compared_with_itself(runs):
    of = read_as(READ_A)
    assert refused((runs[0], runs[0]), of, of) == (
        "Run 'a' cannot be compared with itself; pass two different runs."
    )


def test_other_labels_are_refused(tmp_path):
    seven, eight = made_up(tmp_path, "a"), made_up(tmp_path, "b", labels=(*LABELS, "contempt"))
    assert obstacle(seven, eight) == (
        "'a' has 3 labels and 'b' 4, contempt only in 'b'; only runs with the same labels can be compared."
    )
    other = made_up(tmp_path, "c", labels=("neutral", "happy", "fear"))
    assert "3 labels and 'c' 3, sad only in 'a' and fear only in 'c';" in obstacle(seven, other)


def test_labels_that_are_not_those_of_run_json_are_refused(runs):
    told = refused(runs, read_as(READ_A), read_as(READ_B, labels=("neutral", "happy", "anger")))
    assert told.startswith(
        "The predictions of run 'b' have the labels neutral, happy, anger, which differ from its"
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"data": "fer2013"}, {"data": "affectnet-2017"}),
        (
            {"data": "folders", "title": "office (image folders)"},
            {"data": "folders", "title": "home (zip of image folders)"},
        ),
    ],
)
def test_other_data_is_refused(tmp_path, first, second):
    runs = made_up(tmp_path, "a", **first), made_up(tmp_path, "b", **second)
    told = refused(runs, read_as(READ_A), read_as(READ_B))
    titles = (run.info["data"]["title"] for run in runs)
    assert (
        told
        == "'a' was scored on {} and 'b' on {}; only runs that were scored on the same data can be compared.".format(
            *titles
        )
    )


def test_the_same_data_in_another_wrapping_is_the_same(tmp_path):
    runs = made_up(tmp_path, "a"), made_up(tmp_path, "b", title="FER2013 (zip of folders)")
    assert obstacle(*runs) == ""


def test_no_shared_face_is_refused(runs):
    of_b = read_as(READ_B, split="validation")
    assert refused(runs, read_as(READ_A), of_b) == (
        "'a' and 'b' have no scored faces in common: one was scored on faces such as '0' (test), the other on faces such as '0' "
        "(validation); score both on the same split of the same data."
    )


def test_another_truth_is_refused_with_its_first_face(runs):
    told = refused(runs, read_as(READ_A), read_as(READ_B, [0, 2, 2, 1]))
    assert told == (
        "2 of the 4 faces that both scored have a different expression in 'a' and 'b', first '1' (happy and sad); only "
        "runs with the same truth can be compared."
    )


def test_another_valence_or_arousal_is_refused(runs):
    known = {"valence": [0.1, 0.2, np.nan, 0.4], "arousal": [0, 0, 0, 0.5]}
    of_a = read_as(READ_A, **known)
    told = refused(runs, of_a, read_as(READ_B, **known | {"arousal": [0, 0, 0.25, 0.5]}))
    assert told.startswith(
        "1 of the 4 faces that both scored have a different arousal in 'a' and 'b', first '2' (0.0 and 0.25)"
    )
    # What only one of them knows contradicts nothing.
    assert len(pair(*runs, (of_a, read_as(READ_B, **known | {"valence": [np.nan, 0.2, 0.3, 0.4]})))) == 4


def test_affect_is_compared_on_the_faces_that_both_know(runs):
    known = {"valence": [0.1, 0.2, np.nan, 0.4], "arousal": [0, 0, 0, 0.5]}
    guesses = {"predicted_valence": [0, 0, 0, 0], "predicted_arousal": [0.5, 0.5, 0.5, 0.5]}
    of_a = read_as(READ_A, **known, **guesses)
    of_b = read_as(READ_B, **known | {"valence": [np.nan, 0.2, 0.3, 0.4]}, **guesses)
    paired = pair(*runs, (of_a, of_b))
    truth, guess = paired.affect_b["valence"]
    np.testing.assert_allclose(truth, [np.nan, 0.2, np.nan, 0.4])
    np.testing.assert_array_equal(paired.affect_a["valence"][0], truth)
    np.testing.assert_array_equal(guess, 0)
    without_head = pair(*runs, (of_a, read_as(READ_B, **known)))
    assert without_head.affect_a is None and without_head.affect_b is None


def test_a_face_that_is_there_twice_is_refused(runs):
    told = refused(runs, read_as(READ_A), read_as(READ_B, reference=["0", "1", "1", "1"]))
    assert told.startswith(
        "Run 'b' has 2 faces more than once, first '1'; score it on data with a unique reference"
    )
