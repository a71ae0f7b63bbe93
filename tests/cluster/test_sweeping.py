"""A sweep over two workers of a cluster, by its command line."""

import shutil
import subprocess
import sys

import pytest

pytest.importorskip("ray", reason="Ray is not installed: make test-cluster installs it")

from core.sweep.store import open_sweep


def test_two_workers_of_a_cluster_share_one_sweep(tmp_path, project_root, drawn_tree):
    shutil.copytree(project_root / "core", tmp_path / "core")
    arguments = [
        *("--name", "shared", "--space", "factors", "--trials", "2"),
        *("--cluster", "local", "--cluster-workers", "2"),
        *("--data", str(drawn_tree), "--size", "24", "--epochs", "1", "--batch-size", "16", "--limit", "50"),
    ]
    ended = subprocess.run(
        [sys.executable, "-m", "core.sweep", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout
    target = tmp_path / "artifacts" / "sweeps" / "shared"
    trials = open_sweep(target).trials()
    assert set(trials["state"]) == {"complete"}
    assert len(trials) in (2, 3)  # both may begin the last one at once
    logs = [(target / f"worker-{number}.log").read_text() for number in (1, 2)]
    assert sum(log.count("is ready after") for log in logs) == len(trials)
