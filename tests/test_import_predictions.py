"""Predictions that were made elsewhere: read, joined to the data, refused where they do not fit, and shown as a run."""

import re
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from core import import_predictions as command
from core.analysis.comparison.pairing import pair
from core.analysis.data_inspection.inspection import recorded_verdict
from core.analysis.imported_run import ImportSettings
from core.analysis.label_permutation import find_better_order
from core.analysis.leaks import load_leaks
from core.analysis.protocol import load_protocol
from core.analysis.selective.out_of_set import load_out_of_set_faces
from core.analysis.transfer import own_evaluation
from core.data.imported_splits import choose_split
from core.data.prediction_joining import join_predictions
from core.data.prediction_table import read_prediction_table
from core.data.readers import open_dataset
from core.errors import AffectoscopeError
from core.evaluate import EvaluateOptions, attach_images, evaluate
from core.import_predictions import import_predictions
from core.label_errors import LabelErrorOptions, rank
from core.label_orders import FER2013
from core.labels import EXPRESSIONS
from core.leaks import LeaksOptions, find_pairs
from core.metrics.calibration import fit_temperature, log_probabilities
from core.predict import PredictOptions, newest_run, predict
from core.report.html import report_html
from core.report.review import compute_review
from core.runs.calibration import load_temperature
from core.runs.catalogue import list_runs, open_run
from core.runs.imported_predictions import load_import
from core.upgrade import UpgradeOptions, upgrade
from tests.made_runs import make_run
from tests.pages import PAGES, ROOT, open_page, problems

EIGHT = EXPRESSIONS[:8]


@pytest.fixture(scope="module")
def faces(drawn_tree) -> pd.DataFrame:
    """The faces of the drawn data set: 104 train and 40 test faces with one of eight labels, 61 others."""
    return open_dataset(drawn_tree).faces


@pytest.fixture(scope="module")
def logits(faces) -> np.ndarray:
    """(n, 8) outputs of a network that is mostly right."""
    random = np.random.default_rng(5)
    logits, codes = random.normal(0, 1, (len(faces), 8)), faces["expression"].to_numpy()
    known = codes < 8
    logits[known, codes[known]] += 2.5
    return logits


@pytest.fixture(scope="module")
def table(faces, logits) -> pd.DataFrame:
    """A complete table: every face, its probabilities, truth, valence, arousal and embedding."""
    frame = pd.DataFrame(softmax(logits, axis=1), columns=[f"p_{label}" for label in EIGHT])
    frame.insert(0, "reference", faces["reference"])
    frame["truth"] = [EXPRESSIONS[code] for code in faces["expression"]]
    random = np.random.default_rng(6)
    for name in ("valence", "arousal"):
        frame[f"predicted_{name}"] = (faces[name].fillna(0) + random.normal(0, 0.1, len(faces))).clip(-1, 1)
    for place in range(5):
        frame[f"embedding_{place}"] = logits[:, place]
    return frame


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("artifacts")


@pytest.fixture(scope="module")
def run(table, drawn_tree, runs):
    """The complete table, shuffled, imported once; validation rows among the training faces."""
    frame = table.assign(split=["val" if place % 4 == 0 else "" for place in range(len(table))])
    frame["split"] = frame["split"].where(~frame["reference"].isin(_test_references(drawn_tree)), "")
    shuffled = frame.sample(frac=1, random_state=3)
    return import_predictions(shuffled, data=drawn_tree, name="imported", folder=runs)


def _test_references(tree) -> set[str]:
    faces = open_dataset(tree).faces
    return set(faces.loc[faces["split"] == "test", "reference"])


def _scored(faces: pd.DataFrame, split: str = "test") -> np.ndarray:
    """Rows of the faces that are scored: of the split, with one of the eight labels."""
    return np.flatnonzero((faces["split"] == split) & (faces["expression"] < 8))


def refuse(source, match: str, **options) -> None:
    with pytest.raises(AffectoscopeError, match=match):
        read_prediction_table(source, **options)


def join(frame: pd.DataFrame, faces: pd.DataFrame, *, most_unknown: float = 0.05, **options):
    read = read_prediction_table(frame, **options)
    numbered = faces["reference"].tolist()
    return read, join_predictions(read, faces, numbered=numbered, most_unknown=most_unknown, title="The data")


# The run


