"""Max-pooling with a fast gradient on JAX."""

from functools import reduce

import keras
from keras import ops


class StridedMaxPooling2D(keras.layers.MaxPooling2D):
    """2x2 max-pooling as the maximum of four strided slices; equal to Keras's layer in results.

    The gradient is element-wise, whereas XLA computes that of Keras's layer by a select-and-scatter. Where values are
    equal, their share of the gradient differs from that of Keras's layer. Saved networks contain Keras's own layer.
    """

    def call(self, inputs):
        height, width = inputs.shape[1:3]
        if self.padding == "same" and (height % 2 or width % 2):
            # An even side is padded by nothing, an odd one by a copy of its last row, which leaves the maximum as it is.
            inputs = ops.pad(inputs, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]], mode="symmetric")
        height, width = (side // 2 * 2 for side in inputs.shape[1:3])
        slices = [inputs[:, y:height:2, x:width:2] for y in (0, 1) for x in (0, 1)]
        return reduce(ops.maximum, slices)
