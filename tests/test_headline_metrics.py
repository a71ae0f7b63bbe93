"""A headline metric is one record: scores, terminal, tables, comparison and report take it from there."""

from types import SimpleNamespace

import numpy as np
import pytest

from core.analysis.comparison.runs import compare
from core.metrics.headline import HEADLINES, Metric
from core.metrics.scoring import score, scores_from_dict
from core.metrics.text import PERCENT, interval
from core.report import numbers
from core.report.score_tables import headlines, prominent_headlines
from core.runs.catalogue import open_run
from dashboard.tables.runs import overview
from tests.made_runs import make_predictions, make_run


def misread_share(confusion: np.ndarray) -> np.ndarray:
    """Share of misread faces, (..., c, c) -> (...)."""
    return 1 - np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1))


def outside_the_first_two(truth: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Whether the true label is not among the two most probable ones, (n,)."""
    return ~(np.argsort(probabilities, axis=1)[:, -2:] == truth[:, None]).any(axis=1) + 0.0


def worst_pair(pairwise: np.ndarray) -> np.ndarray:
    """The lowest A(i, j), (..., c, c) -> (...)."""
    return np.nanmin(pairwise, axis=(-2, -1))


def made(function, method: str, **others) -> Metric:
    return Metric(
        name="toy",
        title="Toy number",
        short="toy",
        meaning="Made up.",
        function=function,
        interval=method,
        section="expressions",
        prominent=True,
        compared=True,
        **others,
    )


@pytest.fixture(
    params=[
        made(misread_share, "confusion", format=PERCENT, higher_is_better=False),
        made(outside_the_first_two, "mean", higher_is_better=False),
        made(worst_pair, "pairs"),
    ],
    ids=lambda metric: metric.interval,
)
def toy(request, monkeypatch) -> Metric:
    monkeypatch.setitem(HEADLINES, "toy", request.param)
    return request.param


def expected(toy: Metric, predictions) -> float:
    if toy.interval == "confusion":
        return 1 - predictions.correct.mean()
    if toy.interval == "mean":
        return outside_the_first_two(predictions.truth, predictions.probabilities).mean()
    return np.nanmin(score(predictions, resamples=0).pairwise_a)


def test_one_record_puts_a_metric_into_scores_terminal_tables_and_report(toy):
    predictions = make_predictions(faces=300)
    scores = score(predictions, resamples=100)
    estimate = scores.headline["toy"]
    assert estimate.value == pytest.approx(expected(toy, predictions))
    if toy.interval == "pairs":  # only M has an interval
        assert np.isnan(estimate.low) and np.isnan(estimate.high)
        return
    assert estimate.low < estimate.high and estimate.low <= estimate.value + 0.05
    assert scores_from_dict(scores.as_dict()).headline["toy"] == estimate

    value, ends = toy.format.text(estimate.value), interval(estimate, toy.format)
    (line,) = [line for line in prominent_headlines(scores, of="test").splitlines() if "Toy number" in line]
    assert line.split("  ")[-2].strip() == value and f"(95% {ends})" in line

    row = headlines(scores).set_index("name").loc["toy"]
    assert (row["number"], row["value"], row["low"]) == ("Toy number", estimate.value, estimate.low)

    run = SimpleNamespace(test_time_augmentation="none", has_network=True)
    review = SimpleNamespace(scores=scores, split="test", run=run)
    (table,) = [block for block in numbers.headline(review).blocks if hasattr(block, "rows")]
    assert ("Toy number", value, ends, "bootstrap", "Made up.") in table.rows
    assert ("Toy number", value, ends) in numbers.cards(review).cards


def test_one_record_puts_a_metric_into_the_comparison_and_the_table_of_runs(toy, tmp_path):
    for name, seed, skill in (("first", 1, 1.0), ("better", 3, 4.5)):
        make_run(tmp_path, name, network_seed=seed, skill=skill, faces=400, affect=False, resamples=0)
    runs = [open_run(tmp_path / name) for name in ("first", "better")]
    comparison = compare(*runs, resamples=300)
    table = comparison.table().set_index("name")
    assert list(table.index) == [name for name, metric in HEADLINES.items() if metric.compared]
    row = table.loc["toy"]
    values = [expected(toy, run.predictions()) for run in runs]
    assert (row["a"], row["b"]) == pytest.approx(tuple(values))
    if toy.interval == "pairs":  # only M has a test
        assert row["significance"] == "unknown"
    else:
        assert row["advantage"] > 0 and row["significance"] == "better" and row["low"] < row["high"]
    assert any(sentence.startswith("Toy ") for sentence in comparison.sentences())
    shown = overview([(run, run.scores) for run in runs])
    assert shown["toy"].tolist() == pytest.approx(values)
