"""A run that an earlier version wrote, before core was divided into folders: it opens, and it comes up to date."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.report.card import write_card
from core.report.review import compute_review
from core.runs.catalogue import list_runs, open_run

EARLIER = Path(__file__).parent / "earlier_run"


@pytest.fixture
def run(tmp_path):
    shutil.copytree(EARLIER, tmp_path / "earlier")
    return open_run(tmp_path / "earlier")


def test_it_is_listed_and_every_part_of_its_review_can_be_read(run):
    assert [listing.problem for listing in list_runs(run.path.parent)] == [""]
    review = compute_review(run)
    # An earlier training had neither votes nor evaluations, robustness or training label errors.
    assert set(review.missing) <= {"robustness", "training_label_errors"}
    assert review.scores.headline["accuracy"].value == pytest.approx(review.predictions.correct.mean())
    stored = json.loads((EARLIER / "scores.json").read_text(encoding="utf-8"))
    assert review.scores.faces == stored["faces"] == 40
    assert run.test_time_augmentation == "none" and run.thumbnails()
    assert review.abstention.groups and review.slices.tables


def test_its_card_can_be_written_anew(run):
    write_card(run)
    assert run.card.startswith("# earlier") and "Accuracy" in run.card


def test_its_network_gives_the_predictions_that_are_kept(run, drawn_tree):
    from core.evaluate import EvaluateOptions, evaluate

    (evaluation,) = evaluate(EvaluateOptions(run=str(run.path), data=(drawn_tree,), resamples=0, keep=False))
    kept, again = run.predictions(), evaluation.predictions
    assert list(again.frame["reference"]) == list(kept.frame["reference"])
    np.testing.assert_allclose(again.probabilities, kept.probabilities, atol=1e-5)
