"""docs/study.md says what the shipped sweeps, scores and corruptions say."""

import re

import pytest

from benchmarks.study import tables
from core.analysis.robustness import mean_accuracy
from core.runs.catalogue import open_run
from core.runs.sweeps import list_sweeps
from core.sweep.spaces import SPACES
from tests.conftest import ROOT

STUDY = (ROOT / "docs" / "study.md").read_text(encoding="utf-8")
SWEEPS, DAMAGED = list_sweeps(ROOT / "artifacts")


def test_the_sweeps_that_ship_are_whole():
    assert not DAMAGED
    factors = next(sweep for sweep in SWEEPS if sweep.info["space"] == "factors")
    trials = factors.trials()
    assert len(trials) == SPACES["factors"].grid_size and set(trials["state"]) == {"complete"}


@pytest.mark.parametrize("sweep", SWEEPS, ids=lambda sweep: sweep.name)
def test_every_line_of_its_tables_stands_in_the_study(sweep):
    for line in tables(sweep):
        assert line in STUDY, f"{line}\nis not in docs/study.md; `python benchmarks/study.py` prints it anew"
    assert sweep.name in STUDY


def test_the_model_card_in_the_study_is_the_shipped_runs():
    run = open_run(ROOT / "artifacts" / "fer2013-standard")
    scores = run.scores
    assert (
        f"{100 * scores.headline['accuracy'].value:.1f} % ({100 * scores.headline['accuracy'].low:.1f} to"
        in STUDY
    )
    assert (
        f"{scores.headline['macro_f1'].value:.3f}" in STUDY
        and f"{scores.headline['m_measure'].value:.3f}" in STUDY
    )
    assert f"{run.info['network']['parameters']:,} parameters" in STUDY
    assert run.info["network"]["parameters"] <= 2_000_000
    assert (run.path / "model.keras").stat().st_size <= 9e6
    if found := run.robustness():
        assert f"{100 * mean_accuracy(found[0]):.1f} %" in STUDY
    else:
        assert "robustness to corrupted faces was not measured" in STUDY


def test_every_command_in_the_study_names_a_module_that_is_there():
    for module in re.findall(r"python -m ([\w.]+)", STUDY):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
    for script in re.findall(r"python (benchmarks/\w+\.py)", STUDY):
        assert (ROOT / script).exists(), script
