"""Search spaces of sweeps, and the TrainConfig of each choice of parameters."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from core.config import PRESETS, Augmentation, TrainConfig
from core.errors import AffectoscopeError

Value = str | int | float
Parameters = dict[str, Value]


@dataclass(frozen=True)
class Between:
    """Continuous range from `low` to `high`, with an optional `step` or a logarithmic scale."""

    low: float
    high: float
    step: float | None = None
    log: bool = False


@dataclass(frozen=True)
class Space:
    """A search space.

    Attributes:
        about: one sentence for --help and the dashboard.
        parameters: name -> values, or a continuous range.
        apply: function (base configuration, choice) -> configuration of the trial.
        sampler: default sampler.
        reference: values that effects are measured against; default: the first value of each parameter.
    """

    about: str
    parameters: dict[str, tuple[Value, ...] | Between]
    apply: Callable[[TrainConfig, Parameters], TrainConfig]
    sampler: Literal["grid", "random", "tpe"]
    reference: Parameters

    @property
    def grid_size(self) -> int | None:
        """Number of combinations; None with a continuous range."""
        size = 1
        for values in self.parameters.values():
            if isinstance(values, Between):
                return None
            size *= len(values)
        return size


#: Integer parameters, which a table may contain as 2.0.
WHOLE_NUMBERS = ("M", "N", "first_filters", "dense_units", "seed")

#: Default learning rate of each optimiser; the parameter `learning_rate` of "search" is a factor of it.
USUAL_RATE = {"adam": 1e-3, "adamw": 1e-3, "sgd": 0.03}

#: Widths of the convolution blocks in "factors": width of the first block, and growth factor per block.
WIDTHS = {"32 each": (32, 1), "64 each": (64, 1), "32 doubling": (32, 2)}


def _factors(base: TrainConfig, chosen: Parameters) -> TrainConfig:
    """The factors of the original study; `dropout` follows the max-pooling, the base's `dense_dropout` is unchanged."""
    first, growth = WIDTHS[chosen["filters"]]
    return replace(
        base,
        filters=tuple(first * growth**block for block in range(chosen["M"])),
        repeats=(1,),
        dense=(128,) * chosen["N"],
        dropout=chosen["dropout"],
    )


def _search(base: TrainConfig, chosen: Parameters) -> TrainConfig:
    """All options jointly."""
    widths = (chosen["first_filters"] * chosen["growth"] ** block for block in range(chosen["M"]))
    optimiser, strength = chosen["optimiser"], chosen["augmentation"]
    usual = PRESETS["standard"].augment
    return replace(
        base,
        filters=tuple(min(round(width), 512) for width in widths),
        repeats=(1,),
        dense=(chosen["dense_units"],) * chosen["N"],
        dropout=chosen["dropout"],
        dense_dropout=chosen["dense_dropout"],
        normalisation=chosen["normalisation"],
        imbalance=chosen["imbalance"],
        optimiser=optimiser,
        learning_rate=USUAL_RATE[optimiser] * chosen["learning_rate"],
        augment=Augmentation(
            shift=usual.shift * strength,
            flip=True,
            rotation=usual.rotation * strength,
            scale=usual.scale * strength,
            brightness=usual.brightness * strength,
            contrast=usual.contrast * strength,
            erasing=usual.erasing * strength,
        ),
    )


