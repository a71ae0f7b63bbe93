"""Subjects: nobody is in two of the splits or folds that are made, and who is in several official ones is told."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from core.analysis.data_inspection.inspection import inspect_faces
from core.analysis.data_inspection.text import inspection_lines
from core.analysis.leaks import save_leaks
from core.analysis.shared_subjects import SharedSubjects, find_shared_subjects
from core.analysis.slices.face_attributes import save_face_attributes
from core.config import TrainConfig
from core.data.readers import open_dataset
from core.data.splits import resolve_splits
from core.data.subjects import join_subjects, read_subjects
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.leaks import LeaksOptions, find_pairs
from core.metrics.predictions import Predictions
from core.runs.source_data import load_run_data
from core.runs.tables import ATTRIBUTES, LEAKS, read_table
from core.runtime.console import Console
from core.sweep.cross_validation import _folds
from tests.trees import image_bytes, write

PEOPLE = ("KA", "KL", "KM", "KR", "MK", "NA", "NM", "TM", "UY", "YM")
SHOTS = ("AN", "DI", "FE", "HA", "NE", "SA", "SU")


@pytest.mark.parametrize(
    ("groups", "subjects", "expected"),
    [
        ([0, 1, 2, 3], ["a", "b", "a", "b"], [0, 1, 0, 1]),
        ([0, 0, 1, 2], ["a", "b", "b", "c"], [0, 0, 0, 1]),  # a and b have a near-duplicate: one group
        ([0, 1, 2, 3], ["", "", "a", "a"], [0, 1, 2, 2]),  # unknown people are not one person
        ([5, 5, 9, 9], ["", "a", "", "a"], [0, 0, 0, 0]),
        ([7, 8, 7], ["", "", ""], [7, 8, 7]),
    ],
)
def test_groups_joined_by_hand(groups, subjects, expected):
    assert join_subjects(np.array(groups), subjects).tolist() == expected


def test_joined_groups_equal_a_search_along_chains():
    rng = np.random.default_rng(0)
    for faces, people in ((1, 1), (30, 6), (60, 40)):
        groups = rng.integers(0, faces, faces)
        subjects = np.array(["", *map(str, range(people))], object)[rng.integers(0, people + 1, faces)]
        found = join_subjects(groups, subjects)
        same = groups[:, None] == groups
        same |= (subjects[:, None] == subjects) & (subjects != "")
        reached = same
        for _ in range(faces):
            reached = (reached.astype(int) @ same.astype(int)) > 0
        np.testing.assert_array_equal(found[:, None] == found, reached)


@pytest.mark.parametrize(("people", "faces"), [(10, 21), (70, 70), (123, 3)])
def test_splits_of_so_many_people_share_nobody(people, faces):
    rng = np.random.default_rng(0)
    subjects = np.repeat([f"S{number:03}" for number in range(people)], faces)
    expressions = rng.integers(0, 7, subjects.size)
    groups = join_subjects(np.arange(subjects.size), subjects)
    final = resolve_splits([""] * subjects.size, expressions, groups, seed=1)
    parts = {name: set(subjects[final == name]) for name in ("train", "validation", "test")}
    assert all(parts.values()) and sum(map(len, parts.values())) == people
    assert (final == "test").mean() == pytest.approx(0.1, abs=0.03 if people > 10 else 0.1)


def jaffe(root, *, shots=2):
    for number, person in enumerate(PEOPLE):
        for place, shot in enumerate(SHOTS):
            for each in range(shots):
                seed = 1000 * number + 10 * place + each
                write(root / f"{person}.{shot}{each + 1}.{seed}.tiff", image_bytes(seed, format="TIFF"))
    return root


def class_folders(root):
    """FER2013-like official splits of 5 people, and the CSV that names them: P1 is in train and test."""
    lines = ["subject,reference,age"]
    for split, people in (("train", ("P1", "P2", "P3")), ("test", ("P1", "P4", ""))):
        for place, person in enumerate(people):
            for label in ("happy", "sad"):
                for each in range(4):
                    name = f"{split}/{label}/{place}{each}.png"
                    seed = 1000 * (split == "test") + 100 * place + 10 * (label == "sad") + each
                    write(root / "faces" / name, image_bytes(seed))
                    if person and each:  # one face of each is not in the table
                        lines.append(f"{person},{name},30")
    write(root / "people.csv", "\n".join(lines) + "\n")
    return TrainConfig(data=root / "faces", subjects=root / "people.csv", size=16, validation_share=0.3)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    data = TrainConfig(data=jaffe(tmp_path_factory.mktemp("jaffe")), size=16, validation_share=0.2)
    return data, load_training_data(data, Console())


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    config = class_folders(tmp_path_factory.mktemp("official"))
    return config, load_training_data(config, Console())


def people_of(data):
    faces = data.table.faces
    return {
        split: set(faces["subject"][faces["split"] == split]) for split in ("train", "validation", "test")
    }


def test_a_training_s_splits_share_nobody(lab):
    _, data = lab
    people = people_of(data)
    assert set.union(*people.values()) == set(PEOPLE) and sum(map(len, people.values())) == len(PEOPLE)
    assert all(people.values())


def test_folds_share_nobody(lab):
    config, data = lab
    held = []
    for fold in _folds(data, config, 3):
        people = people_of(fold)
        assert all(people.values()) and sum(map(len, people.values())) == len(set.union(*people.values()))
        held += people["test"]
    assert sorted(held) == sorted(people_of(data)["train"] | people_of(data)["validation"])
    with pytest.raises(AffectoscopeError, match="--folds 20 is out of range; expected 2 to"):
        next(_folds(data, config, 20))


def test_a_table_gives_any_data_set_subjects(official):
    _, data = official
    people = people_of(data)
    assert not (people["train"] & people["validation"]) - {""}
    faces = data.table.faces.set_index("reference")["subject"]
    assert faces["train/happy/11.png"] == "P2" and faces["train/happy/10.png"] == ""
    assert faces["test/sad/23.png"] == "" and (faces == "P1").sum() == 12


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "has the columns none; expected reference and subject"),
        ("reference,person\na,b\n", "has the columns reference, person"),
        ("reference,subject\na\n", "as many cells in every row"),
        ("reference,subject\na,P1\na,P2\n", "names two subjects of a, P1 and P2"),
        (b"\xff\xfe", "cannot be read"),
        (
            "reference,subject\nx.png,P1\n",
            "names no face of .*, whose references are such as .*; found x.png",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_one_sentence(official, tmp_path, content, told):
    config, _ = official
    path = write(tmp_path / "people.csv", content)
    with pytest.raises(AffectoscopeError, match=told):
        load_training_data(replace(config, subjects=path), Console())


def test_a_table_is_read_by_the_names_of_its_columns(tmp_path):
    path = write(
        tmp_path / "p.csv",
        b'\xef\xbb\xbf"Subject",note,Reference\r\n S1 ,"a, b",x/1.png\r\nS1,,x/1.png\r\n,,y.png\r\n',
    )
    assert read_subjects(path) == {"x/1.png": "S1", "y.png": ""}


def test_people_of_several_splits_counted_by_hand():
    rows = [("test", "a"), ("test", "a"), ("test", "b"), ("test", "c"), ("test", ""), ("train", "a"), ("train", "b"),
            ("validation", "a"), ("private_test", "d"), ("train", "")]  # fmt: skip
    faces = pd.DataFrame(rows, columns=["split", "subject"])
    found = find_shared_subjects(faces, split="test")
    assert found == SharedSubjects("test", 5, 4, 3, {"train": (2, 3), "validation": (1, 2)})
    assert found.sentence() == (
        "Of the 3 people of the test faces, 2 are also in train (3 of 5 faces, 60.0%), 1 is also in validation (2 of 5 faces, "
        "40.0%). It is not known who is shown in 1 of these."
    )
    assert SharedSubjects.from_dict("test", found.as_dict()) == found
    alone = find_shared_subjects(faces, split="private_test")
    assert alone.sentence() == "None of the 1 person of the private_test faces is in another split."
    assert find_shared_subjects(faces.assign(subject=""), split="test").sentence() == ""


def test_leaks_name_the_people_of_official_splits(official, tmp_path, capsys):
    config, data = official
    save_leaks(tmp_path, data, split="test")
    about = read_table(tmp_path, LEAKS)[1]
    found = SharedSubjects.from_dict("test", about["subjects"])
    assert (found.faces, found.known, found.subjects) == (24, 12, 2)
    assert sum(faces for _, faces in found.shared.values()) == 6 and set(found.shared) <= {
        "train",
        "validation",
    }
    find_pairs(LeaksOptions(data=config.data, subjects=config.subjects))
    told = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert "Of the 2 people of the test faces, 1 is also in train (6 of 24 faces, 25.0%)." in told


def test_scored_faces_keep_their_subject(official, tmp_path):
    _, data = official
    table, _ = data.part("test")
    truth = data.labels.positions(table.faces["expression"].to_numpy())
    predictions = Predictions.from_arrays(
        labels=data.labels.labels,
        truth=truth,
        probabilities=np.eye(len(data.labels))[truth],
        reference=table.faces["reference"],
        split="test",
    )
    save_face_attributes(tmp_path, data, predictions)
    kept = read_table(tmp_path, ATTRIBUTES)[0].set_index("reference")["subject"]
    assert kept["test/happy/01.png"] == "P1" and kept.isna().sum() == 12
    nameless = replace(data, table=replace(data.table, faces=data.table.faces.assign(subject="")))
    save_face_attributes(tmp_path, nameless, predictions)
    assert "subject" not in read_table(tmp_path, ATTRIBUTES)[0]


def test_commands_of_a_run_find_its_table_beside_the_data(official, tmp_path):
    config, data = official
    info = {
        "config": config.as_dict(),
        "data": {"counts": data.counts, "title": data.table.title},
    }
    assert info["config"]["subjects"] == "people.csv"
    run = SimpleNamespace(
        name="r", info=info, labels=data.labels.labels, detector="mtcnn", has_network=True, imported=None
    )
    again = load_run_data(run, config.data, Console())
    assert again.table.faces.equals(data.table.faces)
    (tmp_path / "faces").symlink_to(config.data)
    with pytest.raises(
        AffectoscopeError, match=r"was trained with --subjects people\.csv; put that file beside"
    ):
        load_run_data(run, tmp_path / "faces", Console())


def test_a_recipe_knows_the_content_of_the_table(official):
    config, _ = official
    recipe = config.recipe()
    assert recipe["subjects"] == "people.csv" and len(recipe["subjects_sha256"]) == 64
    assert TrainConfig.from_dict(config.as_dict()).subjects.name == "people.csv"
    with pytest.raises(AffectoscopeError, match=r"--votes .*nowhere\.csv cannot be read"):
        replace(config, votes=config.data / "../nowhere.csv").recipe()


def test_an_inspection_counts_the_people_and_faces_of_data_without_splits(lab):
    config, _ = lab
    table = open_dataset(config.data)
    text = "\n".join(inspection_lines(table, inspect_faces(table)))
    assert "73 of 213 faces" in text and re.search(r"Subjects +10, of them 0 in several splits", text)
    assert re.search(r"fear +20 \(32\)", text)
