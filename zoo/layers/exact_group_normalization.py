"""Group normalisation whose second derivative is right."""

from __future__ import annotations

from typing import Any

import keras

from metazoo.layers.moments import exact_moments


@keras.saving.register_keras_serializable("metazoo")
class ExactGroupNormalization(keras.layers.GroupNormalization):
    """`keras.layers.GroupNormalization`, exact under double differentiation.

    The configuration, the weights and the values are those of the stock
    layer; only the second derivative differs, and there the stock layer is
    wrong on the TensorFlow backend (see
    `metazoo.layers.moments.exact_moments`).

    Source: Wu and He 2018, arXiv:1803.08494, section 3.1.
    """

    exact_second_order = True

    def call(self, inputs: Any) -> Any:
        """Normalises every example within each group of channels.

        Args:
            inputs: Float tensor, examples first, of rank 2 or more.

        Returns:
            A tensor shaped as `inputs`, in the compute dtype.
        """
        ops = keras.ops
        rank = len(inputs.shape)
        channels = self.axis % rank
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        # The channel axis becomes two axes: groups, then channels in each.
        grouped = self._reshape_into_groups(ops.cast(inputs, dtype))
        axes = [axis for axis in range(1, rank + 1) if axis != channels]
        mean, variance = exact_moments(grouped, axes, keepdims=True)
        scale = ops.rsqrt(variance + self.epsilon)
        broadcast = self._create_broadcast_shape(inputs.shape)
        if self.gamma is not None:
            gamma = ops.cast(self.gamma, dtype)
            scale = scale * ops.reshape(gamma, broadcast)
        outputs = (grouped - mean) * scale
        if self.beta is not None:
            beta = ops.cast(self.beta, dtype)
            outputs = outputs + ops.reshape(beta, broadcast)
        outputs = ops.reshape(outputs, ops.shape(inputs))
        return ops.cast(outputs, self.compute_dtype)
