"""Conversion of packed faces to the array that a network trained elsewhere expects."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from core.errors import AffectoscopeError

#: Ranges of pixel values by their name on the command line.
SCALES: dict[str, tuple[float, float]] = {"0..1": (0.0, 1.0), "0..255": (0.0, 255.0), "-1..1": (-1.0, 1.0)}

#: Mean and standard deviation of the colours of ImageNet's images in 0..1, red, green, blue (as in torchvision).
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

COLOURS, LAYOUTS = ("rgb", "grey", "bgr"), ("nhwc", "nchw")


@dataclass(frozen=True)
class NetworkInput:
    """Conversion of uint8 faces to a network's input: channel order, scale, mean and standard deviation, layout.

    Attributes:
        colour: 'rgb', 'bgr', or 'grey' (ITU-R 601 luma, repeated where the network has three channels).
        channels: 1 or 3, of the network's input.
        scale: name in SCALES of the range that 0 to 255 is mapped to.
        mean, std: after scaling, x becomes (x - mean) / std; one number per channel in the network's order, empty for
            none.
        layout: 'nhwc' or 'nchw'.
        dtype: NumPy name of the network's input type.
    """

    colour: str = "rgb"
    channels: int = 3
    scale: str = "0..255"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    layout: str = "nhwc"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("colour", self.colour, COLOURS),
            ("scale", self.scale, tuple(SCALES)),
            ("layout", self.layout, LAYOUTS),
        ):
            if value not in known:
                raise AffectoscopeError(f"--{name} {value} is not known; expected {' or '.join(known)}.")
        if self.channels not in (1, 3) or (self.channels == 1 and self.colour != "grey"):
            raise AffectoscopeError(
                f"The network takes {self.channels} {'channel' if self.channels == 1 else 'channels'}, which does not fit "
                f"--colour {self.colour}; expected 3, or 1 with --colour grey."
            )
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            object.__setattr__(self, name, tuple(float(number) for number in numbers))
            if len(numbers) not in (0, 1, self.channels) or not np.isfinite(np.array(numbers, float)).all():
                raise AffectoscopeError(
                    f"--{name} has {len(numbers)} numbers; expected one, or one for each of the {self.channels} channels."
                )
        if any(number <= 0 for number in self.std):
            raise AffectoscopeError("--std has to be above 0 for every channel.")
        if self.dtype == "uint8" and (self.scale != "0..255" or self.mean or self.std):
            raise AffectoscopeError(
                "The network takes bytes (uint8), which have no other scale; pass --scale 0..255 and no --mean or --std."
            )

    @property
    def factors(self) -> tuple[np.ndarray, np.ndarray]:
        """Two (channels,) float32 arrays a, b: the network's input is a x + b of a pixel x, 0 to 255."""
        low, high = SCALES[self.scale]
        mean = np.broadcast_to(np.array(self.mean or (0.0,)), (self.channels,))
        std = np.broadcast_to(np.array(self.std or (1.0,)), (self.channels,))
        return ((high - low) / 255 / std).astype(np.float32), ((low - mean) / std).astype(np.float32)

    def convert(self, faces: np.ndarray) -> np.ndarray:
        """Convert (n, S, S, C) uint8 faces, grey or RGB, to the network's input."""
        x = np.asarray(faces)
        if self.colour == "bgr":
            x = x[..., ::-1]
        if self.channels != x.shape[-1]:
            x = np.repeat(x, self.channels, axis=-1)
        if self.dtype != "uint8":
            factor, offset = self.factors
            x = (x.astype(np.float32) * factor + offset).astype(self.dtype)
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2) if self.layout == "nchw" else x)

    def sentence(self) -> str:
        """'rgb, 0..1, mean 0.485, ..., std 0.229, ..., nchw'."""
        parts = [self.colour + (" repeated" if self.colour == "grey" and self.channels == 3 else "")]
        parts.append(self.scale)
        parts += [f"{name} {_listed(of)}" for name, of in (("mean", self.mean), ("std", self.std)) if of]
        return ", ".join([*parts, self.layout])

    def as_dict(self) -> dict:
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}


def usual_variants(stated: NetworkInput) -> list[NetworkInput]:
    """The usual conversions of other projects for the same network, without `stated` itself."""
    colours = COLOURS if stated.channels == 3 else ("grey",)
    ranges = [stated]
    if stated.dtype != "uint8":  # bytes have one scale
        ranges += [replace(stated, mean=(), std=(), scale=scale) for scale in SCALES]
        if stated.channels == 3:
            ranges.append(replace(stated, scale="0..1", mean=IMAGENET_MEAN, std=IMAGENET_STD))
    variants = []
    for each in ranges:
        for colour in colours:
            of_imagenet = set(each.mean) == set(IMAGENET_MEAN)
            reverse = of_imagenet and (colour == "bgr") != (each.mean[0] == IMAGENET_MEAN[2])
            mean, std = (values[::-1] if reverse else values for values in (each.mean, each.std))
            variants.append(replace(each, colour=colour, mean=mean, std=std))
    unique = {variant.sentence(): variant for variant in variants}
    unique.pop(stated.sentence(), None)
    return list(unique.values())


def parse_numbers(text: str | None, option: str) -> tuple[float, ...]:
    """Numbers of a comma-separated option.

    Raises:
        AffectoscopeError: a part is not a number.
    """
    try:
        return tuple(float(part) for part in (text or "").split(",") if part.strip())
    except ValueError as error:
        raise AffectoscopeError(
            f"--{option} {text} is not a list of numbers; expected for example 0.485,0.456,0.406."
        ) from error


def _listed(numbers: Sequence[float]) -> str:
    return ",".join(f"{number:g}" for number in numbers)
