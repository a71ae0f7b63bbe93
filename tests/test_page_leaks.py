"""The Leaks page: with pairs, with none, never looked at, damaged; with images and without."""

import re

import pandas as pd
import pytest
from PIL import Image

from core.analysis.leaks import load_leaks
from core.data.images import as_webp
from core.data.near_duplicates import LISTED
from core.runs.catalogue import open_run
from core.runs.tables import LEAKS, save_table
from core.runs.training_sample import TrainingSample
from dashboard.components import face_pairs
from dashboard.tables import leaks as tables
from dashboard.text import leaks as text
from tests.made_runs import make_face, make_run
from tests.pages import pictures, problems, text_of

ABOUT = {"split": "test", "compared": {"train": 400, "validation": 50, "private_test": 30}}


def keep(folder, name, pairs, about=ABOUT):
    """Keep near-duplicates with a run: (row of the scored face, other split, other's label, distance) each."""
    frame = open_run(folder / name).predictions().frame
    rows = [
        {
            "reference": frame["reference"][row],
            "split": "test",
            "expression": str(frame["expression"][row]),
            "other": f"{split}/{number}.png",
            "other_split": split,
            "other_expression": label or str(frame["expression"][row]),
            "distance": distance,
            "near_duplicates": 1,
        }
        for number, (row, split, label, distance) in enumerate(pairs)
    ]
    save_table(folder / name, LEAKS, pd.DataFrame(rows, columns=list(LEAKS.columns)), about)


@pytest.fixture
def folder(tmp_path):
    """A run of 60 faces: rows 0 to 19 leak from train, 20 and 21 are alike in private_test; row 3's label differs."""
    run = make_run(tmp_path, "leaky", faces=60)
    other = next(label for label in run.labels if label != str(run.predictions().frame["expression"][3]))
    pairs = [(row, "train", other if row == 3 else None, 2 * (row % 2)) for row in range(20)]
    keep(tmp_path, "leaky", [*pairs, (20, "private_test", None, 0), (21, "private_test", None, 2)])
    return tmp_path


def test_the_page_tells_what_leaks_and_what_it_is_worth(open_page, folder):
    shown = open_page("leaks", folder=folder)
    assert problems(shown) == [] and not shown.error
    summary = load_leaks(open_run(folder / "leaky")).summary
    assert (summary.leaked.faces, summary.without.faces) == (20, 40)
    told = text_of(shown)
    assert summary.sentence() in told
    assert (
        "22 pairs; 1 has different labels: where both show the same face, one label is likely wrong." in told
    )
    metrics = {metric.label: metric.value for metric in shown.metric}
    assert metrics["All faces"] == f"{100 * summary.every.accuracy.value:.1f}%"
    assert metrics["With a near-duplicate"] == f"{100 * summary.leaked.accuracy.value:.1f}%"
    assert metrics["Without them"] == f"{100 * summary.without.accuracy.value:.1f}%"
    assert metrics["Effect on accuracy"] == f"{100 * summary.accuracy_gain.value:+.1f} points"
    numbers = shown.dataframe[0].value
    assert numbers["faces"].tolist() == [60, 20, 40, 20]
    assert numbers["accuracy"][0].startswith(metrics["All faces"])


def test_the_numbers_of_the_download_are_those_of_the_summary(folder):
    summary = load_leaks(open_run(folder / "leaky")).summary
    numbers = tables.numbers(summary)
    assert numbers["accuracy"].tolist() == [
        each.accuracy.value for each in (summary.every, summary.leaked, summary.without)
    ] + [summary.accuracy_gain.value]
    assert numbers["macro_f1_high"][3] == summary.macro_f1_gain.high
    assert list(numbers) == [
        "scored", "faces", "accuracy", "accuracy_low", "accuracy_high", "macro_f1", "macro_f1_low", "macro_f1_high",
    ]  # fmt: skip


def test_without_images_a_page_of_pairs_is_a_table(open_page, folder):
    shown = open_page("leaks", folder=folder)
    assert pictures(shown) == 0 and "because Made-up faces may not be redistributed" in text_of(shown)
    table = shown.dataframe[1].value
    assert len(table) == face_pairs.PER_PAGE and len(shown.pagination) == 1
    predictions = open_run(folder / "leaky").predictions()
    row = table.set_index("reference").loc[predictions.frame["reference"][3]]
    assert row["labels_differ"] and row["true"] == predictions.frame["expression"][3]
    assert row["predicted"] == predictions.labels[predictions.predicted[3]]
    shown.session_state["page"] = 2
    shown.run()
    assert len(shown.dataframe[1].value) == 22 - face_pairs.PER_PAGE


def test_filters_live_in_the_url(open_page, folder):
    shown = open_page("leaks", folder=folder, agreement="labels differ")
    assert shown.dataframe[1].value["labels_differ"].tolist() == [True]
    assert "1 of 22 pairs; 1 has different labels" in text_of(shown)
    shown = open_page("leaks", folder=folder, other_split="private_test")
    assert shown.dataframe[1].value["other_split"].tolist() == ["private_test"] * 2
    shown.selectbox(key="other_split").set_value("train").run()
    assert set(shown.dataframe[1].value["other_split"]) == {"train"}
    nobody = open_page("leaks", folder=folder, other_split="private_test", agreement="labels differ")
    assert "No pair passes these filters" in nobody.info[0].value
    assert any(
        "other split 'nowhere'" in each.value
        for each in open_page("leaks", folder=folder, other_split="nowhere").warning
    )


