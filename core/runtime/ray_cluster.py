"""Ray cluster as an executor: images are decoded on all cores, networks run in a pool of actors.

Tasks of lost workers are retried on others. The machines need Ray, the packages and shared storage; Ray's usage statistics
and dashboard are off.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

# Read when Ray is imported.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError, WorkerCrashedError
from ray.util import ActorPool

from core.errors import AffectoscopeError
from core.runtime.cache import cache_folder
from core.runtime.executor import PREFETCH

ROOT = Path(__file__).resolve().parents[2]

#: Number of retries of a task whose worker was lost.
RETRIES = 3


@contextmanager
def connected(address: str, workers: int | None) -> Iterator["RayCluster"]:
    """Connect to the cluster at `address`; "local" starts one on this machine for the duration of the block.

    Args:
        workers: number of workers that run a network; None for the default of `RayCluster`.

    Raises:
        AffectoscopeError: the connection fails, or there are more workers than GPUs or cores.
    """
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"env_vars": _environment_variables()},
        )
    except (ConnectionError, RuntimeError, ValueError, OSError, RayError) as error:
        raise AffectoscopeError(
            f"No Ray cluster found at {address} ({type(error).__name__}); start one with `ray start --head` and pass its "
            "host:port (with RAY_AUTH_MODE=token if it requires a token), or pass --cluster local."
        ) from error
    try:
        yield RayCluster(workers)
    finally:
        ray.shutdown()


def _environment_variables() -> dict[str, str]:
    """Environment variables of the workers."""
    variables = {"PYTHONPATH": str(ROOT), "AFFECTOSCOPE_CACHE": str(cache_folder().absolute())}
    if "KERAS_BACKEND" in os.environ:
        variables["KERAS_BACKEND"] = os.environ["KERAS_BACKEND"]
    return variables | {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONWARNINGS": "ignore"}


class RayCluster:
    """Executor on the cluster that this process is connected to.

    Args:
        workers: number of workers that run a network; default: one per GPU, or one per machine without GPUs.

    Attributes:
        gpus: number of GPUs of the cluster.
        networks: number of workers that run a network.
        cores: cores of each of these workers.

    Raises:
        AffectoscopeError: there are more workers than GPUs or cores.
    """

    def __init__(self, workers: int | None) -> None:
        machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        self.gpus = int(sum(machine.get("GPU", 0) for machine in machines))
        self.networks = workers or self.gpus or len(machines)
        if self.gpus and self.networks > self.gpus:
            raise AffectoscopeError(
                f"--cluster-workers {self.networks} is more than the {self.gpus} GPUs of the cluster; expected 1 to {self.gpus}."
            )
        per_machine = -(-self.networks // len(machines))
        smallest = int(min(machine.get("CPU", 1) for machine in machines))
        self.cores = max(smallest // per_machine, 1)
        if self.networks > (total := self._cores()):
            raise AffectoscopeError(
                f"--cluster-workers {self.networks} is more than the {total} cores of the cluster; expected 1 to {total}."
            )

    @staticmethod
    def _cores() -> int:
        return int(ray.cluster_resources().get("CPU", 1))

    @property
    def resources(self) -> dict[str, float]:
        """Ray resources of a worker that runs a network."""
        return {"num_cpus": self.cores, "num_gpus": 1 if self.gpus else 0}

    def map(self, work: Callable, items: Iterable, *, workers: int | None = None) -> Iterator:
        """See `core.runtime.executor.Executor.map`; uses all cores of the cluster by default."""
        workers = workers or self._cores()
        task = ray.remote(_run).options(num_cpus=1, max_retries=RETRIES)
        shared, pending = ray.put(work), deque()
        with _worker_errors():
            for item in items:
                pending.append(task.remote(os.getcwd(), shared, item))
                if len(pending) > PREFETCH * workers:
                    yield ray.get(pending.popleft())
            while pending:
                yield ray.get(pending.popleft())

    def stream(self, load: Callable, items: Iterable, *, chunk_size: int) -> Iterator:
        """See `core.runtime.executor.Executor.stream`; runs in a pool of actors, which Ray restarts if they are lost."""
        kind = ray.remote(_Actor).options(**self.resources, max_restarts=-1, max_task_retries=RETRIES)
        pool = ActorPool([kind.remote(os.getcwd(), load) for _ in range(self.networks)])
        items, pending = iter(items), 0
        with _worker_errors():
            while chunk := list(islice(items, chunk_size)):
                pool.submit(lambda actor, given: actor.compute.remote(given), chunk)
                pending += 1
                if pending > PREFETCH * self.networks:
                    yield from pool.get_next()
                    pending -= 1
            while pool.has_next():
                yield from pool.get_next()


def _run(folder: str, work: Callable, item):
    os.chdir(folder)  # relative paths are those of this process
    return work(item)


class _Actor:
    """Loads at its first task, so that an error while loading is returned and does not end the actor."""

    def __init__(self, folder: str, load: Callable) -> None:
        os.chdir(folder)
        self.load = load
        self.work: Callable | None = None

    def compute(self, items: list) -> list:
        self.work = self.work or self.load()
        return list(self.work(items))


@contextmanager
def _worker_errors() -> Iterator[None]:
    """Raise an AffectoscopeError of a worker without the worker's traceback, and the loss of workers as one."""
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, AffectoscopeError):
            raise AffectoscopeError(str(error.cause)) from None
        raise
    except (RayActorError, WorkerCrashedError) as error:
        raise AffectoscopeError(
            f"A task failed on {RETRIES + 1} workers of the cluster, possibly out of memory; pass fewer "
            "--cluster-workers to give each of them more memory."
        ) from error
