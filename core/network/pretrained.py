"""Initial weights from another network, and the layers that are frozen in the first epochs."""

from collections.abc import Callable
from dataclasses import dataclass

import keras

from core.config import TrainConfig
from core.errors import AffectoscopeError
from core.network.backbone import PREFIX
from core.runs.keras_file import load_keras_file
from core.runs.parent import Parent, find_parent

#: Layers of the outputs, which are trained in all epochs.
HEADS = ("logits", "affect")

#: Largest number of layers that a message names.
MOST_NAMED = 12


@dataclass(frozen=True)
class Pretrained:
    """Initial weights of a training that come from elsewhere.

    Attributes:
        parent: name and SHA-256 of the network of --start-from; {} without it.
        layers: names of the layers with its weights.
        fresh: layer -> reason why it has no weights of the parent: no such layer, other shapes, other labels.
        frozen: layers that are not trained in the first config.freeze_epochs.
    """

    parent: dict
    layers: tuple[str, ...] = ()
    fresh: dict[str, str] | None = None
    frozen: tuple[str, ...] = ()

    def as_dict(self) -> dict:
        """Entry "parent" of run.json."""
        return {**self.parent, "layers": list(self.layers), "fresh": self.fresh or {}}

    def sentences(self) -> list[str]:
        """Lines for the terminal: how many layers start from the parent, and each that does not."""
        if not self.parent:
            return []
        whole = len(self.layers) + len(self.fresh)
        lines = [f"{len(self.layers)} of {whole} layers with weights start from '{self.parent['name']}'"]
        named = list(self.fresh.items())
        lines += [f"  {name} starts fresh: {reason}" for name, reason in named[:MOST_NAMED]]
        if len(named) > MOST_NAMED:
            lines.append(f"  and {len(named) - MOST_NAMED} more layers start fresh")
        return lines


def load_pretrained(network: keras.Model, config: TrainConfig, labels: tuple[str, ...]) -> Pretrained:
    """Set the weights of `network` to those of config.start_from, layer by layer, where name and shapes are equal.

    Layers of a backbone have the weights of its file already. The output of a run with other labels is not taken over, even
    if their number is equal.

    Raises:
        AffectoscopeError: the other network cannot be loaded, or no layer fits.
    """
    of_backbone = [layer.name for layer in network.layers if layer.name.startswith(PREFIX) and layer.weights]
    if config.start_from is None:
        return Pretrained({}, frozen=tuple(of_backbone))
    parent = find_parent(config.start_from)
    trained = _load(parent)
    theirs = {layer.name: layer for layer in _leaves(trained) if layer.weights}
    other_labels = parent.run is not None and parent.run.labels != labels
    fitting, fresh = [], {}
    for layer in network.layers:
        if not layer.weights:
            continue
        other = theirs.get(layer.name)
        shapes = [[tuple(weight.shape) for weight in each.weights] for each in (layer, other) if each]
        if other is None:
            fresh[layer.name] = "the parent has no layer of this name"
        elif shapes[0] != shapes[1]:
            fresh[layer.name] = f"shapes {_text(shapes[0])}, in the parent {_text(shapes[1])}"
        elif layer.name == "logits" and other_labels:
            fresh[layer.name] = f"the parent has the labels {', '.join(parent.run.labels)}"
        else:
            layer.set_weights(other.get_weights())
            fitting.append(layer.name)
    if not fitting:
        raise AffectoscopeError(
            f"No layer of '{parent.name}' has the name and shapes of a layer of this network, which has "
            f"{', '.join(list(fresh)[:MOST_NAMED])}; pass --preset, --filters and the other options of the network that "
            "--start-from was trained with, or use it with --backbone."
        )
    frozen = dict.fromkeys((*of_backbone, *fitting))
    return Pretrained(
        {"name": parent.name, "sha256": parent.sha256},
        tuple(fitting),
        fresh,
        tuple(name for name in frozen if name not in HEADS),
    )


def start_training(
    network: keras.Model, config: TrainConfig, labels: tuple[str, ...], say: Callable[[str], None]
) -> Pretrained:
    """`load_pretrained`, said with `say`.

    Raises:
        AffectoscopeError: as `load_pretrained`; or --freeze-epochs would freeze nothing.
    """
    pretrained = load_pretrained(network, config, labels)
    for line in pretrained.sentences():
        say(line)
    if config.freeze_epochs:
        if not pretrained.frozen:
            raise AffectoscopeError(
                "--freeze-epochs would freeze nothing: only the outputs start from the parent; remove the option."
            )
        last = min(config.freeze_epochs, config.epochs)
        say(f"{len(pretrained.frozen)} pretrained layers are frozen in the first {last} epochs")
    return pretrained


def _load(parent: Parent) -> keras.Model:
    return parent.run.load_model() if parent.run else load_keras_file(parent.path)


def _leaves(network: keras.Model) -> list:
    """Layers of a network, those of nested networks included."""
    found = []
    for layer in network.layers:
        found += _leaves(layer) if isinstance(layer, keras.Model) else [layer]
    return found


def _text(shapes: list[tuple[int, ...]]) -> str:
    return ", ".join("x".join(map(str, shape)) for shape in shapes)
