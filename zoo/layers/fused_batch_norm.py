"""Batch normalisation by the fused kernel, differentiable twice."""

from __future__ import annotations

from typing import Any, NamedTuple

import tensorflow as tf


class _Forward(NamedTuple):
    """What the forward kernel leaves for the backward ones."""

    mean: tf.Tensor
    variance: tf.Tensor
    count: tf.Tensor
    reserves: tuple[tf.Tensor, tf.Tensor, tf.Tensor]
    epsilon: float


def fused_batch_norm(
    x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Normalises with the statistics of the batch.

    TensorFlow differentiates its fused kernel a second time through some
    thirty elementwise operations. Here the second derivative is written in
    closed form, around the same backward kernel: the map from the gradient
    of the output to the gradient of the input is symmetric, so its
    transpose is itself.

    Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithm 1.

    Args:
        x: float32 `[examples, height, width, channels]`.
        scale: float32 `[channels]`.
        offset: float32 `[channels]`.
        epsilon: Added to the variance; at least 1.001e-5.

    Returns:
        The normalised `x`, exact to second order, and mean and biased
        variance `[channels]` of the batch, exact to every order. The
        gradient of the moments costs nothing where it is not asked for.
    """

    @tf.custom_gradient
    def normalise(
        x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor
    ) -> tuple[Any, Any]:
        out = tf.raw_ops.FusedBatchNormV3(
            x=x,
            scale=scale,
            offset=offset,
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=epsilon,
            is_training=True,
        )
        forward = _forward_of(x, out, epsilon)

        def gradient(dy: tf.Tensor, *_: tf.Tensor) -> Any:
            return _backward(x, scale, dy, forward)

        return (out.y, forward.mean, forward.variance), gradient

    y, mean, variance = normalise(x, scale, offset)
    return y, *_with_gradient(x, mean, variance)


def _forward_of(x: tf.Tensor, out: Any, epsilon: float) -> _Forward:
    count = tf.cast(tf.size(x) // tf.shape(x)[-1], tf.float32)
    # The kernel returns the unbiased variance.
    variance = out.batch_variance * ((count - 1.0) / count)
    reserves = (out.reserve_space_1, out.reserve_space_2, out.reserve_space_3)
    return _Forward(out.batch_mean, variance, count, reserves, epsilon)


def _kernel(
    x: tf.Tensor, scale: tf.Tensor, dy: tf.Tensor, forward: _Forward
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    one, two, three = forward.reserves
    return tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=dy,
        x=x,
        scale=scale,
        reserve_space_1=one,
        reserve_space_2=two,
        reserve_space_3=three,
        epsilon=forward.epsilon,
        is_training=True,
    )[:3]


def _backward(
    x: tf.Tensor, scale: tf.Tensor, dy: tf.Tensor, forward: _Forward
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gradients of `x`, `scale` and `offset`, themselves differentiable."""

    @tf.custom_gradient
    def backward(
        x: tf.Tensor, scale: tf.Tensor, dy: tf.Tensor
    ) -> tuple[Any, Any]:
        dx, dscale, doffset = _kernel(x, scale, dy, forward)

        def gradient(
            v: tf.Tensor, vscale: tf.Tensor, voffset: tf.Tensor
        ) -> Any:
            sums = (dscale / forward.count, doffset / forward.count)
            return _double_backward(
                x, scale, dy, (v, vscale, voffset), sums, forward
            )

        return (dx, dscale, doffset), gradient

    return backward(x, scale, dy)


def _double_backward(
    x: tf.Tensor,
    scale: tf.Tensor,
    dy: tf.Tensor,
    cotangents: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    dy_means: tuple[tf.Tensor, tf.Tensor],
    forward: _Forward,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Gradients of `x`, `scale` and `dy` of `_backward`.

    With x^ the normalised input, r its inverse deviation, s the scale and
    < > the mean over a channel, `_backward` is
    dx = s r (dy - <dy> - x^ <dy x^>), dscale = n <dy x^>, doffset = n <dy>.
    All results are affine in v, dy and x, with one coefficient for each
    channel.

    Args:
        x: The input.
        scale: The scale.
        dy: The gradient of the output.
        cotangents: Gradients of dx (v), dscale and doffset.
        dy_means: <dy x^> and <dy>.
        forward: What the forward kernel left.
    """
    v, vscale, voffset = cotangents
    dy_hat, dy_mean = dy_means
    n = forward.count
    transposed, v_hat, v_mean = _kernel(x, scale, v, forward)
    v_hat, v_mean = v_hat / n, v_mean / n
    r = tf.math.rsqrt(forward.variance + forward.epsilon)
    covariance = tf.reduce_sum(v * dy, [0, 1, 2]) / n
    covariance -= v_mean * dy_mean + v_hat * dy_hat
    c = scale * tf.square(r)
    of_hat = c * (2.0 * v_hat * dy_hat - covariance) - vscale * r * dy_hat
    constant = c * (dy_hat * v_mean + v_hat * dy_mean) - vscale * r * dy_mean
    of_x = of_hat * r
    grad_x = tf.add_n(
        [
            v * (-c * dy_hat),
            dy * (vscale * r - c * v_hat),
            x * of_x + (constant - of_x * forward.mean),
        ]
    )
    of_x = vscale * r
    grad_dy = transposed + (x * of_x + (voffset - of_x * forward.mean))
    return grad_x, n * r * covariance, grad_dy


@tf.custom_gradient
def _with_gradient(
    x: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
) -> tuple[Any, Any]:
    """Gives moments of `x` that a kernel computed their gradient."""

    def gradient(dmean: tf.Tensor, dvariance: tf.Tensor) -> Any:
        count = tf.cast(tf.size(x) // tf.shape(x)[-1], x.dtype)
        centred = x - tf.reduce_mean(x, [0, 1, 2])
        dx = (dmean + 2.0 * centred * dvariance) / count
        return dx, None, None

    return (tf.identity(mean), tf.identity(variance)), gradient
