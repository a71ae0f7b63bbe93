"""Cached loading. Every cache is bounded and keyed by a run's path and the state of its files.

So runs appear, change and disappear while the app is open, and what a cache holds is shared between
visitors: nobody may change it in place.
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
from core.analysis.data_summary import data_summary as summarise
from core.analysis.detection import DetectedScores, load_detected_scores
from core.analysis.face_map import FaceMap, load_face_map
from core.analysis.label_errors import LabelErrors, load_label_errors
from core.analysis.label_errors import label_errors as rank_labels
from core.analysis.leaks import Leaks, load_leaks
from core.analysis.selective.abstention import Abstention, compute_abstention
from core.analysis.slices.review import SliceReview, review_slices
from core.data.decisions import read_decisions
from core.errors import AffectoscopeError
from core.metrics import ranking, thresholds
from core.metrics.embeddings import nearest_faces
from core.metrics.predictions import Predictions
from core.metrics.scoring import Scores
from core.runs.catalogue import Listing, list_runs, open_run
from core.runs.layout import ARTIFACTS_FOLDER
from core.runs.run import Run
from core.runs.sweeps import Sweep, list_sweeps, open_sweep
from core.runs.tables import ATTRIBUTES, FILES_BESIDE, SUMMARY
from core.runs.tags import read_tags
from dashboard.tables import affect, per_class
from dashboard.tables import comparison as comparison_tables
from dashboard.tables import faces as face_tables
from dashboard.tables import leaks as leak_tables
from dashboard.tables import runs as run_tables
from dashboard.tables import thresholds as threshold_tables

#: Overrides where runs are looked for.
ARTIFACTS_VARIABLE = "AFFECTOSCOPE_ARTIFACTS"

Fingerprint = tuple[tuple[str, int, int], ...]


def artifacts_folder() -> Path:
    """The folder of runs: AFFECTOSCOPE_ARTIFACTS, or artifacts/ of this project."""
    return Path(os.environ.get(ARTIFACTS_VARIABLE) or ARTIFACTS_FOLDER).expanduser()


def listings() -> list[Listing]:
    """Every run, newest first, and every damaged folder with its reason."""
    folder = artifacts_folder()
    folders = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return _listings(str(folder), tuple((path.name, fingerprint(path)) for path in folders))


def runs() -> dict[str, Run]:
    """Whole runs by name, newest first."""
    return {listing.run.name: listing.run for listing in listings() if listing.run}


def fingerprint(path: Path) -> Fingerprint:
    """Name, modification time and size of each file of a run: changes when the run does.

    What the dashboard itself keeps beside a run is left out: a tag must not make everything be read again.
    """
    try:
        with os.scandir(path) as entries:
            files = [
                (entry.name, entry.stat())
                for entry in entries
                # Names with a dot are of files that are being written, or left by a write that failed.
                if not entry.name.startswith((".", *FILES_BESIDE)) and entry.is_file()
            ]
    except OSError:  # removed between listing and looking
        return ()
    return tuple(sorted((name, status.st_mtime_ns, status.st_size) for name, status in files))


def sweeps() -> tuple[dict[str, Sweep], dict[str, str]]:
    """Sweeps by name, newest first; and those that cannot be read, with the reason."""
    found, damaged = list_sweeps(artifacts_folder())
    return {sweep.name: sweep for sweep in found}, damaged


def sweep_tables(sweep: Sweep) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Its trials, their epochs, and the importance of its parameters.

    Raises:
        AffectoscopeError: one of the tables is damaged.
    """
    return _sweep_tables(str(sweep.path), fingerprint(sweep.path))


def robustness(run: Run) -> tuple[pd.DataFrame, dict] | None:
    """What core.evaluate --corruptions measured, and on which data; None where it was not asked for.

    Raises:
        AffectoscopeError: the file is damaged.
    """
    return _robustness(str(run.path), fingerprint(run.path))