def test_every_prediction_is_of_its_face(run, faces, logits):
    predictions = run.predictions(with_embeddings=True)
    rows = _scored(faces)
    assert predictions.labels == EIGHT
    assert predictions.frame["reference"].tolist() == faces["reference"].iloc[rows].tolist()
    np.testing.assert_allclose(predictions.probabilities, softmax(logits[rows], axis=1), atol=1e-6)
    np.testing.assert_array_equal(predictions.truth, faces["expression"].iloc[rows])
    np.testing.assert_allclose(predictions.embeddings, logits[rows, :5], atol=2e-3)
    assert run.scores.headline["accuracy"].value == np.mean(
        logits[rows].argmax(axis=1) == faces["expression"].iloc[rows]
    )


def test_valence_and_arousal_are_the_predicted_ones(run, table, faces):
    frame, rows = run.predictions().frame, _scored(faces)
    np.testing.assert_allclose(frame["predicted_valence"], table["predicted_valence"].iloc[rows], atol=1e-6)
    np.testing.assert_allclose(frame["valence"], faces["valence"].iloc[rows])
    error = frame["predicted_arousal"] - faces["arousal"].iloc[rows].to_numpy()
    assert run.scores.affect["arousal"]["rmse"].value == pytest.approx(np.sqrt((error**2).mean()), abs=1e-5)


def test_the_temperature_is_fitted_on_the_validation_rows(run, table, faces, logits):
    chosen = np.array([place % 4 == 0 for place in range(len(faces))])
    rows = np.flatnonzero(chosen & (faces["split"] == "train") & (faces["expression"] < 8))
    expected = fit_temperature(
        faces["expression"].to_numpy()[rows], log_probabilities(softmax(logits[rows], axis=1))
    )
    fitted = load_temperature(run)
    assert fitted.temperature == pytest.approx(expected, abs=1e-3)
    assert fitted.faces == len(rows) == load_import(run).validation


def test_the_run_says_how_it_was_made(run, faces):
    report = load_import(run)
    scored, outside = len(_scored(faces)), int(((faces["split"] == "test") & (faces["expression"] > 7)).sum())
    assert (report.rows, report.scored, report.out_of_set) == (len(faces), scored, outside)
    assert sum(report.other_splits.values()) == len(faces) - scored - outside
    assert (report.unknown, report.repeated, report.not_predicted) == (0, 0, 0)
    assert report.outputs == "probabilities" and report.found_by == {"reference": len(faces)}
    assert report.columns["happy"] == "p_happy" and len(report.sha256) == 64
    assert load_protocol(run).faces == scored and load_protocol(run).unaccounted == 0
    assert "imported from The table" in load_protocol(run).sentence()
    assert str(run.path.parent) not in (run.path / "run.json").read_text()


def test_the_review_tables_are_there(run, faces):
    present = {path.name for path in run.path.iterdir()}
    assert {
        "leaks.parquet",
        "face_attributes.parquet",
        "data_summary.parquet",
        "outside.parquet",
        "card.md",
    } <= present
    assert not {"model.keras", "history.csv", "training_sample.parquet"} & present
    assert load_leaks(run).summary.every.faces == len(_scored(faces))
    outside = load_out_of_set_faces(run)
    assert sorted(set(outside.labels)) == ["no-face", "none", "uncertain"]
    assert recorded_verdict(run) is not None
    assert "core.import_predictions" in run.card
    assert run.has_thumbnails and len(run.thumbnails()) == len(_scored(faces))


def test_every_part_of_the_report_that_needs_no_network_is_there(run):
    review = compute_review(run)
    assert set(review.missing) == {"history", "training_label_errors", "robustness"}
    assert all("imported without one" in each.reason and not each.command for each in review.missing.values())
    page = report_html(review)
    assert "Origin of the predictions" in page and "last epoch kept" not in page


def test_it_is_compared_and_listed_like_any_other_run(run, table, drawn_tree, runs, faces):
    worse = table.copy()
    names = [f"p_{label}" for label in EIGHT]
    worse[names] = np.full((len(table), 8), 1 / 8)
    other = import_predictions(worse, data=drawn_tree, name="uniform", folder=runs)
    paired = pair(other, run)
    assert len(paired) == len(_scored(faces)) and paired.only_a == paired.only_b == 0
    assert {listing.path.name for listing in list_runs(runs) if listing.run} >= {"imported", "uniform"}
    assert own_evaluation(run).scores.faces == len(_scored(faces))


@pytest.mark.parametrize("page", [*PAGES, "live", "sweep", "transfer"])
def test_every_page_opens(run, runs, monkeypatch, page):
    monkeypatch.setenv("AFFECTOSCOPE_ARTIFACTS", str(runs))
    shown = open_page(page, run="imported")
    assert problems(shown) == [] and [element.value for element in shown.error] == []
    assert len(shown.title) == 1
    if page in ("live", "training", "robustness"):
        assert any("'imported' was imported without one" in element.value for element in shown.info)


