"""Data-parallel training on the workers of a cluster: Keras on JAX, started and restarted by Ray Train.

Every worker holds the same weights, computes its part of every batch, and averages gradients and batch statistics with
the other workers, so that the weights equal those of a training on one worker. The worker of rank 0 writes the history
and the checkpoint in the usual format, so that this process, or a later training without a cluster, can resume from them.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import keras
import pandas as pd
import ray.train
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.collective import broadcast_from_rank_zero
from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer

from core.config import TrainConfig
from core.errors import AffectoscopeError
from core.network.devices import OneDevice, check_split
from core.network.fit import TrainingResult
from core.network.training_job import TrainingJob, fit
from core.runtime.ray_cluster import RayCluster

#: How often a training is restarted from its last checkpoint after the loss of a worker.
MAX_FAILURES = 5

#: Seconds between two reads of the history that the workers write.
POLL_SECONDS = 0.5


def fit_on_cluster(
    cluster: RayCluster,
    job: TrainingJob,
    *,
    say: Callable[[str], None],
    on_step: Callable | None = None,
    on_epoch: Callable[[dict], None] | None = None,
) -> tuple[keras.Model, TrainingResult]:
    """Train on the workers of a cluster; otherwise as core.network.training_job.fit. `on_step` is not called.

    Raises:
        AffectoscopeError: the options do not fit the cluster, or the workers failed.
    """
    check(job.config, cluster)
    each = "one GPU" if cluster.gpus else f"{cluster.cores} cores"
    say(f"Training on {cluster.networks} workers of the cluster with {each} each")
    with _reporting_epochs(job, on_epoch):
        _run(job, cluster)
    network, fitted = fit(job, say=lambda _message: None)  # loads the finished checkpoint
    return network, replace(fitted, devices=cluster.networks)


def check(config: TrainConfig, cluster: RayCluster) -> None:
    """Check that the training can run on the workers with the result of a single worker.

    Raises:
        AffectoscopeError: its options do not fit the cluster.
    """
    if config.devices == "all":
        raise AffectoscopeError("--devices all and --cluster exclude each other; pass only one of them.")
    check_split(config, cluster.networks, "workers of the cluster", "--cluster")


def _run(job: TrainingJob, cluster: RayCluster) -> None:
    """Run all epochs, restarting after the loss of workers.

    Raises:
        AffectoscopeError: the workers failed more than MAX_FAILURES times, or raised an error.
    """
    storage = job.folder / "cluster"
    trainer = DataParallelTrainer(
        _worker,
        train_loop_config={"job": ray.put(job), "folder": os.getcwd()},
        scaling_config=ScalingConfig(
            num_workers=cluster.networks,
            use_gpu=cluster.gpus > 0,
            resources_per_worker={"CPU": cluster.cores},
        ),
        run_config=RunConfig(
            name="fit",
            storage_path=str(storage.absolute()),
            failure_config=FailureConfig(max_failures=MAX_FAILURES),
            worker_runtime_env={"env_vars": _environment_variables(cluster)},
        ),
    )
    try:
        trainer.fit()
    except ray.train.TrainingFailedError as error:
        failures = getattr(error, "worker_failures", {}).values()
        known = [each for each in failures if isinstance(each, AffectoscopeError)]
        raise AffectoscopeError(
            str(known[0])
            if known
            else f"The workers of the cluster failed ({error}); completed epochs are saved, resume with --resume."
        ) from error
    finally:
        shutil.rmtree(storage, ignore_errors=True)


def _environment_variables(cluster: RayCluster) -> dict[str, str]:
    return {"KERAS_BACKEND": "jax", **({} if cluster.gpus else {"JAX_PLATFORMS": "cpu"})}


def _worker(settings: dict) -> None:
    """The training function of each worker."""
    import jax

    os.chdir(settings["folder"])
    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    address = broadcast_from_rank_zero(_free_address() if rank == 0 else None)
    visible = [each for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each]
    device_ids = [context.get_local_rank()] if len(visible) > 1 else None
    jax.distributed.initialize(address, workers, rank, local_device_ids=device_ids)
    try:
        job = ray.get(settings["job"])
        fit(job, devices=WorkerDevice(rank, workers), say=lambda _message: None)
    finally:
        jax.distributed.shutdown()


def _free_address() -> str:
    import socket

    with socket.socket() as found:
        found.bind(("", 0))
        return f"{ray.util.get_node_ip_address()}:{found.getsockname()[1]}"


class WorkerDevice(OneDevice):
    """The device of one worker of several, which trains on its part of every batch."""

    def __init__(self, rank: int, workers: int) -> None:
        self.count, self.rank, self.is_chief = workers, rank, rank == 0
        self._distribution = keras.distribution.DataParallel(
            devices=keras.distribution.list_devices(), auto_shard_dataset=False
        )

    @contextmanager
    def scope(self):
        with self._distribution.scope():
            yield

    @contextmanager
    def validating(self):
        keras.distribution.set_distribution(None)
        try:
            yield
        finally:
            keras.distribution.set_distribution(self._distribution)

    def feed(self, batches: Callable[[], Iterator[tuple]]) -> Iterator[tuple]:
        for batch in batches():
            yield keras.tree.map_structure(self._part, batch)

    def _part(self, values):
        size = len(values) // self.count
        return values[self.rank * size : (self.rank + 1) * size]


@contextmanager
def _reporting_epochs(job: TrainingJob, on_epoch: Callable[[dict], None] | None) -> Iterator[None]:
    """Context in which `on_epoch` is called with each row that the worker of rank 0 adds to the history."""
    ended, reported = threading.Event(), len(_history(job))

    def report_new_rows() -> None:
        nonlocal reported
        for row in _history(job)[reported:]:
            reported += 1
            on_epoch(row)

    def watch() -> None:
        while not ended.wait(POLL_SECONDS):
            report_new_rows()

    watcher = threading.Thread(target=watch, daemon=True)
    if on_epoch:
        watcher.start()
    try:
        yield
    finally:
        ended.set()
        if on_epoch:
            watcher.join()
            report_new_rows()


def _history(job: TrainingJob) -> list[dict]:
    path = job.folder / "history.csv"
    if not path.exists():
        return []
    return [row | {"epoch": int(row["epoch"])} for row in pd.read_csv(path).to_dict("records")]
