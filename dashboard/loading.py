"""Cached access to runs: they appear, change and disappear while the app is open (see `dashboard.caching`).

What `st.cache_resource` holds is shared between
visitors: it must not be changed in place. `st.cache_data` hands out copies.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from core.analysis.calibration.review import (
    CalibrationReview,
    Reliability,
    compute_calibration,
    compute_reliability,
)
from core.analysis.comparison.pairing import obstacle, pair
from core.analysis.comparison.runs import Comparison, compare_paired
from core.analysis.data_summary import data_summary as compute_data_summary
from core.analysis.detection import DetectedScores, load_detected_scores
from core.analysis.face_map import FaceMap, load_face_map
from core.analysis.label_errors import LabelErrors, load_label_errors
from core.analysis.label_errors import label_errors as compute_label_errors
from core.analysis.leaks import Leaks, load_leaks
from core.analysis.selective.abstention import Abstention, compute_abstention
from core.analysis.slices.review import SliceReview, review_slices
from core.analysis.transfer import KeptEvaluation, list_evaluations, own_evaluation, transfer_table
from core.analysis.votes import VoteReview, load_votes
from core.data.decisions import read_decisions
from core.errors import AffectoscopeError
from core.metrics import ranking
from core.metrics.embeddings import nearest_faces
from core.metrics.predictions import Predictions
from core.metrics.scoring import Scores
from core.metrics.thresholds import ThresholdPoints
from core.metrics.thresholds import threshold_points as compute_threshold_points
from core.runs.catalogue import Listing, list_runs
from core.runs.layout import ARTIFACTS_FOLDER, EVALUATIONS_FOLDER
from core.runs.recipes import Recipe, group_recipes
from core.runs.run import Run, load_history
from core.runs.sweeps import Sweep, list_sweeps
from core.runs.tables import ATTRIBUTES, SUMMARY
from core.runs.tags import read_tags
from dashboard.caching import cached, file_state, fingerprint, run_state
from dashboard.tables import affect, per_class
from dashboard.tables import comparison as comparison_tables
from dashboard.tables import faces as face_tables
from dashboard.tables import leaks as leak_tables
from dashboard.tables import runs as run_tables
from dashboard.tables import thresholds as threshold_tables

#: Overrides where runs are looked for.
ARTIFACTS_VARIABLE = "AFFECTOSCOPE_ARTIFACTS"


def artifacts_folder() -> Path:
    """The folder of runs: AFFECTOSCOPE_ARTIFACTS, or artifacts/ of this project."""
    return Path(os.environ.get(ARTIFACTS_VARIABLE) or ARTIFACTS_FOLDER).expanduser()


def listings() -> list[Listing]:
    """Every run, newest first, and every damaged folder with its reason."""
    folder = artifacts_folder()
    folders = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return _listings(str(folder), tuple((path.name, fingerprint(path)) for path in folders))


@st.cache_data(max_entries=4, show_spinner=False)
def _listings(folder: str, state: tuple) -> list[Listing]:
    return list_runs(Path(folder))


def runs() -> dict[str, Run]:
    """Whole runs by name, newest first."""
    return {listing.run.name: listing.run for listing in listings() if listing.run}


def sweeps() -> tuple[dict[str, Sweep], dict[str, str]]:
    """Sweeps by name, newest first; and those that cannot be read, with the reason."""
    found, damaged = list_sweeps(artifacts_folder())
    return {sweep.name: sweep for sweep in found}, damaged


@cached(st.cache_data, max_entries=16)
def sweep_tables(sweep: Sweep) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Its trials, their epochs, and the importance of its parameters.

    Raises:
        AffectoscopeError: one of the tables is damaged.
    """
    return sweep.trials(), sweep.epochs(), sweep.importance()


# The functions of one run that follow raise AffectoscopeError or OSError where a file that they read is damaged.


@cached(st.cache_resource, max_entries=32)
def scores(run: Run) -> Scores:
    """The scores of scores.json."""
    return run.scores


def scores_or_none(run: Run) -> Scores | None:
    """The run's scores, or None where scores.json is damaged: the run's own page gives the reason."""
    try:
        return scores(run)
    except (AffectoscopeError, OSError):
        return None


def overview_table() -> pd.DataFrame:
    """One row per whole run, as `tables.runs.overview` makes it."""
    return run_tables.overview([(run, scores_or_none(run)) for run in runs().values()])


def recipes() -> list[Recipe]:
    """Runs that differ in the seed only, as `core.runs.recipes.group_recipes` makes it."""
    return group_recipes(runs().values())


@cached(st.cache_data, max_entries=32)
def history(run: Run) -> pd.DataFrame:
    """One row per epoch, as training wrote it."""
    return load_history(run)


@cached(st.cache_resource, max_entries=4, show_spinner="Reading the predictions ...")
def predictions(run: Run) -> Predictions:
    """The scored faces, without their embeddings."""
    return run.predictions()


