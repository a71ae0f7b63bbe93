"""Join the Ray cluster that --cluster names; imports Ray only then."""

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
    """The cluster, the executor of this thread inside the block; None where none is asked for.

    Raises:
        AffectoscopeError: Ray is not installed, no cluster answers, or the number of workers is none.
    """
    if options.cluster_workers is not None and options.cluster_workers < 1:
        raise AffectoscopeError(
            f"--cluster-workers {options.cluster_workers} is out of range; expected 1 or more."
        )
    if options.cluster is None:
        if options.cluster_workers is not None:
            raise AffectoscopeError("--cluster-workers needs the --cluster that they belong to.")
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
