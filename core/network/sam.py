"""Sharpness-aware training steps (Foret et al. 2021), as a Keras model with a step of its own. TensorFlow only."""

import keras


class SharpnessAware(keras.Model):
    """A functional model of augmentation and network whose step looks for a flat minimum.

    Foret et al. (2021), "Sharpness-aware minimization for efficiently improving generalization", eq. 2 and 3:
    from the weights w the step goes to w + radius g / |g|, the steepest way up, and takes the gradient from
    there to w. Both passes see the same augmented faces.
    """

    def prepare(
        self, augmentation: keras.layers.Layer, heads: keras.Model, radius: float
    ) -> "SharpnessAware":
        """Give it its parts, `self` being heads(augmentation(faces)); radius above 0, in units of the weights."""
        self.augmentation, self.heads, self.radius = augmentation, heads, radius
        return self

    def train_step(self, data):
        import tensorflow as tf

        faces, truth, weight = keras.utils.unpack_x_y_sample_weight(data)
        seen = self.augmentation(faces, training=True)
        variables = self.trainable_variables

        def gradients():
            with tf.GradientTape() as tape:
                answers = self.heads(seen, training=True)
                loss = self.compute_loss(faces, truth, answers, weight, training=True)
            return loss, answers, tape.gradient(loss, variables)

        loss, answers, uphill = gradients()
        step = self.radius / (tf.linalg.global_norm(uphill) + 1e-12)
        moves = [step * each for each in uphill]
        for variable, move in zip(variables, moves, strict=True):
            variable.assign_add(move)
        _, _, found = gradients()
        for variable, move in zip(variables, moves, strict=True):
            variable.assign_sub(move)
        self.optimizer.apply_gradients(zip(found, variables, strict=True))
        self._loss_tracker.update_state(loss)
        return self.compute_metrics(faces, truth, answers, sample_weight=weight)
