"""What --cluster says where it cannot be had, and that nothing else needs Ray."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from core.errors import AffectoscopeError
from core.options import ClusterOptions, parse_train_config, parse_train_options
from core.runtime.cluster import joined_cluster
from core.runtime.executor import LocalExecutor, executor
from core.sweep.run import parse_sweep, worker_arguments


def join(options):
    with joined_cluster(options) as cluster:
        return cluster


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        AffectoscopeError, match=r"needs Ray and JAX, .* pip install -r requirements-cluster.txt"
    ):
        join(ClusterOptions("local"))


def test_every_command_says_it(tmp_path):
    """In one process, where there is no Ray: of each command its exit status, and below it what it wrote to stderr."""
    commands = (
        ["core.pack"],
        ["core.train"],
        ["core.sweep", "--name", "x"],
        ["core.predict", str(tmp_path)],
        ["core.evaluate", "--run", "x", "--data", "y"],
    )
    without_ray = """
import importlib.util, json, runpy, sys
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == "ray" else find(name, *more)
for words in json.loads(sys.argv[1]):
    sys.argv = [*words, "--cluster", "local"]
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        print(ended.code, file=sys.stderr)
"""
    ended = subprocess.run(
        [sys.executable, "-c", without_ray, json.dumps(commands)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0
    reason = (
        "Error: --cluster needs Ray and JAX, which are not installed; install them on all machines of the cluster: "
        "pip install -r requirements-cluster.txt."
    )
    assert ended.stderr.strip().splitlines() == [reason, "2"] * len(commands)


def test_where_none_is_asked_for_this_machine_works():
    assert join(ClusterOptions()) is None
    assert isinstance(executor(), LocalExecutor)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (ClusterOptions("local", 0), "--cluster-workers 0 is out of range; expected 1 or more"),
        (ClusterOptions(None, 2), "--cluster-workers needs --cluster"),
    ],
)
def test_workers_that_cannot_be(options, sentence):
    with pytest.raises(AffectoscopeError, match=sentence):
        join(options)


def test_a_training_is_the_same_wherever_it_is_done():
    arguments = ["--preset", "original", "--epochs", "3", "--augment.shift", "0.1"]
    config, where, _ = parse_train_options([*arguments, "--cluster", "head:6379", "--cluster-workers", "4"])
    assert config == parse_train_config(arguments)
    assert where == ClusterOptions("head:6379", 4)


def test_a_sweeps_workers_are_of_one_kind():
    with pytest.raises(AffectoscopeError, match="with --cluster pass --cluster-workers"):
        parse_sweep(["--name", "x", "--workers", "2", "--cluster", "local"])


@pytest.mark.parametrize(
    "given",
    [
        [],
        ["--workers", "2", "--resume", "--prune", "--trials", "4", "--sampler", "random"],
        ["--cluster", "local", "--cluster-workers", "2", "--space", "ablation", "--objective", "macro_f1"],
        ["--preset=standard", "--data", "faces/data.csv", "--dense", "32", "16", "--augment.no-flip"],
        ["--dense", "--label-smoothing", "0.1"],
    ],
)
def test_a_worker_of_a_sweep_is_told_the_same_sweep(given):
    options, base = parse_sweep(["--name", "x", *given])
    alone = replace(options, workers=1, resume=True, where=ClusterOptions())
    assert parse_sweep(worker_arguments(options, base)) == (alone, base)
