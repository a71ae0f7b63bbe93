"""Training steps of the standard network by precision, batch normalisation and side of the crop, taking turns:
`python benchmarks/precision.py`.

bfloat16 is far slower than float32 on a processor without instructions for it, so that there it is measured with
`--bfloat16` only. oneDNN is compared in two processes: `TF_ENABLE_ONEDNN_OPTS=0 python benchmarks/precision.py` is the other.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.side_by_side import PROCESSOR, keep, middle_ratio, progress, row, take_turns
from core.config import PRESETS
from core.data.preprocessing import PreprocessingConfig
from core.network.precision import resolve_precision
from core.runtime.environment import keep_freed_memory, quiet_tensorflow

BATCH, STEPS, LABELS = 64, 6, 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--bfloat16", action="store_true", help="also where the processor has no bfloat16")
    options = parser.parse_args()
    began = time.time()
    keep_freed_memory()
    precisions = ["float32"]
    if options.bfloat16 or resolve_precision("auto") != "float32":
        precisions.append("mixed_bfloat16")
    timed: dict[str, Callable[[], object]] = {}
    for precision in precisions:
        for fused in (False, True):
            for side in (48, 44, 40):
                name = f"{precision}, {'fused' if fused else 'Keras'} normalisation, {side} pixels"
                progress(f"Compiling: {name}")
                timed[name] = training_steps(precision, fused=fused, side=side)
    seconds = take_turns(timed, options.rounds)
    first, *others = timed
    how = f"{STEPS} steps of {BATCH} grey faces, --preset standard, forward and backward; faces/s of the best round"
    speeds = {name: STEPS * BATCH / values[:, 0].min() for name, values in seconds.items()}
    rows = [
        row(name, speeds[name], "faces/s", beside=(first, speeds[first]), how=how,
            ratio=middle_ratio(seconds[first], seconds[name]),
            note=f"processor time {middle_ratio(seconds[first], seconds[name], PROCESSOR):.2f}")
        for name in others
    ]  # fmt: skip
    keep(__file__, rows, title="Training steps by precision, normalisation and side", began=began)


def training_steps(precision: str, *, fused: bool, side: int) -> Callable[[], object]:
    """Some steps on one batch in memory, the network compiled."""
    with quiet_tensorflow():
        import keras

        from core.network.model import build_model
        from core.network.precision import FusedBatchNormalization

    keras.config.set_dtype_policy(precision)
    layer = FusedBatchNormalization if fused else keras.layers.BatchNormalization
    network = build_model(
        PRESETS["standard"], PreprocessingConfig(size=side), LABELS, batch_normalization=layer
    )
    keras.config.set_dtype_policy("float32")
    model = keras.Model(network.input, network.get_layer("logits").output)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True), loss=loss, jit_compile=False)
    random = np.random.default_rng(0)
    faces = random.integers(0, 256, (BATCH, side, side, 1), np.uint8)
    truth = np.eye(LABELS, dtype=np.float32)[random.integers(0, LABELS, BATCH)]
    model.train_on_batch(faces, truth)

    def run() -> None:
        for _ in range(STEPS):
            model.train_on_batch(faces, truth)

    return run


if __name__ == "__main__":
    main()
