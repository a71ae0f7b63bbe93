"""`python -m core.sweep`: train many networks that differ in chosen options, compared on validation faces."""

import sys
from functools import partial
from pathlib import Path

from core.runtime.cluster import joined_cluster
from core.runtime.console import run_command
from core.sweep.run import parse_sweep, sweep


def main() -> None:
    run_command(_main)


def _main() -> None:
    options, base = parse_sweep(sys.argv[1:])
    with joined_cluster(options.where) as cluster:
        sweep(options, base, start_workers=partial(_start_on_cluster, cluster) if cluster else None)


def _start_on_cluster(cluster, arguments: list[str], folder: Path):
    from core.sweep.ray_workers import ClusterWorkers

    return ClusterWorkers(cluster, arguments, folder)


if __name__ == "__main__":
    main()
