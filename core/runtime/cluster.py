"""Connection to the Ray cluster of the option --cluster; imports Ray only if it is set."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from core.errors import AffectoscopeError
from core.options import ClusterOptions
from core.runtime.executor import use_executor

if TYPE_CHECKING:
    from core.runtime.ray_cluster import RayCluster


@contextmanager
def joined_cluster(options: ClusterOptions) -> Iterator["RayCluster | None"]:
    """Connect to the cluster of the options and use it as the executor of this thread; yields None without --cluster.

    Raises:
        AffectoscopeError: Ray or JAX is not installed, the connection fails, or the number of workers is invalid.
    """
    if options.cluster_workers is not None and options.cluster_workers < 1:
        raise AffectoscopeError(
            f"--cluster-workers {options.cluster_workers} is out of range; expected 1 or more."
        )
    if options.cluster is None:
        if options.cluster_workers is not None:
            raise AffectoscopeError(
                "--cluster-workers needs --cluster; pass the address of the cluster, or remove the option."
            )
        yield None
        return
    if any(importlib.util.find_spec(package) is None for package in ("ray", "jax")):
        raise AffectoscopeError(
            "--cluster needs Ray and JAX, which are not installed; install them on all machines of the cluster: "
            "pip install -r requirements-cluster.txt."
        )
    from core.runtime.ray_cluster import connected

    with connected(options.cluster, options.cluster_workers) as cluster, use_executor(cluster):
        yield cluster
