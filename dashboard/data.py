"""Cached loading. Every cache is bounded and keyed by a run's path and the state of its files.

So runs appear, change and disappear while the app is open, and what a cache holds is shared between
visitors: nobody may change it in place.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from core import artifacts
from core.artifacts import Listing, Run
from core.errors import AffectoscopeError
from core.metrics import ranking
from core.neighbours import nearest_faces
from core.predictions import Predictions
from core.scoring import Scores
from dashboard.tables import per_class
from dashboard.tables import runs as run_tables

#: Overrides where runs are looked for.
ARTIFACTS_VARIABLE = "AFFECTOSCOPE_ARTIFACTS"

Fingerprint = tuple[tuple[str, int, int], ...]


def artifacts_folder() -> Path:
    """The folder of runs: AFFECTOSCOPE_ARTIFACTS, or artifacts/ of this project."""
    return Path(os.environ.get(ARTIFACTS_VARIABLE) or artifacts.ARTIFACTS_FOLDER).expanduser()


def listings() -> list[Listing]:
    """Every run, newest first, and every damaged folder with its reason."""
    folder = artifacts_folder()
    folders = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return _listings(str(folder), tuple((path.name, fingerprint(path)) for path in folders))


def runs() -> dict[str, Run]:
    """Whole runs by name, newest first."""
    return {listing.run.name: listing.run for listing in listings() if listing.run}


def fingerprint(path: Path) -> Fingerprint:
    """Name, modification time and size of each file of a run: changes when the run does."""
    try:
        with os.scandir(path) as entries:
            files = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    except OSError:  # removed between listing and looking
        return ()
    return tuple(sorted((name, status.st_mtime_ns, status.st_size) for name, status in files))


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


def neighbours(run: Run, row: int, count: int) -> np.ndarray:
    """(k,) rows of the faces that the network sees most like face `row`; none where no embeddings were kept."""
    embeddings = _embeddings(str(run.path), fingerprint(run.path))
    return np.empty(0, np.int64) if embeddings is None else nearest_faces(embeddings, row, count)[0]


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


def label_curves(run: Run, kind: str) -> pd.DataFrame:
    """'roc' or 'precision-recall' curve of each present label, long: label, x, y, threshold, area."""
    return _label_curves(str(run.path), fingerprint(run.path), kind)


@st.cache_data(max_entries=4, show_spinner=False)
def _listings(folder: str, state: tuple) -> list[Listing]:
    return artifacts.list_runs(Path(folder))


@st.cache_resource(max_entries=32, show_spinner=False)
def _opened(path: str, state: Fingerprint) -> Run:
    return artifacts.open_run(path)


@st.cache_data(max_entries=32, show_spinner=False)
def _history(path: str, state: Fingerprint) -> pd.DataFrame:
    return run_tables.checked_history(artifacts.open_run(path))


@st.cache_resource(max_entries=4, show_spinner="Reading the predictions ...")
def _predictions(path: str, state: Fingerprint) -> Predictions:
    return artifacts.open_run(path).predictions()


@st.cache_resource(max_entries=2, show_spinner="Reading the embeddings ...")
def _embeddings(path: str, state: Fingerprint) -> np.ndarray | None:
    return artifacts.open_run(path).predictions(with_embeddings=True).embeddings


@st.cache_resource(max_entries=2, show_spinner="Reading the thumbnails ...")
def _thumbnails(path: str, state: Fingerprint) -> dict[str, bytes]:
    return artifacts.open_run(path).thumbnails()


@st.cache_data(max_entries=16, show_spinner=False)
def _label_curves(path: str, state: Fingerprint, kind: str) -> pd.DataFrame:
    table = _predictions(path, state)
    draw = ranking.roc_curve if kind == "roc" else ranking.precision_recall_curve
    present = np.unique(table.truth)
    curves = {table.labels[i]: draw(table.truth, table.probabilities, int(i)) for i in present}
    return per_class.curves(curves)
