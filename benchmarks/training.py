"""Training fed from the pack, beside one batch in memory and beside what one would write without it:
`python benchmarks/training.py`.

Instead of the pack, one would let `keras.utils.image_dataset_from_directory` decode the JPEGs anew in every epoch,
resize them, shuffle them a few batches deep, and `.map` Keras's own layers over each batch: RandomTranslation,
RandomFlip, RandomRotation, RandomZoom, RandomContrast, RandomBrightness and RandomErasing with the ranges of the preset,
then `.prefetch`; with `.cache()` before the map its decoded float32 faces stay in memory, for which AffectNet's 287,651
at 64 pixels need 13 GiB. The pack holds the same faces once and for all as uint8 on disk, reshuffled whole each epoch.

Faces are AffectNet-size crops (benchmarks/crops.py), and the drawn photos of the default training. All that is compared
takes turns in one process, epoch by epoch; a ratio is the median over these rounds.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.crops import LABELS, crops_folder
from benchmarks.side_by_side import PROCESSOR, Row, keep, middle_ratio, progress, row, take_turns
from core.config import PRESETS, Augmentation, TrainConfig
from core.data.batches import Targets, steps_per_epoch, training_batches
from core.data.drawn.dataset import drawn_faces_folder
from core.data.face_pack import FacePack, pack_faces
from core.data.preprocessing import PreprocessingConfig
from core.data.readers import open_dataset
from core.labels import LABEL_SETS
from core.runtime.environment import keep_freed_memory, quiet_tensorflow

#: Crops of an epoch that goes through the network of --preset affectnet, which takes its time.
NETWORK_CROPS = 1024

#: An epoch from the pack over the same steps on one batch; and the pack's input over Keras's.
AT_MOST, AT_LEAST = 1.05, 2.0

NO_AUGMENTATION = Augmentation(shift=0, flip=False, rotation=0, scale=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4096, help="drawn crops of 224 pixels")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory", choices=["kept", "freed"], help="used by this program itself")
    options = parser.parse_args()
    if options.memory:
        print(steps_alone(options.memory))
        return
    began = time.time()
    keep_freed_memory()
    few = crops_folder(min(NETWORK_CROPS, options.images))
    rows = [
        *fed_from_pack("quick", drawn_faces_folder(), "drawn photos", options.rounds),
        *fed_from_pack("affectnet", few, "224x224 crops", options.rounds),
        *input_alone("affectnet", crops_folder(options.images), options.rounds),
        *whole_training("affectnet", few, options.rounds),
        memory_row(options.rounds),
    ]
    keep(__file__, rows, title=f"Training and its input, {options.rounds} rounds in turns", began=began)


def packed(config: TrainConfig, folder: Path) -> tuple[PreprocessingConfig, FacePack, Targets]:
    """The faces of the eight labels in `folder`, packed by the config, with what the network is to say."""
    table = open_dataset(folder)
    table = table.select(table.faces["expression"].isin(LABEL_SETS[8].codes).to_numpy())
    boxed = bool(table.faces["box_width"].notna().any())
    preprocessing = PreprocessingConfig(config.colour, config.size, config.margin if boxed else 0.0)
    table, pack = pack_faces(table, preprocessing)
    return preprocessing, pack, Targets(table.faces["expression"].to_numpy().astype(int), 8)


def made_trainer(config: TrainConfig, preprocessing: PreprocessingConfig, targets: Targets, steps: int):
    with quiet_tensorflow():
        from core.network.fit import _trainer
        from core.network.model import build_model

    seen = replace(preprocessing, size=config.crop or preprocessing.size)
    return _trainer(build_model(config, seen, 8), preprocessing.shape, config, targets, steps)


def epoch(trainer, batches: Callable[[], object], steps: int) -> Callable[[], object]:
    """An epoch as core.network.fit runs one: Keras's fit over batches, which here it asks for anew each time."""
    return lambda: trainer.fit(batches(), steps_per_epoch=steps, shuffle=False, verbose=0)


