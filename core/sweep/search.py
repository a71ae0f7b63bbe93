"""Trials of a sweep: sampled by Optuna, trained sequentially, pruned by the median."""

import itertools
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from core.config import TrainConfig
from core.data.training_data import TrainingData
from core.errors import AffectoscopeError
from core.runs.catalogue import has_checkpoint, working_folder
from core.runs.sweeps import OBJECTIVES, Sweep, write_tables
from core.runtime.interruption import resumable_on_ctrl_c
from core.sweep.spaces import SPACES, Between, Space, Value
from core.train import train

#: Number of complete trials before pruning starts, and share of the epochs without pruning.
UNPRUNED_TRIALS, UNPRUNED_SHARE = 8, 1 / 3

#: Fewest finished trials for which importances are computed.
FEWEST_FOR_IMPORTANCE = 8

ENDED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


def open_study(sweep: Sweep) -> optuna.Study:
    """Open or create the sweep's Optuna study; safe with several processes and machines."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    epochs = sweep.info["config"]["epochs"]
    pruner = (
        optuna.pruners.MedianPruner(
            n_startup_trials=UNPRUNED_TRIALS, n_warmup_steps=max(round(epochs * UNPRUNED_SHARE), 1)
        )
        if sweep.info["prune"]
        else optuna.pruners.NopPruner()
    )
    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(sweep.path / "journal.log"))),
        study_name=sweep.name,
        direction="maximize" if OBJECTIVES[sweep.objective] else "minimize",
        sampler=_sampler(sweep.info["sampler"], sweep.info["config"]["seed"]),
        pruner=pruner,
        load_if_exists=True,
    )


def _sampler(name: str, seed: int) -> optuna.samplers.BaseSampler:
    # Workers with the same seed would all sample the same first trials.
    own = (seed, os.getpid())
    drawn = int(np.random.default_rng(own).integers(2**31))
    if name in ("random", "grid"):  # the grid is queued by queue_grid
        return optuna.samplers.RandomSampler(seed=drawn)
    return optuna.samplers.TPESampler(seed=drawn, multivariate=True, group=True, constant_liar=True)


def queue_grid(study: optuna.Study, space: Space, seed: int) -> None:
    """Queue every combination of the space once, in an order shuffled by the seed.

    Optuna's GridSampler cannot resume an interrupted trial, and can start a combination twice with several workers.
    """
    if study.user_attrs.get("queued"):
        return
    grid = list(itertools.product(*space.parameters.values()))
    for index in np.random.default_rng(seed).permutation(len(grid)):
        study.enqueue_trial(dict(zip(space.parameters, grid[index], strict=True)), skip_if_exists=True)
    study.set_user_attr("queued", True)


def run_trials(
    sweep: Sweep,
    base: TrainConfig,
    data: TrainingData,
    *,
    trials: int,
    say: Callable[[str], None],
) -> None:
    """Train trials until `trials` of the sweep have ended, including those of other workers.

    A training that raises an error counts as failed. After Ctrl-C, the interrupted trial resumes from its checkpoint when
    the sweep is resumed.

    Args:
        base: configuration that the trials modify.
        say: called with a line about each trial.
    """
    study = open_study(sweep)

    def stop_when_done(study: optuna.Study, _trial: FrozenTrial) -> None:
        save_tables(sweep, study)
        if unfinished(study, trials) <= 0:
            study.stop()

    def objective(trial: optuna.Trial) -> float:
        try:
            return _train_trial(sweep, base, data, trial, say)
        except (AffectoscopeError, FloatingPointError) as error:
            say(f"Trial {trial.number} failed: {error}")
            raise

    with resumable_on_ctrl_c():
        while unfinished(study, trials) > 0:
            study.optimize(
                objective,
                n_trials=1,
                catch=(AffectoscopeError, FloatingPointError),
                callbacks=[stop_when_done],
            )
    save_tables(sweep, study)


def unfinished(study: optuna.Study, trials: int) -> int:
    """Number of trials left to start or resume; an interrupted trial and its continuation count once."""
    begun, waiting = set(), set()
    for trial in study.get_trials(deepcopy=False):
        (waiting if trial.state == TrialState.WAITING else begun).add(_first(trial))
    return trials - len(begun - waiting)


def _first(trial: FrozenTrial | optuna.Trial) -> int:
    """Number of the trial that this one continues, or its own."""
    return trial.user_attrs.get("goes_on_from", trial.number)


def _train_trial(sweep: Sweep, base: TrainConfig, data: TrainingData, trial: optuna.Trial, say) -> float:
    space = SPACES[sweep.info["space"]]
    chosen = {name: _suggest(trial, name, values) for name, values in space.parameters.items()}
    trial.set_user_attr("worker", _worker())
    name = f"trial-{_first(trial):04d}"
    working = working_folder(name, sweep.path)
    config = replace(
        space.apply(base, chosen),
        name=name,
        review="validation",
        tta="none",  # trials are compared by the history, which has no augmentation
        thumbnails="no",
        resume=has_checkpoint(working),
        overwrite=True,
    )
    say(f"Trial {trial.number}: " + ", ".join(f"{key} {value}" for key, value in chosen.items()))
    best = {"loss": np.inf}

    def after_epoch(row: dict) -> None:
        value = row[f"validation_{sweep.objective}"]
        if row["validation_loss"] < best["loss"]:
            best.update(_scores(row))
        for key, number in best.items():
            trial.set_user_attr(key, float(number))
        trial.report(value, row["epoch"])
        if trial.should_prune():
            raise optuna.TrialPruned

    if config.resume:
        for row in pd.read_csv(working / "history.csv").to_dict("records"):
            trial.report(row[f"validation_{sweep.objective}"], int(row["epoch"]))
            if row["validation_loss"] < best["loss"]:
                best.update(_scores(row))
    try:
        run = train(config, folder=sweep.path, data=data, after_epoch=after_epoch, say_resume=False)
    except optuna.TrialPruned:
        shutil.rmtree(working, ignore_errors=True)
        raise
    at_best = run.history.loc[run.history["epoch"] == run.info["training"]["best_epoch"]].iloc[0]
    for key, number in _scores(at_best).items():
        trial.set_user_attr(key, float(number))
    trial.set_user_attr("network_parameters", int(run.info["network"]["parameters"]))
    trial.set_user_attr("seconds", float(run.info["training"]["seconds"]["train"]))
    value = float(at_best[f"validation_{sweep.objective}"])
    if not np.isfinite(value):
        raise FloatingPointError(f"the {sweep.objective} is not a number")
    return value


def _suggest(trial: optuna.Trial, name: str, values: tuple[Value, ...] | Between) -> Value:
    if isinstance(values, Between):
        return trial.suggest_float(name, values.low, values.high, step=values.step, log=values.log)
    return trial.suggest_categorical(name, list(values))


def _scores(row) -> dict[str, float]:
    return {
        "accuracy": row["validation_accuracy"],
        "macro_f1": row["validation_macro_f1"],
        "loss": row["validation_loss"],
        "best_epoch": row["epoch"],
    }


def save_tables(sweep: Sweep, study: optuna.Study) -> None:
    """Write trials.csv, epochs.csv and importance.csv from the study."""
    rows, epochs = [], []
    for trial in study.get_trials(deepcopy=False, states=ENDED):
        known = trial.user_attrs
        measured = {
            key: known.get(key)
            for key in ("accuracy", "macro_f1", "loss", "best_epoch", "network_parameters")
        }
        seconds = known.get("seconds") or (trial.duration.total_seconds() if trial.duration else None)
        about = {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "epochs": len(trial.intermediate_values),
        }
        rows.append(about | measured | {"seconds": seconds} | trial.params)
        epochs += [
            {"trial": trial.number, "epoch": epoch, "value": value}
            for epoch, value in sorted(trial.intermediate_values.items())
        ]
    write_tables(sweep, rows, epochs, _importance(study))


def _importance(study: optuna.Study) -> list[dict]:
    """Share of the variance between finished trials explained by each parameter (fANOVA; Hutter et al. 2014)."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(done) < FEWEST_FOR_IMPORTANCE or len({trial.value for trial in done}) < 2:
        return []
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return [{"parameter": name, "importance": value} for name, value in found.items()]


def take_over_abandoned(study: optuna.Study, lost: Callable[[str], bool] | None = None) -> int:
    """Queue the trials of ended workers again, to be resumed from their checkpoint; returns their number.

    Args:
        lost: whether the machine of that name has left the cluster; default: only workers of this machine are checked.
    """
    abandoned = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        host, _, process = trial.user_attrs.get("worker", "").rpartition(":")
        gone = not _alive(int(process)) if host == platform.node() else bool(lost and host and lost(host))
        if not gone:
            continue
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params, user_attrs={"goes_on_from": _first(trial)})
        abandoned += 1
    return abandoned


def _worker() -> str:
    return f"{platform.node()}:{os.getpid()}"


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _zombie(process)


def _zombie(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
