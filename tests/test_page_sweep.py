"""The Sweep page: no sweep, one under way, one that ended, damaged ones; and what it says matters."""

import json

import numpy as np
import pandas as pd
import pytest

from core.config import PRESETS
from core.options import parse_train_config
from core.runs.sweeps import write_sweep, write_tables
from core.sweep.spaces import SPACES
from dashboard.charts import sweeps as charts
from dashboard.tables import sweeps as tables
from dashboard.text import sweeps as text
from tests.pages import problems, text_of


def make_sweep(folder, name="made", *, trials=24, space="factors", objective="accuracy"):
    """A sweep in which M alone matters, by a tenth per block."""
    rng = np.random.default_rng(0)
    info = {
        "name": name,
        "created": f"2026-11-2{trials % 10}T00:00:00+00:00",
        "space": space,
        "parameters": {key: list(values) for key, values in SPACES["factors"].parameters.items()},
        "reference": SPACES["factors"].reference,
        "objective": objective,
        "sampler": "grid",
        "prune": False,
        "data": {"name": "made", "title": "Made-up faces", "train": 3000, "validation": 1000},
        "config": json.loads(json.dumps(PRESETS["original"].recipe())),
        "command": "python -m core.train --preset original",
    }
    found = write_sweep(folder / "sweeps" / name, info)
    rows, epochs = [], []
    for number in range(trials):
        chosen = {key: values[rng.integers(len(values))] for key, values in info["parameters"].items()}
        value = 0.2 + 0.1 * chosen["M"] + rng.normal(0, 0.01)
        state = "pruned" if number == 5 else "fail" if number == 6 else "complete"
        scored = {"accuracy": value, "macro_f1": value - 0.1, "loss": 2 - value} if state != "fail" else {}
        rows.append({"trial": number, "state": state, "best_epoch": 2, "epochs": 2, "network_parameters": 1000,
                     "seconds": 10.0, **scored, **chosen})  # fmt: skip
        epochs += [{"trial": number, "epoch": epoch, "value": value * epoch / 2} for epoch in (1, 2)]
    importance = [{"parameter": "M", "importance": 0.9}, {"parameter": "N", "importance": 0.1}]
    write_tables(found, rows, epochs, importance if trials > 8 else [])
    return found


def test_without_a_sweep_the_page_says_how_to_make_one(open_page, tmp_path):
    shown = open_page("sweep", folder=tmp_path)
    assert problems(shown) == [] and "python -m core.sweep" in text_of(shown)


@pytest.mark.parametrize("objective", ["accuracy", "macro_f1", "loss"])
def test_a_whole_sweep_is_shown(open_page, tmp_path, objective):
    found = make_sweep(tmp_path, objective=objective)
    shown = open_page("sweep", folder=tmp_path)
    assert problems(shown) == [] and not shown.error
    told = text_of(shown)
    assert "3,000 training and 1,000 validation faces" in told
    assert "22 finished, 1 pruned, 1 failed or cut off" in told
    assert "Significant (F-test, Bonferroni-corrected 5%): M (" in told
    best = found.trials().query("state == 'complete'")[objective]
    number = int(best.idxmin() if objective == "loss" else best.idxmax())
    assert f"Trial {number} is best" in told
    assert shown.dataframe[0].value.iloc[0]["trial"] == number
    assert len(shown.dataframe[0].value) == 23  # the failed one has no score
    command = next(each.value for each in shown.code if each.value.startswith("python -m core.train"))
    assert len(parse_train_config(command.split()[3:]).filters) == found.trials().loc[number, "M"]


def test_the_trial_in_the_address_is_the_one_shown(open_page, tmp_path):
    make_sweep(tmp_path)
    shown = open_page("sweep", folder=tmp_path, trial="3")
    assert "**Trial 3**" in text_of(shown)


@pytest.mark.parametrize("trials", [0, 1, 2])
def test_a_sweep_that_has_just_begun(open_page, tmp_path, trials):
    make_sweep(tmp_path, trials=trials)
    shown = open_page("sweep", folder=tmp_path)
    assert problems(shown) == [] and not shown.error
    expected = ["No trial has ended yet", "at least two finished trials", "too few finished trials"][trials]
    assert expected in text_of(shown)


def test_damaged_sweeps_are_named_and_the_others_shown(open_page, tmp_path):
    make_sweep(tmp_path, "whole")
    make_sweep(tmp_path, "broken")
    (tmp_path / "sweeps" / "broken" / "sweep.json").write_text("{")
    shown = open_page("sweep", folder=tmp_path)
    assert problems(shown) == [] and "Sweep 'broken' cannot be shown" in shown.warning[0].value
    assert "Best trials" in text_of(shown)
    (tmp_path / "sweeps" / "whole" / "trials.csv").write_text("nonsense\n1\n")
    shown = open_page("sweep", folder=tmp_path)
    assert "trials.csv of 'whole' has no column" in shown.error[0].value


def test_a_space_that_is_not_known_any_more_still_shows_its_trials(open_page, tmp_path):
    make_sweep(tmp_path, space="everything")
    shown = open_page("sweep", folder=tmp_path)
    assert problems(shown) == [] and "Unknown search space 'everything'" in text_of(shown)


def test_a_planted_effect_is_found_and_nothing_else(tmp_path):
    found = make_sweep(tmp_path, trials=60)
    worth = tables.effects(found.trials(), found).set_index(["parameter", "level"])
    assert worth.loc[("M", "4"), "effect"] == pytest.approx(0.1, abs=0.02)
    assert worth.loc[("M", "3"), "reference"]
    said = text.significant_parameters(tables.tests(found.trials(), found))
    assert "M (" in said and "p < 0.001" in said and "Not significant:" in said


def test_axes_stand_for_their_values(tmp_path):
    found = make_sweep(tmp_path)
    trials = tables.ended(found.trials(), found)
    for title, numbers, names in tables.axes(trials, found):
        assert [names[int(number)] for number in numbers] == [f"{value}" for value in trials[title]]
    figure = charts.parallel(tables.axes(trials, found), trials["accuracy"], objective="accuracy")
    assert [each.label for each in figure.data[0].dimensions] == [*found.parameters, "accuracy"]


def test_the_course_of_a_pruned_trial_is_dotted(tmp_path):
    found = make_sweep(tmp_path)
    course = tables.learning_curves(found.epochs(), found.trials())
    figure = charts.learning_curves(course, objective="accuracy", chosen=2)
    assert figure.data[5].line.dash == "dot" and figure.data[2].line.width == 3
    assert pd.Series(figure.data[4].y).tolist() == course.query("trial == 4")["value"].tolist()
