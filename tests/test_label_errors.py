"""Confident learning on labels: the paper's own numbers, planted errors found, and folds that never see their faces."""

import logging
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core import train as training
from core.analysis import label_errors
from core.analysis.contradictions import contradictions
from core.analysis.label_errors import (
    DRAWN,
    compute_label_errors,
    load_label_errors,
    rank_label_errors,
    save_label_errors,
)
from core.data.near_duplicates import near_duplicate_groups
from core.errors import AffectoscopeError
from core.label_errors import LabelErrorOptions, rank
from core.metrics.predictions import Predictions
from core.network import fit
from core.runs.catalogue import open_run
from core.runs.source_data import load_run_data
from core.runs.tables import LABEL_ERRORS, read_table, save_table
from core.runtime.console import Console
from core.runtime.files import write_json
from core.sweep import cross_validation
from core.sweep.cross_validation import held_out_predictions
from tests.made_runs import make_predictions, make_run


def test_the_joint_of_the_paper_s_first_figure():
    """Northcutt et al. (2021), figure 1: given dog, fox, cow in rows, true ones in columns, counts and their shares."""
    counts = np.array([[100, 40, 20], [56, 60, 0], [32, 12, 80]])
    shares = np.array([[0.25, 0.10, 0.05], [0.14, 0.15, 0.00], [0.08, 0.03, 0.20]])
    given, true = np.indices(counts.shape)
    truth = np.repeat(given.ravel(), counts.ravel())
    probabilities = np.where(np.eye(3, dtype=bool), 0.9, 0.05)[np.repeat(true.ravel(), counts.ravel())]
    ranking = rank_label_errors(truth, probabilities)
    np.testing.assert_array_equal(ranking.joint, counts)
    np.testing.assert_allclose(ranking.joint / 400, shares, atol=1e-12)
    assert ranking.issue.sum() == counts.sum() - np.trace(counts)


def test_thresholds_joint_and_flags_worked_by_hand():
    """Faces labelled 0: p(0) of 0.9, 0.6, 0.3; labelled 1: p(1) of 0.8, 0.7, 0.15. The thresholds are the means, 0.6
    and 0.55. Truly 0 by them: faces 0, 1 and 5 (0.85); truly 1: faces 2 (0.7), 3 and 4. So one of each label is wrong."""
    truth = np.array([0, 0, 0, 1, 1, 1])
    first = np.array([0.9, 0.6, 0.3, 0.2, 0.3, 0.85])
    ranking = rank_label_errors(truth, np.stack([first, 1 - first], axis=1))
    assert ranking.joint.tolist() == [[2, 1], [1, 2]]
    assert ranking.issue.tolist() == [False, False, True, False, False, True]
    np.testing.assert_allclose(ranking.quality, [0.9, 0.6, 0.3, 0.8, 0.7, 0.15])  # (1 + p - (1 - p)) / 2 = p
    assert ranking.suggested.tolist() == [1, 1, 1, 0, 0, 0]


def joint_by_definition(truth, probabilities):
    """Equations 1 to 3 of the paper, face by face: counts, then rows scaled to how often each label is given."""
    c = probabilities.shape[1]
    present = np.unique(truth)
    thresholds = np.full(c, np.inf)
    thresholds[present] = [probabilities[truth == label, label].mean() for label in present]
    counts = np.zeros((c, c))
    for label, row in zip(truth, probabilities, strict=True):
        confident = np.flatnonzero(row >= thresholds - 1e-6)
        if len(confident):
            counts[label, confident[row[confident].argmax()]] += 1
    return counts


@pytest.mark.parametrize("absent", [(), ("disgust", "contempt")])
def test_the_joint_equals_the_definition(absent):
    predictions = make_predictions(faces=2000, label_set=8, absent=absent, seed=4)
    ranking = rank_label_errors(predictions.truth, predictions.probabilities)
    given = np.bincount(predictions.truth, minlength=8)
    np.testing.assert_array_equal(ranking.joint.sum(axis=1), given)
    counts = joint_by_definition(predictions.truth, predictions.probabilities.astype(float))
    scaled = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1) * given[:, None]
    np.testing.assert_allclose(ranking.joint, scaled, atol=1.0)  # whole faces


