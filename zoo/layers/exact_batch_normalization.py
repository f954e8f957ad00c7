"""Batch normalisation whose second derivative is right."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from metazoo.layers.fused_batch_norm import fused_batch_norm
from metazoo.layers.moments import exact_moments

# The kernel refuses smaller values on some devices.
FUSED_MIN_EPSILON = 1.001e-5


@keras.saving.register_keras_serializable("metazoo")
class ExactBatchNormalization(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization`, exact under double differentiation.

    The configuration, the weights and the values are those of the stock
    layer; only the second derivative differs, and there the stock layer is
    wrong on the TensorFlow backend (see
    `metazoo.layers.moments.exact_moments`).

    Float32 inputs `[examples, height, width, channels]` take TensorFlow's
    fused kernel (see `metazoo.layers.fused_batch_norm`): its values are
    exact to second order, not to third, and its moving statistics to every
    order. Every other case (float64, other ranks or axes, a mask, an
    epsilon below 1.001e-5, a layer with a bias right before in a functional
    model) is written out and exact at every order.
    Renormalisation holds its correction constant by definition, as in the
    stock layer.

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1.
    """

    exact_second_order = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Builds the layer.

        Args:
            *args: Those of `keras.layers.BatchNormalization`.
            **kwargs: Those of `keras.layers.BatchNormalization`, but
                `synchronized=True`.

        Raises:
            ValueError: If `synchronized` is true.
        """
        super().__init__(*args, **kwargs)
        if self.synchronized:
            raise ValueError(
                "synchronized: got True, expected False. Replicas hold "
                "different tasks, so statistics over all replicas would mix "
                "tasks."
            )

    def call(
        self, inputs: Any, training: bool | None = None, mask: Any = None
    ) -> Any:
        """Normalises with batch (training) or moving statistics.

        Args:
            inputs: Float tensor of any rank.
            training: Whether to use the statistics of `inputs` and to
                update the moving ones.
            mask: Bool tensor of one axis less than `inputs`, or None.

        Returns:
            A tensor shaped as `inputs`, in the compute dtype.
        """
        if not (training and self.trainable and self._can_fuse(inputs, mask)):
            return super().call(inputs, training=training, mask=mask)
        outputs, *moments = self._fused(tf.cast(inputs, tf.float32))
        self._update_moving_statistics(moments)
        return keras.ops.cast(outputs, self.compute_dtype)

    def _can_fuse(self, inputs: Any, mask: Any) -> bool:
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        return (
            mask is None
            and dtype == "float32"
            and len(inputs.shape) == 4
            and self.axis in (-1, 3)
            and self.epsilon >= FUSED_MIN_EPSILON
            and not getattr(self, "renorm", False)
            and not self._follows_bias()
        )

    def _follows_bias(self) -> bool:
        """Whether a layer with a bias comes right before.

        The second derivative of that sum by the fused kernel makes
        TensorFlow's optimiser of dependencies tie graphs into cycles, in one
        of three traces.
        """
        return any(
            getattr(parent.operation, "use_bias", False)
            for node in self._inbound_nodes
            for parent in node.parent_nodes
        )

    def _fused(
        self, inputs: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        channels = inputs.shape[-1]
        gamma, beta = tf.ones([channels]), tf.zeros([channels])
        if self.scale:
            gamma = keras.ops.cast(self.gamma, "float32")
        if self.center:
            beta = keras.ops.cast(self.beta, "float32")
        return fused_batch_norm(inputs, gamma, beta, self.epsilon)

    def _update_moving_statistics(self, moments: list[tf.Tensor]) -> None:
        moving = (self.moving_mean, self.moving_variance)
        for variable, value in zip(moving, moments, strict=True):
            old = keras.ops.cast(variable, "float32")
            variable.assign(old * self.momentum + value * (1.0 - self.momentum))

    def _moments(self, inputs: Any, mask: Any) -> tuple[Any, Any]:
        """Replaces the moments of the stock layer's own `call`."""
        if mask is not None:
            # Weighted sums there, no `tf.nn.moments`: already exact.
            return super()._moments(inputs, mask)
        return exact_moments(inputs, self._reduction_axes)
