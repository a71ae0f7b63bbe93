"""Networks in Keras files: loaded in safe mode, and only if they consist of built-in layers."""

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import keras

from core.errors import AffectoscopeError
from core.runs.run import DAMAGED_MODEL

#: Keras's own layers that hold code, or a network of another library.
_WITH_CODE = ("Lambda", "__lambda__", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")


def load_keras_file(path: Path, *, option: str) -> keras.Model:
    """Load a network of built-in layers, not compiled.

    Its configuration is checked before anything of it is created; nothing in the file is executed.

    Args:
        option: the option that named the file, for messages.

    Raises:
        AffectoscopeError: it is not a Keras 3 file, is damaged, or has Lambda or custom layers.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
        raise AffectoscopeError(
            f"{option} {path} is not a Keras file ({error}); expected a .keras file saved by Keras 3 with model.save."
        ) from error
    if foreign := sorted(set(_foreign_classes(config))):
        raise AffectoscopeError(
            f"{option} {path.name} has Lambda or custom layers ({', '.join(foreign)}), which are never loaded because they "
            "can execute code; rebuild the network with Keras's own layers and save it again."
        )
    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (*DAMAGED_MODEL, AttributeError, zlib.error) as error:
        raise AffectoscopeError(
            f"{option} {path.name} cannot be loaded ({type(error).__name__}: {str(error)[:200]}); save the network again "
            "with Keras 3."
        ) from error
    if not isinstance(network, keras.Model) or not network.built or not getattr(network, "inputs", None):
        raise AffectoscopeError(
            f"{option} {path.name} is not a network with known inputs; save a functional or built sequential keras.Model."
        )
    return network


def _foreign_classes(config) -> Iterator[str]:
    """Names of the classes in a configuration that are not Keras's own, or hold code."""
    if isinstance(config, list):
        for each in config:
            yield from _foreign_classes(each)
    elif isinstance(config, dict):
        name, module = config.get("class_name"), config.get("module")
        if isinstance(name, str) and name != "__keras_tensor__":
            own = module is None or module == "builtins" or str(module).split(".")[0] == "keras"
            if not own or name in _WITH_CODE or ">" in str(config.get("registered_name")):
                yield name
        for each in config.values():
            yield from _foreign_classes(each)