@cached(st.cache_resource, max_entries=2)
def misclassified(run: Run) -> pd.DataFrame:
    """The `tables.faces` of every misclassified face."""
    return face_tables.misclassified(predictions(run))


@cached(st.cache_data, max_entries=32, state=lambda run: file_state(run.tags_path))
def tags(run: Run) -> pd.DataFrame:
    """The user's tags, as `core.runs.tags.read_tags` reads them."""
    return read_tags(run.tags_path)


@cached(st.cache_data, max_entries=32, state=lambda run: file_state(run.decisions_path))
def decisions(run: Run) -> pd.DataFrame:
    """The user's decisions about labels, as `core.data.decisions.read_decisions` reads them."""
    return read_decisions(run.decisions_path)


@cached(st.cache_resource, max_entries=2, show_spinner="Reading the thumbnails ...")
def thumbnails(run: Run) -> dict[str, bytes]:
    """Face reference -> WebP bytes; empty when the run ships without images."""
    return run.thumbnails()


@cached(st.cache_resource, max_entries=2)
def training_thumbnails(run: Run) -> dict[str, bytes]:
    """Face reference -> WebP bytes of the run's sample of training faces; empty where it has none or is damaged."""
    try:
        sample = run.training_sample()
    except AffectoscopeError:  # the pages show the rest without these images
        return {}
    return sample.thumbnails if sample else {}


@cached(st.cache_data, max_entries=512)
def landmarks(run: Run, row: int) -> np.ndarray | None:
    """(68, 2) landmarks of one face in pixels of its photo; None where the run has none."""
    return run.landmarks(row)


@cached(st.cache_resource, max_entries=2, show_spinner="Reading the embeddings ...")
def embeddings(run: Run) -> np.ndarray | None:
    """(n, d) float16, one row per scored face; None where none were kept or they are damaged."""
    try:
        return run.embeddings()
    except AffectoscopeError:  # the pages show the rest without neighbours
        return None


