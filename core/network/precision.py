"""Numbers of the training steps, and batch normalisation that is quick in them."""

from pathlib import Path

import keras

#: Flags of processors that multiply bfloat16 numbers by instructions of their own.
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})


def resolve_precision(precision: str, *, flags: frozenset[str] | None = None) -> str:
    """'float32' or 'mixed_bfloat16': what 'auto' comes to on this processor, and any other as it is.

    Measured on the standard network at 40 pixels: with the instructions bfloat16 does 2.4 times the faces of
    float32 per second, without them a tenth (benchmarks/precision.py).

    Args:
        flags: the processor's; default: those in /proc/cpuinfo, none where there is no such file.
    """
    if precision != "auto":
        return precision
    found = _processor_flags() if flags is None else flags
    return "mixed_bfloat16" if found & BFLOAT16_FLAGS else "float32"


def _processor_flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras's batch normalisation, computed while training by TensorFlow's fused kernel: same weights, same numbers.

    For training on one device; what is saved has Keras's own layer.
    """

    def call(self, inputs, training=None, mask=None):
        if not training:
            return super().call(inputs, training=training)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, tf.float32),
            offset=tf.cast(self.beta, tf.float32),
            mean=tf.constant([], tf.float32),
            variance=tf.constant([], tf.float32),
            epsilon=self.epsilon,
            is_training=True,
        )
        count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
        variance *= (count - 1) / count  # the kernel's is that of a sample, Keras's of the population
        kept = self.momentum
        self.moving_mean.assign(self.moving_mean * kept + mean * (1 - kept))
        self.moving_variance.assign(self.moving_variance * kept + variance * (1 - kept))
        return outputs

    def compute_output_spec(self, inputs, training=None, mask=None):
        return keras.KerasTensor(inputs.shape, dtype=inputs.dtype)