def test_quality_and_suggestion_equal_their_definition():
    predictions = make_predictions(faces=300, seed=1)
    ranking = rank_label_errors(predictions.truth, predictions.probabilities)
    np.testing.assert_allclose(ranking.quality, (1 + predictions.margin) / 2, atol=1e-6)
    wrong = ~predictions.correct
    np.testing.assert_array_equal(ranking.suggested[wrong], predictions.predicted[wrong])
    assert (ranking.suggested != predictions.truth).all()
    assert not (ranking.issue & predictions.correct).any()


def test_the_order_of_labels_and_of_faces_does_not_matter():
    predictions = make_predictions(faces=300, seed=2)
    ranking = rank_label_errors(predictions.truth, predictions.probabilities)
    faces = np.random.default_rng(0).permutation(300)
    labels = np.random.default_rng(1).permutation(7)
    back = np.argsort(labels)
    other = rank_label_errors(back[predictions.truth][faces], predictions.probabilities[faces][:, labels])
    np.testing.assert_allclose(other.quality, ranking.quality[faces])
    np.testing.assert_array_equal(other.issue, ranking.issue[faces])
    np.testing.assert_array_equal(other.joint, ranking.joint[np.ix_(labels, labels)])
    np.testing.assert_array_equal(labels[other.suggested], ranking.suggested[faces])


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_planted_errors_in_made_up_probabilities_are_found(share):
    """The network is right about 3 of 4 faces; of the labels a share is flipped, uniformly, at seed 0."""
    random = np.random.default_rng(0)
    predictions = make_predictions(faces=4000, label_set=8, seed=7)
    given = predictions.truth.copy()
    planted = random.choice(4000, int(share * 4000), replace=False)
    given[planted] = (given[planted] + random.integers(1, 8, len(planted))) % 8
    ranking = rank_label_errors(given, predictions.probabilities)
    order = np.argsort(ranking.quality, kind="stable")
    hit = np.isin(order, planted)
    assert hit[: len(planted)].mean() > 5 * share  # chance finds the share
    assert hit[:50].mean() > 0.5
    at = np.intersect1d(planted, order[: len(planted)])
    assert (ranking.suggested[at] == predictions.truth[at]).mean() > 0.65  # chance: 1 of 7
    clean = rank_label_errors(predictions.truth, predictions.probabilities).joint
    more = (ranking.joint.sum() - np.trace(ranking.joint)) - (clean.sum() - np.trace(clean))
    assert 0.5 * len(planted) < more < 1.5 * len(planted)


@pytest.mark.parametrize(
    "settings",
    [{"only": "happy", "faces": 20}, {"faces": 1}, {"faces": 2}, {"faces": 12, "label_set": 11}],
)
def test_few_faces_and_absent_labels_are_ranked(settings, recwarn):
    predictions = make_predictions(**settings)
    ranking = rank_label_errors(predictions.truth, predictions.probabilities)
    assert ranking.joint.sum() == len(predictions) and np.isfinite(ranking.quality).all()
    assert not len(recwarn)
    if len(np.unique(predictions.truth)) == 1:
        assert not ranking.issue.any() and np.trace(ranking.joint) == len(predictions)


