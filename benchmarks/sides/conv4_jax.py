"""Conv4 in JAX, and a step that is one `jit`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from rows import Row
from sides.images import BLOCKS, BN_EPSILON, conv4_weights, episode
from sides.worker import Step


def max_pool(x: Any) -> Any:
    """2x2; the gradient of `lax.reduce_window` is far slower on CPUs."""
    n, height, width, channels = x.shape
    height, width = height // 2, width // 2
    x = x[:, : 2 * height, : 2 * width]
    x = x.reshape(n, height, 2, width, 2, channels)
    x = jnp.maximum(x[:, :, 0], x[:, :, 1])
    return jnp.maximum(x[:, :, :, 0], x[:, :, :, 1])


def embed(weights: list[Any], x: Any) -> Any:
    """Conv4 on batch statistics: [examples, 28, 28, 1] to [examples, 64]."""
    for block in range(BLOCKS):
        kernel, gamma, beta = weights[3 * block : 3 * block + 3]
        x = lax.conv_general_dilated(
            x,
            kernel,
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        mean = x.mean((0, 1, 2))
        variance = jnp.square(x - mean).mean((0, 1, 2))
        x = gamma * (x - mean) * lax.rsqrt(variance + BN_EPSILON) + beta
        x = jnp.maximum(max_pool(x), 0.0)
    return x.reshape(len(x), -1)


def cross_entropy(logits: Any, y: Any) -> Any:
    """Mean over examples."""
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)
    return -chosen.mean()


def arrays(row: Row, head: bool = False) -> tuple[list[Any], dict[str, Any]]:
    """Initial weights, and the episode."""
    data = {k: jnp.asarray(v) for k, v in episode(row).items()}
    return [jnp.asarray(w) for w in conv4_weights(row, head)], data


def gradient_step(loss: Callable[[list[Any]], Any], weights: list[Any]) -> Step:
    """Loss and gradients of the same weights each time."""
    compiled = jax.jit(jax.value_and_grad(loss))

    def step() -> float:
        value, gradients = compiled(weights)
        jax.block_until_ready(gradients)
        return float(value)

    return step
