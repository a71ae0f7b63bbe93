"""Orders of numeric labels: published ones against their tables, and those that a user writes."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from core.config import TrainConfig
from core.data.training_data import load_training_data
from core.errors import AffectoscopeError
from core.label_orders import LabelOrder, parse_label_order, undecided
from core.labels import EXPRESSIONS
from core.options import parse_train_config, train_arguments
from core.runs.source_data import load_run_data
from core.runtime.console import Console
from tests.trees import class_folders, write


def labels(order: str, numbers) -> str:
    codes = parse_label_order(order).codes(numbers)
    return " ".join(f"{number}{EXPRESSIONS[code][:2]}" for number, code in sorted(codes.items()))


@pytest.mark.parametrize(
    ("order", "numbers", "expected"),
    [
        ("rafdb", range(1, 8), "1su 2fe 3di 4ha 5sa 6an 7ne"),
        ("rafdb", range(7), "0su 1fe 2di 3ha 4sa 5an 6ne"),
        ("fer2013", range(7), "0an 1di 2fe 3ha 4sa 5su 6ne"),
        ("fer2013", range(1, 8), "1di 2fe 3ha 4sa 5su 6ne"),
        ("affectnet", range(11), "0ne 1ha 2sa 3su 4fe 5di 6an 7co 8no 9un 10no"),
        ("alphabetical", range(8), "0an 1co 2di 3fe 4ha 5ne 6sa 7su"),
        ("alphabetical", range(7), "0an 1di 2fe 3ha 4ne 5sa 6su"),
        ("alphabetical", range(1, 9), "1an 2co 3di 4fe 5ha 6ne 7sa 8su"),
        ("alphabetical", [0, 3, 7], "0an 3fe 7su"),
        ("alphabetical", range(6), ""),
    ],
)
def test_published_orders(order, numbers, expected):
    assert labels(order, numbers) == expected


@pytest.mark.parametrize(
    "content",
    ["angry\nHappy\n\nno_face\n", "# mine\n0 anger\n1 joy\n2 no face\n", "2: no-face\r\n1, happy\r\n0=anger"],
)
def test_a_file(tmp_path, content):
    order = parse_label_order(str(write(tmp_path / "order.txt", content)))
    assert order == LabelOrder("0=anger,1=happy,2=no-face", ((0, 6), (1, 1), (2, 10)))
    assert parse_label_order(order.text) == order


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("happy\ncalm", "Unknown expression 'calm'"),
        ("0 happy\n0 sad", "has the number 0 twice"),
        ("0 happy\nsad", "use one form"),
        (b"\xff\xfe", "cannot be read as text"),
    ],
)
def test_a_file_that_is_none(tmp_path, content, message):
    with pytest.raises(AffectoscopeError, match=message):
        parse_label_order(str(write(tmp_path / "order.txt", content)))


def test_a_name_that_is_none():
    with pytest.raises(AffectoscopeError, match="no label order 'rafbd'; pass affectnet, rafdb, fer2013"):
        parse_label_order("rafbd")


def test_a_training_keeps_what_the_file_says(tmp_path):
    path = write(tmp_path / "order.txt", "surprise\nfear\n")
    config = parse_train_config(["--label-order", str(path)])
    path.unlink()
    assert config.as_dict()["label_order"] == config.recipe()["label_order"] == "0=surprise,1=fear"
    assert TrainConfig.from_dict(config.as_dict()) == config
    assert parse_train_config(train_arguments(config)) == config
    with pytest.raises(AffectoscopeError, match="no label order"):
        replace(TrainConfig(), label_order=str(path))


def test_help_explains_the_option(capsys):
    with pytest.raises(SystemExit):
        parse_train_config(["--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "--label-order" in shown and "alphabetical" in shown


def test_the_question_gives_the_counts_of_each_reading():
    text = str(undecided("x.zip has class folders", {1: 1290, 2: 281, 3: 717, 4: 4772, 5: 1982, 6: 705}))
    assert (
        "as AffectNet: 4,772 fear, 1,982 disgust, 1,290 happy and others; as RAF-DB: 4,772 happy, 1,982 sad"
        in text
    )
    assert "numbered 1, 2, 3, 4, 5, 6" in text and text.count("4,772") == 3  # FER2013 too
    assert "No known order" in str(undecided("x.zip has class folders", {12: 3}))


def test_a_runs_data_opens_again_in_its_label_order(tmp_path, monkeypatch):
    monkeypatch.setenv("AFFECTOSCOPE_CACHE", str(tmp_path / "cache"))
    path = class_folders(tmp_path / "data", {f"train/{number}": 6 for number in range(7)})
    config = TrainConfig(data=path, label_order="fer2013", size=16)
    data = load_training_data(config, Console())
    run = SimpleNamespace(
        name="run",
        info={"config": config.as_dict(), "data": {"counts": data.counts, "title": data.table.title}},
        labels=data.labels.labels,
        detector="mtcnn",
        has_network=True,
        imported=None,
    )
    again = load_run_data(run, path, Console())
    assert again.table.faces.equals(data.table.faces) and again.counts == data.counts
    with pytest.raises(AffectoscopeError, match="nothing says whose"):
        load_training_data(replace(config, label_order=None), Console())