def test_a_run_s_scored_faces_come_likeliest_error_first(tmp_path):
    run = make_run(tmp_path, "run", faces=300, label_set=8, affect=True)
    predictions = run.predictions()
    errors = compute_label_errors(run)
    table = errors.table
    assert table["quality"].is_monotonic_increasing and sorted(table.index) == list(range(300))
    assert (table["annotated"] == table["given"]).all()
    frame = predictions.frame.loc[table.index]
    assert (table["reference"] == frame["reference"]).all() and (table["given"] == frame["expression"]).all()
    wrong = contradictions(
        predictions.labels, predictions.truth, predictions.frame["valence"], predictions.frame["arousal"]
    )
    assert table["contradiction"].sum() == wrong.sum() > 0
    per_label = errors.per_label().set_index("expression")
    assert per_label["faces"].sum() == 300 and per_label["errors"].sum() == errors.expected
    fear = errors.joint[predictions.labels.index("fear")]
    assert per_label.loc["fear", "errors"] == fear.sum() - fear[predictions.labels.index("fear")]
    assert per_label.loc["fear", "mostly"] == "surprise"  # as make_predictions confuses them
    told = errors.sentence()
    assert f"about {errors.expected:,} wrong labels among 300 test faces" in told
    assert f"flags {int(table['issue'].sum())}" in told
    assert f"agrees with {100 * predictions.correct.mean():.1f}%" in told


def test_what_is_kept_comes_back(tmp_path):
    run = make_run(tmp_path, "run", faces=60, label_set=8, affect=True, boxes=True)
    assert load_label_errors(run) is None
    errors = compute_label_errors(run)
    first = errors.table["reference"].iloc[0]
    save_label_errors(run, errors, {"folds": 3, "epochs": 5}, {first: b"picture"})
    again = load_label_errors(run)
    assert (again.about["folds"], again.thumbnails, again.expected) == (
        3,
        {first: b"picture"},
        errors.expected,
    )
    pd.testing.assert_frame_equal(
        again.table.astype({"given": "str", "annotated": "str", "suggested": "str", "split": "str"}),
        errors.table.reset_index(drop=True).astype(
            {"given": "str", "annotated": "str", "suggested": "str", "split": "str"}
        ),
        check_dtype=False,
    )
    order = errors.table.index.to_numpy()
    np.testing.assert_array_equal(again.predictions.probabilities, errors.predictions.probabilities[order])
    numbers = ["valence", "predicted_arousal", "box_x", "box_height"]
    np.testing.assert_array_equal(
        again.predictions.frame[numbers], errors.predictions.frame[numbers].iloc[order]
    )


@pytest.mark.parametrize("damage", ["nonsense", "no labels"])
def test_a_damaged_ranking_is_one_sentence(tmp_path, damage):
    run = make_run(tmp_path, "run", faces=20)
    save_label_errors(run, compute_label_errors(run), {})
    if damage == "nonsense":
        (run.path / LABEL_ERRORS.file).write_bytes(b"nonsense")
    else:
        table, _ = read_table(run.path, LABEL_ERRORS)
        save_table(run.path, LABEL_ERRORS, table, {})
    with pytest.raises(AffectoscopeError, match="label_errors.parquet of 'run' .* recreate it with"):
        load_label_errors(run)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"out": Path("list.txt")}, "--out list.txt has no known format"),
        ({"folds": 1}, "--folds 1 is out of range; expected 2 to 20"),
        ({"epochs": 0}, "--epochs 0 is out of range; expected 1 to 1000"),
        ({"out": Path("nowhere/list.csv")}, "The ranking cannot be written"),
    ],
)
def test_the_command_refuses_in_one_sentence(tmp_path, changes, told):
    run = make_run(tmp_path, "run", faces=20)
    with pytest.raises(AffectoscopeError, match=told):
        rank(LabelErrorOptions(str(run.path), **changes))


def test_the_command_ranks_scored_faces_without_data(tmp_path, capsys):
    run = make_run(tmp_path, "run", faces=60)
    errors = rank(LabelErrorOptions(str(run.path), top=3, out=tmp_path / "ranking.csv"))
    said = capsys.readouterr().out
    assert errors.sentence() in said.replace("\n", " ") and said.count("->") == 3
    assert list(pd.read_csv(tmp_path / "ranking.csv")["reference"]) == list(errors.table["reference"])
    assert load_label_errors(run) is None


# Folds


@pytest.fixture
def run(trained_run, tmp_path):
    """A copy of the run trained on `drawn_tree`, in a folder of its own."""
    shutil.copytree(trained_run.path, tmp_path / "artifacts" / "small")
    return open_run(tmp_path / "artifacts" / "small")


