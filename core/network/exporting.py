"""Export of a run's network for use without this project: ONNX, LiteRT or a TensorFlow SavedModel.

The folder is written under a hidden name and renamed once the exported file gives the probabilities of the run.
"""

import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from core.data.drawn.expressions import PROTOTYPES
from core.data.drawn.portrait import draw_face
from core.data.network_input import NetworkInput
from core.data.preprocessing import PreprocessingConfig, crop_face
from core.errors import AffectoscopeError
from core.network.export_texts import example_code, readme
from core.runs.calibration import load_calibration
from core.runs.imported import Network, softmax
from core.runs.onnx_file import INSTALL, read_onnx_file
from core.runs.onnx_network import OnnxSession
from core.runs.run import Run
from core.runtime.environment import package_versions, quiet_tensorflow
from core.runtime.files import network_file, write_json, write_text

Target = Literal["onnx", "litert", "saved-model"]

#: Largest difference of a probability that an export may have, and faces that it is measured on.
TOLERANCE, FACES = 1e-4, 256

#: Faces per call of the exported file.
_BATCH = 32

#: File or folder of the network, and packages that write and run it.
_FILES: dict[Target, str] = {"onnx": "model.onnx", "litert": "model.tflite", "saved-model": "model"}
_PACKAGES: dict[Target, tuple[str, ...]] = {
    "onnx": ("onnx", "onnxruntime", "tf2onnx"), "litert": ("ai_edge_litert",), "saved-model": (),
}  # fmt: skip


@dataclass(frozen=True)
class Parity:
    """Comparison of an exported file with the run, each in one pass over the same faces.

    Attributes:
        faces: number and origin of the faces.
        largest_difference: of a probability.
        tolerance: largest difference that is accepted.
        same_label: share of the faces with the same most probable label.
        packages: versions that it was measured with.
    """

    faces: str
    largest_difference: float
    tolerance: float
    same_label: float
    packages: dict[str, str]

    def sentence(self) -> str:
        return f"Largest difference of a probability on {self.faces}: {self.largest_difference:.1e} (accepted: {self.tolerance:.0e})."


