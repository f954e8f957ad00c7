"""First block of Conv4, normalised without a pass over its activations."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

_SIZE = 3


@keras.saving.register_keras_serializable("metazoo")
class InputBlock(keras.layers.Layer):
    """3x3 convolution, batch normalisation, downsampling, ReLU of images.

    Values, gradients of every order and moving statistics are those of the
    four layers one after the other. A convolution is linear, so the mean
    and variance of its output follow from the mean m and the covariance C
    of its input's patches: m K and the diagonal of K' C K. For images of
    few channels C is tiny (9x9 for one channel) and does not depend on the
    weights. The normalisation then folds into kernel and bias, and the
    largest activations of the network are neither normalised nor, in any
    derivative, un-normalised.

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1, for the
    normalisation.

    Args:
        filters: Channels of the output.
        downsampling: `"max_pool"` (2x2) or `"stride"` (2).
        momentum: Of the moving statistics.
        epsilon: Added to the variance.
        **kwargs: Those of `keras.layers.Layer`.
    """

    exact_second_order = True

    def __init__(
        self,
        filters: int,
        downsampling: str = "max_pool",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = filters
        self.downsampling = downsampling
        self.momentum = momentum
        self.epsilon = epsilon

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes kernel, gamma, beta and the moving statistics."""
        channels, filters = input_shape[-1], self.filters
        shape = (_SIZE, _SIZE, channels, filters)
        self.kernel = self.add_weight(
            shape=shape, name="kernel", autocast=False
        )
        self.gamma = self._vector("gamma", "ones", True)
        self.beta = self._vector("beta", "zeros", True)
        self.moving_mean = self._vector("moving_mean", "zeros", False)
        self.moving_variance = self._vector("moving_variance", "ones", False)

    def call(self, inputs: Any, training: bool | None = None) -> tf.Tensor:
        """Applies the block.

        Args:
            inputs: `[examples, height, width, channels]`.
            training: Whether to use the statistics of `inputs` and to
                update the moving ones.

        Returns:
            `[examples, height // 2, width // 2, filters]`; sizes are
            rounded up for `"stride"`.
        """
        dtype = self.variable_dtype
        kernel = tf.convert_to_tensor(self.kernel)
        mean = tf.convert_to_tensor(self.moving_mean)
        variance = tf.convert_to_tensor(self.moving_variance)
        if training and self.trainable:
            mean, variance = self._moments(tf.cast(inputs, dtype), kernel)
            self._update(self.moving_mean, mean)
            self._update(self.moving_variance, variance)
        scale = tf.convert_to_tensor(self.gamma)
        scale *= tf.math.rsqrt(variance + tf.cast(self.epsilon, dtype))
        x = tf.nn.conv2d(
            inputs,
            tf.cast(kernel * scale, self.compute_dtype),
            self._stride,
            "SAME",
        )
        if self.downsampling == "max_pool":
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        # The same for every pixel, so it may come after the pooling.
        bias = tf.convert_to_tensor(self.beta) - mean * scale
        return tf.nn.relu(tf.nn.bias_add(x, tf.cast(bias, x.dtype)))

    def compute_output_shape(
        self, input_shape: tuple[int | None, ...]
    ) -> tuple[int | None, ...]:
        """Shape of the output."""
        up = 1 if self.downsampling == "stride" else 0
        size = [
            None if side is None else (side + up) // 2
            for side in input_shape[1:3]
        ]
        return (input_shape[0], *size, self.filters)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "filters": self.filters,
            "downsampling": self.downsampling,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
        }

    @property
    def _stride(self) -> int:
        return 2 if self.downsampling == "stride" else 1

    def _vector(self, name: str, initial: str, trainable: bool) -> Any:
        return self.add_weight(
            shape=(self.filters,),
            initializer=initial,
            trainable=trainable,
            name=name,
            # Statistics lose too much in half precision.
            autocast=False,
        )

    def _moments(
        self, x: tf.Tensor, kernel: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean and biased variance of the convolution of `x`."""
        patches = _patches(x, self._stride)
        patch_mean = tf.reduce_mean(patches, 1, keepdims=True)
        patches -= patch_mean
        count = tf.cast(tf.shape(patches)[1], x.dtype)
        covariance = tf.matmul(patches, patches, transpose_b=True) / count
        kernel = tf.reshape(kernel, [-1, self.filters])
        mean = tf.matmul(patch_mean, kernel, transpose_a=True)[0]
        spread = kernel * tf.matmul(covariance, kernel)
        return mean, tf.reduce_sum(spread, 0)

    def _update(self, variable: Any, value: tf.Tensor) -> None:
        old = tf.convert_to_tensor(variable)
        variable.assign(old * self.momentum + value * (1.0 - self.momentum))


def _patches(x: tf.Tensor, stride: int) -> tf.Tensor:
    """Input values under each entry of the kernel: `[9 * channels, places]`.

    Rows are in the order of a kernel `[3, 3, channels, filters]`; padding
    is that of "SAME".
    """
    height, width = x.shape[1], x.shape[2]
    x = tf.transpose(x, [3, 0, 1, 2])
    around = [_padding(side, stride) for side in (height, width)]
    x = tf.pad(x, [[0, 0], [0, 0], *around])
    rows, columns = (-(-side // stride) for side in (height, width))
    shifted = [
        x[:, :, i::stride, j::stride][:, :, :rows, :columns]
        for i in range(_SIZE)
        for j in range(_SIZE)
    ]
    patches = tf.concat(shifted, 0)
    return tf.reshape(patches, [patches.shape[0], -1])


def _padding(side: int, stride: int) -> list[int]:
    total = max((-(-side // stride) - 1) * stride + _SIZE - side, 0)
    return [total // 2, total - total // 2]
