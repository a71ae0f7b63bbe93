"""`--cluster`: what a command takes to do its work on other machines. Imports no Ray."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.errors import AffectoscopeError
from core.workers import working_with

if TYPE_CHECKING:
    from core.cluster.ray_cluster import RayCluster


@dataclass(frozen=True)
class ClusterOptions:
    """Where the work is done."""

    cluster: str | None = None
    """Do the work on a Ray cluster: its address (host:port, or auto on one of its machines), or local for one that
    lives as long as the command on this machine. Its machines must see project, data, cache and artifacts folder
    under the same paths."""
    cluster_workers: int | None = None
    """How many workers of the cluster run the network; default: one per GPU, or one per machine without any."""

    @contextmanager
    def joined(self) -> Iterator["RayCluster | None"]:
        """The cluster, this thread's workforce while it lasts; None where none is asked for.

        Raises:
            AffectoscopeError: Ray is not installed, no cluster answers, or the number of workers is none.
        """
        if self.cluster_workers is not None and self.cluster_workers < 1:
            raise AffectoscopeError(
                f"--cluster-workers {self.cluster_workers} is out of range; expected 1 or more."
            )
        if self.cluster is None:
            if self.cluster_workers is not None:
                raise AffectoscopeError("--cluster-workers needs the --cluster that they belong to.")
            yield None
            return
        if any(importlib.util.find_spec(package) is None for package in ("ray", "jax")):
            raise AffectoscopeError(
                "--cluster needs Ray and JAX, which are not installed; install them on all machines of the cluster: "
                "pip install -r requirements-cluster.txt."
            )
        from core.cluster.ray_cluster import connected

        with connected(self.cluster, self.cluster_workers) as cluster, working_with(cluster):
            yield cluster
