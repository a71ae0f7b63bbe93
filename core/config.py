"""Configuration of a training: a frozen TrainConfig, whose fields are the command-line options."""

import hashlib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from core.errors import AffectoscopeError
from core.label_orders import parse_label_order

#: Options that are files, whose content determines the result, and all options that are paths.
_FILES = ("relabel", "votes", "subjects", "backbone")
_PATHS = ("data", "start_from", "tensorboard", *_FILES)

#: Options of the network that --backbone replaces.
_OF_THE_BLOCKS = (
    "filters", "repeats", "pooling", "dropout", "normalisation", "residual", "squeeze_excitation", "stochastic_depth",
    "standardise",
)  # fmt: skip

Preset = Literal["original", "quick", "standard", "affectnet", "affectnet-112"]


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random augmentation, drawn independently for each face and step."""

    shift: float = 0.04
    """Largest shift, as a share of the side, in each direction (0 to 0.3); added to that of --crop."""
    flip: bool = True
    """Mirror half of the faces."""
    rotation: float = 6.0
    """Largest rotation in degrees, in both directions (0 to 45)."""
    scale: float = 0.05
    """Largest change of size: 0.1 is 0.9 to 1.1 (0 to 0.5)."""
    brightness: float = 0.0
    """Largest change of brightness, as a share of the whole range (0 to 0.5)."""
    contrast: float = 0.0
    """Largest change of contrast: 0.2 is 0.8 to 1.2 (0 to 0.8)."""
    erasing: float = 0.0
    """Probability of erasing a random rectangle of the face (0 to 1); Zhong et al. 2020."""


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How a data set is read."""

    format: str | None = None
    """Format of the data, if it is not recognised; the README lists the formats."""
    label_order: str | None = None
    """What the numbers of numbered classes mean, where the data does not say it: affectnet (0 to 10), rafdb (1 to 7), fer2013
    (0 to 6), alphabetical (7 or 8 labels), or a text file with the name of a label per line or a number and a name."""
    automatic: bool = False
    """Also use AffectNet's automatically annotated list."""
    votes: Path | None = None
    """FERPlus's votes on FER2013's faces (fer2013new.csv); default: that file in the data's folder or beside it."""
    votes_protocol: Literal["majority", "plurality", "strict"] | None = None
    """Label FER2013's faces by FERPlus's votes, and leave out those without a label: majority, more than half of the votes
    without those for labels that one person alone chose (Barsoum et al. 2016); plurality, the most votes; strict, more than
    half of all votes. Default: the labels of FER2013; majority for FERPlus's own image folders."""
    subjects: Path | None = None
    """CSV with the columns reference and subject (the person shown), for data that does not name it; no person is in two of
    the splits that are made."""


