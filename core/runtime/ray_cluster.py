"""A Ray cluster as an executor: images decoded on all its cores, networks run by a pool of actors.

Work whose worker is killed is done again by another, so that every face is answered once. Nothing is asked of the
machines but Ray, the packages and the shared storage: Ray's reports of its use and its dashboard stay off.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

# Read when Ray is imported and started: no network call but to the cluster.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray
from ray.exceptions import RayActorError, RayError, RayTaskError, WorkerCrashedError
from ray.util import ActorPool

from core.errors import AffectoscopeError
from core.runtime.cache import cache_folder
from core.runtime.executor import PREFETCH

ROOT = Path(__file__).resolve().parents[2]

#: How often what killed its worker is given to another one.
RETRIES = 3


@contextmanager
def connected(address: str, workers: int | None) -> Iterator["RayCluster"]:
    """The cluster at `address`, or with "local" one of this machine that ends with the block.

    Raises:
        AffectoscopeError: no cluster answers there.
    """
    try:
        ray.init(
            address=address,
            include_dashboard=False if address == "local" else None,
            logging_level=logging.ERROR,
            log_to_driver=False,
            runtime_env={"env_vars": _surroundings()},
        )
    except (ConnectionError, RuntimeError, ValueError, OSError, RayError) as error:
        raise AffectoscopeError(
            f"There is no Ray cluster at {address} ({type(error).__name__}); start one with `ray start --head` and pass its "
            "host:port (with RAY_AUTH_MODE=token where it asks for a token), or pass --cluster local."
        ) from error
    try:
        yield RayCluster(workers)
    finally:
        ray.shutdown()


def _surroundings() -> dict[str, str]:
    """What a worker must find as this process does."""
    kept = {"PYTHONPATH": str(ROOT), "AFFECTOSCOPE_CACHE": str(cache_folder().absolute())}
    if "KERAS_BACKEND" in os.environ:
        kept["KERAS_BACKEND"] = os.environ["KERAS_BACKEND"]
    return kept | {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONWARNINGS": "ignore"}


class RayCluster:
    """The executor of a cluster that this process is connected to.

    Attributes:
        gpus: how many GPUs the cluster has.
        networks: how many workers run a network at the same time.
        cores: cores that each of those has.
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
        """What one worker that runs a network is given."""
        return {"num_cpus": self.cores, "num_gpus": 1 if self.gpus else 0}

    def map(self, work: Callable, items: Iterable, *, workers: int | None = None) -> Iterator:
        """`core.runtime.executor.Executor.map` on all cores of the cluster."""
        workers = workers or self._cores()
        task = ray.remote(_do).options(num_cpus=1, max_retries=RETRIES)
        shared, waiting = ray.put(work), deque()
        with _sentences():
            for item in items:
                waiting.append(task.remote(os.getcwd(), shared, item))
                if len(waiting) > PREFETCH * workers:
                    yield ray.get(waiting.popleft())
            while waiting:
                yield ray.get(waiting.popleft())

    def stream(self, load: Callable, items: Iterable, *, chunk_size: int) -> Iterator:
        """`core.runtime.executor.Executor.stream` by a pool of actors; a killed one is started anew and asked again."""
        kind = ray.remote(_Actor).options(**self.resources, max_restarts=-1, max_task_retries=RETRIES)
        pool = ActorPool([kind.remote(os.getcwd(), load) for _ in range(self.networks)])
        items, waiting = iter(items), 0
        with _sentences():
            while chunk := list(islice(items, chunk_size)):
                pool.submit(lambda actor, given: actor.answer.remote(given), chunk)
                waiting += 1
                if waiting > PREFETCH * self.networks:
                    yield from pool.get_next()
                    waiting -= 1
            while pool.has_next():
                yield from pool.get_next()


def _do(folder: str, work: Callable, item):
    os.chdir(folder)  # paths mean there what they mean here
    return work(item)


class _Actor:
    """Loads at its first question, so that an error while it loads is an answer and not its death."""

    def __init__(self, folder: str, load: Callable) -> None:
        os.chdir(folder)
        self.load, self.work = load, None

    def answer(self, items: list) -> list:
        self.work = self.work or self.load()
        return list(self.work(items))


@contextmanager
def _sentences() -> Iterator[None]:
    """An error of our own from a worker is raised as it is, without the worker's traceback."""
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, AffectoscopeError):
            raise AffectoscopeError(str(error.cause)) from None
        raise
    except (RayActorError, WorkerCrashedError) as error:
        raise AffectoscopeError(
            f"The same faces ended {RETRIES + 1} workers of the cluster, for want of memory perhaps; give each more, "
            "with fewer --cluster-workers."
        ) from error
