"""Cost per face on this machine, for benchmarks/scale.py; every part is measured in a separate process."""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import redirect_stdout, suppress
from dataclasses import asdict, replace
from itertools import repeat
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.scale_hardware import network_cost
from benchmarks.scale_photos import NAMES, pack, packing, photos, preprocessing_of
from core.config import PRESETS, TrainConfig

#: Steps of an epoch that is timed, and how many such epochs; as many that do nothing else than start a step.
STEPS, ROUNDS, EMPTY_STEPS = 5, 2, 200


def measure() -> dict:
    """Everything, in a few minutes."""
    document = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "presets": {}}
    for part in PARTS:
        document |= in_own_process(part)
    for name in NAMES:
        document["presets"][name] = in_own_process(name)
    return document


def in_own_process(part: str) -> dict:
    shown = subprocess.run([sys.executable, __file__, part], capture_output=True, text=True, check=False)
    if shown.returncode:
        sys.exit(f"Measuring {part} failed:\n{shown.stderr[-2000:]}")
    return json.loads(shown.stdout.splitlines()[-1])


def empty() -> dict:
    """A step that computes next to nothing, which is what Keras takes to start one; and the network to compare with."""
    import keras

    from core.data.batches import Targets
    from core.network.fit import _trainer
    from core.network.inference import BATCH
    from core.network.model import build_model
    from core.runtime.environment import environment

    config = TrainConfig(filters=(4,), dense=(), size=16, batch_size=2, colour="grey")
    targets = Targets(np.array([0, 1]), 2)
    trainer = _trainer(build_model(config, preprocessing_of(config), 2), config, targets, EMPTY_STEPS)
    faces, truth = np.zeros((2, 16, 16, 1), np.uint8), {"expression": np.eye(2, dtype=np.float32)}
    batch = faces, truth, {"expression": np.ones(2, np.float32)}
    seconds = min(timed_steps(trainer, batch, EMPTY_STEPS) for _ in range(3))
    resnet = network_cost(keras.applications.ResNet50(weights=None))
    made_with = environment()
    about = f"{made_with['processor']}, TensorFlow {made_with['packages']['tensorflow']}"
    return {"host_step": seconds, "resnet": asdict(resnet), "scored_at_once": BATCH, "machine": about}


def preset(name: str) -> dict:
    """Stages of one preset's training on drawn faces, and what core.train makes of them."""
    from core.data.batches import Targets, training_batches
    from core.data.training_data import load_training_data
    from core.network.fit import _trainer
    from core.network.inference import BATCH, run_network
    from core.network.model import build_model
    from core.runtime.console import Console
    from core.runtime.environment import keep_freed_memory
    from core.train import train

    keep_freed_memory()
    wanted = PRESETS[name]
    faces = round((STEPS + 0.5) * wanted.batch_size / (1 - wanted.validation_share))
    config = replace(wanted, labels=8, limit=faces, epochs=1 + ROUNDS, early_stopping=0, name="measured")
    with redirect_stdout(io.StringIO()):
        data = load_training_data(config, Console())
    table, pack = data.part("train")
    affect = table.faces[["valence", "arousal"]].to_numpy(np.float32)
    targets = Targets(data.labels.positions(table.faces["expression"].to_numpy()), 8, affect)
    batches = training_batches(pack, targets, batch_size=config.batch_size, seed=0)
    next(batches)
    assembling = []
    for _ in range(5 * STEPS):
        began = time.perf_counter()
        batch = next(batches)
        assembling.append(time.perf_counter() - began)
    handing = hand_over_seconds(batch)
    network = build_model(config, data.preprocessing, 8, affect=True)
    trainer = _trainer(network, config, targets, STEPS)
    timed_steps(trainer, batch, 1)  # traced
    steps, speeds = [], []

    def after_epoch(row: dict) -> None:
        """One batch over and over, in turn with an epoch of core.train, so that a busy machine slows both."""
        steps.append(timed_steps(trainer, batch, STEPS))
        speeds.append(len(table) // config.batch_size * config.batch_size / row["seconds"])
        if len(speeds) == config.epochs:
            raise InterruptedError  # the review that would follow is not measured

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), suppress(InterruptedError):
        train(config, folder=Path(folder), data=data, after_epoch=after_epoch)
    scored = pack.select(np.arange(max(len(pack) // BATCH, 1) * BATCH) % len(pack))
    run_network(network, scored.select(np.arange(BATCH)))
    began = time.perf_counter()
    run_network(network, scored)
    scoring = (time.perf_counter() - began) / len(scored)
    return {
        "batch": config.batch_size,
        "epochs": wanted.epochs,
        "face_bytes": int(np.prod(data.preprocessing.shape)),
        "assemble": float(np.median(assembling)),
        "hand_over": handing,
        "step": float(np.median(steps)),
        "core_train": float(np.median(speeds[1:])),  # the first epoch traces
        "scoring": scoring,
        "cost": asdict(network_cost(network)),
    }


def hand_over_seconds(batch: tuple) -> float:
    """Until TensorFlow has a batch that Python has made."""
    import tensorflow as tf

    kinds = tf.nest.map_structure(lambda values: tf.TensorSpec(values.shape, values.dtype), batch)
    data = tf.data.Dataset.from_generator(lambda: repeat(batch), output_signature=kinds)
    moments = []
    for _ in data.take(5 * STEPS):
        moments.append(time.perf_counter())
    return float(np.median(np.diff(moments)))


def timed_steps(trainer, batch: tuple, steps: int) -> float:
    """Seconds of one of `steps` training steps by `fit`, all on one batch."""
    import keras

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.began = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds = (time.perf_counter() - self.began) / steps

    clock = Clock()
    batches = (batch for _ in repeat(None))
    trainer.fit(batches, steps_per_epoch=steps, epochs=1, callbacks=[clock], shuffle=False, verbose=0)
    return clock.seconds


PARTS = {"photos": photos, "packing": packing, "pack": pack, "empty": empty}

if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    wanted = sys.argv[1]
    print(json.dumps(PARTS[wanted]() if wanted in PARTS else preset(wanted)))