@pytest.fixture(scope="module")
def sparse(table, drawn_tree, tmp_path_factory):
    """A run without embeddings, affect, validation rows, faces of other labels, and with a third of the test faces missing."""
    folder = tmp_path_factory.mktemp("sparse")
    test = sorted(_test_references(drawn_tree) & set(table.loc[table["truth"].isin(EIGHT), "reference"]))
    frame = table.loc[table["reference"].isin(test[::3] + test[1::3]), ["reference", *table.columns[1:9]]]
    return import_predictions(frame, data=drawn_tree, name="sparse", folder=folder)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_on_a_run_with_little(sparse, monkeypatch, page):
    monkeypatch.setenv("AFFECTOSCOPE_ARTIFACTS", str(sparse.path.parent))
    shown = open_page(page)
    assert problems(shown) == [] and [element.value for element in shown.error] == []
    assert not any("core.upgrade" in element.value for element in shown.code)


def test_faces_without_a_prediction_are_counted_and_not_scored(sparse, faces):
    scored, report = len(_scored(faces)), load_import(sparse)
    assert report.scored == len(sparse.predictions()) == 27 and report.not_predicted == scored - 27
    assert "13 faces without a prediction" in load_protocol(sparse).sentence()
    assert load_protocol(sparse).unaccounted == 0
    assert sum(sparse.info["data"]["counts"]["test, not predicted"].values()) == 13
    assert load_temperature(sparse) is None and sparse.embeddings() is None
    assert "There is no temperature" in report.sentence()


def test_an_explanation_says_that_there_is_no_network(run, runs, monkeypatch):
    monkeypatch.setenv("AFFECTOSCOPE_ARTIFACTS", str(runs))
    predictions = run.predictions()
    wrong = predictions.frame["reference"][~predictions.correct].iloc[0]
    shown = open_page("misclassified", run="imported", face=wrong, explain="true")
    assert problems(shown) == []
    assert any("An explanation needs a network" in element.value for element in shown.warning)


