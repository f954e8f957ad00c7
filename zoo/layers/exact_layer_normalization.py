"""Layer normalisation whose second derivative is right."""

from __future__ import annotations

from typing import Any

import keras

from metazoo.layers.moments import exact_moments


@keras.saving.register_keras_serializable("metazoo")
class ExactLayerNormalization(keras.layers.LayerNormalization):
    """`keras.layers.LayerNormalization`, exact under double differentiation.

    The configuration, the weights and the values are those of the stock
    layer; only the second derivative differs, and there the stock layer is
    wrong on the TensorFlow backend (see
    `metazoo.layers.moments.exact_moments`).

    Source: Ba et al. 2016, arXiv:1607.06450, section 3.
    """

    exact_second_order = True

    def call(self, inputs: Any) -> Any:
        """Normalises every example over the layer's axes.

        Args:
            inputs: Float tensor of any rank.

        Returns:
            A tensor shaped as `inputs`, in the compute dtype.
        """
        if self.rms_scaling:
            # That branch has no `tf.nn.moments`: already exact.
            return super().call(inputs)
        ops = keras.ops
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        inputs = ops.cast(inputs, dtype)
        mean, variance = exact_moments(inputs, self.axis, keepdims=True)
        scale = ops.rsqrt(variance + self.epsilon)
        if self.gamma is not None:
            scale = scale * self._broadcast(self.gamma, inputs)
        outputs = (inputs - mean) * scale
        if self.beta is not None:
            outputs = outputs + self._broadcast(self.beta, inputs)
        return ops.cast(outputs, self.compute_dtype)

    def _broadcast(self, weight: Any, inputs: Any) -> Any:
        shape = [1] * len(inputs.shape)
        for axis in self.axis:
            shape[axis] = inputs.shape[axis]
        return keras.ops.reshape(keras.ops.cast(weight, inputs.dtype), shape)
