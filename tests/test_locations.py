"""Where data sets lie on this machine."""

import json
import os
from pathlib import Path

import pytest

from core.data.locations import MOST, find_locations, remember_location
from core.inspect import InspectOptions, inspect


@pytest.fixture
def folder(tmp_path) -> Path:
    for name in ("a", "b", "c"):
        (tmp_path / name / "faces").mkdir(parents=True)
    return tmp_path


def test_the_latest_location_comes_first_and_one_that_is_gone_is_left_out(folder):
    for name in ("a", "b", "a"):
        remember_location("fer2013", folder / name / "faces")
    remember_location("rafdb", folder / "c" / "faces")
    assert find_locations("fer2013", "faces") == [folder / "a" / "faces", folder / "b" / "faces"]
    (folder / "a" / "faces").rmdir()
    assert find_locations("fer2013", "faces") == [folder / "b" / "faces"]
    assert find_locations("jaffe", "faces") == []


def test_a_location_of_the_same_file_name_comes_before_the_others(folder):
    remember_location("fer2013", folder / "a" / "faces")
    remember_location("fer2013", folder / "b")
    assert find_locations("fer2013", "faces") == [folder / "a" / "faces", folder / "b"]
    assert find_locations("fer2013", None) == [folder / "b", folder / "a" / "faces"]


def test_the_folders_of_the_environment_are_searched(folder, monkeypatch):
    monkeypatch.setenv(
        "AFFECTOSCOPE_DATA",
        os.pathsep.join(map(str, (folder / "a", folder / "nowhere", folder / "b" / "faces"))),
    )
    assert find_locations("fer2013", "faces") == [folder / "a" / "faces", folder / "b" / "faces"]
    assert find_locations("fer2013", None) == []


def test_few_locations_are_kept_in_a_file_of_the_configuration(folder):
    for number in range(MOST + 2):
        (folder / str(number)).mkdir()
        remember_location("fer2013", folder / str(number))
    kept = json.loads((Path(os.environ["AFFECTOSCOPE_CONFIG"]) / "data_sets.json").read_text())
    assert kept == {"fer2013": [str(folder / str(number)) for number in range(MOST + 1, 1, -1)]}


@pytest.mark.parametrize("content", ["{", "[]", '{"fer2013": 3}', "\x00"])
def test_a_damaged_file_holds_none_and_is_replaced(folder, content):
    file = Path(os.environ["AFFECTOSCOPE_CONFIG"]) / "data_sets.json"
    file.write_text(content)
    assert find_locations("fer2013", None) == []
    remember_location("fer2013", folder / "a")
    assert find_locations("fer2013", None) == [folder / "a"]


def test_a_configuration_folder_that_cannot_be_written_is_no_error(folder, monkeypatch):
    (folder / "file").touch()
    monkeypatch.setenv("AFFECTOSCOPE_CONFIG", str(folder / "file" / "config"))
    remember_location("fer2013", folder / "a")
    assert find_locations("fer2013", None) == []


def test_an_inspected_data_set_is_remembered(drawn_tree):
    inspect(InspectOptions(drawn_tree, faces=10))
    known = json.loads((Path(os.environ["AFFECTOSCOPE_CONFIG"]) / "data_sets.json").read_text())
    assert list(known.values()) == [[str(Path(drawn_tree).absolute())]]
