"""A run on faces that the detector has to find: overlap by hand, matching, misses counted, what is refused."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from core.analysis.detection import (
    DetectedScores,
    load_detected_scores,
    match,
    overlap,
    score_detected,
)
from core.data.detectors.detector import DetectedFace
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.evaluate import EvaluateOptions, evaluate, evaluate_with_detector
from core.metrics.thresholds import wilson_interval
from core.runs.catalogue import open_run


def face(*box: float) -> DetectedFace:
    return DetectedFace(*box, score=0.99, points=())


def test_overlap_by_hand():
    assert overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert overlap((0, 0, 10, 10), (5, 0, 10, 10)) == pytest.approx(50 / 150)
    assert overlap((0, 0, 10, 10), (2, 2, 5, 5)) == pytest.approx(25 / 100)
    assert overlap((0, 0, 10, 10), (10, 0, 10, 10)) == overlap((0, 0, 4, 4), (9, 9, 4, 4)) == 0


def test_overlap_knows_no_order_and_no_scale():
    random = np.random.default_rng(0)
    for one, other in random.uniform(1, 20, (50, 2, 4)):
        assert overlap(one, other) == pytest.approx(overlap(other, one))
        assert overlap(one * 3, other * 3) == pytest.approx(overlap(one, other))


def test_the_best_covering_box_is_the_face():
    annotated = (10.0, 10.0, 20.0, 20.0)
    near, nearer = face(12, 10, 20, 20), face(10, 11, 20, 20)
    assert match(annotated, [face(60, 60, 20, 20), near, nearer]) == (nearer, pytest.approx(380 / 420))
    assert match(annotated, []) == (None, 0.0)
    # A third to the side, half of the union is covered; a little more is a miss, however sure the detector is.
    assert match(annotated, [face(10 + 20 / 3 - 1e-9, 10, 20, 20)])[0] is not None
    assert match(annotated, [face(10 + 20 / 3 + 0.1, 10, 20, 20)]) == (None, pytest.approx(0.495, abs=0.01))


class Finds:
    """A detector whose answers are known beforehand."""

    def __init__(self, answers) -> None:
        self.answers = answers

    def detect(self, image) -> list[DetectedFace]:
        return next(self.answers)


class Brightness:
    """A network that says "happy" to bright faces and "sad" to dark ones."""

    def predict_on_batch(self, faces: np.ndarray) -> dict[str, np.ndarray]:
        bright = faces.reshape(len(faces), -1).mean(axis=1) > 127
        return {"expression": np.column_stack([bright, ~bright]).astype(np.float32)}


def test_misses_are_counted_and_found_faces_cropped_as_the_detector_frames_them(drawn_tree):
    table = open_dataset(drawn_tree).select(np.arange(6))
    preprocessing = PreprocessingConfig(size=24, margin=0.0, frame_margin=0.2)
    boxes = table.faces[["box_x", "box_y", "box_width", "box_height"]].to_numpy(float)
    # The detector finds four faces on the spot; beside the fifth it finds something else, in the sixth photo nothing.
    answers = iter([*([face(*box)] for box in boxes[:4]), [face(0, 0, 5, 5)], []])
    crops = [
        crop_face(Image.open(drawn_tree / "Manually_Annotated" / "Manually_Annotated_Images" / reference),
                  tuple(box), preprocessing, detected=True)
        for reference, box in zip(table.faces["reference"][:4], boxes, strict=False)
    ]  # fmt: skip
    said = Brightness().predict_on_batch(np.stack(crops))["expression"].argmax(axis=1)
    truth = np.array([said[0], said[1], 1 - said[2], said[3], 0, 1])
    by_annotation = np.array([truth[0], 1 - truth[1], truth[2], truth[3], truth[4], 1 - truth[5]])
    done = []
    scores = score_detected(
        Brightness(), table, truth, by_annotation, ("happy", "sad"), preprocessing,
        Finds(answers), split="test", progress=lambda *step: done.append(step),
    )  # fmt: skip
    assert done == [(row, 6) for row in range(1, 7)]
    assert (scores.misses, sum(scores.found.values()), sum(scores.correct.values())) == (2, 4, 3)
    assert sum(scores.faces.values()) == 6 and scores.faces["happy"] == (truth == 0).sum()
    assert scores.of_found.value == 3 / 4 and scores.of_all.value == 3 / 6
    assert scores.by_annotation.value == 4 / 6 and scores.by_annotation_of_found.value == 3 / 4
    assert (scores.of_all.low, scores.of_all.high) == wilson_interval(3, 6)
    assert scores.miss_rate.value == 2 / 6 and scores.median_overlap == pytest.approx(1)
    assert "2 missed, 33.3% (95% " in scores.sentence()


def test_nothing_found_is_told_too(drawn_tree):
    table = open_dataset(drawn_tree).select(np.arange(3))
    preprocessing = PreprocessingConfig(size=24)
    truth = np.zeros(3, int)
    scores = score_detected(
        Brightness(),
        table,
        truth,
        truth,
        ("happy", "sad"),
        preprocessing,
        Finds(iter([[], [], []])),
        split="test",
    )
    assert scores.misses == 3 and np.isnan(scores.of_found.value) and scores.of_all.value == 0
    assert "accuracy unknown on the faces found and 0.0% (95% 0.0 to" in scores.sentence()
    assert json.dumps(scores.as_dict(), allow_nan=False)


@pytest.fixture
def own_run(trained_run, tmp_path):
    return open_run(shutil.copytree(trained_run.path, tmp_path / "located"))


def test_the_live_detector_finds_drawn_faces_and_the_result_stays_with_the_run(
    own_run, drawn_tree, tmp_path, capsys
):
    assert load_detected_scores(own_run) is None
    out = tmp_path / "detected.json"
    scores = evaluate_with_detector(EvaluateOptions(run=str(own_run.path), data=(drawn_tree,), out=out))
    assert sum(scores.faces.values()) == 40 and 0 <= scores.misses < 10
    assert 0.5 <= scores.median_overlap <= 1
    assert scores.by_annotation.value == pytest.approx(own_run.scores.headline["accuracy"].value)
    assert load_detected_scores(open_run(own_run.path)) == scores
    written = json.loads(out.read_text())
    assert (
        written["protocol"]["detector_misses"] == scores.misses and written["protocol"]["boxes"] == "detected"
    )
    assert f"the detector missed {scores.misses} of them" in capsys.readouterr().out


def test_cropped_faces_have_nothing_to_find(own_run, drawn_tree, tmp_path):
    table = open_dataset(drawn_tree)
    folder = tmp_path / "own" / "happy"
    folder.mkdir(parents=True)
    for reference in table.faces["reference"][:3]:
        (folder / reference.replace("/", "-")).write_bytes(table.read_image(reference))
    options = EvaluateOptions(run=str(own_run.path), data=(tmp_path / "own",))
    assert len(evaluate(options)[0].predictions) == 3
    with pytest.raises(AffectoscopeError, match="--detect needs photos and a box around the face of each"):
        evaluate_with_detector(options)


def test_bad_output_and_damage_are_named(own_run, drawn_tree, tmp_path):
    options = EvaluateOptions(run=str(own_run.path), data=(drawn_tree,), out=tmp_path / "x.csv")
    with pytest.raises(AffectoscopeError, match=r"expected a name ending in \.json"):
        evaluate_with_detector(options)
    for damage in ("{", "[]", '{"faces": 3}'):
        (own_run.path / "detected.json").write_text(damage)
        with pytest.raises(AffectoscopeError, match=r"detected\.json of 'located'"):
            load_detected_scores(own_run)


def test_what_is_kept_reads_as_it_was():
    scores = DetectedScores(
        "Faces", "test", "ten", {"happy": 2}, {"happy": 1}, {"happy": 1}, 2, 1, float("nan")
    )
    document = json.loads(json.dumps(scores.as_dict()))
    assert document["median_overlap"] is None and document["min_overlap"] == 0.5