@pytest.fixture
def trainings(monkeypatch):
    """Trainings that learn nothing: each answers with the truth of its held-out faces; a list of what they were given."""
    seen = []

    def answer(config, *, data, **_):
        seen.append((config, data))
        table, _ = data.part(config.review)
        codes = table.faces["expression"].to_numpy()
        predictions = Predictions.from_arrays(
            labels=data.labels.labels,
            truth=codes,
            probabilities=np.eye(len(data.labels))[codes],
            reference=table.faces["reference"],
            split="test",
        )
        return SimpleNamespace(predictions=lambda: predictions)

    monkeypatch.setattr(training, "train", answer)
    return seen


def test_every_training_face_is_held_out_once_and_never_with_a_near_duplicate(run, drawn_tree, trainings):
    data = load_run_data(run, drawn_tree, Console())
    predictions = held_out_predictions(run, data, folds=3, epochs=7, console=Console())
    faces = data.table.faces
    trained = faces[faces["split"].isin(["train", "validation"])]
    assert list(predictions.frame["reference"]) == list(trained["reference"])
    assert list(predictions.frame["split"]) == list(trained["split"])
    assert predictions.correct.all()
    assert len(trainings) == 3
    for config, part in trainings:
        assert (config.epochs, config.review, config.teacher, config.filters) == (7, "test", (), (8, 16))
        groups = near_duplicate_groups(part.hashes)
        split = part.table.faces["split"].to_numpy()
        assert set(split) == {"train", "validation", "test"}
        assert not np.intersect1d(groups[split == "test"], groups[split != "test"]).size
        assert not np.intersect1d(groups[split == "train"], groups[split == "validation"]).size
        assert len(part.pack) == len(part.table) == len(trained)
        share = (split == "test").mean()
        assert 0.25 < share < 0.42
    held = [set(part.table.faces["reference"][part.table.faces["split"] == "test"]) for _, part in trainings]
    assert (
        not held[0] & held[1] and not held[1] & held[2] and len(held[0] | held[1] | held[2]) == len(trained)
    )


def test_the_log_level_of_tensorflow_is_as_before(run, drawn_tree, trainings, monkeypatch):
    logger = logging.getLogger("tensorflow")
    monkeypatch.setattr(logger, "level", logging.INFO)
    held_out_predictions(
        run, load_run_data(run, drawn_tree, Console()), folds=2, restart=True, console=Console()
    )
    assert len(trainings) == 2 and logger.level == logging.INFO


def test_teachers_who_know_every_face_are_left_out(run, drawn_tree, trainings):
    data = load_run_data(run, drawn_tree, Console())
    run.info["config"]["teacher"] = ["somebody"]
    held_out_predictions(run, data, folds=2, console=Console())
    assert {config.teacher for config, _ in trainings} == {()}
    assert {config.epochs for config, _ in trainings} == {run.info["config"]["epochs"]}


def test_folds_that_were_begun_otherwise_are_refused_until_restart(run, drawn_tree, trainings):
    data = load_run_data(run, drawn_tree, Console())
    held_out_predictions(run, data, folds=2, console=Console())
    with pytest.raises(
        AffectoscopeError, match=r"started with different options folds \(2\); .* Or pass --restart"
    ):
        held_out_predictions(run, data, folds=3, console=Console())
    faces = data.table.faces.copy()
    faces.loc[0, "expression"] = (faces["expression"][0] + 1) % 8
    other = replace(data, table=replace(data.table, faces=faces))
    with pytest.raises(AffectoscopeError, match="started with different options faces"):
        held_out_predictions(run, other, folds=2, console=Console())
    held_out_predictions(run, other, folds=3, restart=True, console=Console())
    with pytest.raises(AffectoscopeError, match="--folds 2000 is out of range; expected 2 to 1"):
        held_out_predictions(run, data, folds=2000, restart=True, console=Console())


