"""Files that are whole or absent, whatever happens while they are written."""

import pytest

from core.runtime.files import replacing


def test_a_file_appears_whole_and_takes_the_place_of_another(tmp_path):
    path = tmp_path / "x.csv"
    for text in ("first", "second"):
        before = path.read_text() if path.exists() else None
        with replacing(path) as beside:
            beside.write_text(text)
            assert (path.read_text() if path.exists() else None) == before
        assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as beside:
        beside.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_two_writers_at_once_do_not_mix(tmp_path):
    path = tmp_path / "x.csv"
    with replacing(path) as last, replacing(path) as first:
        last.write_text("last")
        first.write_text("first")
    assert path.read_text() == "last" and list(tmp_path.iterdir()) == [path]


def test_a_name_of_the_longest_kind_can_be_written(tmp_path):
    path = tmp_path / ("表" * 83 + ".csv")  # 253 bytes of the 255 that file systems allow
    with replacing(path) as beside:
        beside.write_text("text")
    assert path.read_text() == "text"