def in_memory(batch: tuple):
    """The same batch for ever, as tensors that nobody makes or copies again."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensors(batch).repeat()


def fed_from_pack(preset: str, folder: Path, faces: str, rounds: int) -> list[Row]:
    progress(f"Training from the pack, preset {preset}")
    config = PRESETS[preset]
    preprocessing, pack, targets = packed(config, folder)
    steps = steps_per_epoch(len(pack), config.batch_size)

    def batches():
        return training_batches(pack, targets, batch_size=config.batch_size, seed=0)

    trainer = made_trainer(config, preprocessing, targets, steps)
    plain = made_trainer(replace(config, augment=NO_AUGMENTATION), preprocessing, targets, steps)
    constant = in_memory(next(batches()))
    seconds = take_turns(
        {
            "pack": epoch(trainer, batches, steps),
            "constant": epoch(trainer, lambda: constant, steps),
            "plain": epoch(plain, lambda: constant, steps),
        },
        rounds,
    )
    best = {name: values[:, 0].min() for name, values in seconds.items()}
    how = (
        f"{steps:,} steps of {config.batch_size}, --preset {preset}, Keras fit; seconds are the best round's"
    )

    def compared(case: str, ours: str, other: str, theirs: str, **target) -> Row:
        processor = middle_ratio(seconds[ours], seconds[theirs], PROCESSOR)
        return row(case, best[ours], "s", beside=(other, best[theirs]), how=how,
                   ratio=middle_ratio(seconds[ours], seconds[theirs]), note=f"processor time {processor:.3f}", **target)  # fmt: skip

    title = f"an epoch of {faces} from the pack, augmented"
    return [
        compared(title, "pack", "the same steps, one batch in memory", "constant", at_most=AT_MOST),
        compared(title, "pack", "one batch in memory, not augmented", "plain"),
    ]


def input_alone(preset: str, folder: Path, rounds: int) -> list[Row]:
    """The faces of an epoch, augmented and ready for the network, and no network."""
    progress("Input alone")
    config = PRESETS[preset]
    _, pack, targets = packed(config, folder)
    steps = steps_per_epoch(len(pack), config.batch_size)
    with quiet_tensorflow():
        import tensorflow as tf

        from core.network.augmentation import FaceAugmentation

    layer = FaceAugmentation(config.augment)
    augment = tf.function(lambda faces: layer(faces, training=True))

    def from_pack() -> None:
        for faces, _, _ in islice(
            training_batches(pack, targets, batch_size=config.batch_size, seed=0), steps
        ):
            augment(faces)

    seconds = take_turns(
        {
            "pack": from_pack,
            "keras": exhausting(keras_dataset(config, folder)),
            "keras, cached": exhausting(keras_dataset(config, folder, cache=True)),
        },
        rounds,
    )
    speeds = {name: len(pack) / values[:, 0].min() for name, values in seconds.items()}
    case = f"input of {len(pack):,} 224x224 crops, augmented, no network"
    how = f"colour 64x64, batches of {config.batch_size}, augmentation of --preset {preset}; faces/s of the best round"
    return [
        row(case, speeds["pack"], "faces/s", beside=("image_dataset_from_directory", speeds["keras"]),
            ratio=middle_ratio(seconds["keras"], seconds["pack"]), at_least=AT_LEAST, how=how),
        row(case, speeds["pack"], "faces/s", beside=("the same, decoded faces cached", speeds["keras, cached"]),
            ratio=middle_ratio(seconds["keras, cached"], seconds["pack"]), how=how),
    ]  # fmt: skip


def whole_training(preset: str, folder: Path, rounds: int) -> list[Row]:
    """Epochs with the network, whose steps are the same whoever feeds it."""
    progress("Whole epochs")
    config = PRESETS[preset]
    preprocessing, pack, targets = packed(config, folder)
    steps = steps_per_epoch(len(pack), config.batch_size)
    ours = made_trainer(config, preprocessing, targets, steps)
    theirs = made_trainer(replace(config, augment=NO_AUGMENTATION), preprocessing, targets, steps)
    dataset = keras_dataset(config, folder)

    def batches():
        return training_batches(pack, targets, batch_size=config.batch_size, seed=0)

    seconds = take_turns(
        {
            "pack": epoch(ours, batches, steps),
            "keras": epoch(theirs, lambda: dataset, steps),
        },
        rounds,
    )
    speeds = {name: steps * config.batch_size / values[:, 0].min() for name, values in seconds.items()}
    return [
        row("training on 224x224 crops, whole epochs", speeds["pack"], "faces/s",
            beside=("image_dataset_from_directory", speeds["keras"]),
            ratio=middle_ratio(seconds["keras"], seconds["pack"]),
            how=f"the network of --preset {preset}, {steps} steps of {config.batch_size}; faces/s of the best round"),
    ]  # fmt: skip


def keras_dataset(config: TrainConfig, folder: Path, *, cache: bool = False):
    """Baseline input pipeline without the pack; batches of (uint8 faces, {"expression": one-hot})."""
    with quiet_tensorflow():
        import keras
        import tensorflow as tf
        from keras import layers

        from core.network.augmentation import ERASED_AREA

    a, white = config.augment, (0, 255)
    changes = keras.Sequential(
        [
            layers.RandomTranslation(a.shift, a.shift, fill_mode="nearest"),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(a.rotation / 360, fill_mode="nearest"),
            layers.RandomZoom((-a.scale, a.scale), fill_mode="nearest"),
            layers.RandomContrast(a.contrast, value_range=white),
            layers.RandomBrightness(a.brightness, value_range=white),
            layers.RandomErasing(a.erasing, scale=ERASED_AREA, value_range=white),
        ]
    )
    faces = keras.utils.image_dataset_from_directory(
        folder,
        label_mode="categorical",
        class_names=list(LABELS),
        color_mode="grayscale" if config.colour == "grey" else "rgb",
        image_size=(config.size, config.size),
        batch_size=config.batch_size,
        seed=0,
        verbose=False,
    )
    if cache:
        faces = faces.cache()
    return faces.map(
        lambda images, labels: (tf.cast(changes(images, training=True), tf.uint8), {"expression": labels}),
        num_parallel_calls=tf.data.AUTOTUNE,
    ).prefetch(tf.data.AUTOTUNE)


def exhausting(dataset) -> Callable[[], None]:
    def exhaust() -> None:
        for _ in dataset:
            pass

    return exhaust


def memory_row(rounds: int) -> Row:
    """Steps with freed memory kept or given back, which a process cannot change its mind about."""
    progress("Freed memory kept or given back")
    speeds: dict[str, list[float]] = {"kept": [], "freed": []}
    for _ in range(rounds):
        for memory, measured in speeds.items():
            command = [sys.executable, __file__, "--memory", memory]
            measured.append(float(subprocess.run(command, capture_output=True, text=True, check=True).stdout))
    ratio = np.median(np.array(speeds["kept"]) / np.array(speeds["freed"]))
    return row("training steps, freed memory kept", max(speeds["kept"]), "faces/s",
               beside=("glibc's default", max(speeds["freed"])), ratio=ratio,
               how="--preset quick on drawn photos, 100 steps in a fresh process each")  # fmt: skip


def steps_alone(memory: str) -> float:
    if memory == "kept":
        keep_freed_memory()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    config, steps = PRESETS["quick"], 100
    preprocessing, pack, targets = packed(config, drawn_faces_folder())
    trainer = made_trainer(config, preprocessing, targets, steps)
    batches = training_batches(pack, targets, batch_size=config.batch_size, seed=0)
    for batch in islice(batches, 5):
        trainer.train_on_batch(*batch)
    began = time.perf_counter()
    for batch in islice(batches, steps):
        trainer.train_on_batch(*batch)
    return steps * config.batch_size / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