def test_an_interrupted_command_goes_on_inside_the_fold(run, drawn_tree, monkeypatch, capsys):
    """Ctrl-C in the second epoch of the second training: neither the first training nor the first epoch is done again,
    the run gets its ranking, and nothing else is left."""
    real, begun = training.train, []

    def counted(config, **given):
        begun.append((config.name, config.resume))
        return real(config, **given)

    def ctrl_c(state, step, logs=None):
        if begun == [("fold-1", False), ("fold-2", False)] and state.epochs_done == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training, "train", counted)
    monkeypatch.setattr(fit.TrainingCallback, "on_train_batch_end", ctrl_c)
    options = LabelErrorOptions(str(run.path), drawn_tree, folds=2, epochs=2, top=0)
    with pytest.raises(KeyboardInterrupt):
        rank(options)
    shown = capsys.readouterr().out
    assert "Finished folds and epochs are saved; run the same command to resume." in shown
    assert "--name fold-2 --resume" not in shown
    assert load_label_errors(run) is None
    errors = rank(options)
    assert begun == [("fold-1", False), ("fold-2", False), ("fold-2", True)]
    assert [path.name for path in run.path.parent.iterdir()] == ["small"]
    kept = load_label_errors(open_run(run.path))
    assert (kept.about["folds"], kept.about["epochs"]) == (2, 2)
    assert list(kept.table["reference"]) == list(errors.table["reference"])
    assert set(kept.thumbnails) == set(kept.table["reference"])  # drawn faces may be passed on
    assert set(kept.table["split"]) == {"train", "validation"}
    assert kept.predictions.has_affect and kept.predictions.frame["box_width"].notna().all()


def test_a_relabelled_run_is_ranked_by_its_labels_and_keeps_the_data_s(
    run, drawn_tree, trainings, monkeypatch
):
    data = load_run_data(run, drawn_tree, Console())
    first = data.table.faces[data.table.faces["split"] == "train"].iloc[0]
    given = data.labels.labels[first["expression"]]
    other = "sad" if given != "sad" else "happy"
    path = run.path.parent / "decisions.csv"
    path.write_text(f"reference,given,decision\n{first['reference']},{given},{other}\n")
    from core.data.training_data import load_training_data
    from tests.trained import small_config

    corrected = load_training_data(small_config(drawn_tree, relabel=path), Console())
    monkeypatch.setattr("core.label_errors.load_run_data", lambda *_, **__: corrected)
    table = rank(LabelErrorOptions(str(run.path), drawn_tree, folds=2, top=0)).table.set_index("reference")
    assert (table.loc[first["reference"], "given"], table.loc[first["reference"], "annotated"]) == (
        other,
        given,
    )
    assert (table["given"] != table["annotated"]).sum() == 1


def test_drawn_faces_need_no_path(run, trainings, monkeypatch, drawn_tree):
    asked = []

    def answer(run, path, console, **_):
        asked.append(path)
        return load_run_data(run, drawn_tree, console)

    monkeypatch.setattr("core.label_errors.load_run_data", answer)
    write_json(run.path / "run.json", run.info | {"config": run.info["config"] | {"data": None}})
    rank(LabelErrorOptions(str(run.path), Path(DRAWN), folds=2, top=0))
    assert asked == [None]


def test_a_folder_that_cannot_be_written_is_one_sentence(run, drawn_tree, trainings, monkeypatch):
    data = load_run_data(run, drawn_tree, Console())

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(cross_validation, "write_json", refuse)
    with pytest.raises(
        AffectoscopeError, match="cannot be written .Permission denied., but folds are stored there"
    ):
        held_out_predictions(run, data, folds=2, console=Console())
    monkeypatch.undo()
    monkeypatch.setattr(label_errors, "save_table", refuse)
    monkeypatch.setattr(
        "core.sweep.cross_validation.held_out_predictions", lambda *_, **__: make_predictions(faces=20)
    )
    with pytest.raises(AffectoscopeError, match="The ranking cannot be written .Permission denied"):
        rank(LabelErrorOptions(str(run.path), drawn_tree, folds=2, top=0))