def abstention(run: Run) -> Abstention:
    """How sure the network is of the run's faces, right, wrong and outside its labels.

    Raises:
        AffectoscopeError: the predictions or the out-of-set faces are damaged.
    """
    return _abstention(str(run.path), fingerprint(run.path))


def detected(run: Run) -> DetectedScores | None:
    """What core.evaluate --detect measured; None where it was not asked for.

    Raises:
        AffectoscopeError: the file is damaged.
    """
    return load_detected_scores(run)


def scores(run: Run) -> Scores:
    return _opened(str(run.path), fingerprint(run.path)).scores


def history(run: Run) -> pd.DataFrame:
    """One row per epoch, as training wrote it.

    Raises:
        AffectoscopeError: the file is no table or has no epochs.
    """
    return _history(str(run.path), fingerprint(run.path))


def predictions(run: Run) -> Predictions:
    return _predictions(str(run.path), fingerprint(run.path))


def misread(run: Run) -> pd.DataFrame:
    """The `tables.faces` of every misread face."""
    return _misread(str(run.path), fingerprint(run.path))


def tags(run: Run) -> pd.DataFrame:
    """What `core.runs.tags.read_tags` reads beside the run.

    Raises:
        AffectoscopeError: marks.csv is damaged.
    """
    try:
        status = run.tags_path.stat()
    except OSError:
        return read_tags(run.tags_path)
    return _tags(str(run.tags_path), (status.st_ino, status.st_mtime_ns, status.st_size))


def decisions(run: Run) -> pd.DataFrame:
    """What `core.data.decisions.read_decisions` reads beside the run.

    Raises:
        AffectoscopeError: decisions.csv is damaged.
    """
    try:
        status = run.decisions_path.stat()
    except OSError:
        return read_decisions(run.decisions_path)
    return _decisions(str(run.decisions_path), (status.st_ino, status.st_mtime_ns, status.st_size))


def label_errors(run: Run) -> LabelErrors:
    """The run's scored faces ranked by how likely their label is wrong."""
    return _label_errors(str(run.path), fingerprint(run.path))


def training_label_errors(run: Run) -> LabelErrors | None:
    """The run's training faces, ranked by core.label_errors; None where nobody has asked for it.

    Raises:
        AffectoscopeError: what was kept is damaged.
    """
    return _training_label_errors(str(run.path), fingerprint(run.path))


def leaks(run: Run) -> Leaks | None:
    """Near-duplicates of the run's scored faces in other splits, and what they are worth; None where nobody has looked.

    Raises:
        AffectoscopeError: what was kept is damaged.
    """
    return _leaks(str(run.path), fingerprint(run.path))


def leak_pairs(run: Run) -> pd.DataFrame:
    """The `tables.leaks.pairs` of a run whose `leaks` were looked for."""
    return _leak_pairs(str(run.path), fingerprint(run.path))


def training_thumbnails(run: Run) -> dict[str, bytes]:
    """Face reference -> WebP bytes of the run's sample of training faces; empty where it has no images."""
    return _training_thumbnails(str(run.path), fingerprint(run.path)) if run.has_training_sample else {}


def landmarks(run: Run, row: int) -> np.ndarray | None:
    """(68, 2) landmarks of one face in pixels of its photo; None where the run knows none."""
    return _landmarks(str(run.path), fingerprint(run.path), row)


