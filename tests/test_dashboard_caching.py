"""Caches of functions of runs: found again while nothing has changed, computed again after a change."""

import os

import pytest
import streamlit as st

from core.runs.layout import TAGS_FILE
from core.runs.run import Run
from dashboard.caching import cached, file_state


@pytest.fixture
def run(tmp_path):
    (tmp_path / "scores.json").write_text("1")
    return Run(tmp_path, {"created": "2026-01-01"})


@pytest.fixture
def counted():
    """A cached function that returns what scores.json holds, and the list of its calls."""
    calls = []

    @cached(st.cache_resource, max_entries=2)
    def load(run: Run, option: int = 0) -> str:
        calls.append(option)
        return (run.path / "scores.json").read_text()

    return load, calls


def test_a_result_is_kept_until_a_file_of_the_run_changes(run, counted):
    load, calls = counted
    assert (load(run), load(Run(run.path, dict(run.info)))) == ("1", "1") and len(calls) == 1
    (run.path / "scores.json").write_text("22")
    assert (load(run), load(run)) == ("22", "22") and len(calls) == 2


def test_a_change_that_keeps_the_size_is_seen_too(run, counted):
    load, _ = counted
    assert load(run) == "1"
    (run.path / "scores.json").write_text("2")
    os.utime(run.path / "scores.json", ns=(10**18, 10**18))
    assert load(run) == "2"


def test_tags_do_not_make_a_run_be_read_again(run, counted):
    load, calls = counted
    load(run)
    (run.path / TAGS_FILE).write_text("reference\n")
    load(run)
    assert len(calls) == 1


def test_results_of_a_run_opened_before_it_changed_are_not_found_afterwards(run, counted):
    load, calls = counted
    load(run)
    load(Run(run.path, run.info | {"calibration": {"temperature": 1.5}}))
    assert len(calls) == 2


def test_options_are_part_of_the_key_and_the_entries_are_bounded(run, counted):
    load, calls = counted
    for option in (0, 1, 0, 1, 2, 0):
        load(run, option)
    assert calls == [0, 1, 2, 0]


def test_the_state_of_one_file_can_be_the_key(run):
    calls = []

    @cached(st.cache_data, max_entries=2, state=lambda run: file_state(run.tags_path))
    def tags(run: Run) -> bool:
        calls.append(run)
        return run.tags_path.exists()

    assert not tags(run) and not tags(run) and len(calls) == 1
    (run.path / "scores.json").write_text("333")
    assert not tags(run) and len(calls) == 1
    run.tags_path.write_text("reference\n")
    assert tags(run) and len(calls) == 2
