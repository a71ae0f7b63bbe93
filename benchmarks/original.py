"""Training script of the original study, compared with `--preset original`: `python benchmarks/original.py`.

The study's script holds all faces as float32 arrays in memory, grey and 50x50, the mirrored copies beside them, and hands
them to Keras's `fit` with a Sequential network: M blocks of a 3x3 convolution, ReLU, max-pooling and dropout, N fully
connected layers of 128, softmax. The preset trains the same layers from the pack, faces mirrored as they are seen.
Both train on as many faces per epoch, epochs in turns in one process.
"""

import argparse
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.side_by_side import PROCESSOR, keep, middle_ratio, progress, row, take_turns
from benchmarks.training import epoch, made_trainer, packed
from core.config import PRESETS, TrainConfig
from core.data.batches import steps_per_epoch, training_batches
from core.data.drawn.dataset import drawn_faces_folder
from core.runtime.environment import quiet_tensorflow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--faces", type=int, default=4096, help="faces of an epoch, at most those drawn")
    options = parser.parse_args()
    began = time.time()
    config = PRESETS["original"]
    preprocessing, pack, targets = packed(config, drawn_faces_folder())
    rows = np.arange(min(options.faces, len(pack)) // config.batch_size * config.batch_size)
    pack, targets = pack.select(rows), targets.select(rows)
    steps = steps_per_epoch(len(pack), config.batch_size)
    trainer = made_trainer(config, preprocessing, targets, steps)
    study = study_network(config)
    same = trainer.count_params() == study.count_params()
    if not same:
        raise SystemExit(
            f"The networks differ: {trainer.count_params():,} and {study.count_params():,} parameters."
        )
    faces, truth = study_arrays(pack[:], np.eye(8, dtype=np.float32)[targets.expression])
    progress(f"{len(faces):,} faces an epoch, {options.rounds} rounds")
    seconds = take_turns(
        {
            "preset": epoch(
                trainer, partial(training_batches, pack, targets, batch_size=config.batch_size, seed=0), steps
            ),
            "study": lambda: study.fit(faces, truth, batch_size=config.batch_size, epochs=1, verbose=0),
        },
        options.rounds,
    )
    speeds = {name: len(pack) / values[:, 0].min() for name, values in seconds.items()}
    kept = faces.nbytes / len(faces)
    keep(
        __file__,
        [
            row(
                "training --preset original",
                speeds["preset"],
                "faces/s",
                beside=("float32 arrays in memory, Keras fit", speeds["study"]),
                ratio=middle_ratio(seconds["study"], seconds["preset"]),
                how=f"{study.count_params():,} parameters, grey 50x50, {steps} steps of {config.batch_size}; faces/s of "
                f"the best of {options.rounds} rounds. In memory a face and its mirror image take {2 * kept:,.0f} bytes there",
                note=f"processor time {middle_ratio(seconds['study'], seconds['preset'], PROCESSOR):.3f}",
            )
        ],
        title="The original study's script",
        began=began,
    )


def study_arrays(faces: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, 50, 50, 1) float32 from 0 to 1, half of them the mirror images of the other half, and their (n, 8) one-hots."""
    half = len(faces) // 2
    plain = faces[:half].astype(np.float32) / 255
    return np.concatenate([plain, plain[:, :, ::-1]]), np.concatenate([truth[:half]] * 2)


def study_network(config: TrainConfig):
    """The study's network as its script writes it, compiled."""
    with quiet_tensorflow():
        import keras
        from keras import layers

    network = keras.Sequential([keras.Input((config.size, config.size, 1))])
    for filters in config.filters:
        network.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        network.add(layers.MaxPooling2D(2))
        network.add(layers.Dropout(config.dropout))
    network.add(layers.Flatten())
    for units in config.dense:
        network.add(layers.Dense(units, activation="relu"))
        network.add(layers.Dropout(config.dense_dropout))
    network.add(layers.Dense(8, activation="softmax"))
    network.compile(
        optimizer=keras.optimizers.Adam(config.learning_rate),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return network


if __name__ == "__main__":
    main()
