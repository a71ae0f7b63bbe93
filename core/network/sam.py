"""Sharpness-aware minimisation (Foret et al. 2021) as a Keras model with a custom training step. TensorFlow only."""

import keras


class SharpnessAware(keras.Model):
    """Functional model of augmentation and network with a sharpness-aware training step.

    Foret et al. (2021), "Sharpness-aware minimization for efficiently improving generalization", eq. 2 and 3: the
    gradient at w + radius g / |g|, with g the gradient at the weights w, updates w. Both passes use the same augmented
    faces.
    """

    def prepare(
        self, augmentation: keras.layers.Layer, heads: keras.Model, radius: float
    ) -> "SharpnessAware":
        """Set the layers, with `self` equal to heads(augmentation(faces)), and the radius, above 0."""
        self.augmentation, self.heads, self.radius = augmentation, heads, radius
        return self

    def train_step(self, data):
        import tensorflow as tf

        faces, truth, weight = keras.utils.unpack_x_y_sample_weight(data)
        augmented = self.augmentation(faces, training=True)
        variables = self.trainable_variables

        def gradients():
            with tf.GradientTape() as tape:
                outputs = self.heads(augmented, training=True)
                loss = self.compute_loss(faces, truth, outputs, weight, training=True)
            return loss, outputs, tape.gradient(loss, variables)

        loss, outputs, ascent = gradients()
        step = self.radius / (tf.linalg.global_norm(ascent) + 1e-12)
        perturbations = [step * each for each in ascent]
        for variable, perturbation in zip(variables, perturbations, strict=True):
            variable.assign_add(perturbation)
        _, _, gradient = gradients()
        for variable, perturbation in zip(variables, perturbations, strict=True):
            variable.assign_sub(perturbation)
        self.optimizer.apply_gradients(zip(gradient, variables, strict=True))
        self._loss_tracker.update_state(loss)
        return self.compute_metrics(faces, truth, outputs, sample_weight=weight)