@cached(st.cache_data, max_entries=512)
def neighbours(run: Run, row: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(k,) rows of the nearest neighbours of face `row` by embedding and their (k,) distances, as `nearest_faces`
    gives them; both empty where the run has no embeddings."""
    kept = embeddings(run)
    return (np.empty(0, np.int64), np.empty(0)) if kept is None else nearest_faces(kept, row, count)


@cached(st.cache_resource, max_entries=4, show_spinner="Computing the face map, once for this run ...")
def face_map(run: Run) -> FaceMap | None:
    """The run's test faces in two dimensions; None where no embeddings were kept."""
    return load_face_map(run)


@cached(st.cache_resource, max_entries=8)
def data_summary(run: Run) -> tuple[pd.DataFrame, bool]:
    """Counts over the run's faces (core.analysis.data_summary); True where they cover every split, False where the
    test faces alone."""
    kept = run.table(SUMMARY)
    return (kept[0], True) if kept is not None else (compute_data_summary(predictions(run)), False)


@cached(st.cache_resource, max_entries=2)
def face_attributes(run: Run) -> pd.DataFrame | None:
    """The ATTRIBUTES table of the run's faces; None where it was not kept."""
    kept = run.table(ATTRIBUTES)
    return None if kept is None else kept[0]


@cached(st.cache_resource, max_entries=4, show_spinner="Comparing slices of the faces ...")
def slices(run: Run, parts: int) -> SliceReview:
    """The run's slices by every attribute of its faces, numeric ones in `parts` bins."""
    return review_slices(predictions(run), face_attributes(run), parts=parts)


@cached(st.cache_resource, max_entries=8)
def affect_tables(run: Run) -> affect.AffectTables:
    """The tables of the page of valence and arousal."""
    return affect.affect_tables(predictions(run))


@cached(st.cache_data, max_entries=32)
def robustness(run: Run) -> tuple[pd.DataFrame, dict] | None:
    """The measurements of core.evaluate --corruptions and their data; None where there are none."""
    return run.robustness()


@cached(st.cache_resource, max_entries=4, show_spinner="Sorting the faces by confidence ...")
def abstention(run: Run) -> Abstention:
    """Confidence of the run's correct, wrong and out-of-set predictions."""
    return compute_abstention(run)


def detected(run: Run) -> DetectedScores | None:
    """The measurements of core.evaluate --detect; None where there are none."""
    return load_detected_scores(run)


@cached(st.cache_resource, max_entries=4, show_spinner="Ranking the labels ...")
def label_errors(run: Run) -> LabelErrors:
    """The run's scored faces ranked by how likely their label is wrong."""
    return compute_label_errors(predictions(run))


@cached(st.cache_resource, max_entries=2, show_spinner="Reading the ranking ...")
def training_label_errors(run: Run) -> LabelErrors | None:
    """The run's training faces, ranked by core.label_errors; None where it was not run."""
    return load_label_errors(run)


@cached(st.cache_resource, max_entries=8)
def leaks(run: Run) -> Leaks | None:
    """Near-duplicates of the run's scored faces in other splits and their effect on the scores; None where
    core.leaks was not run."""
    return load_leaks(run, predictions(run))


@cached(st.cache_resource, max_entries=4)
def leak_pairs(run: Run) -> pd.DataFrame:
    """The `tables.leaks.pairs` of a run that has `leaks`."""
    return leak_tables.pairs(leaks(run).table, predictions(run))


@cached(st.cache_resource, max_entries=8, show_spinner="Reading the probabilities ...")
def calibration(run: Run) -> CalibrationReview:
    """Calibration of the run's probabilities, before and after its temperature."""
    return compute_calibration(run, predictions(run))


@cached(st.cache_resource, max_entries=64)
def reliability(run: Run, expression: str | None, bins: int) -> Reliability:
    """The tables of a reliability diagram; `calibration` has checked the run's temperature."""
    return compute_reliability(run, predictions(run), expression=expression, bins=bins)


@cached(st.cache_data, max_entries=16)
def label_curves(run: Run, kind: str) -> pd.DataFrame:
    """'roc' or 'precision-recall' curve of each present label, long: label, x, y, threshold, area."""
    table = predictions(run)
    curve = ranking.roc_curve if kind == "roc" else ranking.precision_recall_curve
    present = np.unique(table.truth)
    return per_class.curves(
        {table.labels[i]: curve(table.truth, table.probabilities, int(i)) for i in present}
    )


@cached(st.cache_resource, max_entries=2)  # 20 MB each where a million faces were scored
def threshold_points(run: Run, label: str) -> ThresholdPoints:
    """Outcomes of every threshold on the probability of `label`."""
    table = predictions(run)
    return compute_threshold_points(table.truth, table.probabilities, table.labels.index(label))


@cached(st.cache_data, max_entries=32)
def threshold_curve(run: Run, label: str) -> pd.DataFrame:
    """The `tables.thresholds.threshold_curve` of one label."""
    return threshold_tables.threshold_curve(threshold_points(run, label))


def obstacles(run: Run) -> dict[str, str]:
    """The reason why `run` cannot be compared with each other whole run, newest first, by run.json; '' where it can."""
    scored = [other for other in runs().values() if other.is_scored or not other.info.get("imported")]
    others = [other for other in scored if other.name != run.name and _names_its_data(other)]
    return {other.name: obstacle(other, run) for other in others}


def _names_its_data(run: Run) -> bool:
    about = run.info["data"]
    return isinstance(about, dict) and all(about.get(name) for name in ("title", "labels"))


def comparable_runs(run: Run) -> dict[str, Run]:
    """Other whole runs that have no `obstacles` to `run`, by name, newest first."""
    others = runs()
    return {name: others[name] for name, reason in obstacles(run).items() if not reason}


@cached(st.cache_data, max_entries=16)
def shared_faces(run: Run, other: Run) -> int:
    """Number of the scored faces of `run` that `other` was scored on too, by their references."""
    one, two = (predictions(each).frame["reference"] for each in (run, other))
    return len(one) if one.equals(two) else int(one.isin(two).sum())


@cached(st.cache_resource, max_entries=4, show_spinner="Comparing the predictions with the votes ...")
def votes(run: Run) -> VoteReview | None:
    """The run's predictions beside the votes of the annotators; None where none are kept."""
    return load_votes(run, predictions(run))


def _evaluations_state(run: Run) -> tuple:
    return run_state(run), fingerprint(run.path / EVALUATIONS_FOLDER)


@cached(st.cache_data, max_entries=64, state=_evaluations_state)
def evaluations(run: Run) -> tuple[list[KeptEvaluation], list[str]]:
    """The scores of the run on its own and on other data, and a sentence on each file that cannot be read."""
    found, problems = list_evaluations(run)
    if run.info.get("imported") and not run.is_scored:
        return found, problems
    try:
        return [own_evaluation(run), *found], problems
    except (AffectoscopeError, OSError) as error:
        return found, [f"The scores of '{run.name}' cannot be read: {error}", *problems]


def transfer() -> tuple[pd.DataFrame, list[str]]:
    """The `transfer_table` of all whole runs, newest first, and a sentence on each file that cannot be read."""
    found = {name: evaluations(run) for name, run in runs().items() if _names_its_data(run)}
    problems = [problem for _, of_run in found.values() for problem in of_run]
    return transfer_table({name: kept for name, (kept, _) in found.items()}), problems


# About 150 MB each where a million faces were scored.
@cached(st.cache_resource, max_entries=2, show_spinner="Comparing the two runs ...")
def comparison(a: Run, b: Run) -> Comparison:
    """Run b against run a on the faces that both scored.

    Raises:
        AffectoscopeError: they cannot be compared, or one of them is damaged.
    """
    return compare_paired(pair(a, b, (predictions(a), predictions(b))))


@cached(st.cache_resource, max_entries=2)
def changed_faces(a: Run, b: Run) -> pd.DataFrame:
    """The `tables.comparison.changed_faces` of run b against run a."""
    return comparison_tables.changed_faces(comparison(a, b).paired, predictions(b))
