"""Workers of a sweep on a cluster, which share the sweep's folder."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import ray

from core.runtime.console import run_command
from core.runtime.ray_cluster import RETRIES, RayCluster
from core.sweep.run import parse_sweep, sweep
from core.sweep.workers import log_path


class ClusterWorkers:
    """Workers of a sweep, one Ray task each; the task of a lost worker is retried and resumes its trial."""

    def __init__(self, cluster: RayCluster, arguments: Sequence[str], folder: Path) -> None:
        self.count = cluster.networks
        task = ray.remote(_work).options(
            **cluster.resources,
            max_retries=RETRIES,
            runtime_env={
                "env_vars": {"TF_NUM_INTRAOP_THREADS": str(cluster.cores), "TF_NUM_INTEROP_THREADS": "1"}
            },
        )
        self._tasks = [
            task.remote(os.getcwd(), list(arguments), str(log_path(folder, number + 1).absolute()))
            for number in range(self.count)
        ]

    def running(self) -> bool:
        return bool(ray.wait(self._tasks, num_returns=self.count, timeout=0)[1])

    def stop(self) -> None:
        for task in ray.wait(self._tasks, num_returns=self.count, timeout=0)[1]:
            ray.cancel(task, force=True)

    def failed(self) -> list[int]:
        failed = []
        for number, task in enumerate(self._tasks, 1):
            try:
                status = ray.get(task)
            except ray.exceptions.RayError:
                status = 1
            if status:
                failed.append(number)
        return failed


def _work(folder: str, arguments: list[str], log: str) -> int:
    """Run a worker of the sweep in this process; returns its exit status."""
    os.chdir(folder)
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        run_command(lambda: sweep(*parse_sweep(arguments), lost=_lost))
    except SystemExit as ended:
        return int(ended.code or 0)
    finally:
        sys.stdout.flush()
    return 0


def _lost(host: str) -> bool:
    """Return whether the machine has left the cluster."""
    machines = ray.nodes()
    alive = {machine["NodeManagerHostname"] for machine in machines if machine["Alive"]}
    return host not in alive and any(machine["NodeManagerHostname"] == host for machine in machines)