@dataclass(frozen=True)
class TrainConfig(ReadingOptions):
    """Train a facial-expression network and leave a reviewed run in artifacts/."""

    preset: Preset = "quick"
    """Preset with the defaults of all options below."""

    # Data
    data: Path | None = None
    """Folder, zip or table of annotated faces, in a format that the README lists; default: drawn faces."""
    labels: Literal[7, 8, 11] | None = None
    """Label set; default: that of the data set (8 for AffectNet), or the smallest that contains the labels of the data."""
    validation_share: float = 0.1
    """Share of the training faces that are held out for validation (0.02 to 0.5)."""
    limit: int | None = None
    """Largest number of training faces, drawn at random; default: all."""
    relabel: Path | None = None
    """Correct the labels of training and validation faces by the decisions.csv of a run; split and test faces are unchanged."""

    # Preprocessing
    colour: Literal["grey", "rgb"] = "grey"
    """Colour of the network's input."""
    size: int = 48
    """Side of the face crop in pixels (16 to 512)."""
    detector: str = "mtcnn"
    """Detector of the faces in photos that the trained network is used on; training does not run it."""
    margin: float = -0.1
    """Share of the face box added on each side before cropping (-0.3 to 1)."""

    crop: int | None = None
    """Side in pixels of random training crops out of --size (16 to 512). The final network uses a centre crop, whose side
    is chosen on the validation faces. Default: train on whole faces."""

    standardise: bool = True
    """Normalise every face to mean 0 and variance 1 in the network, which reduces the effect of lighting and skin tone."""

    # Network
    filters: tuple[int, ...] = (32, 48, 64, 96)
    """Filters of each convolution block; M, the number of blocks, is 1 to 8."""
    repeats: tuple[int, ...] = (1,)
    """3x3 convolutions in each block (1 to 4): one number for all or one per block."""
    dense: tuple[int, ...] = (128,)
    """Units of each fully connected layer; N, the number of layers, is 0 to 4."""
    pooling: Literal["flatten", "average"] = "flatten"
    """Reduction of the last feature map to a vector: flattened, or its global average."""
    dropout: float = 0.0
    """Dropout after each pooling (0 to 0.6)."""
    dense_dropout: float = 0.25
    """Dropout before each fully connected layer and the output (0 to 0.6)."""
    normalisation: Literal["none", "batch"] = "batch"
    """Batch normalisation after each convolution (Ioffe & Szegedy 2015)."""
    residual: bool = False
    """Add each block's input to its output (He et al. 2016)."""
    squeeze_excitation: bool = False
    """Re-weight each block's channels (Hu et al. 2018)."""
    backbone: Path | None = None
    """Keras file of a pretrained feature network, which replaces the blocks: its last feature map, averaged, or its vector
    is followed by --dense and the outputs. It ends without class probabilities and has built-in layers only."""
    backbone_scale: Literal["0..255", "0..1", "-1..1"] | None = None
    """Range of the pixels that the backbone expects; default: 0..255 if it begins with layers that rescale them."""
    start_from: Path | None = None
    """Finished run or Keras file whose weights the training starts from, layer by layer, where name and shape are equal."""
    freeze_epochs: int = 0
    """First epochs in which layers with weights from --start-from or --backbone are not trained (0 to 1000)."""

    # Training
    epochs: int = 10
    """Passes over the training faces (1 to 1000)."""
    batch_size: int = 32
    """Faces per step (2 to 4096)."""
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    """adam, adamw (decoupled weight decay), or sgd with Nesterov momentum 0.9."""
    learning_rate: float = 1.5e-3
    """Peak learning rate (1e-6 to 1)."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """Learning rate after the warm-up: constant, or one cosine to zero."""
    warmup_epochs: float = 1.0
    """Epochs over which the rate rises from zero (0 to 50)."""
    weight_decay: float = 1e-3
    """Decoupled weight decay of convolution and dense kernels (0 to 0.5); none with adam. Each step subtracts the learning
    rate times this share of the kernel (Loshchilov & Hutter 2019), as in Keras. PyTorch's SGD adds the decay to the
    gradient instead, where momentum 0.9 accumulates it: 5e-4 there corresponds to about 5e-3 here."""
    targets: Literal["majority", "soft"] = "majority"
    """Targets of the expression loss. majority: the label of each face; soft: the shares of its annotators' votes, or its
    soft label, among the labels of the set, and its label where it has none. Validation and test faces keep their label."""
    label_smoothing: float = 0.0
    """Label smoothing: share of each target that is distributed over all labels (0 to 0.5)."""
    imbalance: Literal["none", "class-weights", "balanced-sampling", "logit-adjusted", "focal"] = (
        "logit-adjusted"
    )
    """Method for class imbalance. logit-adjusted: Menon et al. 2021; focal: Lin et al. 2017."""
    affect_weight: float = 1.0
    """Weight of the valence/arousal loss relative to the expression loss (0 to 10); with 0 there is no such output."""
    ema: float = 0.0
    """Momentum of the moving average of the weights, which is evaluated and saved (0 = off, to 0.9999)."""
    mixup: float = 0.0
    """Parameter a of mixup, with weights from Beta(a, a) (0 = off, to 2); Zhang et al. 2018."""
    cutmix: float = 0.0
    """Parameter a of cutmix: a rectangle of each face is cut from another one, the rest has a share from Beta(a, a) (0 = off, to
    2); Yun et al. 2019. Not together with --mixup."""
    stochastic_depth: float = 0.0
    """Probability of leaving out the residual branch of the last block, per face and step; earlier blocks have their part of
    it by depth (0 to 0.6); Huang et al. 2016."""
    sharpness: float = 0.0
    """Radius of sharpness-aware minimisation, which doubles the time per step (0 = off, to 1); Foret et al. 2021."""
    teacher: tuple[str, ...] = ()
    """Finished runs for knowledge distillation (Hinton et al. 2015); the outputs of several are averaged."""
    teacher_weight: float = 0.7
    """Weight of the distillation loss in the expression loss; the annotated label has the rest (0 to 1)."""
    teacher_temperature: float = 3.0
    """Softmax temperature of the distillation (0.5 to 20)."""
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "float32"
    """Numerical precision of the training steps. mixed_bfloat16 is faster on GPUs and on processors with bfloat16
    instructions (avx512_bf16 or amx_bf16) and much slower on others; auto selects it on such processors. The saved
    network is float32."""
    devices: Literal["one", "all"] = "one"
    """all: split each batch among all GPUs of this machine; the resulting weights are the same."""
    resident: Literal["auto", "yes", "no"] = "auto"
    """Hold the training faces in device memory and run each epoch as one compiled program; the resulting weights are the
    same. Only with KERAS_BACKEND=jax. auto: on a GPU with enough memory."""
    keep: Literal["last", "accuracy", "loss"] | None = None
    """Epoch whose weights are saved: the last, or that with the highest validation accuracy or lowest validation loss.
    Default: last with the cosine schedule, which ends at rate zero, otherwise loss."""
    validation_epochs: int = 1
    """Epochs between validations (1 to 1000); the last epoch is always validated. Above 1 only with --keep last."""
    checkpoint_epochs: int = 1
    """Epochs between checkpoints (1 to 1000), from which --resume continues."""
    early_stopping: int = 0
    """Patience: epochs without a lower validation loss before the training stops (0 = never)."""
    augment: Augmentation = field(default_factory=Augmentation)
    """Augmentation of the training faces."""
    seed: int = 0
    """Seed of the weights, order, augmentation and, without --split-seed, the split."""
    split_seed: int | None = None
    """Seed of the split, so that trainings with several seeds share their validation faces."""

    # The run
    name: str | None = None
    """Name of the run's folder under artifacts/; default: data, preset and time."""
    resume: bool = False
    """Resume an interrupted training of the same --name."""
    overwrite: bool = False
    """Replace a finished run of the same name."""
    review: Literal["test", "validation"] = "test"
    """Faces that the run is scored on. validation: the test faces stay unused, for model selection."""
    tta: Literal["auto", "none", "mirror", "ten-crop"] = "auto"
    """Test-time augmentation of the run's predictions: none, the average over each face and its mirror image, or over ten
    crops; auto: the cheapest whose log loss on the validation faces is within 0.002 of the lowest."""
    thumbnails: Literal["auto", "yes", "no"] = "auto"
    """Save thumbnails of the scored faces with the run; auto: only if the data may be redistributed."""
    tensorboard: Path | None = None
    """Folder for event files of TensorBoard, in a subfolder named after the run; default: none are written."""

    def __post_init__(self) -> None:
        if self.label_order:  # run.json keeps what a file says, not its path
            object.__setattr__(self, "label_order", parse_label_order(self.label_order).text)
        for name, (low, high) in RANGES.items():
            holder, _, part = name.rpartition(".")
            value = getattr(getattr(self, holder) if holder else self, part)
            for number in value if isinstance(value, tuple) else (value,):
                if number is not None and not low <= number <= high:
                    raise AffectoscopeError(
                        f"--{name.replace('_', '-')} {number} is out of range; expected {low} to {high}."
                    )
        if not 1 <= len(self.filters) <= 8:
            raise AffectoscopeError(f"--filters has {len(self.filters)} blocks; expected 1 to 8.")
        if len(self.dense) > 4:
            raise AffectoscopeError(f"--dense has {len(self.dense)} layers; expected 0 to 4.")
        if self.crop and self.crop > self.size:
            raise AffectoscopeError(
                f"--crop {self.crop} is larger than the faces; expected at most --size {self.size}."
            )
        if self.validation_epochs > 1 and (self.kept_epoch != "last" or self.early_stopping):
            raise AffectoscopeError(
                "--validation-epochs above 1 needs --keep last and no --early-stopping, which need a validation after every epoch."
            )
        if self.mixup and self.cutmix:
            raise AffectoscopeError("--mixup and --cutmix mix the same faces twice; pass one of them.")
        if self.stochastic_depth and not self.residual:
            raise AffectoscopeError("--stochastic-depth leaves out residual branches; it needs --residual.")
        if len(self.repeats) not in (1, len(self.filters)):
            raise AffectoscopeError(
                f"--repeats has {len(self.repeats)} numbers; expected 1, or one per block ({len(self.filters)})."
            )
        if self.freeze_epochs and not (self.start_from or self.backbone):
            raise AffectoscopeError(
                "--freeze-epochs freezes pretrained layers; it needs --start-from or --backbone."
            )
        if self.backbone_scale and not self.backbone:
            raise AffectoscopeError(
                "--backbone-scale is the range of pixels of a backbone; it needs --backbone."
            )
        for name in _OF_THE_BLOCKS if self.backbone else ():
            if getattr(self, name) != getattr(PRESETS[self.preset], name):
                raise AffectoscopeError(
                    f"--{name.replace('_', '-')} is of the blocks that --backbone replaces; pass only one of them."
                )

    @property
    def convolutions_per_block(self) -> tuple[int, ...]:
        return self.repeats * len(self.filters) if len(self.repeats) == 1 else self.repeats

    @property
    def kept_epoch(self) -> str:
        """`keep`, with its default resolved."""
        return self.keep or ("last" if self.schedule == "cosine" else "loss")

    @property
    def seed_of_split(self) -> int:
        return self.seed if self.split_seed is None else self.split_seed

    def as_dict(self) -> dict:
        """Content for run.json: plain values; paths are reduced to their last part."""
        document = asdict(self)
        for name in _PATHS:
            document[name] = document[name].name if document[name] else None
        return document

    @classmethod
    def from_dict(cls, document: dict) -> "TrainConfig":
        """Load the result of `as_dict` or `recipe`; options that did not exist then have their defaults.

        Raises:
            AffectoscopeError: the document is invalid, or an option is out of range.
        """
        try:
            values = {each.name: document[each.name] for each in fields(cls) if each.name in document}
            if values["preset"] not in PRESETS:
                raise ValueError(f"unknown preset '{values['preset']}'")
            values.setdefault("tta", "none")  # older runs had none
            values |= {name: Path(values[name]) if values.get(name) else None for name in _PATHS}
            values["augment"] = Augmentation(**values.get("augment", {}))
            values |= {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise AffectoscopeError(
                f"The configuration cannot be read ({error}); expected the config in a run.json written by core.train."
            ) from error

    def recipe_options(self) -> dict:
        """The options that determine the result of a training, without those of name and execution; files by name."""
        document = self.as_dict()
        excluded = (
            "name", "resume", "overwrite", "tta", "thumbnails", "devices", "resident", "checkpoint_epochs", "detector",
            "tensorboard",
        )  # fmt: skip
        for name in excluded:
            document.pop(name)
        return document

    def recipe(self) -> dict:
        """`recipe_options`, with the digests of files.

        Raises:
            AffectoscopeError: the file of --relabel, --votes, --subjects or --backbone cannot be read.
        """
        document = self.recipe_options()
        for name in _FILES:
            path = getattr(self, name)
            if path:  # the name does not identify the content
                try:
                    with path.open("rb") as file:
                        document[f"{name}_sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
                except OSError as error:
                    raise AffectoscopeError(
                        f"--{name} {path} cannot be read ({error.strerror or error})."
                    ) from error
        return document


#: Lowest and highest value of each numeric option.
RANGES: dict[str, tuple[float, float]] = {
    "validation_share": (0.02, 0.5),
    "limit": (50, 10**9),
    "size": (16, 512),
    "crop": (16, 512),
    "margin": (-0.3, 1.0),
    "filters": (4, 512),
    "repeats": (1, 4),
    "dense": (8, 4096),
    "dropout": (0.0, 0.6),
    "dense_dropout": (0.0, 0.6),
    "freeze_epochs": (0, 1000),
    "epochs": (1, 1000),
    "batch_size": (2, 4096),
    "learning_rate": (1e-6, 1.0),
    "warmup_epochs": (0.0, 50.0),
    "weight_decay": (0.0, 0.5),
    "label_smoothing": (0.0, 0.5),
    "affect_weight": (0.0, 10.0),
    "ema": (0.0, 0.9999),
    "mixup": (0.0, 2.0),
    "cutmix": (0.0, 2.0),
    "stochastic_depth": (0.0, 0.6),
    "sharpness": (0.0, 1.0),
    "teacher_weight": (0.0, 1.0),
    "teacher_temperature": (0.5, 20.0),
    "validation_epochs": (1, 1000),
    "checkpoint_epochs": (1, 1000),
    "early_stopping": (0, 1000),
    "augment.shift": (0.0, 0.3),
    "augment.rotation": (0.0, 45.0),
    "augment.scale": (0.0, 0.5),
    "augment.brightness": (0.0, 0.5),
    "augment.contrast": (0.0, 0.8),
    "augment.erasing": (0.0, 1.0),
}

#: The architecture of the shipped FER2013 network, in epochs that two cores can train.
_STANDARD = TrainConfig(
    preset="standard",
    margin=0.0,
    crop=40,
    standardise=False,
    imbalance="none",
    filters=(48, 96, 192, 288),
    repeats=(3, 3, 3, 1),
    dense=(),
    pooling="average",
    dense_dropout=0.2,
    residual=True,
    squeeze_excitation=True,
    epochs=45,
    batch_size=128,
    optimiser="sgd",
    learning_rate=0.1,
    weight_decay=5e-3,
    warmup_epochs=1.0,
    label_smoothing=0.1,
    ema=0.998,
    precision="auto",
    augment=Augmentation(shift=0.0, rotation=10.0, scale=0.12, brightness=0.15, contrast=0.3, erasing=0.25),
)

# 8 expressions with valence and arousal, colour, adjusted for class imbalance.
_AFFECTNET = replace(
    _STANDARD,
    preset="affectnet",
    colour="rgb",
    size=64,
    crop=56,
    labels=8,
    imbalance="logit-adjusted",
    epochs=20,
    affect_weight=1.0,
)

PRESETS: dict[str, TrainConfig] = {
    # The study's network: M = 3, N = 2, plain ReLU and dropout, grey 50x50.
    "original": TrainConfig(
        preset="original",
        size=50,
        margin=0.0,
        standardise=False,
        imbalance="none",
        batch_size=128,
        filters=(64, 128, 256),
        dense=(128, 128),
        dropout=0.25,
        dense_dropout=0.25,
        normalisation="none",
        optimiser="adam",
        learning_rate=1e-3,
        schedule="constant",
        warmup_epochs=0.0,
        weight_decay=0.0,
        epochs=30,
        early_stopping=6,
        augment=Augmentation(shift=0.0, flip=True, rotation=0.0, scale=0.0, brightness=0.0, contrast=0.0),
    ),
    # Minutes on a laptop; the default.
    "quick": TrainConfig(preset="quick"),
    "standard": _STANDARD,
    "affectnet": _AFFECTNET,
    "affectnet-112": replace(
        _AFFECTNET,
        preset="affectnet-112",
        size=112,
        crop=96,
        filters=(32, 64, 128, 192, 256),
        repeats=(1, 3, 3, 3, 1),
    ),
}