def test_commands_that_need_a_network_say_so(run, drawn_tree, tmp_path, monkeypatch):
    name, needs = str(run.path), "imported without"
    with pytest.raises(AffectoscopeError, match=needs):
        evaluate(EvaluateOptions(run=name, data=(drawn_tree,)))
    (tmp_path / "photo.png").write_bytes(b"")
    with pytest.raises(AffectoscopeError, match=needs):
        predict(PredictOptions((tmp_path / "photo.png",), run=name, out=tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(AffectoscopeError, match=needs):
        rank(LabelErrorOptions(run=name, data=drawn_tree))
    with pytest.raises(AffectoscopeError, match="core.import_predictions"):
        upgrade(UpgradeOptions(run=name, data=drawn_tree))
    with pytest.raises(AffectoscopeError, match="core.import_predictions"):
        find_pairs(LeaksOptions(run=name, data=drawn_tree))
    with pytest.raises(AffectoscopeError, match=needs):
        run.load_model()
    assert rank(LabelErrorOptions(run=name)).table.shape[0] == len(run.predictions())
    make_run(tmp_path, "older", faces=20, created="2001-01-01T00:00:00+00:00")
    monkeypatch.setattr("core.predict.ARTIFACTS_FOLDER", run.path.parent)
    with pytest.raises(AffectoscopeError, match="No runs with a network"):
        newest_run()


def test_images_can_be_attached(run, drawn_tree):
    kept = attach_images(EvaluateOptions(run=str(run.path), data=(drawn_tree,), attach_images=True))
    assert kept == len(run.predictions())


def test_a_trained_run_without_its_network_stays_incomplete(tmp_path):
    made = make_run(tmp_path, "made", faces=20)
    (made.path / "model.keras").unlink()
    with pytest.raises(AffectoscopeError, match="incomplete, model.keras"):
        open_run(made.path)


# Command line and publishing


def _main(monkeypatch, folder: Path, *words) -> None:
    monkeypatch.setattr(command, "ARTIFACTS_FOLDER", folder)
    monkeypatch.setattr(sys, "argv", ["core.import_predictions", *map(str, words)])
    command.main()


def test_the_command_imports_logits_of_absolute_paths_with_windows_separators(
    faces, logits, drawn_tree, tmp_path, monkeypatch, capsys
):
    order = [6, 5, 4, 3, 7, 2, 1, 0]
    frame = pd.DataFrame(logits[:, order], columns=[EIGHT[code].upper() for code in order])
    frame["Image_Path"] = "D:\\copies\\Manually\\" + faces["reference"].str.replace("/", "\\")
    frame.sample(frac=1, random_state=0).to_csv(tmp_path / "logits.csv", index=False, sep=";", decimal=",")
    _main(monkeypatch, tmp_path, tmp_path / "logits.csv", "--data", drawn_tree, "--name", "absolute")
    run, rows = open_run(tmp_path / "absolute"), _scored(faces)
    np.testing.assert_allclose(run.predictions().probabilities, softmax(logits[rows], axis=1), atol=1e-6)
    report = load_import(run)
    assert report.outputs == "logits" and report.found_by == {"end of the path": len(faces)}
    assert report.table == "logits.csv"
    said = capsys.readouterr().out
    assert "logits of 8 labels" in said and f"{len(rows)} are scored" in said

    with pytest.raises(SystemExit) as ended:
        _main(monkeypatch, tmp_path, tmp_path / "logits.csv", "--data", drawn_tree, "--name", "absolute")
    assert ended.value.code == 2 and "already exists" in capsys.readouterr().err
    words = ("--data", drawn_tree, "--name", "absolute", "--split", "train", "--overwrite")
    _main(monkeypatch, tmp_path, tmp_path / "logits.csv", *words)
    again = open_run(tmp_path / "absolute")
    assert len(again.predictions()) == len(_scored(faces, "train"))
    assert load_import(again).options == ["--split", "train"] and "--split train" in again.card
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_the_command_refuses_in_one_sentence_and_leaves_nothing(
    table, drawn_tree, tmp_path, monkeypatch, capsys
):
    table.assign(p_happy=table["p_happy"].astype(object).where(table.index != 6, "much")).to_csv(
        tmp_path / "bad.csv", index=False
    )
    with pytest.raises(SystemExit) as ended:
        _main(monkeypatch, tmp_path, tmp_path / "bad.csv", "--data", drawn_tree, "--name", "bad")
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.count("\n") == 1
    assert "row 7 has 'much' in 'p_happy'" in error
    assert [path.name for path in tmp_path.iterdir()] == ["bad.csv"]


def test_parquet_with_lists_of_embeddings(faces, logits, table, drawn_tree, tmp_path):
    frame = table[["reference", *table.columns[1:9]]].assign(embedding=list(1e6 * logits[:, :3]))
    frame.to_parquet(tmp_path / "table.parquet")
    run = import_predictions(tmp_path / "table.parquet", data=drawn_tree, name="lists", folder=tmp_path)
    kept, expected = run.embeddings().astype(float), logits[_scored(faces), :3]
    assert np.isfinite(kept).all()
    cosines = (kept * expected).sum(1) / np.linalg.norm(kept, axis=1) / np.linalg.norm(expected, axis=1)
    np.testing.assert_allclose(cosines, 1, atol=1e-3)
    exported = run.path / "predictions.parquet"  # a run's own predictions can be imported, too
    again = import_predictions(exported, data=drawn_tree, name="again", folder=tmp_path)
    np.testing.assert_allclose(again.predictions().probabilities, run.predictions().probabilities, atol=1e-6)


def test_an_unknown_option_is_a_type_error(table, drawn_tree):
    with pytest.raises(TypeError):
        import_predictions(table, data=drawn_tree, name="x", colour="rgb")
    with pytest.raises(AffectoscopeError, match="most-unknown"):
        ImportSettings(data=drawn_tree, name="x", most_unknown=2)


# The order of the labels


def test_a_wrong_order_is_named_and_stops_the_import(table, drawn_tree, tmp_path):
    names = [f"p_{label}" for label in EIGHT]
    wrong = table.rename(columns=dict(zip(names, names[1:] + names[:1], strict=True)))
    with pytest.raises(AffectoscopeError, match="column of happy is neutral"):
        import_predictions(wrong, data=drawn_tree, name="wrong", folder=tmp_path, split="all")
    assert not list(tmp_path.iterdir())
    run = import_predictions(
        wrong, data=drawn_tree, name="wrong", folder=tmp_path, split="all", confirm_order=True
    )
    assert load_import(run).order_confirmed and run.scores.headline["accuracy"].value < 0.3


def test_a_wrong_label_order_of_numbered_columns_is_named(faces, logits, drawn_tree, tmp_path):
    codes = [EXPRESSIONS.index(label) for label in FER2013]
    frame = pd.DataFrame(softmax(logits[:, codes], axis=1), columns=range(7)).assign(
        reference=faces["reference"]
    )
    options = {"data": drawn_tree, "folder": tmp_path, "split": "all"}
    with pytest.raises(AffectoscopeError, match="Pass --label-order"):
        import_predictions(frame, name="none", **options)
    with pytest.raises(AffectoscopeError, match="--label-order fer2013 is that order"):
        import_predictions(frame, name="wrong", label_order="affectnet", **options)
    run = import_predictions(frame, name="right", label_order="fer2013", **options)
    known = np.flatnonzero(faces["expression"] < 7)
    assert run.labels == EXPRESSIONS[:7] and len(run.predictions()) == len(known)
    expected = softmax(logits[known][:, codes], axis=1)[:, FER2013.index("sad")]
    np.testing.assert_allclose(run.predictions().frame["p_sad"], expected, atol=1e-6)
    assert sum(load_protocol(run).out_of_set_scored.values()) == len(faces) - len(known)


def test_a_better_order_needs_faces_a_gain_and_significance():
    truth = np.repeat(np.arange(7), 20)
    swapped = np.where(truth == 1, 2, np.where(truth == 2, 1, truth))
    labels = EXPRESSIONS[:7]
    found = find_better_order(truth, swapped, labels)
    assert found.moved == {"happy": "sad", "sad": "happy"}
    assert (found.accuracy, found.permuted_accuracy) == (pytest.approx(5 / 7), 1.0)
    assert found.p == pytest.approx(5040 * 0.5**40)  # 40 faces are won and none lost
    assert find_better_order(truth, truth, labels) is None
    assert find_better_order(truth[::4], swapped[::4], labels) is None  # 35 faces
    random = np.random.default_rng(0)
    for _ in range(20):  # guesses
        assert find_better_order(truth, random.integers(0, 7, len(truth)), labels) is None


# Columns and rows of the table


def _small(**columns) -> pd.DataFrame:
    """Three rows of seven probabilities, a third of them for their own label."""
    values = np.full((3, 7), 0.1)
    values[[0, 1, 2], [0, 1, 2]] = 0.4
    frame = pd.DataFrame(values, columns=list(EXPRESSIONS[:7]))
    return frame.assign(**{"reference": ["a.png", "b.png", "c.png"], **columns})


def test_names_of_labels_have_synonyms_prefixes_and_any_case():
    names = ["Neutral", "P_Happiness", "p_sadness", "p_Surprised", "p_afraid", "p_disgusted", "p_ANGRY"]
    frame = _small().rename(columns=dict(zip(EXPRESSIONS[:7], names, strict=True)))
    refuse(frame, "none for neutral")
    frame = frame.rename(columns={"Neutral": "p_Neutral"})
    read = read_prediction_table(frame)
    assert read.labels.labels == EXPRESSIONS[:7] and read.outputs == "probabilities"
    np.testing.assert_allclose(read.probabilities.diagonal(), 0.4)
    refuse(_small(p_joy=0.1, p_happiness=0.2), "two columns for happy")
    refuse(_small(**{"HAPPY ": 0.1}), "the column 'HAPPY ' twice")


def test_logits_are_recognised_and_named():
    logits = np.log(_small()[list(EXPRESSIONS[:7])].to_numpy()) + 7
    frame = _small(**dict(zip(EXPRESSIONS[:7], logits.T, strict=True)))
    for shift in (0, -10):
        read = read_prediction_table(
            frame.assign(**{label: frame[label] + shift for label in EXPRESSIONS[:7]})
        )
        assert read.outputs == "logits"
        np.testing.assert_allclose(read.probabilities.diagonal(), 0.4)
    prefixed = _small().rename(columns={label: f"logit_{label}" for label in EXPRESSIONS[:7]})
    read = read_prediction_table(prefixed)
    assert read.outputs == "logits"
    np.testing.assert_allclose(
        read.probabilities[0], softmax([0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]), atol=1e-12
    )


def test_rounded_probabilities_are_normalised_and_wrong_sums_refused():
    read = read_prediction_table(_small(neutral=[0.41, 0.1, 0.1]))
    np.testing.assert_allclose(read.probabilities.sum(axis=1), 1)
    refuse(_small(neutral=[0.4, 0.1, 0.6]), r"1 of 3 rows.*row 3 sums to 1\.5")
    refuse(_small(neutral=[0.4, 0.1, -0.2], sad=[0.1, 0.1, 0.7]), r"1 of 3 rows.*row 3 has -0\.2")
    values = {label: _small()[label] * 0.5 for label in EXPRESSIONS[:7]}
    refuse(_small(**values), "sum to 0.5 in the middle row")
    refuse(_small(**values), "do not sum to 1", outputs="probabilities")
    assert read_prediction_table(_small(**values), outputs="logits").outputs == "logits"
    refuse(_small(**{label: _small()[label] * 100 for label in EXPRESSIONS[:7]}), "are percentages")


def test_a_label_without_a_column_is_named():
    refuse(_small().drop(columns="sad"), "none for sad")
    six = _small().drop(columns="sad")
    names = [label for label in EXPRESSIONS[:7] if label != "sad"]
    six[names] = six[names].div(six[names].sum(axis=1), axis=0)
    read = read_prediction_table(six, fewer_labels=True)
    assert read.labels.labels == tuple(names) and read.probabilities.shape == (3, 6)
    refuse(_small()[["reference", "neutral"]], "no probabilities")


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"happy": [0.1, np.nan, 0.1]}, "1 row without.*row 2 has no value in 'happy'"),
        ({"happy": [0.1, 0.4, np.inf]}, "row 3 has 'inf' in 'happy'"),
        ({"happy": ["0.1", "high", "0.1"]}, "row 2 has 'high' in 'happy'"),
        ({"reference": ["a.png", None, "c.png"]}, "1 rows have no 'reference', first row 2"),
        ({"predicted_valence": [0.1, 0.2, 0.3]}, "alone"),
        ({"valence": [0, 7, 0], "arousal": [0, 0, 0]}, r"up to 7 \(row 2\)"),
        ({"valence": [0, "?", 0], "arousal": [0, 0, 0]}, "row 2 has '\\?' in 'valence'"),
        ({"embedding": [[1, 2], [1, 2], [1]]}, "row 3 has another embedding"),
        ({"embedding_0": [1, 2, "x"], "embedding_1": [1, 2, 3]}, "row 3 has 'x' in 'embedding_0'"),
        ({"truth": ["happy", "sad", "boredom"]}, "row 3 has 'boredom' in 'truth'"),
        ({"truth": [1, 2, 3]}, "nothing says whose they are"),
    ],
)
def test_bad_cells_are_refused_with_their_row(columns, reason, tmp_path):
    refuse(_small(**columns), reason)
    if "embedding" not in columns:
        _small(**columns).to_csv(tmp_path / "table.csv", index=False)
        refuse(tmp_path / "table.csv", reason)


