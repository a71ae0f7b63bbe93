"""The training page: several runs compared, and over-fitting in words."""

import pandas as pd
import pytest

from core.report import score_tables
from core.report.figures import training as training_figures
from core.report.figures.contrast import DARK_PAGE, INK, INK_ON_DARK, PAGE, contrast
from dashboard.charts import curves
from dashboard.text import runs as run_text
from tests.made_runs import make_history
from tests.pages import problems, text_of


def history(validation_loss: list[float], *, accuracy: float = 0.8, validation: float = 0.7) -> pd.DataFrame:
    epochs = len(validation_loss)
    return pd.DataFrame(
        {
            "epoch": range(1, epochs + 1),
            "accuracy": accuracy,
            "validation_accuracy": validation,
            "validation_loss": validation_loss,
        }
    )


def test_a_gap_and_a_risen_loss_are_told():
    sentence = run_text.overfitting(history([1.2, 1.0, 1.1, 1.3]), 2)
    assert "is 10.0 points above validation accuracy" in sentence and "augmented faces" in sentence
    assert "has risen by 0.300 since: training longer over-fits" in sentence


def test_a_loss_that_stays_is_no_sign_of_overfitting():
    sentence = run_text.overfitting(history([1.2, 1.0, 1.005], accuracy=0.6), 2)
    assert "is 10.0 points below validation accuracy" in sentence
    assert "no sign of over-fitting" in sentence


def test_after_the_last_epoch_nothing_is_known():
    assert "is not known" in run_text.overfitting(history([1.2, 1.0]), 2)
    assert run_text.overfitting(history([1.2, 1.0]), None) == ""


def test_overlaid_runs_live_in_the_link(open_page):
    shown = open_page("training", **{"run": "affect", "with": ["eleven", "nobody"]})
    assert problems(shown) == []
    assert shown.dataframe[0].value["run"].tolist() == ["affect", "eleven"]
    assert shown.multiselect(key="with").value == ["eleven"]
    assert "'nobody'" in shown.warning[0].value
    assert all(f"**{name}**: At the best epoch" in text_of(shown) for name in ("affect", "eleven"))


def test_lines_stand_out_from_the_page_in_both_themes():
    for ink, page in ((INK, PAGE), (INK_ON_DARK, DARK_PAGE)):
        assert all(contrast(curves.run_colour(number, ink), page) >= 3 for number in range(6))


def test_the_page_tells_the_gap_at_the_best_epoch(open_page):
    shown = open_page("training", run="affect")
    row = shown.dataframe[0].value.iloc[0]
    gap = row["training_accuracy"] - row["validation_accuracy"]
    assert f"{gap:.1f} points above validation accuracy" in text_of(shown)


def test_a_run_of_one_epoch_is_told_without_guessing(open_page):
    shown = open_page("training", run="one-face")
    assert problems(shown) == []
    assert "is not known" in text_of(shown)


@pytest.mark.parametrize("measure", ["loss", "accuracy"])
def test_the_best_epoch_is_marked_on_the_validation_curve(measure):
    made = make_history(12)
    table = score_tables.learning_curves({"run": made}, measure)
    figure = training_figures.learning(table, title=measure, best_epochs={"run": 10})
    star = next(trace for trace in figure.data if trace.name == "best epoch")
    assert list(star.x) == [10]
    assert star.y[0] == made.set_index("epoch").loc[10, f"validation_{measure}"]
    assert ("%" in star.hovertemplate.split("y:")[1]) == (measure == "accuracy")
