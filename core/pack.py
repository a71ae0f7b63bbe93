"""Command line `python -m core.pack`: decode and pack the faces of a training in advance."""

import sys

from core.config import TrainConfig
from core.data.training_data import TrainingData, load_faces
from core.options import parse_train_options
from core.runtime.cluster import joined_cluster
from core.runtime.console import Console, run_command


def main() -> None:
    run_command(_main)


def _main() -> None:
    config, where, _ = parse_train_options(
        sys.argv[1:],
        prog="python -m core.pack",
        about="Decode and pack the faces for a training in advance; takes the options of core.train.",
    )
    with joined_cluster(where):
        pack(config)


def pack(config: TrainConfig) -> TrainingData:
    """Read, decode, crop and hash the faces of `config`; trainings with the same options use the cached pack.

    Raises:
        AffectoscopeError: the data cannot be read, or the pack cannot be written.
    """
    console = Console()
    data = load_faces(config, console)
    console.say(data.table.ledger.sentence())
    images = data.pack.images
    console.say(
        f"{len(data.pack):,} faces of {data.table.title} are packed as {data.preprocessing.colour} {data.preprocessing.size}x"
        f"{data.preprocessing.size}, {images.nbytes / 2**30:.2f} GiB; core.train uses them with the same data, --colour, "
        "--size, --margin, --labels and --limit."
    )
    return data


if __name__ == "__main__":
    main()
