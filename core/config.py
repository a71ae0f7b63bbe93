"""Everything that a training can vary: one frozen TrainConfig, whose fields are the command line."""

import hashlib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

from core.errors import AffectoscopeError

Preset = Literal["original", "quick", "standard", "affectnet", "affectnet-112"]


@dataclass(frozen=True)
class Augmentation:
    """Random changes to each training face; every one is drawn anew each time a face is seen."""

    shift: float = 0.04
    """Largest shift, as a share of the side, in each direction (0 to 0.3); with --crop beside that of the crop."""
    flip: bool = True
    """Mirror half of the faces."""
    rotation: float = 6.0
    """Largest rotation in degrees, either way (0 to 45)."""
    scale: float = 0.05
    """Largest change of size: 0.1 is 0.9 to 1.1 (0 to 0.5)."""
    brightness: float = 0.0
    """Largest change of brightness, as a share of the whole range (0 to 0.5)."""
    contrast: float = 0.0
    """Largest change of contrast: 0.2 is 0.8 to 1.2 (0 to 0.8)."""
    erasing: float = 0.0
    """Probability of erasing a random rectangle of the face (0 to 1); Zhong et al. 2020."""


@dataclass(frozen=True)
class TrainConfig:
    """Train a facial-expression network and leave a reviewed run in artifacts/."""

    preset: Preset = "quick"
    """Network and recipe to start from; every option below overrides it."""

    # Data
    data: Path | None = None
    """Folder, zip or table of annotated faces, in a format that the README lists; default: drawn faces."""
    format: str | None = None
    """Format of the data where it is not recognised; the README lists them, and so does the error for another value."""
    automatic: bool = False
    """Also use AffectNet's automatically annotated list."""
    labels: Literal[7, 8, 11] | None = None
    """Label set; default: the usual one of the data set (8 for AffectNet), else the smallest that holds the data's labels."""
    validation_share: float = 0.1
    """Share of the training faces kept for choosing the best epoch (0.02 to 0.5)."""
    limit: int | None = None
    """Use at most so many training faces, drawn at random; default: all."""
    relabel: Path | None = None
    """Correct the labels of training and validation faces by a run's decisions.csv; the split and the test faces stay."""

    # Preprocessing
    colour: Literal["grey", "rgb"] = "grey"
    """What the network sees."""
    size: int = 48
    """Side of the face crop in pixels (16 to 512)."""
    detector: str = "mtcnn"
    """Detector of the faces in photos that the trained network is used on; training does not run it."""
    margin: float = -0.1
    """Share of the face box added on each side before cropping (-0.3 to 1)."""

    crop: int | None = None
    """Train on random crops of so many pixels a side out of the --size (16 to 512); the finished network reads the
    centre of whole faces, as large a part as the validation faces choose. Default: train on whole faces."""

    standardise: bool = True
    """Give every face mean 0 and variance 1 inside the network, so that light and skin tone matter less."""

    # Network
    filters: tuple[int, ...] = (32, 48, 64, 96)
    """Filters of each convolution block, 1 to 8 blocks; M is how many there are."""
    repeats: tuple[int, ...] = (1,)
    """3x3 convolutions in each block (1 to 4): one number for all or one per block."""
    dense: tuple[int, ...] = (128,)
    """Units of each fully connected layer, 0 to 4 layers; N is how many there are."""
    pooling: Literal["flatten", "average"] = "flatten"
    """How the last feature map becomes a vector: flattened, or its global average."""
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
    """Decoupled decay of convolution and dense kernels (0 to 0.5); none with adam. Each step takes off the learning
    rate times this share of the kernel, as Loshchilov & Hutter (2019) define it and Keras does it. PyTorch's SGD adds the
    decay to the gradient instead, where momentum 0.9 repeats it: its 5e-4 is about 5e-3 here."""
    label_smoothing: float = 0.0
    """Share of each truth spread over all labels (0 to 0.5)."""
    imbalance: Literal["none", "class-weights", "balanced-sampling", "logit-adjusted", "focal"] = (
        "logit-adjusted"
    )
    """How rare expressions are helped. Logit-adjusted: Menon et al. 2021; focal: Lin et al. 2017."""
    affect_weight: float = 1.0
    """Weight of the valence/arousal loss beside the expression loss (0 to 10); 0 leaves the head out."""
    ema: float = 0.0
    """Momentum of the moving average of the weights that is evaluated and kept (0 = off, to 0.9999)."""
    mixup: float = 0.0
    """Mix each training face with another, by a share from Beta(a, a) (0 = off, to 2); Zhang et al. 2018."""
    sharpness: float = 0.0
    """Radius of sharpness-aware steps (0 = off, to 1), which take twice the time; Foret et al. 2021."""
    teacher: tuple[str, ...] = ()
    """Finished runs to learn from too, on the same augmented faces (Hinton et al. 2015); several are averaged."""
    teacher_weight: float = 0.7
    """Share of the teacher's answers in the expression loss, the annotated label has the rest (0 to 1)."""
    teacher_temperature: float = 3.0
    """Softens the answers of teacher and network before they are compared (0.5 to 20)."""
    precision: Literal["auto", "float32", "mixed_bfloat16"] = "float32"
    """Numbers of the training steps. mixed_bfloat16 is faster on GPUs and on processors with instructions for it
    (avx512_bf16 or amx_bf16) and far slower on others; auto takes it on such processors. The network that is kept is
    float32."""
    devices: Literal["one", "all"] = "one"
    """all: split each batch among every GPU of this machine; the weights come out the same."""
    resident: Literal["auto", "yes", "no"] = "auto"
    """Keep the training faces in the device's memory and run each epoch as one compiled program; the weights come out
    the same. Only with KERAS_BACKEND=jax. auto: on a GPU that holds them."""
    keep: Literal["last", "accuracy", "loss"] | None = None
    """Epoch whose weights are kept: the last, the one of highest validation accuracy or of lowest validation loss.
    Default: last with the cosine schedule, which ends at rate zero, else loss."""
    validation_epochs: int = 1
    """Epochs between two validations (1 to 1000); the last epoch always has one. Above 1 only with --keep last."""
    checkpoint_epochs: int = 1
    """Epochs between two checkpoints (1 to 1000), from which --resume goes on."""
    early_stopping: int = 0
    """Stop after so many epochs without a better validation loss (0 = never)."""
    augment: Augmentation = field(default_factory=Augmentation)
    """Random changes to the training faces."""
    seed: int = 0
    """Seeds the weights, the order, the augmentation and, without --split-seed, the split."""
    split_seed: int | None = None
    """Seeds the split alone, so that trainings of several seeds share their validation faces."""

    # The run
    name: str | None = None
    """Name of the run's folder under artifacts/; default: data, preset and time."""
    resume: bool = False
    """Go on with an interrupted training of the same --name."""
    overwrite: bool = False
    """Replace a finished run of the same name."""
    review: Literal["test", "validation"] = "test"
    """Faces that the run is scored on. validation: the test faces stay unseen, as comparing recipes demands."""
    tta: Literal["auto", "none", "mirror", "ten-crop"] = "auto"
    """Test-time augmentation of the run's predictions: one pass over each face, the average over it and its mirror image,
    or over ten crops; auto: the cheapest whose log loss on the validation faces is within 0.002 of the least."""
    thumbnails: Literal["auto", "yes", "no"] = "auto"
    """Keep thumbnails of the test faces with the run; auto: only where the data may be passed on."""

    def __post_init__(self) -> None:
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
                "--validation-epochs above 1 needs --keep last and no --early-stopping, which choose by every epoch."
            )
        if len(self.repeats) not in (1, len(self.filters)):
            raise AffectoscopeError(
                f"--repeats has {len(self.repeats)} numbers; expected 1, or one per block ({len(self.filters)})."
            )

    @property
    def convolutions_per_block(self) -> tuple[int, ...]:
        return self.repeats * len(self.filters) if len(self.repeats) == 1 else self.repeats

    @property
    def kept_epoch(self) -> str:
        """`keep`, or what its default comes to."""
        return self.keep or ("last" if self.schedule == "cosine" else "loss")

    @property
    def seed_of_split(self) -> int:
        return self.seed if self.split_seed is None else self.split_seed

    def as_dict(self) -> dict:
        """For run.json: plain values, and of paths only their last part."""
        document = asdict(self)
        for name in ("data", "relabel"):
            document[name] = document[name].name if document[name] else None
        return document

    @classmethod
    def from_dict(cls, document: dict) -> "TrainConfig":
        """What `as_dict` or `recipe` wrote; options that it does not name, which are newer, have their defaults.

        Raises:
            AffectoscopeError: it is no configuration, or out of range.
        """
        try:
            kept = {each.name: document[each.name] for each in fields(cls) if each.name in document}
            if kept["preset"] not in PRESETS:
                raise ValueError(f"there is no preset '{kept['preset']}'")
            kept.setdefault("tta", "none")  # trainings from before it was an option had none
            kept |= {name: Path(kept[name]) if kept.get(name) else None for name in ("data", "relabel")}
            kept["augment"] = Augmentation(**kept.get("augment", {}))
            kept |= {name: tuple(value) for name, value in kept.items() if isinstance(value, list)}
            return cls(**kept)
        except (KeyError, TypeError, ValueError) as error:
            raise AffectoscopeError(
                f"The configuration cannot be read ({error}); expected what core.train keeps."
            ) from error

    def recipe(self) -> dict:
        """What decides the numbers of a training: everything but how the run is reviewed and kept.

        Raises:
            AffectoscopeError: the file of decisions cannot be read.
        """
        document = self.as_dict()
        kept_apart = (
            "name", "resume", "overwrite", "tta", "thumbnails", "devices", "resident", "checkpoint_epochs", "detector",
        )  # fmt: skip
        for name in kept_apart:
            document.pop(name)
        if self.relabel:  # a file of the same name may hold other decisions
            try:
                document["relabel_sha256"] = hashlib.sha256(self.relabel.read_bytes()).hexdigest()
            except OSError as error:
                raise AffectoscopeError(
                    f"--relabel {self.relabel} cannot be read ({error.strerror or error})."
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
    "epochs": (1, 1000),
    "batch_size": (2, 4096),
    "learning_rate": (1e-6, 1.0),
    "warmup_epochs": (0.0, 50.0),
    "weight_decay": (0.0, 0.5),
    "label_smoothing": (0.0, 0.5),
    "affect_weight": (0.0, 10.0),
    "ema": (0.0, 0.9999),
    "mixup": (0.0, 2.0),
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

#: The shipped FER2013 network.
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

# 8 expressions with valence and arousal, colour faces; rare expressions are helped.
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
    # Minutes on a laptop: what `python -m core.train` runs on the drawn faces.
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