def test_files_that_are_no_tables_are_refused(tmp_path):
    refuse(_small().iloc[:0], "no rows")
    _small().iloc[:0].to_csv(tmp_path / "header.csv", index=False)
    refuse(tmp_path / "header.csv", "no rows")
    (tmp_path / "empty.csv").write_text("")
    refuse(tmp_path / "empty.csv", "is empty")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00reference")
    refuse(tmp_path / "bytes.csv", "cannot be read as a table")
    (tmp_path / "no.parquet").write_bytes(b"nonsense")
    refuse(tmp_path / "no.parquet", "cannot be read as a table")
    refuse(tmp_path / "absent.csv", "No such file")
    (tmp_path / "twice.csv").write_text("reference,happy,happy\na,0.5,0.5\n")
    refuse(tmp_path / "twice.csv", "'happy' twice")
    (tmp_path / "long.csv").write_text("path,happy,sad\na,b.png,0.5,0.5\nc,d.png,0.5,0.5\n")
    refuse(tmp_path / "long.csv", "cannot be read as a table")
    refuse(_small().drop(columns="reference"), "no column that identifies the faces")


# Joining


def _data(*references: str, expression: int = 0) -> pd.DataFrame:
    return pd.DataFrame({"reference": list(references), "expression": expression})


def test_references_are_found_whole_by_their_end_or_by_file_name():
    data = _data("test/a.png", "test/b.png", "train/b.png", "train/c.png")
    for references, places, how in (
        (["test/b.png", "./train/c.png", "train//b.png"], [1, 3, 2], {"reference": 3}),
        (
            ["C:\\x\\test\\b.png", "/y/train/c.png", "test/a.png"],
            [1, 3, 0],
            {"reference": 1, "end of the path": 2},
        ),
        (["a.png", "c.png", "train/b.png"], [0, 3, 2], {"reference": 1, "end of the path": 2}),
        (["val/a.png", "val/c.png", "val/c2.png"], [0, 3, -1], {"file name": 2}),
    ):
        _, joined = join(_small(reference=references), data, most_unknown=0.4)
        found = [place for place in places if place >= 0]
        assert joined.faces.tolist() == found and joined.found_by == how
        assert joined.unknown == 3 - len(found)


