"""`python -m core.sweep`: train many networks that differ in chosen options, compared on validation faces."""

import sys

from core.runtime.console import run_command
from core.sweep.run import parse_sweep, sweep


def main() -> None:
    run_command(_main)


def _main() -> None:
    options, base = parse_sweep(sys.argv[1:])
    with options.where.joined() as cluster:
        sweep(options, base, cluster=cluster)


if __name__ == "__main__":
    main()
