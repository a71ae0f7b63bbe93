"""--relabel: what a file of decisions does to labels, what it leaves alone, and what is refused in one sentence."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.config import TrainConfig
from core.data.decisions import COLUMNS, read_decisions
from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.data.relabelling import REMOVED, read_relabelling, relabel, trained_with
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.evaluate import EvaluateOptions, evaluate
from core.labels import EXPRESSIONS, LABEL_SETS
from core.runs.catalogue import open_run
from core.runs.source_data import load_run_data
from core.runtime.console import Console
from core.train import train
from tests.trained import small_config, tiny_config


def written(folder, text, name="decisions.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def table():
    """Six faces: a to c train, d validation, e and f test; labels sad, fear, happy, sad, sad, fear."""
    labels = ("sad", "fear", "happy", "sad", "sad", "fear")
    faces = as_face_frame(
        {
            "reference": list("abcdef"),
            "expression": [EXPRESSIONS.index(name) for name in labels],
            "split": ["train", "train", "train", "validation", "test", "test"],
        }
    )
    return FaceTable("made", "Made-up faces", faces, Ledger(read=6), lambda reference: b"")


def applied(folder, text, **options):
    return relabel(table(), read_relabelling(written(folder, text), LABEL_SETS[8]), **options)


def labels_of(faces):
    return {
        reference: EXPRESSIONS[code]
        for reference, code in zip(faces["reference"], faces["expression"], strict=True)
    }


HEAD = "reference,given,decision\n"


def test_labels_change_faces_go_and_test_faces_stay(tmp_path):
    text = (
        HEAD
        + "a,sad,neutral\nb,fear,remove\nc,happy,keep\nd,sad,neutral\ne,sad,neutral\nf,fear,remove\nz,sad,keep\n"
    )
    left, rows, done = applied(tmp_path, text)
    assert labels_of(left.faces) == {
        "a": "neutral",
        "c": "happy",
        "d": "neutral",
        "e": "sad",
        "f": "fear",
    }
    assert rows.tolist() == [True, False, True, True, True, True]
    assert left.ledger.rejected == {REMOVED: 1} and left.ledger.examples == {REMOVED: ["b"]}
    assert left.ledger.used == 5
    assert done.report == {
        "file": "decisions.csv",
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "relabelled": 2,
        "removed": 1,
        "kept": 1,
        "test_left_alone": 2,
        "not_found": 1,
        "changes": {"sad -> neutral": 2},
    }
    assert done.sentence() == (
        "decisions.csv: 2 labels changed (sad -> neutral 2), 1 face removed, 1 kept, 2 decisions about test faces left "
        "alone, so that test scores stay comparable, 1 face not among these"
    )


def test_without_splits_every_face_is_relabelled_and_the_given_table_is_not_changed(tmp_path):
    made = table()
    relabelling = read_relabelling(written(tmp_path, HEAD + "e,sad,neutral\nf,fear,remove\n"), LABEL_SETS[8])
    left, _, done = relabel(made, relabelling, splits=None)
    assert labels_of(left.faces)["e"] == "neutral" and "f" not in labels_of(left.faces)
    assert labels_of(made.faces)["e"] == "sad"
    assert (done.report["relabelled"], done.report["removed"], done.report["test_left_alone"]) == (1, 1, 0)


def test_synonyms_case_order_extra_columns_and_escaped_cells_are_read(tmp_path):
    text = "\ufeffnote,decision,mine,given,reference\n'=1,Angry,x,SADNESS,a\n,KEEP,y,Fear,b\n,sad,z,sad,d\n"
    read = read_relabelling(written(tmp_path, text), LABEL_SETS[7]).table
    assert read[["reference", "given", "decision", "note", "line"]].values.tolist() == [
        ["a", "sad", "anger", "=1", 2],
        ["b", "fear", "keep", "", 3],
        ["d", "sad", "keep", "", 4],
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("reference,decision\na,keep\n", "lacks the columns given; expected those of a run's decisions.csv: reference, split"),
        ("", "lacks the columns reference, given, decision"),
        (HEAD + "a,sad,keep\nb,fear\n", "Row 3 of --relabel .*decisions.csv has 2 cells; expected 3"),
        (HEAD + "a,sad,keep\nb,fear,keep\na,sad,happy\n", "Row 4 of .* decides about 'a' a second time"),
        (HEAD + "a,sad,keep\nb,fear,bored\n", "Row 3 of .* has 'bored' under decision; expected one of neutral, .*, keep or remove"),
        (HEAD + "a,keep,sad\n", "Row 2 of .* has 'keep' under given; expected one of neutral"),
        (HEAD + "a,sad,no-face\n", "Row 2 of .* relabels 'a' as no-face, which is not among the 8 labels; write 'remove'"),
        (HEAD + "b,fear,keep\na,happy,neutral\n", "Row 3 of decisions.csv was decided about 'a' labelled happy, and the data labels it sad"),
        (HEAD + "e,happy,neutral\n", "Row 2 of decisions.csv was decided about 'e' labelled happy"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_by_its_row(tmp_path, text, told):
    with pytest.raises(AffectoscopeError, match=told):
        applied(tmp_path, text)


def test_a_file_that_is_not_there_or_no_csv_is_refused(tmp_path):
    with pytest.raises(
        AffectoscopeError, match=r"--relabel .*no.csv cannot be read as a CSV file \(No such file"
    ):
        read_relabelling(tmp_path / "no.csv", LABEL_SETS[8])
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(AffectoscopeError, match="cannot be read as a CSV file"):
        read_relabelling(tmp_path / "bytes.csv", LABEL_SETS[8])


def test_the_recipe_knows_the_content_and_run_json_only_the_name(tmp_path):
    path = written(tmp_path, HEAD + "a,sad,keep\n")
    config = TrainConfig(relabel=path)
    assert config.as_dict()["relabel"] == "decisions.csv"
    assert config.recipe()["relabel_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert TrainConfig().as_dict()["relabel"] is None and "relabel_sha256" not in TrainConfig().recipe()
    again = TrainConfig.from_dict(json.loads(json.dumps(config.as_dict())))
    assert again == replace(config, relabel=Path("decisions.csv"))
    with pytest.raises(AffectoscopeError, match=r"--relabel .*gone.csv cannot be read"):
        TrainConfig(relabel=tmp_path / "gone.csv").recipe()


@pytest.fixture
def decided(drawn_tree, tmp_path):
    """Decisions about the drawn tree: every 'fear' training face becomes surprise, one sad goes, one test face too."""
    data = load_training_data(small_config(drawn_tree), Console())
    faces = data.table.faces
    names = np.array(EXPRESSIONS, object)[faces["expression"].to_numpy()]
    fear = faces[(names == "fear") & (faces["split"] != "test")]
    sad = faces[(names == "sad") & (faces["split"] == "train")].iloc[:1]
    test = faces[(names == "happy") & (faces["split"] == "test")].iloc[:1]
    rows = [(r, "fear", "surprise") for r in fear["reference"]]
    rows += [(sad["reference"].iloc[0], "sad", "remove"), (test["reference"].iloc[0], "happy", "neutral")]
    path = written(tmp_path, HEAD + "".join(",".join(row) + "\n" for row in rows))
    return data, path, len(fear)


def test_a_relabelled_training_has_the_split_of_the_original(drawn_tree, decided):
    before, path, fear = decided
    after = load_training_data(small_config(drawn_tree, relabel=path), Console())
    one, other = (data.table.faces.set_index("reference")["split"] for data in (before, after))
    pd.testing.assert_series_equal(one.loc[other.index], other)
    assert len(one) - len(other) == 1 == after.relabelled.report["removed"]
    assert after.relabelled.report["changes"] == {"fear -> surprise": fear}
    assert after.relabelled.report["test_left_alone"] == 1
    assert len(after.pack) == len(after.hashes) == len(after.table)
    assert "fear" not in after.counts["train"] and after.counts["test"] == before.counts["test"]
    row = int(np.flatnonzero(after.table.faces["reference"] == other.index[-1])[0])
    at = int(np.flatnonzero(before.table.faces["reference"] == other.index[-1])[0])
    np.testing.assert_array_equal(after.pack[[row]], before.pack[[at]])


def test_removing_every_training_face_is_refused(drawn_tree, decided, tmp_path):
    data, _, _ = decided
    faces = data.table.faces[data.table.faces["split"] == "train"]
    rows = "".join(f"{face.reference},{EXPRESSIONS[face.expression]},remove\n" for face in faces.itertuples())
    path = written(tmp_path, HEAD + rows, "all.csv")
    with pytest.raises(AffectoscopeError, match="all.csv removes every training face"):
        load_training_data(small_config(drawn_tree, relabel=path), Console())


def test_a_run_tells_its_decisions_and_its_data_can_be_had_again(drawn_tree, decided, tmp_path, capsys):
    before, path, fear = decided
    config = tiny_config(drawn_tree, name="corrected", epochs=1, relabel=path)
    run = train(config, folder=tmp_path / "artifacts")
    about = run.info["data"]["relabelled"]
    assert (about["file"], about["relabelled"], about["removed"]) == ("decisions.csv", fear, 1)
    assert run.info["config"]["relabel"] == "decisions.csv" and str(tmp_path) not in json.dumps(run.info)
    assert run.relabelled_path.read_bytes() == path.read_bytes()
    assert run.info["data"]["ledger"]["refused"] == {REMOVED: 1}
    assert f"decisions.csv: {fear} labels changed (fear -> surprise {fear})" in capsys.readouterr().out
    assert trained_with(run.info["data"]).startswith("Trained with corrected labels: decisions.csv: ")
    assert trained_with({}) == "" and trained_with({"relabelled": {}}) == ""
    assert trained_with({"relabelled": {"file": 3}}) == "Trained with corrected labels."
    kept = read_decisions(run.decisions_path)  # what is decided next makes one file with it
    assert tuple(kept) == COLUMNS and len(kept) == fear + 2
    test = before.part("test")[0].faces
    assert list(run.predictions().frame["reference"]) == list(test["reference"])
    assert list(run.predictions().truth) == list(test["expression"])

    path.unlink()  # the run's own copy is enough
    again = load_run_data(run, drawn_tree, Console())
    assert again.counts == run.info["data"]["counts"] and again.relabelled.report["sha256"] == about["sha256"]
    run.relabelled_path.write_text(HEAD)
    with pytest.raises(AffectoscopeError, match="relabelled.csv of 'corrected' differs from the decisions"):
        load_run_data(open_run(run.path), drawn_tree, Console())


def test_resuming_with_other_decisions_is_refused(drawn_tree, decided, tmp_path):
    _, path, _ = decided

    class Stop(Exception):
        pass

    def stop(row):
        raise Stop

    config = tiny_config(drawn_tree, name="half", epochs=3, relabel=path)
    with pytest.raises(Stop):
        train(config, folder=tmp_path / "artifacts", after_epoch=stop)
    path.write_text(HEAD)
    with pytest.raises(AffectoscopeError, match="started with different options relabel_sha256"):
        train(replace(config, resume=True), folder=tmp_path / "artifacts")


def test_evaluate_scores_with_corrected_labels_and_says_so(trained_run, drawn_tree, tmp_path, capsys):
    plain = evaluate(EvaluateOptions(str(trained_run.path), (drawn_tree,), resamples=0))[0].predictions
    references = plain.frame["reference"]
    given = plain.frame["expression"].astype(str)
    wrong = np.flatnonzero(~plain.correct)[:2]
    read = [plain.labels[code] for code in plain.predicted[wrong]]
    rows = [f"{references[row]},{given[row]},{label}\n" for row, label in zip(wrong, read, strict=True)]
    gone = int(np.flatnonzero(~plain.correct)[2])
    rows.append(f"{references[gone]},{given[gone]},remove\n")
    path = written(tmp_path, HEAD + "".join(rows))
    [found] = evaluate(EvaluateOptions(str(trained_run.path), (drawn_tree,), relabel=path, resamples=0))
    corrected, scores = found.predictions, found.scores
    assert len(corrected) == len(plain) - 1
    assert (
        corrected.correct.sum()
        == plain.correct.sum() + 2
        == round(scores.headline["accuracy"].value * len(corrected))
    )
    assert "Scored with corrected labels" in capsys.readouterr().out
    kept = corrected.frame["reference"]
    np.testing.assert_array_equal(corrected.probabilities, plain.probabilities[references.isin(kept)])
