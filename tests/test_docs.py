"""docs/metrics.md explains every number that is reported, and names modules, pages, commands and constants as they are."""

import re
from dataclasses import fields

import pytest

from core.analysis.calibration import fitting as calibrate
from core.analysis.calibration import reliability
from core.analysis.calibration import review as calibration_review
from core.analysis.corruptions import CORRUPTIONS, SEVERITIES
from core.analysis.transfer import NUMBERS
from core.data.near_duplicates import MAX_DISTANCE
from core.metrics import calibration, embeddings, intervals
from core.metrics.affect import AffectScores
from core.metrics.estimate import Estimate
from core.metrics.headline import HEADLINES, compared_metrics
from core.metrics.scoring import LabelScores
from core.metrics.vote_scores import ACCEPTED_SHARE, VOTE_METRICS
from core.runs import training_sample
from core.runs.tables import ROBUSTNESS_COLUMNS
from dashboard.tables import thresholds
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

#: One paragraph per number: a bold name first.
ENTRIES = [" ".join(part.split()) for part in TEXT.split("\n\n") if part.startswith("**")]

#: Where a paragraph says what it is about: before its first sentence ends.
HEADS = [re.split(r"\. |: ", entry)[0] for entry in ENTRIES]

PAGES = re.findall(r'page\("\w+", "([^"]+)"', (ROOT / "streamlit_app.py").read_text(encoding="utf-8"))


def explained() -> set[str]:
    """Every name in backticks in the head of a paragraph."""
    return {name for head in HEADS for name in re.findall(r"`(\w+)`", head)}


def test_every_headline_number_is_explained():
    assert set(HEADLINES) <= explained(), set(HEADLINES) - explained()
    sections = {re.sub(r"\W+", "-", part.split("\n")[0].lower()): part for part in TEXT.split("\n## ")[1:]}
    for metric in (compared_metrics() | HEADLINES).values():
        assert (
            f"`{metric.name.removeprefix('valence_').removeprefix('arousal_')}`" in sections[metric.section]
        )


def test_every_number_of_a_label_is_explained():
    numbers = {field.name for field in fields(LabelScores) if field.type is Estimate}
    assert len(numbers) == 5 and numbers <= explained()
    at_a_threshold = set(thresholds.NUMBERS)
    assert at_a_threshold <= explained(), at_a_threshold - explained()


def test_every_number_of_valence_and_arousal_is_explained():
    numbers = {field.name for field in fields(AffectScores)} - {"faces"}
    assert numbers <= explained(), numbers - explained()


def test_every_number_that_two_runs_are_compared_on_is_explained_and_said_to_be_compared():
    names = {re.sub("^(valence|arousal)_", "", name) for name in compared_metrics()}
    assert names <= explained()
    for name in names:
        own = [entry for entry, head in zip(ENTRIES, HEADS, strict=True) if f"`{name}`" in head]
        assert any("Compare runs" in entry for entry in own), name


def test_every_number_of_the_votes_and_of_other_data_is_explained():
    assert set(VOTE_METRICS) | {f"shared_{name}" for name in NUMBERS} <= explained()
    accepted = next(entry for entry in ENTRIES if "`accepted_accuracy`" in entry)
    assert f"at least {ACCEPTED_SHARE:.0%} of".replace("%", " %") in accepted


def test_every_number_of_a_calibration_is_explained():
    assert set(calibration_review.NUMBERS) | {"excess", "error", "temperature"} <= explained()
    assert {"excess", "error", "by_chance"} <= set(reliability.LABEL_COLUMNS)
    assert "`by_chance`" in TEXT and "accuracy" in ROBUSTNESS_COLUMNS


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.split("**")[1])
def test_every_paragraph_has_a_trap_a_module_and_where_it_is_shown(entry):
    assert re.search(r"\bTraps?: ", entry)
    assert re.search(r"In `core/[\w/]+\.py`", entry)
    shown = entry.rsplit(".py`", 1)[1]
    assert re.search(r"\bpages? [A-Z]", shown) or re.search(r"`python -m core\.\w+", shown), shown
    for page in re.findall(r"\bpages? ([^.()]+)", shown)[:1]:
        named = [name.strip() for name in page.split(", ")]
        assert set(named) <= set(PAGES), set(named) - set(PAGES)


def test_every_module_and_command_that_is_named_exists():
    paths = re.findall(r"`((?:core|tests|dashboard|benchmarks|docs)/[\w/.]+)`", TEXT)
    assert len(set(paths)) > 15
    for path in paths:
        assert (ROOT / path).exists(), path
    for module in re.findall(r"python -m ([\w.]+)", TEXT):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_links_inside_the_page_lead_somewhere():
    anchors = {
        title.strip().lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\(#([\w-]+)\)", TEXT)) <= anchors


def test_constants_are_those_of_the_code():
    entries = {entry.split("**")[1]: entry for entry in ENTRIES}
    assert f"over {calibration.BINS} bins" in entries["Calibration error"]
    ends = f"{calibration.LOWEST_TEMPERATURE:g} to {calibration.HIGHEST_TEMPERATURE:g}"
    assert f"(`temperature`), {ends}." in entries["Temperature"]
    distance = entries["Distance from the training faces"]
    assert f"at most {training_sample.SAMPLE_FACES:,} training faces" in distance
    assert embeddings.NEIGHBOURS == 10 and "tenth nearest" in distance
    assert f"{calibrate.INSIDE:.0%}".replace("%", " %") in distance
    corrupted = entries["Accuracy on corrupted faces"]
    assert len(CORRUPTIONS) == 8 and len(SEVERITIES) == 5 and "Eight corruptions" in corrupted
    assert f"in at most {MAX_DISTANCE} of 64 bits" in entries["Near-duplicate distance"]
    assert f"{intervals.MOST_FACES_REDRAWN:,} faces" in TEXT
