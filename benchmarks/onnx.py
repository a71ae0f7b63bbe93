"""Speed of the same network as ONNX (onnxruntime) and in Keras on this CPU, in interleaved rounds.

    python benchmarks/onnx.py [RUN] [--crops 10000] [--rounds 5]

Prints the crops per second of both in every round, and the median of their ratio. The probabilities are compared first.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # in place of this folder, where this file would be the package onnx

from core.import_model import ImportOptions, import_model  # noqa: E402
from core.network.exporting import export_run  # noqa: E402
from core.runs.catalogue import open_run  # noqa: E402
from core.runtime.environment import processor_name, quiet_tensorflow  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", default="fer2013-standard")
    parser.add_argument("--crops", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    run = open_run(options.run)
    shape = (options.crops, *run.preprocessing.shape)
    crops = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    with tempfile.TemporaryDirectory() as home:
        out = Path(home) / "exported"
        parity = export_run(run, "onnx", out, faces=crops[:256], source="random crops")
        imported = import_model(
            ImportOptions(
                out / "model.onnx", "again", ",".join(run.labels), run.preprocessing.colour, "0..255"
            ),
            folder=Path(home) / "artifacts",
        )
        with quiet_tensorflow():
            from core.network.inference import run_network

            networks = {"Keras": run.load_model(), "ONNX": imported.load_model()}
        for network in networks.values():
            run_network(network, crops[:512])  # traced and warm
        print(f"{run.name} on {processor_name()}; {parity.sentence()}")
        ratios = []
        for number in range(options.rounds):
            speeds = {name: _measure(run_network, network, crops) for name, network in networks.items()}
            ratios.append(speeds["ONNX"] / speeds["Keras"])
            said = ", ".join(f"{name} {speed:,.0f} crops/s" for name, speed in speeds.items())
            print(f"round {number + 1}: {said}; ratio {ratios[-1]:.2f}")
    print(
        f"ONNX / Keras: median {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) of {len(ratios)} "
        f"rounds, {options.crops:,} crops each"
    )


def _measure(run_network, network, crops: np.ndarray) -> float:
    began = time.perf_counter()
    run_network(network, crops)
    return len(crops) / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