def test_no_leak_is_told_with_how_many_faces_were_compared(open_page, tmp_path):
    make_run(tmp_path, "clean", faces=30)
    keep(tmp_path, "clean", [])
    shown = open_page("leaks", folder=tmp_path)
    assert problems(shown) == []
    assert shown.success[0].value == (
        "None of the 30 test faces has a near-duplicate among the faces of the training (480 faces of other splits were "
        "compared)."
    )


def test_people_of_the_training_among_the_scored_are_a_warning(open_page, tmp_path):
    make_run(tmp_path, "shared", faces=30)
    subjects = {"faces": 30, "known": 30, "subjects": 9, "shared": {"train": [4, 12]}}
    keep(tmp_path, "shared", [], about=ABOUT | {"subjects": subjects})
    shown = open_page("leaks", folder=tmp_path)
    assert problems(shown) == [] and not shown.success
    told = "Of the 9 people of the test faces, 4 are also in train (12 of 30 faces, 40.0%)."
    assert told in shown.warning[0].value and "None of the 30 test faces" in shown.warning[0].value


def test_a_run_that_was_never_looked_at_gets_the_command(open_page, tmp_path):
    make_run(tmp_path, "old", faces=30)
    make_run(tmp_path, "drawn", faces=30, data={"name": "drawn", "title": "Drawn faces"})
    shown = open_page("leaks", folder=tmp_path, run="old")
    assert problems(shown) == [] and "have not been compared" in shown.info[0].value
    assert shown.code[0].value == "python -m core.leaks --run old --data PATH"
    assert (
        open_page("leaks", folder=tmp_path, run="drawn").code[0].value == "python -m core.leaks --run drawn"
    )


@pytest.mark.parametrize("damage", ["file", "note"])
def test_a_damaged_file_is_named(open_page, folder, damage):
    if damage == "file":
        (folder / "leaky" / LEAKS.file).write_bytes(b"nonsense")
    else:
        keep(folder, "leaky", [], about={})
    shown = open_page("leaks", folder=folder)
    assert problems(shown) == [] and LEAKS.file in shown.error[0].value


def with_images(folder, sampled):
    """A run whose scored faces have thumbnails, three pairs, and a training sample of `sampled` of the others."""
    run = make_run(folder, "pictured", faces=20, thumbnails=True, embeddings=True)
    keep(folder, "pictured", [(0, "train", None, 0), (1, "train", "contempt", 2), (2, "train", None, 0)])
    names = [f"train/{number}.png" for number in sampled]
    TrainingSample(
        tuple(names),
        ("happy",) * len(names),
        run.embeddings()[: len(names)],
        {name: as_webp(make_face(3, seed=number)) for number, name in enumerate(names)},
    ).save(run.path / "training_sample.parquet")


def test_pairs_are_shown_side_by_side(open_page, tmp_path):
    with_images(tmp_path, sampled=(0, 1, 2))
    shown = open_page("leaks", folder=tmp_path)
    assert problems(shown) == [] and pictures(shown) == 6 and not shown.text_input
    told = text_of(shown)
    assert told.count("labels differ") == 1 and "train: contempt" in told and "2 of 64 bits differ" in told
    assert told.count("same hash") == 2


def test_where_the_sample_lacks_a_face_the_reader_s_copy_is_asked_for(open_page, tmp_path):
    with_images(tmp_path, sampled=(0,))
    shown = open_page("leaks", folder=tmp_path)
    assert pictures(shown) == 4
    told = text_of(shown)
    assert text.ONLY_SCORED in told and told.count("No image of this face.") == 2


def test_both_faces_come_from_the_reader_s_copy(open_page, tmp_path):
    references = [f"test/happy/{number}.png" for number in range(6)]
    others = [f"train/happy/{number}.png" for number in range(3)]
    for number, reference in enumerate((*references, *others)):
        (tmp_path / "copy" / reference).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(make_face(number % 7, seed=number)[..., 0]).save(tmp_path / "copy" / reference)
    run = make_run(tmp_path / "runs", "own", references=references)
    frame = run.predictions().frame
    rows = {
        "reference": references[:3], "split": "test", "expression": frame["expression"][:3].astype(str),
        "other": others[:2] + ["train/happy/gone.png"], "other_split": "train", "other_expression": "happy",
        "distance": 0, "near_duplicates": LISTED + 1,
    }  # fmt: skip
    save_table(run.path, LEAKS, pd.DataFrame(rows), ABOUT)
    shown = open_page("leaks", folder=tmp_path / "runs")
    shown.text_input[0].set_value(str(tmp_path / "copy")).run()
    assert problems(shown) == [] and not shown.error
    assert pictures(shown) == 5
    told = text_of(shown)
    assert told.count("No image of this face.") == 1
    assert f"Of a face with more than {LISTED} near-duplicates in a split" in told
    assert str(tmp_path) not in str(dict(shown.query_params))


def test_pairs_whose_face_was_not_scored_are_left_out():
    from tests.made_runs import make_predictions

    predictions = make_predictions(faces=5)
    rows = [["nobody", "happy"], [predictions.frame["reference"][4], "fear"]]
    table = pd.DataFrame(rows, columns=["reference", "other_expression"]).assign(
        split="test", expression="happy", other="x", other_split="train", distance=0, near_duplicates=1
    )
    found = tables.pairs(table, predictions)
    assert found["row"].tolist() == [4] and found["labels_differ"].tolist() == [True]
    assert re.match(r"test: \w+ → \*\*\w+\*\* \d+%$", text.format_scored(found.iloc[0]))