def test_a_file_name_of_several_faces_is_refused():
    data = _data("test/a.png", "test/b.png", "train/b.png")
    with pytest.raises(
        AffectoscopeError, match=r"'b\.png' in row 2 .* fits 2 faces.*'test/b\.png' and 'train/b\.png'"
    ):
        join(_small(reference=["a.png", "b.png", "test/a.png"]), data)


def test_another_folder_of_the_same_file_name_is_another_face():
    data = _data("happy/1.png", "sad/2.png")
    _, joined = join(_small(reference=["happy/1.png", "sad/1.png", "sad/2.png"]), data, most_unknown=0.5)
    assert joined.rows.tolist() == [0, 2] and joined.unknown == 1


def test_row_numbers_count_the_faces_of_the_data_from_0(faces, logits, drawn_tree, tmp_path):
    frame = pd.DataFrame(logits, columns=list(EIGHT)).assign(row=np.arange(len(faces)))
    run = import_predictions(frame.iloc[::-1], data=drawn_tree, name="rows", folder=tmp_path)
    rows = _scored(faces)
    np.testing.assert_allclose(run.predictions().probabilities, softmax(logits[rows], axis=1), atol=1e-6)
    assert load_import(run).found_by == {"row number": len(faces)}
    _, joined = join(_small(row=[2, 0, 1]).drop(columns="reference"), _data("row-0", "row-2", "row-1"))
    assert joined.faces.tolist() == [1, 0, 2]
    refuse(_small(row=[0, 1, 1.5]).drop(columns="reference"), "row 3 has 1.5 in 'row'")
    with pytest.raises(AffectoscopeError, match=r"1 of the 3 rows .* \(first row 3, 9;"):
        join(_small(row=[0, 1, 9]).drop(columns="reference"), _data("a", "b", "c"))


