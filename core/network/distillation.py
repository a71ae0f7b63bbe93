"""Learning from finished networks (Hinton, Vinyals & Dean 2015, "Distilling the knowledge in a neural network")."""

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
    """The networks of the runs that config.teacher names, of the crops and in the precision of the training.

    Raises:
        AffectoscopeError: there is no such run, or it sees faces or names labels otherwise than the training.
    """
    return [_teacher(open_run(name), config, preprocessing, labels, precision) for name in config.teacher]


def _teacher(
    run: Run, config: TrainConfig, preprocessing: PreprocessingConfig, labels: tuple[str, ...], precision: str
) -> keras.Model:
    if run.labels != labels:
        raise AffectoscopeError(
            f"Teacher '{run.name}' knows the labels {', '.join(run.labels)}, the training has {', '.join(labels)}; "
            "pass a run of the same label set."
        )
    if run.preprocessing != preprocessing:
        raise AffectoscopeError(
            f"Teacher '{run.name}' sees faces otherwise ({run.preprocessing.as_dict()}) than this training "
            f"({preprocessing.as_dict()}); pass a run with the same --colour, --size and --margin."
        )
    finished = run.load_model()
    crop = replace(preprocessing, size=config.crop or preprocessing.size)
    keras.config.set_dtype_policy(precision)
    try:
        teacher = build_model(
            TrainConfig.from_dict(run.info["config"]), crop, len(labels), affect="affect" in finished.output
        )
        teacher.set_weights(finished.get_weights())
    except ValueError as error:
        raise AffectoscopeError(
            f"The weights of teacher '{run.name}' do not fit faces of {crop.size} pixels, which this training sees; pass a "
            "run of --pooling average, or the --crop that it was trained with."
        ) from error
    finally:
        keras.config.set_dtype_policy("float32")
    return teacher


def with_teachers(network: keras.Model, teachers: Sequence[keras.Model], temperature: float) -> keras.Model:
    """`network` with one more output, "distilled", that `distillation_loss` reads.

    Args:
        network: faces -> {"expression": (n, c) logits, ...}.
        teachers: networks of the same input, with a layer 'logits'; they are frozen.
        temperature: divides all logits.

    Returns:
        Model of the same input; "distilled" is (n, 2 c): the network's logits over the temperature, then
        the mean of the teachers' softened probabilities of the very same faces.
    """
    faces = keras.Input(network.input_shape[1:], dtype="uint8")
    answers = network(faces)
    softened = []
    for index, teacher in enumerate(teachers):
        logits = keras.Model(teacher.input, teacher.get_layer("logits").output)
        softened.append(ops.softmax(_Frozen(logits, name=f"teacher{index + 1}")(faces) / temperature))
    taught = sum(softened[1:], softened[0]) / len(softened)
    distilled = ops.concatenate([answers["expression"] / temperature, taught], axis=-1)
    return keras.Model(faces, {**answers, "distilled": distilled})


class _Frozen(keras.layers.Layer):
    """A network that neither learns nor drops out, even while the one around it trains.

    In a functional model, `training=False` given to a nested model gives way to that of the outer one.
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
    """Loss of "distilled" outputs: temperature^2 KL(teacher || network), whatever the annotated label.

    The square keeps the gradient's size the same for every temperature (Hinton et al. 2015, section 2).
    """

    def distillation(_truth, distilled):
        network, taught = ops.split(distilled, 2, axis=-1)
        surprise = ops.sum(taught * (ops.log(ops.maximum(taught, 1e-9)) - ops.log_softmax(network)), axis=-1)
        return temperature**2 * surprise

    return distillation