def neighbours(run: Run, row: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(k,) rows of the faces that the network sees most like face `row`, and their (k,) distances, as
    `nearest_faces` gives them; none where no embeddings were kept."""
    return _neighbours(str(run.path), fingerprint(run.path), row, count)


def face_map(run: Run) -> FaceMap | None:
    """The run's test faces in two dimensions; None where no embeddings were kept."""
    return _face_map(str(run.path), fingerprint(run.path))


def data_summary(run: Run) -> tuple[pd.DataFrame, bool]:
    """Counts over the run's faces (core.analysis.data_summary), and whether they cover every split or the test faces alone.

    Raises:
        AffectoscopeError: what training kept of them is damaged.
    """
    return _data_summary(str(run.path), fingerprint(run.path))


def affect_tables(run: Run) -> affect.AffectTables:
    """The tables of the page of valence and arousal."""
    return _affect_tables(str(run.path), fingerprint(run.path))


def thumbnails(run: Run) -> dict[str, bytes]:
    """Face reference -> WebP bytes; empty when the run ships without images."""
    return _thumbnails(str(run.path), fingerprint(run.path)) if run.has_thumbnails else {}


def overview_table() -> pd.DataFrame:
    """One row per whole run, as `tables.runs.overview` makes it."""
    return run_tables.overview([(run, scores_or_none(run)) for run in runs().values()])


def scores_or_none(run: Run) -> Scores | None:
    """The run's scores, or None where scores.json is damaged: its page tells why."""
    try:
        return scores(run)
    except (AffectoscopeError, OSError):  # its own page tells why; the table of the others stands
        return None


def comparable_runs(run: Run) -> dict[str, Run]:
    """Other whole runs that `run` can be compared with, as far as run.json tells, by name, newest first."""
    others = runs()
    return {name: others[name] for name, reason in obstacles(run).items() if not reason}


def shared_faces(run: Run, other: Run) -> int:
    """How many of the faces that `run` was scored on `other` was scored on too, by their references."""
    return _shared_faces(str(run.path), fingerprint(run.path), str(other.path), fingerprint(other.path))


def obstacles(run: Run) -> dict[str, str]:
    """Why `run` cannot be compared with each other whole run, newest first, as far as run.json tells; '' where it can."""
    others = [other for name, other in runs().items() if name != run.name and _names_its_data(other)]
    return {other.name: obstacle(other, run) for other in others}


def comparison(a: Run, b: Run) -> Comparison:
    """Run b against run a on the faces that both scored.

    Raises:
        AffectoscopeError: they cannot be compared, or one of them is damaged.
    """
    return _comparison(str(a.path), fingerprint(a.path), str(b.path), fingerprint(b.path))


def changed_faces(a: Run, b: Run) -> pd.DataFrame:
    """The `tables.comparison.changed_faces` of run b against run a."""
    return _changed_faces(str(a.path), fingerprint(a.path), str(b.path), fingerprint(b.path))


def threshold_points(run: Run, label: str) -> thresholds.ThresholdPoints:
    """What thresholds on the probability of `label` do to the run's faces."""
    return _threshold_points(str(run.path), fingerprint(run.path), label)


def threshold_curve(run: Run, label: str) -> pd.DataFrame:
    """The `tables.thresholds.threshold_curve` of one label."""
    return _threshold_curve(str(run.path), fingerprint(run.path), label)


def calibration(run: Run) -> CalibrationReview:
    """What the run's probabilities are worth, before and after its temperature.

    Raises:
        AffectoscopeError: the calibration in run.json is damaged.
    """
    return _calibration(str(run.path), fingerprint(run.path))


def reliability(run: Run, expression: str | None, bins: int) -> Reliability:
    """The tables of a reliability diagram; `calibration` has found the run's temperature to be whole."""
    return _reliability(str(run.path), fingerprint(run.path), expression, bins)


def face_attributes(run: Run) -> pd.DataFrame | None:
    """The ATTRIBUTES table of the run's faces; None where it was not kept.

    Raises:
        AffectoscopeError: the file is damaged.
    """
    return _face_attributes(str(run.path), fingerprint(run.path))


def slices(run: Run, parts: int) -> SliceReview:
    """The run's slices by everything that is known of its faces, numbers cut into `parts`."""
    return _slices(str(run.path), fingerprint(run.path), parts)


def label_curves(run: Run, kind: str) -> pd.DataFrame:
    """'roc' or 'precision-recall' curve of each present label, long: label, x, y, threshold, area."""
    return _label_curves(str(run.path), fingerprint(run.path), kind)


@st.cache_data(max_entries=4, show_spinner=False)
def _listings(folder: str, state: tuple) -> list[Listing]:
    return list_runs(Path(folder))


@st.cache_resource(max_entries=32, show_spinner=False)
def _opened(path: str, state: Fingerprint) -> Run:
    return open_run(path)


@st.cache_data(max_entries=32, show_spinner=False)
def _history(path: str, state: Fingerprint) -> pd.DataFrame:
    return run_tables.checked_history(open_run(path))


@st.cache_data(max_entries=16, show_spinner=False)
def _sweep_tables(path: str, state: Fingerprint) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    sweep = open_sweep(Path(path))
    return sweep.trials(), sweep.epochs(), sweep.importance()


@st.cache_data(max_entries=32, show_spinner=False)
def _robustness(path: str, state: Fingerprint) -> tuple[pd.DataFrame, dict] | None:
    return open_run(path).robustness()


@st.cache_resource(max_entries=4, show_spinner="Reading the predictions ...")
def _predictions(path: str, state: Fingerprint) -> Predictions:
    return open_run(path).predictions()


@st.cache_resource(max_entries=4, show_spinner="Sorting the faces by confidence ...")
def _abstention(path: str, state: Fingerprint) -> Abstention:
    return compute_abstention(open_run(path))


@st.cache_resource(max_entries=2, show_spinner="Reading the embeddings ...")
def _embeddings(path: str, state: Fingerprint) -> np.ndarray | None:
    return open_run(path).embeddings()


@st.cache_resource(max_entries=8, show_spinner=False)
def _data_summary(path: str, state: Fingerprint) -> tuple[pd.DataFrame, bool]:
    kept = open_run(path).table(SUMMARY)
    return (kept[0], True) if kept is not None else (summarise(_predictions(path, state)), False)


@st.cache_resource(max_entries=8, show_spinner=False)
def _affect_tables(path: str, state: Fingerprint) -> affect.AffectTables:
    return affect.affect_tables(_predictions(path, state))


@st.cache_resource(max_entries=4, show_spinner="Laying out the faces, once for this run ...")
def _face_map(path: str, state: Fingerprint) -> FaceMap | None:
    return load_face_map(open_run(path))


@st.cache_resource(max_entries=2, show_spinner=False)
def _misread(path: str, state: Fingerprint) -> pd.DataFrame:
    return face_tables.misread(_predictions(path, state))


@st.cache_data(max_entries=32, show_spinner=False)
def _tags(path: str, state: tuple[int, int, int]) -> pd.DataFrame:
    return read_tags(Path(path))


@st.cache_data(max_entries=32, show_spinner=False)
def _decisions(path: str, state: tuple[int, int, int]) -> pd.DataFrame:
    return read_decisions(Path(path))


@st.cache_resource(max_entries=4, show_spinner="Ranking the labels ...")
def _label_errors(path: str, state: Fingerprint) -> LabelErrors:
    return rank_labels(_predictions(path, state))


@st.cache_resource(max_entries=2, show_spinner="Reading the ranking ...")
def _training_label_errors(path: str, state: Fingerprint) -> LabelErrors | None:
    return load_label_errors(open_run(path))


@st.cache_resource(max_entries=8, show_spinner=False)
def _leaks(path: str, state: Fingerprint) -> Leaks | None:
    return load_leaks(open_run(path), _predictions(path, state))


@st.cache_resource(max_entries=4, show_spinner=False)
def _leak_pairs(path: str, state: Fingerprint) -> pd.DataFrame:
    return leak_tables.pairs(_leaks(path, state).table, _predictions(path, state))


@st.cache_resource(max_entries=2, show_spinner=False)
def _training_thumbnails(path: str, state: Fingerprint) -> dict[str, bytes]:
    try:
        return open_run(path).training_sample().thumbnails
    except AffectoscopeError:  # the pairs can be shown all the same
        return {}


@st.cache_data(max_entries=512, show_spinner=False)
def _landmarks(path: str, state: Fingerprint, row: int) -> np.ndarray | None:
    return open_run(path).landmarks(row)


@st.cache_data(max_entries=512, show_spinner=False)
def _neighbours(path: str, state: Fingerprint, row: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        embeddings = _embeddings(path, state)
    except AffectoscopeError:  # the face itself can be shown all the same
        embeddings = None
    nobody = np.empty(0, np.int64), np.empty(0)
    return nobody if embeddings is None else nearest_faces(embeddings, row, count)


@st.cache_resource(max_entries=2, show_spinner="Reading the thumbnails ...")
def _thumbnails(path: str, state: Fingerprint) -> dict[str, bytes]:
    return open_run(path).thumbnails()


@st.cache_resource(max_entries=8, show_spinner="Reading the probabilities ...")
def _calibration(path: str, state: Fingerprint) -> CalibrationReview:
    return compute_calibration(_opened(path, state), _predictions(path, state))


@st.cache_resource(max_entries=64, show_spinner=False)
def _reliability(path: str, state: Fingerprint, expression: str | None, bins: int) -> Reliability:
    return compute_reliability(
        _opened(path, state), _predictions(path, state), expression=expression, bins=bins
    )


@st.cache_resource(max_entries=2, show_spinner=False)
def _face_attributes(path: str, state: Fingerprint) -> pd.DataFrame | None:
    kept = open_run(path).table(ATTRIBUTES)
    return kept and kept[0]


@st.cache_resource(max_entries=4, show_spinner="Comparing slices of the faces ...")
def _slices(path: str, state: Fingerprint, parts: int) -> SliceReview:
    return review_slices(_predictions(path, state), _face_attributes(path, state), parts=parts)


@st.cache_data(max_entries=16, show_spinner=False)
def _label_curves(path: str, state: Fingerprint, kind: str) -> pd.DataFrame:
    table = _predictions(path, state)
    draw = ranking.roc_curve if kind == "roc" else ranking.precision_recall_curve
    present = np.unique(table.truth)
    curves = {table.labels[i]: draw(table.truth, table.probabilities, int(i)) for i in present}
    return per_class.curves(curves)


@st.cache_data(max_entries=16, show_spinner=False)
def _shared_faces(path: str, state: Fingerprint, other_path: str, other_state: Fingerprint) -> int:
    one, other = (_predictions(*of).frame["reference"] for of in ((path, state), (other_path, other_state)))
    return len(one) if one.equals(other) else int(one.isin(other).sum())


# About 150 MB each where a million faces were scored.
@st.cache_resource(max_entries=2, show_spinner="Comparing the two runs ...")
def _comparison(path: str, state: Fingerprint, other_path: str, other_state: Fingerprint) -> Comparison:
    runs = open_run(path), open_run(other_path)
    return compare_paired(pair(*runs, (_predictions(path, state), _predictions(other_path, other_state))))


@st.cache_resource(max_entries=2, show_spinner=False)
def _changed_faces(path: str, state: Fingerprint, other_path: str, other_state: Fingerprint) -> pd.DataFrame:
    paired = _comparison(path, state, other_path, other_state).paired
    return comparison_tables.changed_faces(paired, _predictions(other_path, other_state))


def _names_its_data(run: Run) -> bool:
    about = run.info["data"]
    return isinstance(about, dict) and all(about.get(name) for name in ("title", "labels"))


@st.cache_resource(max_entries=2, show_spinner=False)  # 20 MB each where a million faces were scored
def _threshold_points(path: str, state: Fingerprint, label: str) -> thresholds.ThresholdPoints:
    table = _predictions(path, state)
    return thresholds.threshold_points(table.truth, table.probabilities, table.labels.index(label))


@st.cache_data(max_entries=32, show_spinner=False)
def _threshold_curve(path: str, state: Fingerprint, label: str) -> pd.DataFrame:
    return threshold_tables.threshold_curve(_threshold_points(path, state, label))
