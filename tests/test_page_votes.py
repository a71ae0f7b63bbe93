"""Votes of a run's scored faces: kept, compared with its predictions, and the page Votes."""

import shutil

import numpy as np
import pandas as pd
import pytest

from core.analysis.votes import AGREEMENT_BINS, format_votes, keep_votes, load_votes, save_votes
from core.data.face_table import FaceTable, Ledger, as_face_frame
from core.errors import AffectoscopeError
from core.labels import EXPRESSIONS
from core.metrics.votes import human_agreements
from core.report.score_tables import vote_lines, vote_table
from core.runs.catalogue import open_run
from core.runs.tables import VOTES, save_table
from dashboard.charts import votes as charts
from dashboard.tables import votes as tables
from dashboard.text import votes as text
from tests.made_runs import make_run
from tests.pages import pictures, problems, text_of


def of_faces(references: list[str], votes: np.ndarray | None) -> FaceTable:
    faces = as_face_frame({"reference": references, "expression": [1] * len(references)})
    return FaceTable(
        "made", "Voted faces", faces, Ledger(len(references)), lambda reference: b"", votes=votes
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Runs "voted", with the votes of ten annotators, and "plain", on the same faces, without."""
    folder = tmp_path_factory.mktemp("votes")
    make_run(folder, "voted", faces=200, annotators=10, thumbnails=True)
    make_run(folder, "plain", faces=200)
    return folder


@pytest.fixture(scope="module")
def review(home):
    run = open_run(home / "voted")
    return load_votes(run, run.predictions())


def test_votes_are_kept_by_reference_and_read_again(home, tmp_path):
    run = open_run(shutil.copytree(home / "plain", tmp_path / "plain"))
    predictions = run.predictions()
    assert load_votes(run, predictions) is None
    references = predictions.frame["reference"].tolist()
    votes = np.zeros((201, len(EXPRESSIONS)), np.float32)
    votes[np.arange(200), np.arange(200) % 7] = 10
    votes[3] = 0  # nobody voted on this face
    table = of_faces([*reversed(references), "another"], votes)
    assert keep_votes(run, table) == 199
    kept = load_votes(run, predictions)
    assert kept.data == "Voted faces" and kept.scored == 200 and len(kept.rows) == 199
    assert 196 not in kept.rows  # the fourth from the end
    np.testing.assert_array_equal(kept.votes.argmax(axis=1), (199 - kept.rows) % 7)


def test_other_data_changes_nothing_and_data_without_votes_removes_outdated_ones(home, tmp_path):
    run = open_run(shutil.copytree(home / "voted", tmp_path / "voted"))
    references = run.predictions().frame["reference"]
    votes = np.ones((200, len(EXPRESSIONS)), np.float32)
    few = [*references[:90], *(f"other/{number}" for number in range(110))]
    before = (run.path / VOTES.file).read_bytes()
    assert keep_votes(run, of_faces(few, votes)) == 0
    assert keep_votes(run, of_faces(list(references), None)) == 0
    assert (run.path / VOTES.file).read_bytes() == before
    assert save_votes(run.path, of_faces(list(references), None), references) == 0
    assert run.table(VOTES) is None


def test_faces_by_agreement(review, home):
    predictions = open_run(home / "voted").predictions()
    bins = review.bins
    assert bins["faces"].sum() == 200 and set(bins["from"]) <= set(AGREEMENT_BINS)
    top = review.votes.max(axis=1)
    of_six = top == 6
    row = bins[bins["from"] == 0.6].iloc[0]
    assert row["faces"] == row["decided"] == of_six.sum() and row["to"] == 0.7
    predicted = np.array([EXPRESSIONS.index(label) for label in predictions.labels])[predictions.predicted]
    assert row["accuracy"] == pytest.approx((review.votes.argmax(axis=1) == predicted)[of_six].mean())
    assert row["low"] < row["accuracy"] < row["high"]
    assert row["annotator"] == pytest.approx(human_agreements(review.votes)[of_six].mean())
    lowest, undecided = bins.iloc[0], review.faces["majority"] == ""
    few = (top <= 4) & ~undecided.to_numpy()
    assert lowest["from"] == 0 and lowest["decided"] == few.sum() < lowest["faces"]
    assert lowest["annotator"] == pytest.approx(human_agreements(review.votes)[few].mean())
    figure = charts.agreement(bins)
    assert len(figure.data) == 3 and list(figure.data[0].y) == bins["accuracy"].tolist()


def test_selections_are_what_they_say(review, home):
    predictions = open_run(home / "voted").predictions()
    chosen = {name: tables.select_faces(review, predictions, name) for name in tables.CHOICES}
    assert set(chosen["unsure"].index) | set(chosen["sure"].index) == set(chosen["disagreed"].index)
    assert not set(chosen["unsure"].index) & set(chosen["sure"].index)
    assert (chosen["disagreed"]["agreement"] <= 0.5 + 1e-6).all()
    assert chosen["disagreed"]["people"].is_monotonic_decreasing
    assert (chosen["agreed"]["agreement"] >= 0.9 - 1e-6).all()
    assert chosen["agreed"]["network"].is_monotonic_decreasing
    assert len(chosen["agreed"]) and len(chosen["unsure"])


def test_votes_in_words():
    votes = np.zeros(len(EXPRESSIONS), np.float32)
    votes[[2, 0, 4]] = 5, 4, 1
    assert format_votes(votes) == "sad 5, neutral 4, fear 1"
    assert format_votes(votes / 16) == "sad 0.312, neutral 0.25, fear 0.0625"


def test_numbers_on_the_terminal_and_as_a_table(review):
    told = vote_lines(review.scores)
    assert "200 of these faces" in told and "Krippendorff's alpha" in told
    table = vote_table(review.scores).set_index("name")
    assert table.loc["majority_accuracy", "faces"] == review.scores.with_majority < 200
    assert (table["low"] < table["value"]).all()


def test_the_page_shows_the_scores_and_the_faces(open_page, home, review):
    shown = open_page("votes", folder=home, run="voted")
    assert problems(shown) == [] and not shown.error
    values = {metric.label: metric.value for metric in shown.metric}
    ceiling = review.scores.numbers["human_ceiling"].value
    assert values["One annotator"] == f"{100 * ceiling:.1f}%"
    told = text_of(shown)
    assert (
        "10.0 votes per face" in told and "The network is unsure on the faces that people disagree on" in told
    )
    disagreed = (review.faces["agreement"] <= 0.5 + 1e-6).sum()
    assert pictures(shown) == min(disagreed, 24) and told.count("people: ") == pictures(shown)
    shown.segmented_control(key="voted").set_value("people agree, network unsure").run()
    assert problems(shown) == [] and "at least 90% of the votes" in text_of(shown)


def test_a_run_without_votes_gets_the_command(open_page, home):
    shown = open_page("votes", folder=home, run="plain")
    assert problems(shown) == []
    assert shown.code[0].value == "python -m core.evaluate --run plain --data PATH"


def test_a_table_of_other_faces_is_refused(home, tmp_path):
    run = open_run(shutil.copytree(home / "plain", tmp_path / "plain"))
    votes = pd.DataFrame(np.ones((2, len(EXPRESSIONS)), np.float32), columns=list(EXPRESSIONS))
    votes.insert(0, "reference", ["x", "y"])
    save_table(run.path, VOTES, votes)
    with pytest.raises(
        AffectoscopeError, match="votes.parquet of 'plain' holds wrong values .none of its faces"
    ):
        load_votes(run, run.predictions())


def test_soft_labels_have_no_ceiling_in_words(home, tmp_path):
    run = open_run(shutil.copytree(home / "voted", tmp_path / "voted"))
    table, about = run.table(VOTES)
    table[list(EXPRESSIONS)] /= 10
    save_table(run.path, VOTES, table, about)
    soft = load_votes(run, run.predictions())
    assert "a soft label each" in text.summary(soft) and "one annotator" not in text.finding(soft)
    assert "no human ceiling" in text.accepted(soft.scores)
    assert "human_ceiling" not in {name for name, _, _ in text.metrics(soft.scores)}
    assert len(charts.agreement(soft.bins).data) == 2