def export_run(
    run: Run, target: Target, out: Path, *, faces: np.ndarray | None = None, source: str = ""
) -> Parity:
    """Write the network of a run, its preprocessing, labels, an example and the parity report into a new folder.

    Args:
        faces: (n, size, size, channels) uint8 for the parity; None for FACES drawn ones.
        source: what the faces are, for the report.

    Raises:
        AffectoscopeError: `out` exists, a package is missing, the network cannot be exported, or its probabilities differ.
    """
    if out.exists():
        raise AffectoscopeError(f"{out} already exists; pass another folder, or delete it.")
    if not out.absolute().parent.is_dir():
        raise AffectoscopeError(f"{out} cannot be written: its folder does not exist.")
    _check_packages(target)
    if run.imported and run.imported.model == "model.onnx" and target != "onnx":
        raise AffectoscopeError(
            f"The network of run '{run.name}' was imported as ONNX, and is exported as ONNX only; pass --to onnx."
        )
    if faces is None:
        faces, source = draw_square_faces(run.preprocessing, FACES), "drawn faces"
    working = out.with_name(f".{out.name}.partial")
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir()
    try:
        with quiet_tensorflow():
            network = run.load_model()
        about = _describe(run, network, target)
        _write_network(run, network, target, working)
        parity = _compare(network, _open(target, working, about), faces, source)
        if not parity.largest_difference <= TOLERANCE:
            raise AffectoscopeError(
                f"The exported network differs from run '{run.name}' by {parity.largest_difference:.1e} in a probability, more "
                f"than {TOLERANCE:.0e}, so that nothing was exported."
            )
        write_json(working / "preprocessing.json", about)
        write_json(working / "parity.json", asdict(parity))
        write_text(working / "labels.txt", "\n".join(run.labels) + "\n")
        write_text(working / "example.py", example_code(about, target))
        write_text(working / "README.md", readme(run, about, target, parity.sentence()))
        os.replace(working, out)
    except OSError as error:
        raise AffectoscopeError(f"{out} cannot be written ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return parity


def draw_square_faces(preprocessing: PreprocessingConfig, count: int) -> np.ndarray:
    """(count, size, size, channels) uint8 drawn faces, always the same."""
    labels = list(PROTOTYPES)
    drawn = [
        draw_face(labels[number % len(labels)], np.random.default_rng((7, number)), size=128)
        for number in range(count)
    ]
    return np.stack([crop_face(each.image, each.box, preprocessing) for each in drawn])


def _check_packages(target: Target) -> None:
    for package in _PACKAGES[target]:
        if find_spec(package) is None:
            raise AffectoscopeError(
                f"--to {target} needs the package {package.replace('_', '-')}, which is not installed; run {INSTALL}."
            )


def _describe(run: Run, network: Network, target: Target) -> dict:
    """Content of preprocessing.json: everything between an image of a face and its probabilities."""
    prepared, imported = run.preprocessing, run.imported
    as_file = imported is not None and imported.model == "model.onnx"
    colour = "grey" if prepared.colour == "grey" else "rgb"
    given = imported.input if as_file else NetworkInput(colour, prepared.channels, dtype="uint8")
    factor, offset = given.factors
    return {
        "size": prepared.size,
        "resize": prepared.resize,
        "margin": prepared.margin,
        "margin_of_detected_faces": prepared.frame_margin,
        "detector": run.detector,
        **given.as_dict(),
        "factor": factor.tolist(),
        "offset": offset.tolist(),
        "file": _FILES[target],
        "input": _input_name(run, network),
        "output": imported.outputs.expression if as_file else "expression",
        "logits": imported.outputs.logits if as_file else False,
        "labels": list(run.labels),
        "temperature": load_calibration(run).temperature,
        "test_time_augmentation": run.test_time_augmentation,
    }


def _input_name(run: Run, network: Network) -> str:
    """Name of the input in the exported file, which Keras takes from the network."""
    if network_file(run.path).suffix == ".onnx":
        return read_onnx_file(network_file(run.path)).input
    return network.input.name  # type: ignore[attr-defined]


def _write_network(run: Run, network: Network, target: Target, folder: Path) -> None:
    path = folder / _FILES[target]
    if network_file(run.path).suffix == ".onnx":
        shutil.copyfile(network_file(run.path), path)
        return
    import keras

    whole: keras.Model = network
    named = {name: tensor for name, tensor in whole.output.items() if name != "embedding"}
    model = keras.Model(whole.input, named)
    model(np.zeros((1, *whole.input_shape[1:]), np.uint8))  # a model that was never called is not exported
    form = {"onnx": "onnx", "litert": "litert", "saved-model": "tf_saved_model"}[target]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tf2onnx looks for names that NumPy will have
            model.export(path, format=form, verbose=False)
    except Exception as error:  # of many kinds, from Keras, TensorFlow and tf2onnx
        raise AffectoscopeError(
            f"The network of run '{run.name}' cannot be exported ({type(error).__name__}: {str(error)[:200]})."
        ) from error


def _open(target: Target, folder: Path, about: Mapping) -> Callable[[np.ndarray], np.ndarray]:
    """The exported file as a function of uint8 faces to (n, labels) probabilities."""
    path, output = folder / about["file"], about["output"]
    names = ("colour", "channels", "scale", "mean", "std", "layout", "dtype")
    given = NetworkInput(**{name: about[name] for name in names})
    if target == "onnx":
        session = OnnxSession(read_onnx_file(path), path.name)

        def run(x):
            return session.run(x, [output])[0]
    elif target == "litert":
        from ai_edge_litert.interpreter import Interpreter

        call = Interpreter(str(path)).get_signature_runner()

        def run(x):
            return call(**{about["input"]: x})[output]
    else:
        import tensorflow as tf

        served = tf.saved_model.load(str(path))

        def run(x):
            return served.serve(x)[output].numpy()

    def probabilities(faces: np.ndarray) -> np.ndarray:
        values = np.asarray(run(given.convert(faces)), np.float32)
        return softmax(values) if about["logits"] else values

    return probabilities


def _compare(network: Network, exported: Callable, faces: np.ndarray, source: str) -> Parity:
    from core.network.inference import run_network

    ours = run_network(network, faces)["expression"]
    parts = [exported(faces[start : start + _BATCH]) for start in range(0, len(faces), _BATCH)]
    theirs = np.concatenate(parts)
    packages = ("tensorflow", "keras", "onnx", "onnxruntime", "tf2onnx", "ai-edge-litert", "numpy", "pillow")
    return Parity(
        faces=f"{len(faces):,} {source}",
        largest_difference=float(np.abs(ours - theirs).max()),
        tolerance=TOLERANCE,
        same_label=float((ours.argmax(axis=1) == theirs.argmax(axis=1)).mean()),
        packages=package_versions(packages),
    )
