"""The epochs of a training over the workers of a cluster: Keras on JAX, started and restarted by Ray Train.

Every worker holds the same weights, computes its part of every batch, and averages gradients and batch statistics with
the others, so that the weights are those of one worker. The first one writes the history and the checkpoint, which are
those of any training: this process, or a later one without a cluster, goes on from them.
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
from core.network.fit import Fitted
from core.network.training_job import TrainingJob, fit
from core.runtime.ray_cluster import RayCluster

#: How often a training whose worker was lost goes on from its last checkpoint.
LOST_WORKERS = 5

#: Seconds between two looks at what the workers have written.
LOOK_EVERY = 0.5


def fit_on(
    cluster: RayCluster,
    job: TrainingJob,
    *,
    say: Callable[[str], None],
    on_step: Callable | None = None,
    on_epoch: Callable[[dict], None] | None = None,
) -> tuple[keras.Model, Fitted]:
    """What core.network.training_job.fit gives, the epochs done by the workers. Steps are not told of.

    Raises:
        AffectoscopeError: the options do not fit the cluster, or the workers ended with an error.
    """
    check(job.config, cluster)
    each = "one GPU" if cluster.gpus else f"{cluster.cores} cores"
    say(f"{cluster.networks} workers of the cluster train, {each} each")
    with _told(job, on_epoch):
        _run(job, cluster)
    network, fitted = fit(job, say=lambda _sentence: None)  # finds every epoch done
    return network, replace(fitted, backend="jax", devices=cluster.networks)


def check(config: TrainConfig, cluster: RayCluster) -> None:
    """Refuse a training that the workers could not do as one would.

    Raises:
        AffectoscopeError: its options do not fit the cluster.
    """
    if config.devices == "all":
        raise AffectoscopeError(
            "--devices all is for this machine and --cluster for several; pass one of them."
        )
    check_split(config, cluster.networks, "workers of the cluster", "--cluster")


def _run(job: TrainingJob, cluster: RayCluster) -> None:
    """Until every epoch is done, through the loss of workers.

    Raises:
        AffectoscopeError: it cannot be done.
    """
    beside = job.folder / "cluster"
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
            storage_path=str(beside.absolute()),
            failure_config=FailureConfig(max_failures=LOST_WORKERS),
            worker_runtime_env={"env_vars": _surroundings(cluster)},
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
            else f"The workers of the cluster ended with an error ({error}); what was trained so far is kept."
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _surroundings(cluster: RayCluster) -> dict[str, str]:
    return {"KERAS_BACKEND": "jax", **({} if cluster.gpus else {"JAX_PLATFORMS": "cpu"})}


def _worker(settings: dict) -> None:
    """What each worker runs."""
    import jax

    os.chdir(settings["folder"])
    context = ray.train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    address = broadcast_from_rank_zero(_free_address() if rank == 0 else None)
    visible = [each for each in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if each]
    mine = [context.get_local_rank()] if len(visible) > 1 else None
    jax.distributed.initialize(address, workers, rank, local_device_ids=mine)
    try:
        job = ray.get(settings["job"])
        fit(job, devices=OneOfSeveral(rank, workers), say=lambda _sentence: None)
    finally:
        jax.distributed.shutdown()


def _free_address() -> str:
    import socket

    with socket.socket() as found:
        found.bind(("", 0))
        return f"{ray.util.get_node_ip_address()}:{found.getsockname()[1]}"


class OneOfSeveral(OneDevice):
    """The device of one worker, which trains on its part of every batch."""

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
def _told(job: TrainingJob, on_epoch: Callable[[dict], None] | None) -> Iterator[None]:
    """While it lasts, `on_epoch` is called with each row that the first worker adds to the history."""
    over, told = threading.Event(), len(_history(job))

    def tell() -> None:
        nonlocal told
        for row in _history(job)[told:]:
            told += 1
            on_epoch(row)

    def watch() -> None:
        while not over.wait(LOOK_EVERY):
            tell()

    watcher = threading.Thread(target=watch, daemon=True)
    if on_epoch:
        watcher.start()
    try:
        yield
    finally:
        over.set()
        if on_epoch:
            watcher.join()
            tell()


def _history(job: TrainingJob) -> list[dict]:
    path = job.folder / "history.csv"
    if not path.exists():
        return []
    return [row | {"epoch": int(row["epoch"])} for row in pd.read_csv(path).to_dict("records")]
