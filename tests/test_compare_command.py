"""`core.compare`: the numbers, the verdict in words, what is written, and every refusal."""

import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from core import compare as command
from core.analysis.comparison.runs import Comparison, compare, compare_paired
from core.compare import CompareOptions, compare_runs
from core.errors import AffectoscopeError
from core.metrics.comparison import Difference
from core.metrics.headline import compared_metrics
from core.runs.catalogue import open_run
from tests.made_runs import make_run
from tests.pages import ROOT

REFERENCES = [f"test/{number:04d}.png" for number in range(600)]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Four runs on the same faces: two alike in what they can do, one better, one copy; and one on other data."""
    folder = tmp_path_factory.mktemp("runs")
    faces = {"references": REFERENCES, "label_set": 8, "affect": True, "resamples": 0}
    make_run(folder, "first", network_seed=1, **faces)
    make_run(folder, "alike", network_seed=2, **faces)
    make_run(folder, "better", network_seed=3, skill=4.5, **faces)
    make_run(folder, "copy", network_seed=1, **faces)
    make_run(folder, "elsewhere", **faces, data={"name": "drawn", "title": "Drawn faces"})
    make_run(folder, "strangers", network_seed=1, skill=4.5, faces=600, label_set=8, resamples=0)
    return folder


def options(folder, a, b, **others) -> CompareOptions:
    return CompareOptions(str(folder / a), str(folder / b), **{"resamples": 500} | others)


def difference(name, value, low, high, p, *, a=0.6) -> Difference:
    return Difference(name, a, a + value, value, low, high, p / 2, p, "made up")


def comparison_of(*differences) -> Comparison:
    class Named:
        a, b = "old", "new"

    return Comparison(Named(), differences, 2000, 0)


ACCURACY = difference("accuracy", 0.019, 0.006, 0.032, 0.004)
F1 = difference("macro_f1", -0.03, -0.05, -0.01, 0.0001)
M = difference("m_measure", 0.0004, -0.01, 0.011, 1.0, a=0.9)
CALIBRATION = difference("expected_calibration_error", -0.012, -0.02, -0.004, 0.01, a=0.05)
UNKNOWN = difference("valence_ccc", math.nan, math.nan, math.nan, math.nan)


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        (
            (ACCURACY, M),
            "'new' is better than 'old' on accuracy (+1.9 points, 95% 0.6 to 3.2, p = 0.004 corrected); not "
            "distinguishable on M.",
        ),
        (
            (ACCURACY, F1, CALIBRATION),
            "'new' is better than 'old' on accuracy (+1.9 points, 95% 0.6 to 3.2, p = 0.004 corrected) and calibration "
            "error (−0.012, 95% −0.020 to −0.004, p = 0.010 corrected); worse on macro-F1 (−0.030, 95% −0.050 to "
            "−0.010, p < 0.001 corrected).",
        ),
        ((M,), "'new' is not distinguishable from 'old' on M."),
        (
            (F1, CALIBRATION),
            "'new' is worse than 'old' on macro-F1 (−0.030, 95% −0.050 to −0.010, p < 0.001 corrected); better on "
            "calibration error (−0.012, 95% −0.020 to −0.004, p = 0.010 corrected).",
        ),
        (
            (F1, M, UNKNOWN),
            "'new' is worse than 'old' on macro-F1 (−0.030, 95% −0.050 to −0.010, p < 0.001 corrected); not "
            "distinguishable on M; CCC of valence cannot be tested on these faces.",
        ),
        ((UNKNOWN,), "CCC of valence cannot be tested on these faces."),
    ],
)
def test_the_verdict_in_words(differences, verdict):
    assert comparison_of(*differences).verdict() == verdict


def test_a_p_value_just_below_the_limit_does_not_read_like_one_at_it():
    assert (
        "p = 0.0498 corrected" in comparison_of(difference("accuracy", 0.02, 0.001, 0.04, 0.0498)).verdict()
    )
    assert "p = 0.049 corrected" in comparison_of(difference("accuracy", 0.02, 0.001, 0.04, 0.049)).verdict()


def test_a_sentence_for_each_number():
    assert comparison_of(ACCURACY, M, CALIBRATION, UNKNOWN).sentences() == [
        "Accuracy 60.0% in 'old', 61.9% in 'new' (+1.9 points, 95% 0.6 to 3.2, p = 0.004 corrected): 'new' is better.",
        "M 0.900 in 'old', 0.900 in 'new' (0.000, 95% −0.010 to 0.011, p = 1.000 corrected): not distinguishable from "
        "chance.",
        "Calibration error 0.050 in 'old', 0.038 in 'new' (−0.012, 95% −0.020 to −0.004, p = 0.010 corrected): 'new' is "
        "better.",
        "CCC of valence 0.600 in 'old', – in 'new' (–, no interval, no p-value): it cannot be tested on these faces.",
    ]


def test_advantages_are_turned_round_where_lower_is_better():
    table = comparison_of(ACCURACY, CALIBRATION).table().set_index("name")
    columns = ["advantage", "advantage_low", "advantage_high"]
    assert list(table.loc["accuracy", columns]) == pytest.approx([0.019, 0.006, 0.032])
    assert list(table.loc["expected_calibration_error", columns]) == pytest.approx([0.012, 0.004, 0.02])
    assert list(table["significance"]) == ["better", "better"]


def test_accuracy_is_that_of_both_runs_and_its_p_value_the_binomial_test_of_changed_faces(runs):
    a, b = open_run(runs / "first"), open_run(runs / "better")
    comparison = compare(a, b, resamples=500)
    accuracy = comparison.table().set_index("name").loc["accuracy"]
    right_a, right_b = a.predictions().correct, b.predictions().correct
    assert (accuracy["a"], accuracy["b"]) == pytest.approx((right_a.mean(), right_b.mean()))
    fixed, broken = int((right_b & ~right_a).sum()), int((right_a & ~right_b).sum())
    assert (comparison.changed["fixed"], comparison.changed["broken"]) == (fixed, broken)
    assert accuracy["p"] == pytest.approx(binomtest(fixed, fixed + broken).pvalue)
    assert sum(comparison.changed.values()) == 600
    assert (
        f"'better' correctly classifies {fixed} faces that 'first' misclassifies, and misclassifies {broken}"
        in comparison.change()
    )


def test_the_other_numbers_are_those_of_the_scores(runs):
    a, b = open_run(runs / "first"), open_run(runs / "better")
    table = compare(a, b, resamples=500).table().set_index("name")
    assert list(table.index) == list(compared_metrics())
    for column, run in (("a", a), ("b", b)):
        for name in ("macro_f1", "m_measure", "expected_calibration_error"):
            assert table.loc[name, column] == pytest.approx(run.scores.headline[name].value)
        for name in ("valence", "arousal"):
            assert table.loc[f"{name}_ccc", column] == pytest.approx(
                run.scores.affect[name]["ccc"].value, abs=1e-6
            )


def test_a_better_network_is_found_better_and_one_alike_is_not(runs):
    first = open_run(runs / "first")
    better, alike, copy = (
        compare(first, open_run(runs / name), resamples=500) for name in ("better", "alike", "copy")
    )
    assert better.verdict().startswith("'better' is better than 'first' on accuracy (+")
    assert alike.verdict().startswith("'alike' is not distinguishable from 'first' on accuracy, macro-F1, M")
    assert copy.changed == {"same": 600, "fixed": 0, "broken": 0, "both-wrong": 0}
    assert "better" not in copy.verdict() and "worse" not in copy.verdict()


def test_b_against_a_is_a_against_b_turned_round(runs):
    a, b = open_run(runs / "first"), open_run(runs / "better")
    there, back = compare(a, b, resamples=500), compare(b, a, resamples=500)
    for one, other in zip(there.differences, back.differences, strict=True):
        assert (one.a, one.b, one.difference) == pytest.approx((other.b, other.a, -other.difference))
        assert one.p == pytest.approx(other.p)
        # Randomised differences are other ones with the runs exchanged.
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=2e-3)
    assert there.changed["fixed"] == back.changed["broken"]


def test_the_order_of_rows_and_labels_in_a_run_changes_nothing(runs):
    from core.analysis.comparison.pairing import pair
    from tests.test_paired_runs import shuffled

    a, b = open_run(runs / "first"), open_run(runs / "better")
    of_a, of_b = a.predictions(), b.predictions()
    once = compare_paired(pair(a, b, (of_a, of_b)), resamples=500)
    again = compare_paired(pair(a, b, (shuffled(of_a, 3), shuffled(of_b, 4))), resamples=500)
    pd.testing.assert_frame_equal(once.table(), again.table(), check_exact=True)
    assert once.verdict() == again.verdict()


def test_the_command_tells_coverage_verdict_and_table(runs, capsys):
    comparison = compare_runs(options(runs, "first", "better"))
    shown = capsys.readouterr().out
    assert "Compared on the 600 faces that both runs scored." in shown
    assert comparison.verdict() in shown and comparison.change() in shown
    accuracy = comparison.table().iloc[0]
    assert accuracy["p"] < 0.0001 and "<0.0001" in shown and "0.0000" not in shown
    assert f"accuracy               {accuracy['a']:.4f}   {accuracy['b']:.4f}" in shown


def test_json_holds_everything_and_csv_the_table(runs, tmp_path, capsys):
    comparison = compare_runs(options(runs, "first", "better", out=tmp_path / "both.json"))
    kept = json.loads((tmp_path / "both.json").read_text())
    assert (kept["a"], kept["b"], kept["faces"], kept["resamples"], kept["seed"]) == (
        "first",
        "better",
        600,
        500,
        0,
    )
    assert kept["verdict"] == comparison.verdict() and kept["changed"] == comparison.changed
    assert [row["name"] for row in kept["differences"]] == list(compared_metrics())
    compare_runs(options(runs, "first", "better", out=tmp_path / "both.csv"))
    table = pd.read_csv(tmp_path / "both.csv")
    np.testing.assert_allclose(table["difference"], [row["difference"] for row in kept["differences"]])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["both.csv", "both.json"]


def test_what_cannot_be_computed_is_null_in_json(tmp_path, capsys):
    for seed, name in enumerate(("first", "second")):
        make_run(tmp_path, name, faces=20, only="happy", network_seed=seed, resamples=0)
    compare_runs(options(tmp_path, "first", "second", out=tmp_path / "both.json"))
    rows = {row["name"]: row for row in json.loads((tmp_path / "both.json").read_text())["differences"]}
    assert rows["m_measure"]["difference"] is None and rows["m_measure"]["significance"] == "unknown"
    assert "M cannot be tested on these faces" in capsys.readouterr().out.replace("\n", " ")


def test_the_same_seed_gives_the_same_and_another_one_other_intervals(runs):
    a, b = open_run(runs / "first"), open_run(runs / "alike")
    once, again, other = (compare(a, b, resamples=500, seed=seed).table() for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(once, again)
    assert not np.allclose(once["low"], other["low"])


def refused(given: CompareOptions) -> str:
    with pytest.raises(AffectoscopeError) as error:
        compare_runs(given)
    return str(error.value)


def test_bad_options_are_refused_before_anything_is_read(runs, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for others, message in (
        ({"out": tmp_path / "both.xlsx"}, "has no known format; expected a name ending in .json or .csv."),
        (
            {"out": tmp_path / "nowhere" / "both.csv"},
            "cannot be written: it is a folder, or its folder does not exist.",
        ),
        ({"out": tmp_path / "folder.csv"}, "cannot be written: it is a folder"),
        ({"resamples": 20}, "--resamples 20 is too few"),
        ({"seed": -1}, "--seed -1 is none; expected 0 or more."),
    ):
        assert message in refused(options(runs, "nobody", "nobody", **others))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


def test_runs_that_do_not_fit_are_refused_and_nothing_is_written(runs, tmp_path):
    for b, message in (
        ("nobody", "not found; runs under artifacts"),
        ("first", "'first' cannot be compared with itself"),
        ("elsewhere", "'first' was scored on Made-up faces and 'elsewhere' on Drawn faces"),
        ("strangers", "'first' and 'strangers' have no scored faces in common"),
    ):
        assert message in refused(options(runs, "first", b, out=tmp_path / "both.json"))
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_named_and_the_old_one_stays(runs, tmp_path, monkeypatch):
    (tmp_path / "both.json").write_text("old")

    def full(path, document):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "write_json", full)
    told = refused(options(runs, "first", "alike", out=tmp_path / "both.json"))
    assert told == f"{tmp_path / 'both.json'} cannot be written (No space left on device)."
    assert (tmp_path / "both.json").read_text() == "old"


def test_the_command_line_ends_with_one_sentence_and_status_2(runs):
    arguments = [sys.executable, "-m", "core.compare", str(runs / "first"), str(runs / "elsewhere")]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert (
        done.stderr.startswith("Error: 'first' was scored on Made-up faces") and done.stderr.count("\n") == 1
    )
