"""Knowledge distillation (Hinton, Vinyals & Dean 2015, "Distilling the knowledge in a neural network")."""

from collections.abc import Sequence
from dataclasses import replace

import keras
from keras import ops

from core.config import TrainConfig
from core.data.preprocessing import PreprocessingConfig
from core.errors import AffectoscopeError
from core.network.model import build_model
from core.runs.catalogue import open_run
from core.runs.run import Run


def load_teachers(
    config: TrainConfig, preprocessing: PreprocessingConfig, labels: tuple[str, ...], *, precision: str
) -> list[keras.Model]:
    """Load the networks of the runs in config.teacher, rebuilt for the crop size and precision of the training.

    Args:
        preprocessing: that of the training; each teacher's has to be equal.
        labels: those of the training, in order; each teacher's have to be equal.
        precision: Keras dtype policy.

    Raises:
        AffectoscopeError: a run does not exist, or its labels, preprocessing or input size differ.
    """
    return [_teacher(open_run(name), config, preprocessing, labels, precision) for name in config.teacher]


def _teacher(
    run: Run, config: TrainConfig, preprocessing: PreprocessingConfig, labels: tuple[str, ...], precision: str
) -> keras.Model:
    run.require_network("A teacher")
    if run.labels != labels:
        raise AffectoscopeError(
            f"Teacher '{run.name}' has the labels {', '.join(run.labels)}, this training {', '.join(labels)}; "
            "pass a run with the same label set."
        )
    if run.preprocessing != preprocessing:
        raise AffectoscopeError(
            f"The preprocessing of teacher '{run.name}' ({run.preprocessing.as_dict()}) differs from that of this "
            f"training ({preprocessing.as_dict()}); pass a run with the same --colour, --size and --margin."
        )
    if run.imported:
        raise AffectoscopeError(
            f"Teacher '{run.name}' was imported; only networks of core.train can be rebuilt for another training."
        )
    crop = replace(preprocessing, size=config.crop or preprocessing.size)
    try:
        return rebuild_teacher(
            run.load_model(), TrainConfig.from_dict(run.info["config"]), crop, precision=precision
        )
    except ValueError as error:
        raise AffectoscopeError(
            f"The weights of teacher '{run.name}' do not fit this training's input of {crop.size} pixels; pass a run "
            "trained with --pooling average, or the --crop that the teacher was trained with."
        ) from error


def rebuild_teacher(
    trained: keras.Model, config: TrainConfig, preprocessing: PreprocessingConfig, *, precision: str
) -> keras.Model:
    """Build a network with the weights of `trained` for another input size and precision.

    Args:
        config: that `trained` was trained with.
        preprocessing: gives the input shape.
        precision: Keras dtype policy.

    Raises:
        ValueError: the weights do not fit the input shape.
    """
    outputs = trained.output
    if config.backbone:  # its file may be elsewhere; in float32 it teaches all the same
        if tuple(trained.input_shape[1:]) != preprocessing.shape:
            raise ValueError("The input of a network with a backbone cannot be changed.")
        return trained
    keras.config.set_dtype_policy(precision)
    try:
        teacher = build_model(
            config, preprocessing, outputs["expression"].shape[-1], affect="affect" in outputs
        )
        teacher.set_weights(trained.get_weights())
        return teacher
    finally:
        keras.config.set_dtype_policy("float32")


def add_distillation_output(
    network: keras.Model, teachers: Sequence[keras.Model], temperature: float
) -> keras.Model:
    """Add the output "distilled", the input of `distillation_loss`, to `network`.

    Args:
        network: faces -> {"expression": (n, c) logits, ...}.
        teachers: networks with the same input and a layer 'logits'; they are not trained.
        temperature: divides all logits.

    Returns:
        Model with the same input; "distilled" is (n, 2 c): the network's logits divided by the temperature, then the
        mean of the teachers' softened probabilities for the same augmented faces.
    """
    faces = keras.Input(network.input_shape[1:], dtype="uint8")
    outputs = network(faces)
    softened = []
    for index, teacher in enumerate(teachers):
        logits = keras.Model(teacher.input, teacher.get_layer("logits").output)
        softened.append(ops.softmax(_Frozen(logits, name=f"teacher{index + 1}")(faces) / temperature))
    targets = sum(softened[1:], softened[0]) / len(softened)
    distilled = ops.concatenate([outputs["expression"] / temperature, targets], axis=-1)
    return keras.Model(faces, {**outputs, "distilled": distilled})


class _Frozen(keras.layers.Layer):
    """A network that always runs in inference mode, also while the enclosing model trains.

    In a functional model, the outer model's `training` argument overrides `training=False` of a nested model.
    """

    def __init__(self, network: keras.Model, **settings):
        super().__init__(trainable=False, **settings)
        self.network = network
        self.network.trainable = False

    def call(self, faces):
        return self.network(faces, training=False)

    def compute_output_spec(self, faces):
        return self.network.compute_output_spec(faces)


def distillation_loss(temperature: float):
    """Loss of the output "distilled": temperature^2 KL(teacher || network); the annotated label is not used.

    The factor keeps the magnitude of the gradient independent of the temperature (Hinton et al. 2015, section 2).
    """

    def distillation(_truth, distilled):
        network, targets = ops.split(distilled, 2, axis=-1)
        divergence = ops.sum(
            targets * (ops.log(ops.maximum(targets, 1e-9)) - ops.log_softmax(network)), axis=-1
        )
        return temperature**2 * divergence

    return distillation
