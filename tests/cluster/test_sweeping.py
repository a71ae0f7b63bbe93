"""A sweep over two workers of a cluster, by its command line."""

import pytest

pytest.importorskip("ray", reason="Ray is not installed: make test-cluster installs it")

from core.runs.sweeps import open_sweep
from tests.trained import sweep_in


def test_two_workers_of_a_cluster_share_one_sweep(tmp_path, project_root, drawn_tree):
    where = ("--cluster", "local", "--cluster-workers", "2")
    folder, logs = sweep_in(tmp_path, project_root, drawn_tree, "--trials", "2", *where)
    trials = open_sweep(folder).trials()
    assert set(trials["state"]) == {"complete"}
    assert len(trials) in (2, 3)  # both may begin the last one at once
    assert sum(log.count("is ready after") for log in logs) == len(trials)
