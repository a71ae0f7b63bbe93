"""What a run's recipe says of its training faces when it has not seen them: k-fold cross-validation, resumable."""

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
from core.data.near_duplicates import near_duplicate_groups
from core.data.relabelling import TRAINED_SPLITS
from core.data.splits import resolve_splits
from core.data.training_data import TrainingData
from core.errors import AffectoscopeError
from core.metrics.predictions import Predictions
from core.runs.catalogue import check_recipe, has_checkpoint, open_run, working_folder
from core.runs.run import Run
from core.runtime.console import Console
from core.runtime.files import write_json
from core.runtime.interruption import left_for_later_on_ctrl_c


def held_out_predictions(
    run: Run,
    data: TrainingData,
    *,
    folds: int,
    epochs: int | None = None,
    restart: bool = False,
    console: Console,
) -> Predictions:
    """Predictions for the run's training and validation faces, each by a network that was trained without it.

    The run's recipe is trained `folds` times on all folds but one. Folds are stratified by expression and keep
    near-duplicates together; each training chooses its epoch on a validation split of its own faces, so nothing of
    the held-out fold decides anything. Teachers are left out: they have seen every face.

    Finished folds lie in a hidden folder beside the run until all are done; after an interruption the same call goes
    on from there, inside a fold from its last epoch.

    Args:
        data: what the run was trained on (core.runs.source_data.load_run_data).
        epochs: of each training; default: the run's.
        restart: forget what an earlier call has finished.

    Returns:
        Rows in the order of the data, with the splits that the faces have in the run; no embeddings.

    Raises:
        AffectoscopeError: the run's configuration cannot be read, there are fewer faces than folds, or an
            interrupted call was begun otherwise.
    """
    config = _recipe(run, epochs)
    working = run.path.parent / f".{run.name}.label-errors"
    if restart:
        shutil.rmtree(working, ignore_errors=True)
    _begin(working, config, data, folds)
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
    """Drop what `held_out_predictions` keeps for going on."""
    shutil.rmtree(run.path.parent / f".{run.name}.label-errors", ignore_errors=True)


def _recipe(run: Run, epochs: int | None) -> TrainConfig:
    """The run's, for data that is at hand, reviewed on the faces that are held out."""
    config = TrainConfig.from_dict(run.info["config"])
    return replace(
        config,
        epochs=epochs or config.epochs,
        relabel=None,  # the data's labels are corrected already
        teacher=(),
        review="test",
        tta=run.test_time_augmentation,
        thumbnails="no",
        resume=False,
        overwrite=False,
    )


def _begin(working: Path, config: TrainConfig, data: TrainingData, folds: int) -> None:
    """The folder of the folds; refused when it was begun for other ones."""
    faces = data.table.faces[["reference", "expression", "split"]]
    digest = hashlib.sha256(pd.util.hash_pandas_object(faces, index=False).to_numpy().tobytes())
    plan = {**config.recipe(), "folds": folds, "faces": digest.hexdigest()}
    path = working / "plan.json"
    if path.exists():
        try:
            check_recipe(path, plan)
        except AffectoscopeError as error:
            raise AffectoscopeError(f"{error} Or pass --restart to begin anew.") from error
        return
    try:
        working.mkdir(parents=True, exist_ok=True)
        write_json(path, plan)
    except OSError as error:
        raise AffectoscopeError(
            f"The folder {working.parent} cannot be written ({error.strerror or error}); folds are trained there."
        ) from error


def _folds(data: TrainingData, config: TrainConfig, folds: int) -> Iterator[TrainingData]:
    """The training and validation faces `folds` times, each time others of them as test faces."""
    from sklearn.model_selection import StratifiedGroupKFold

    rows = np.flatnonzero(data.table.faces["split"].isin(TRAINED_SPLITS).to_numpy())
    table, pack, hashes = data.table.select(rows), data.pack.select(rows), data.hashes[rows]
    expressions = table.faces["expression"].to_numpy()
    groups = near_duplicate_groups(hashes)
    if not 2 <= folds <= len(np.unique(groups)):
        raise AffectoscopeError(
            f"--folds {folds} is out of range; expected 2 to {len(np.unique(groups)):,}, the number of training faces "
            "that are no near-duplicates."
        )
    cut = StratifiedGroupKFold(folds, shuffle=True, random_state=config.seed_of_split)
    fold_of = np.empty(len(rows), int)
    for number, (_, held_out) in enumerate(_cut(cut, expressions, groups)):
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


def _cut(cut, expressions: np.ndarray, groups: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The folds; that an expression has fewer faces than there are folds is no reason to warn."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield from cut.split(expressions, expressions, groups)


def _predict_fold(
    data: TrainingData, config: TrainConfig, folder: Path, folds: int, console: Console
) -> Predictions:
    """The held-out faces as the network of the other folds sees them; trained now unless that is done."""
    finished = folder / config.name
    counts = data.table.faces["split"].value_counts()
    title = f"{config.name.replace('-', ' ').capitalize()} of {folds}"
    if finished.is_dir():
        console.say(f"{title}: done before")
        return open_run(finished).predictions()
    console.say(f"{title}: {counts['test']:,} faces held out, {counts['train']:,} to train on")
    from core.train import train

    resumed = has_checkpoint(working_folder(config.name, folder))
    with left_for_later_on_ctrl_c(), _no_retracing_warnings():
        run = train(replace(config, resume=resumed), folder=folder, data=data, say_resume=False)
    return run.predictions()


@contextmanager
def _no_retracing_warnings() -> Iterator[None]:
    """TensorFlow warns of functions that are traced anew; here each fold has a network of its own."""
    logger = logging.getLogger("tensorflow")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