#: Ablations: functions of the base configuration that return the changed fields.
CHANGES: dict[str, Callable[[TrainConfig], dict]] = {
    "none": lambda base: {},
    "no shift": lambda base: {"augment": replace(base.augment, shift=0.0)},
    "no mirror images": lambda base: {"augment": replace(base.augment, flip=False)},
    "no rotation and scale": lambda base: {"augment": replace(base.augment, rotation=0.0, scale=0.0)},
    "no change of light": lambda base: {"augment": replace(base.augment, brightness=0.0, contrast=0.0)},
    "no erasing": lambda base: {"augment": replace(base.augment, erasing=0.0)},
    "no label smoothing": lambda base: {"label_smoothing": 0.0},
    "no moving average": lambda base: {"ema": 0.0},
    "constant rate": lambda base: {"schedule": "constant"},
    "no squeeze-excitation": lambda base: {"squeeze_excitation": False},
    "no residual sum": lambda base: {"residual": False},
    "no batch normalisation": lambda base: {"normalisation": "none"},
    "no dropout": lambda base: {"dropout": 0.0, "dense_dropout": 0.0},
    "whole faces": lambda base: {"crop": None, "augment": replace(base.augment, shift=4 / 48)},
    "a fifth of the decay": lambda base: {"weight_decay": base.weight_decay / 5},
    "lowest validation loss kept": lambda base: {"keep": "loss"},
    "adamw": lambda base: {"optimiser": "adamw", "learning_rate": 2e-3, "weight_decay": 5e-3},
    "standardised light": lambda base: {"standardise": True},
    "mixup": lambda base: {"mixup": 0.2},
    "cutmix": lambda base: {"cutmix": 1.0},
    "stochastic depth": lambda base: {"stochastic_depth": 0.1},
    "sharpness-aware": lambda base: {"sharpness": 0.05},
    "class weights": lambda base: {"imbalance": "class-weights"},
    "balanced sampling": lambda base: {"imbalance": "balanced-sampling"},
    "logit-adjusted": lambda base: {"imbalance": "logit-adjusted"},
    "focal loss": lambda base: {"imbalance": "focal"},
}


def _ablation(base: TrainConfig, chosen: Parameters) -> TrainConfig:
    return replace(
        base, **CHANGES[chosen["change"]](base), seed=chosen["seed"], split_seed=base.seed_of_split
    )


SPACES: dict[str, Space] = {
    "factors": Space(
        about="the original study's question: M, N, filters and dropout, every combination once",
        parameters={
            "M": (2, 3, 4),
            "N": (2, 3, 4),
            "filters": tuple(WIDTHS),
            "dropout": (0.25, 0.4, 0.5),
        },
        apply=_factors,
        sampler="grid",
        reference={"M": 3, "N": 2, "filters": "32 doubling", "dropout": 0.25},
    ),
    "ablation": Space(
        about="one change at a time to the recipe given, each with several seeds on the same split",
        parameters={"change": tuple(CHANGES), "seed": (0, 1)},
        apply=_ablation,
        sampler="grid",
        reference={"change": "none", "seed": 0},
    ),
    "search": Space(
        about="network, dropout, normalisation, augmentation, imbalance and optimiser together, for the best",
        parameters={
            "M": (2, 3, 4),
            "first_filters": (32, 48, 64),
            "growth": (1.0, 1.5, 2.0),
            "N": (1, 2, 3, 4),
            "dense_units": (64, 128, 256),
            "dropout": Between(0.0, 0.5, step=0.05),
            "dense_dropout": Between(0.0, 0.5, step=0.05),
            "normalisation": ("none", "batch"),
            "augmentation": Between(0.0, 1.5, step=0.25),
            "imbalance": ("none", "class-weights", "balanced-sampling", "logit-adjusted", "focal"),
            "optimiser": ("adam", "adamw", "sgd"),
            "learning_rate": Between(0.2, 5.0, log=True),
        },
        apply=_search,
        sampler="tpe",
        reference={},
    ),
}


def trial_config(space: str, base: dict, chosen: Parameters) -> TrainConfig:
    """Rebuild the configuration of a trial from sweep.json and trials.csv, for a training on all faces.

    Args:
        space: name in SPACES.
        base: configuration in sweep.json.
        chosen: parameters of the trial.

    Raises:
        AffectoscopeError: the space is unknown or the configuration invalid.
    """
    if space not in SPACES:
        raise AffectoscopeError(f"Unknown search space '{space}'; expected one of {', '.join(SPACES)}.")
    swept = replace(TrainConfig.from_dict(base), limit=None, tta="auto")
    whole = {name: int(value) if name in WHOLE_NUMBERS else value for name, value in chosen.items()}
    return SPACES[space].apply(swept, whole)
