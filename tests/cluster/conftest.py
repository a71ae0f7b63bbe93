"""The cluster that all tests of this folder share."""

import pytest

from core.options import ClusterOptions


@pytest.fixture(scope="session")
def cluster():
    """Two workers of a Ray cluster of this machine, not yet this thread's executor."""
    pytest.importorskip("ray", reason="Ray is not installed: make test-cluster installs it")
    from core.runtime.cluster import joined_cluster
    from core.runtime.executor import LocalExecutor, use_executor

    with joined_cluster(ClusterOptions("local", 2)) as joined, use_executor(LocalExecutor()):
        yield joined