def test_unknown_references_are_left_out_up_to_a_share():
    data = _data("a.png", "b.png", "d.png")
    with pytest.raises(AffectoscopeError, match=r"1 of the 3 rows .*first row 3, 'c\.png'.* at most 5%"):
        join(_small(), data)
    _, joined = join(_small(), data, most_unknown=0.34)
    assert joined.unknown == 1 and joined.rows.tolist() == [0, 1]


def test_equal_repetitions_count_once_and_others_are_refused():
    data = _data("a.png", "b.png", "c.png")
    twice = pd.concat([_small(), _small()], ignore_index=True)
    read, joined = join(twice, data)
    assert joined.repeated == 3 and joined.rows.tolist() == [0, 1, 2] and len(read) == 6
    twice.loc[4, ["neutral", "sad"]] = [0.2, 0.0]
    with pytest.raises(AffectoscopeError, match=r"1 pair of rows: rows 2 and 5 \('b\.png'\)"):
        join(twice, data)


def test_the_truth_of_the_table_is_that_of_the_data():
    data = _data("a.png", "b.png", "c.png").assign(expression=[0, 1, 6])
    _, joined = join(_small(label=["neutral", "joy", None]), data)
    assert len(joined.rows) == 3
    with pytest.raises(
        AffectoscopeError,
        match=r"'label' .* in 2 of 3 rows \(row 2, 'b\.png': sad in the table, happy in the data; row 3",
    ):
        join(_small(label=["neutral", "sad", "fear"]), data)
    join(_small(label=[6, 3, 0]), data, label_order="fer2013")
    with pytest.raises(AffectoscopeError, match="differs from the labels of the data"):
        join(_small(label=[6, 3, 0]), data, label_order="affectnet")


def test_annotated_valence_and_arousal_are_no_predictions(table, faces, drawn_tree, tmp_path):
    frame = table.drop(columns=["predicted_valence", "predicted_arousal"])
    frame = frame.assign(valence=faces["valence"].fillna(0), arousal=faces["arousal"].fillna(0))
    with pytest.raises(AffectoscopeError, match="equal the annotations"):
        import_predictions(frame, data=drawn_tree, name="same", folder=tmp_path)


# Splits


def _split(own, predicted, named=None, asked=None, known=None):
    own = np.array(own, object)
    named = None if named is None else np.array(named, object)
    known = np.ones(len(own), bool) if known is None else np.array(known)
    chosen = choose_split(own, np.array(predicted), named, asked=asked, known=known, title="The data")
    return chosen.split, chosen.splits.tolist(), chosen.not_predicted


