"""Check and load a .keras file of a user: Keras's own layers only, and no other files."""

import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import AffectoscopeError

if TYPE_CHECKING:  # Keras takes seconds to import
    import h5py
    import keras

#: Exceptions that Keras raises on a damaged model file (ZIP, JSON, HDF5) or unknown layers.
DAMAGED_MODEL = (
    OSError, ValueError, TypeError, LookupError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError
)  # fmt: skip

#: Files of a .keras archive, and bytes of all of them unpacked.
MEMBERS, LARGEST_CONTENT = ("metadata.json", "config.json", "model.weights.h5"), 2**31

#: Layers of Keras that run code of the file, of another framework, or that read files.
REFUSED_LAYERS = frozenset(
    [
        "Lambda",
        "TorchModuleWrapper",
        "TFSMLayer",
        "JaxLayer",
        "FlaxLayer",
        "StringLookup",
        "IntegerLookup",
        "TextVectorization",
    ]
)


def load_keras_file(path: Path) -> "keras.Model":
    """Load a .keras file without its compilation, after a check of everything in it.

    Raises:
        AffectoscopeError: it is damaged or too large, has other members, custom objects, layers that run code or read
            files, weights that lie elsewhere, or no known inputs.
    """
    _check_archive(path)
    import keras

    try:
        network = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (*DAMAGED_MODEL, AttributeError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise AffectoscopeError(
            f"{path.name} cannot be loaded ({reason}); expected a .keras file of Keras 3 with Keras's own layers."
        ) from error
    if not isinstance(network, keras.Model) or not network.built or not getattr(network, "inputs", None):
        raise AffectoscopeError(
            f"{path.name} is not a network with known inputs; save a functional or built sequential keras.Model."
        )
    return network


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            foreign = [member.filename for member in members if member.filename not in MEMBERS]
            if foreign or len(members) != len({member.filename for member in members}):
                raise AffectoscopeError(
                    f"{path.name} has the member '{foreign[0] if foreign else members[0].filename}' that a network needs "
                    f"not have, or one twice; expected {', '.join(MEMBERS)} and nothing else."
                )
            if sum(member.file_size for member in members) > LARGEST_CONTENT:
                raise AffectoscopeError(
                    f"{path.name} unpacks to more than {LARGEST_CONTENT // 2**20:,} MiB, which are not read."
                )
            config = json.loads(archive.read("config.json"))
            weights = archive.read("model.weights.h5")
    except OSError as error:
        raise AffectoscopeError(f"{path} cannot be read ({error.strerror or error}).") from error
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, RuntimeError) as error:
        raise AffectoscopeError(
            f"{path.name} is not a .keras file; expected one that model.save('NAME.keras') of Keras 3 wrote."
        ) from error
    _check_config(config, path.name)
    _check_weights(weights, path.name)


def _check_config(config: object, name: str) -> None:
    """Refuse classes that are not Keras's own, and layers that run code or read files."""
    for entry in _dictionaries(config):
        layer, module = str(entry.get("class_name", "")), entry.get("module")
        if layer in REFUSED_LAYERS or layer == "__lambda__":
            raise AffectoscopeError(
                f"{name} has a layer '{layer}', which runs code of the file or reads files, and is refused; build the network "
                "from other layers, or export it as ONNX."
            )
        # Functions and types are named by module "builtins" or by that of Keras; anything else would be imported.
        inside = str(module).split(".")[0] in ("keras", "builtins", "None")
        registered = str(entry.get("registered_name") or "")
        if (layer and not inside) or ">" in registered.replace("keras>", "", 1):
            raise AffectoscopeError(
                f"{name} needs the custom object '{registered or layer}', which is not loaded; build the network from Keras's "
                "own layers, or export it as ONNX."
            )


def _dictionaries(value: object) -> Iterator[dict]:
    """Every dictionary in a JSON document."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            yield each
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each


def _check_weights(content: bytes, name: str) -> None:
    """Refuse an HDF5 file that refers to other files."""
    import h5py

    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            outside = next(_outside(file, h5py), None)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        raise AffectoscopeError(f"The weights in {name} are damaged; save the network again.") from error
    if outside:
        raise AffectoscopeError(
            f"{name} refers to weights in another file ('{outside}'), which are not read; save the network again as one file."
        )


def _outside(group: "h5py.Group", h5py) -> Iterator[str]:
    """Names of links to, and data in, other files; nothing is read from them."""
    for name in group:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            yield name
            continue
        item = group[name]
        if isinstance(item, h5py.Group):
            yield from _outside(item, h5py)
        elif isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
            yield name
