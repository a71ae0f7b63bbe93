"""The example program and the README beside an exported network."""

from collections.abc import Mapping

from core.runs.run import Run

#: What the example needs besides Pillow and NumPy, by --to.
_NEEDS = {"onnx": "onnxruntime", "litert": "ai-edge-litert", "saved-model": "tensorflow"}

_IMPORTS = {
    "onnx": "import onnxruntime",
    "litert": "from ai_edge_litert.interpreter import Interpreter",
    "saved-model": "import tensorflow",
}


def example_code(about: Mapping, target: str) -> str:
    """Program of at most 15 lines that prints the probabilities of one cropped face as JSON.

    Args:
        about: content of preprocessing.json.
        target: 'onnx', 'litert' or 'saved-model'.
    """
    mode = "L" if about["colour"] == "grey" else "RGB"
    convert = "x"
    if about["colour"] == "bgr":
        convert += "[..., ::-1]"
    if about["colour"] == "grey" and about["channels"] == 3:
        convert = "np.repeat(x, 3, axis=-1)"
    if about["dtype"] != "uint8":
        convert = f'({convert} * np.array(about["factor"]) + about["offset"]).astype("{about["dtype"]}")'
    if about["layout"] == "nchw":
        convert += ".transpose(0, 3, 1, 2)"
    call = {
        "onnx": [
            'session = onnxruntime.InferenceSession(here / about["file"], providers=["CPUExecutionProvider"])',
            'values = session.run([about["output"]], {about["input"]: x})[0][0]',
        ],
        "litert": [
            'network = Interpreter(str(here / about["file"])).get_signature_runner()',
            'values = network(**{about["input"]: x})[about["output"]][0]',
        ],
        "saved-model": [
            'network = tensorflow.saved_model.load(str(here / about["file"]))',
            'values = network.serve(x)[about["output"]].numpy()[0]',
        ],
    }[target]
    if about["logits"]:
        call.append("values = np.exp(values - values.max()) / np.exp(values - values.max()).sum()")
    lines = [
        "import json, pathlib, sys",
        "import numpy as np",
        _IMPORTS[target],
        "from PIL import Image",
        "",
        "here = pathlib.Path(__file__).parent",
        'about = json.loads((here / "preprocessing.json").read_text())',
        f'face = Image.open(sys.argv[1]).convert("{mode}")  # a square crop of the face',
        f'face = face.resize((about["size"],) * 2, Image.Resampling.{about["resize"].upper()}, reducing_gap=3.0)',
        'x = np.asarray(face).reshape(1, about["size"], about["size"], -1)',
        *([f"x = {convert}"] if convert != "x" else []),
        *call,
        'print(json.dumps(dict(zip(about["labels"], values.tolist()))))',
    ]
    return "\n".join(lines) + "\n"


def readme(run: Run, about: Mapping, target: str, parity: str) -> str:
    """Markdown text: what the files are, how faces are cropped, and what the export leaves out."""
    parts = [
        f"# {run.name}",
        f"The network of run `{run.name}`: {about['size']} × {about['size']} pixels, labels {', '.join(run.labels)}.",
        f"    pip install {_NEEDS[target]} pillow numpy\n    python example.py FACE.png",
        f"FACE.png is a square crop around a face: the box of the detector {about['detector']}, "
        f"{100 * about['margin_of_detected_faces']:+.0f} % of its longer side on each side, edge pixels repeated beyond the border "
        "of the photo. `preprocessing.json` has everything that is done with it.",
        parity,
    ]
    if about["test_time_augmentation"] != "none":
        parts.append(
            f"The run averages over copies of each face ({about['test_time_augmentation']}); the exported network makes one pass."
        )
    parts.append(
        f"The probabilities are not calibrated; the run's temperature is {about['temperature']:g} (divide the logarithms of the "
        "probabilities by it, then apply the softmax)."
    )
    if target == "onnx":
        parts.append(f"    {_import_command(run, about)}")
    return "\n\n".join(parts) + "\n"


def _import_command(run: Run, about: Mapping) -> str:
    """Command that makes the exported file a run again."""
    words = [f"python -m core.import_model model.onnx --name NAME --labels {','.join(run.labels)}"]
    words += [f"--colour {about['colour']} --scale={about['scale']} --resize {about['resize']}"]
    for name in ("mean", "std"):
        if about[name]:
            words.append(f"--{name}={','.join(f'{number:g}' for number in about[name])}")
    if about["margin_of_detected_faces"]:
        words.append(f"--margin={about['margin_of_detected_faces']:g}")
    return " ".join(words)
