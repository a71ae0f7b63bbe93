"""The overview: its table of runs, narrowed, and a row that chooses a run."""

import pandas as pd
import pytest

from core.runs.catalogue import open_run
from dashboard.tables import runs as tables
from tests.made_runs import make_run
from tests.pages import RUNS, problems, text_of


def names(page) -> list[str]:
    return page.dataframe[0].value["run"].tolist()


@pytest.fixture(scope="module")
def overview(made_runs) -> pd.DataFrame:
    opened = [open_run(made_runs / name) for name in RUNS]
    return tables.overview([(run, run.scores) for run in opened])


def test_runs_are_found_by_name_and_data_in_any_case(overview):
    found = tables.select_runs(overview, text="DRAWN faces", data=[], labels=[])
    assert found["run"].tolist() == ["drawn"]
    assert tables.select_runs(overview, text="one", data=[], labels=[])["run"].tolist() == [
        "one-class",
        "one-face",
    ]


def test_search_text_is_no_pattern(overview):
    assert tables.select_runs(overview, text=".*", data=[], labels=[]).empty
    assert len(tables.select_runs(overview, text="", data=[], labels=[])) == len(RUNS)


def test_filters_add_up(overview):
    kept = tables.select_runs(overview, text="a", data=["Made-up faces"], labels=[8])
    assert set(kept["run"]) == {"affect", "absent"}
    assert kept.index.tolist() == [0, 1]


def test_the_filters_of_the_link_narrow_the_table_and_leave_the_chosen_run(open_page):
    shown = open_page("overview", run="affect", search="ELEV")
    assert problems(shown) == []
    assert names(shown) == ["eleven"]
    assert shown.header[0].value == "affect"
    assert set(names(open_page("overview", labels="8"))) == {"affect", "absent"}
    assert names(open_page("overview", data="Drawn faces")) == ["drawn"]


def test_filters_that_leave_nothing_say_so(open_page):
    shown = open_page("overview", run="affect", search="nobody")
    assert "No run passes" in shown.info[0].value
    assert shown.header[0].value == "affect"


def test_one_run_alone_needs_no_filters(open_page, tmp_path):
    make_run(tmp_path, "alone", faces=20)
    shown = open_page("overview", folder=tmp_path)
    assert names(shown) == ["alone"]
    assert not shown.text_input and not shown.multiselect


def test_an_unknown_filter_in_the_link_is_named(open_page):
    shown = open_page("overview", labels="9")
    assert any("labels '9'" in element.value for element in shown.warning)
    assert set(names(shown)) == set(RUNS)


def test_the_learning_curves_and_the_ledger_are_there(open_page):
    told = text_of(open_page("overview", run="affect"))
    assert "Learning curves" in told and "3,000 rows read" in told
