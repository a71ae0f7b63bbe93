"""Resumable k-fold cross-validation of a run's configuration on its training faces."""

import hashlib
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.config import TrainConfig
from core.data.face_table import Ledger
from core.data.relabelling import TRAINED_SPLITS
from core.data.splits import resolve_splits
from core.data.training_data import TrainingData
from core.errors import AffectoscopeError
from core.metrics.predictions import Predictions
from core.runs.catalogue import check_recipe, has_checkpoint, open_run, working_folder
from core.runs.run import Run
from core.runtime.console import Console
from core.runtime.files import write_json
from core.runtime.interruption import resumable_on_ctrl_c


def held_out_predictions(
    run: Run,
    data: TrainingData,
    *,
    folds: int,
    epochs: int | None = None,
    restart: bool = False,
    console: Console,
) -> Predictions:
    """Compute out-of-fold predictions for the run's training and validation faces.

    The run's configuration is trained `folds` times, each time without one fold. Folds are stratified by expression and
    keep near-duplicates and the faces of one person together. Each training selects its epoch on a validation split of its
    own faces, so that the held-out fold has no influence. Teachers and --start-from are not used: they were trained on
    all faces.

    Finished folds are stored in a hidden folder next to the run. After an interruption the same call resumes, within a
    fold from its last epoch.

    Args:
        data: the run's data (core.runs.source_data.load_run_data).
        folds: number of folds, at least 2.
        epochs: epochs of each training; default: those of the run.
        restart: discard the results of an interrupted call.

    Returns:
        Predictions in the order of the data, with the splits of the run; without embeddings.

    Raises:
        AffectoscopeError: the run's configuration cannot be read, there are fewer groups of such faces than folds,
            or an interrupted call had other options or data.
    """
    config = _fold_config(run, epochs)
    working = run.path.parent / f".{run.name}.label-errors"
    if restart:
        shutil.rmtree(working, ignore_errors=True)
    _prepare_folder(working, config, data, folds)
    frames = []
    for number, fold in enumerate(_folds(data, config, folds), 1):
        frames.append(_predict_fold(fold, replace(config, name=f"fold-{number}"), working, folds, console))
    labels = frames[0].labels
    faces = data.table.faces
    trained = faces.loc[faces["split"].isin(TRAINED_SPLITS), ["reference", "split"]]
    frame = pd.concat([predictions.frame for predictions in frames]).set_index("reference")
    frame = frame.loc[trained["reference"]].reset_index()
    return Predictions(labels, frame.assign(split=trained["split"].to_numpy(object)).astype({"split": "str"}))


def forget_folds(run: Run) -> None:
    """Delete the stored folds of `held_out_predictions`."""
    shutil.rmtree(run.path.parent / f".{run.name}.label-errors", ignore_errors=True)


def _fold_config(run: Run, epochs: int | None) -> TrainConfig:
    """The run's configuration for a fold, scored on the held-out faces."""
    config = TrainConfig.from_dict(run.info["config"])
    if config.backbone:
        raise AffectoscopeError(
            f"Run '{run.name}' was trained with --backbone {config.backbone}, whose file is not part of the run, so that its "
            "training cannot be repeated on folds; use a run without a backbone."
        )
    return replace(
        config,
        epochs=epochs or config.epochs,
        relabel=None,  # the data has corrected labels, votes and subjects already
        votes=None,
        subjects=None,
        teacher=(),
        start_from=None,  # like a teacher, it may have been trained on the faces of the fold
        freeze_epochs=0,
        tensorboard=None,
        review="test",
        tta=run.test_time_augmentation,
        thumbnails="no",
        resume=False,
        overwrite=False,
    )


def _prepare_folder(working: Path, config: TrainConfig, data: TrainingData, folds: int) -> None:
    """Create the folder of the folds, or check that an existing one has the same options and data."""
    named = ["subject"] if (data.table.faces["subject"] != "").any() else []
    faces = data.table.faces[["reference", "expression", "split", *named]]
    digest = hashlib.sha256(pd.util.hash_pandas_object(faces, index=False).to_numpy().tobytes())
    plan = {**config.recipe(), "folds": folds, "faces": digest.hexdigest()}
    path = working / "plan.json"
    if path.exists():
        try:
            check_recipe(path, plan)
        except AffectoscopeError as error:
            raise AffectoscopeError(f"{error} Or pass --restart to start again.") from error
        return
    try:
        working.mkdir(parents=True, exist_ok=True)
        write_json(path, plan)
    except OSError as error:
        raise AffectoscopeError(
            f"The folder {working.parent} cannot be written ({error.strerror or error}), but folds are stored there; "
            "change its permissions, or free disk space."
        ) from error


def _folds(data: TrainingData, config: TrainConfig, folds: int) -> Iterator[TrainingData]:
    """Yield the data of each fold: training and validation faces, with the held-out ones as split "test"."""
    from sklearn.model_selection import StratifiedGroupKFold

    rows = np.flatnonzero(data.table.faces["split"].isin(TRAINED_SPLITS).to_numpy())
    table, pack, hashes = data.table.select(rows), data.pack.select(rows), data.hashes[rows]
    expressions = table.faces["expression"].to_numpy()
    groups = replace(data, table=table, pack=pack, hashes=hashes).groups()
    if not 2 <= folds <= len(np.unique(groups)):
        raise AffectoscopeError(
            f"--folds {folds} is out of range; expected 2 to {len(np.unique(groups)):,}, the number of training faces "
            "without near-duplicates and others of the same person."
        )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=config.seed_of_split)
    fold_of = np.empty(len(rows), int)
    for number, (_, held_out) in enumerate(_split_folds(splitter, expressions, groups)):
        fold_of[held_out] = number
    for number in range(folds):
        faces = table.faces.copy()
        faces["split"] = resolve_splits(
            np.where(fold_of == number, "test", "train"),
            expressions,
            groups,
            seed=config.seed_of_split,
            validation_share=config.validation_share,
        )
        part = replace(table, faces=faces, ledger=Ledger(read=len(table)))
        yield TrainingData(part, pack, data.labels, data.preprocessing, part.counts(), hashes)


def _split_folds(
    splitter, expressions: np.ndarray, groups: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Split without scikit-learn's warning about expressions with fewer faces than folds."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield from splitter.split(expressions, expressions, groups)


def _predict_fold(
    data: TrainingData, config: TrainConfig, folder: Path, folds: int, console: Console
) -> Predictions:
    """Predictions for the held-out faces; trains the network unless the fold is finished."""
    finished = folder / config.name
    counts = data.table.faces["split"].value_counts()
    title = f"{config.name.replace('-', ' ').capitalize()} of {folds}"
    if finished.is_dir():
        console.say(f"{title}: already finished")
        return open_run(finished).predictions()
    console.say(f"{title}: {counts['test']:,} faces held out, {counts['train']:,} to train on")
    from core.train import train

    resumed = has_checkpoint(working_folder(config.name, folder))
    with resumable_on_ctrl_c(), _no_retracing_warnings():
        run = train(replace(config, resume=resumed), folder=folder, data=data, say_resume=False)
    return run.predictions()


@contextmanager
def _no_retracing_warnings() -> Iterator[None]:
    """Suppress TensorFlow's warning about repeated tracing: each fold builds a new network."""
    logger = logging.getLogger("tensorflow")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
