"""The Robustness page: with what was measured, without, damaged."""

import pandas as pd
import pytest

from core.analysis.corruptions import CORRUPTIONS, SEVERITIES
from core.runs.catalogue import open_run
from core.runs.run import write_robustness
from core.runs.tables import ROBUSTNESS_COLUMNS as COLUMNS
from dashboard.charts import robustness as charts
from dashboard.tables import robustness as tables
from dashboard.text import robustness as text
from tests.made_runs import make_run
from tests.pages import problems, text_of


def measured() -> pd.DataFrame:
    """Accuracy falls by a hundredth of the severity, by a tenth of it under noise."""
    rows = [("none", 0, 0.0, 100, 0.8, 0.7, 0.9, 0.75)]
    for name in CORRUPTIONS:
        for severity in SEVERITIES:
            accuracy = 0.8 - severity * (0.1 if name == "noise" else 0.01)
            rows.append((name, severity, 1.0, 100, accuracy, accuracy - 0.1, accuracy + 0.1, 0.5))
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture
def folder(tmp_path):
    make_run(tmp_path, "scored", faces=30)
    write_robustness(
        open_run(tmp_path / "scored"),
        measured(),
        {"data": "Made-up faces", "split": "test", "test_time_augmentation": "mirror"},
    )
    return tmp_path


def test_the_page_shows_what_was_measured(open_page, folder):
    shown = open_page("robustness", folder=folder)
    assert problems(shown) == [] and not shown.error
    told = text_of(shown)
    assert (
        "Made-up faces, 100 test faces, averaged over each face and its mirror image: accuracy 80.0%" in told
    )
    assert "Largest mean loss: noise (30.0 points)" in told
    grid = shown.dataframe[0].value
    assert grid["corruption"][0] == "noise" and grid["mean"][0] == pytest.approx(50)
    assert sum(len(each.proto.imgs) for each in shown.image) == 6


def test_a_chosen_corruption_is_explained(open_page, folder):
    shown = open_page("robustness", folder=folder, corruption="jpeg")
    assert "Jpeg, severities 1 to 5: 40, 25, 15, 10, 5 (quality)." in text_of(shown)


def test_a_run_without_corrupted_faces_gets_the_command(open_page, tmp_path):
    make_run(tmp_path, "unscored", faces=30)
    shown = open_page("robustness", folder=tmp_path)
    assert problems(shown) == []
    assert shown.code[0].value == "python -m core.evaluate --run unscored --data PATH --corruptions"


def test_a_damaged_file_is_named(open_page, folder):
    (folder / "scored" / "robustness.json").write_text("{")
    shown = open_page("robustness", folder=folder)
    assert problems(shown) == [] and "robustness.json" in shown.error[0].value


def test_every_line_begins_with_the_clean_faces():
    lines = tables.lines(measured())
    assert (lines.query("strength == 0")["accuracy"] == 0.8).all() and len(lines) == 48
    figure = charts.accuracies(lines, chosen="noise")
    assert len(figure.data) == 9  # eight lines and the chosen one's interval
    assert [trace.opacity for trace in figure.data if trace.name == "noise"] == [1.0]


def test_the_words_hold_without_augmentation():
    about = {"data": "X", "split": "test", "test_time_augmentation": "none"}
    assert "averaged" not in text.findings(measured(), about)