def test_the_scored_split():
    rest = "test, not predicted"
    assert _split(["train", "test", "test"], [1]) == ("test", ["train", "test", rest], 1)
    # As in a training, data without a test split reports on its validation split.
    assert _split(["train", "validation"], [0, 1]) == ("test", ["train", "test"], 0)
    assert _split(["train", "validation"], [0, 1], asked="validation")[0] == "test"
    # The table's own splits.
    assert _split(["train"] * 4, [0, 1, 2], ["test", "validation", "train"]) == (
        "test", ["test", "validation", "train", "train"], 0,
    )  # fmt: skip
    assert _split(["train", "validation", "test"], [0, 1], ["train", "validation"])[0] == "validation"
    assert _split(["train", "validation", "test"], [1, 2], asked="validation")[0] == "validation"
    # Nothing has a split: the predicted faces are those of the test.
    assert _split(["", "", ""], [0, 2]) == ("test", ["test", rest, "test"], 1)
    assert _split(["train", "test", "test"], [0, 1], asked="all") == (
        "predicted",
        ["predicted", "predicted", "not predicted"],
        1,
    )
    # Of validation faces only the predicted ones calibrate; faces with unknown labels are none without a prediction.
    assert _split(["validation", "validation", "test"], [0, 2])[1] == [
        "validation",
        "validation, not predicted",
        "test",
    ]
    assert _split(["test", "test"], [0], known=[True, False]) == ("test", ["test", "test"], 0)
    with pytest.raises(AffectoscopeError, match="No test face .* 1 train"):
        _split(["train", "test"], [0])


def test_unsplit_data_is_scored_on_the_predicted_faces(tmp_path, logits):
    from PIL import Image

    random = np.random.default_rng(0)
    for label in EXPRESSIONS[:7]:
        (tmp_path / "own" / label).mkdir(parents=True)
        for number in range(4):
            pixels = random.integers(0, 255, (40, 40)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "own" / label / f"{label}-{number}.png")
    names = [f"{label}-{number}.png" for label in EXPRESSIONS[:7] for number in range(3)]
    frame = pd.DataFrame(np.eye(7)[np.repeat(np.arange(7), 3)], columns=list(EXPRESSIONS[:7])).assign(
        file=names
    )
    run = import_predictions(frame, data=tmp_path / "own", name="own", folder=tmp_path / "runs")
    assert run.scores.headline["accuracy"].value == 1 and len(run.predictions()) == 21
    assert set(run.predictions().frame["split"]) == {"test"} and load_import(run).not_predicted == 7
    assert load_protocol(run).unaccounted == 0 and not run.has_thumbnails


# docs/any-model.md

_DOCS = (ROOT / "docs" / "any-model.md").read_text(encoding="utf-8")
_SECTION = _DOCS.split("## Predictions from any framework")[1].split("\n## ")[0]


class _Scores(np.ndarray):
    """An array with the method of a PyTorch tensor that the example calls."""

    def softmax(self, axis: int) -> np.ndarray:
        return softmax(np.asarray(self), axis=axis)


def test_the_examples_of_the_page_run(faces, logits, drawn_tree, tmp_path, monkeypatch):
    loop, from_python = re.findall(r"```python\n(.*?)```", _SECTION, re.DOTALL)
    assert len(loop.strip().splitlines()) <= 10
    torch = ModuleType("torch")
    torch.no_grad = nullcontext
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.chdir(tmp_path)
    codes = [EXPRESSIONS.index(label) for label in FER2013]
    known = np.flatnonzero(faces["expression"] < 7)
    paths = ("/elsewhere/" + faces["reference"].iloc[known]).tolist()
    batches = [
        (logits[known][at : at + 32][:, codes], paths[at : at + 32]) for at in range(0, len(known), 32)
    ]

    class Network:
        def eval(self):
            return self

        def __call__(self, images):
            return images.view(_Scores)

    names = {"loader": batches, "network": Network()}
    exec(compile(loop, "any-model.md", "exec"), names)
    written = pd.read_csv("predictions.csv")
    assert len(written) == len(known)
    used = from_python.replace("/data/faces", str(drawn_tree))
    monkeypatch.setattr(command, "ARTIFACTS_FOLDER", tmp_path)
    monkeypatch.setattr(import_predictions, "__kwdefaults__", {"folder": tmp_path})
    exec(compile(used, "any-model.md", "exec"), names)
    rows = [row for row in _scored(faces) if faces["expression"].iloc[row] < 7]
    expected = softmax(logits[rows][:, codes], axis=1)[:, FER2013.index("anger")]
    np.testing.assert_allclose(names["run"].predictions().frame["p_anger"], expected, atol=1e-6)


def test_the_options_and_commands_of_the_page_exist():
    options = {f"--{name.replace('_', '-')}" for name in ImportSettings.__dataclass_fields__}
    assert set(re.findall(r"(?<![\w-])--[a-z][\w-]+", _SECTION)) <= options
    for module in re.findall(r"python -m ([\w.]+)", _SECTION):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module
