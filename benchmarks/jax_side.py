"""JAX peers: everything of a step under one `jit`."""

from __future__ import annotations

import os
import sys
from typing import Any

if sys.argv[1] == "1":
    os.environ["XLA_FLAGS"] = (
        "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from worker import Step, serve
from workloads import (
    BLOCKS,
    BN_EPSILON,
    INNER_LEARNING_RATE,
    WORKLOADS,
    episode,
    initial_weights,
)


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


def logits_of(weights: list[Any], x: Any) -> Any:
    """Scores of the linear head."""
    return embed(weights, x) @ weights[-2] + weights[-1]


def cross_entropy(logits: Any, y: Any) -> Any:
    """Mean over examples."""
    chosen = jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1)
    return -chosen.mean()


def adapt(weights: list[Any], x: Any, y: Any, steps: int) -> list[Any]:
    """Unrolled gradient descent on the support loss."""
    for _ in range(steps):
        gradients = jax.grad(lambda w: cross_entropy(logits_of(w, x), y))(
            weights
        )
        weights = [
            w - INNER_LEARNING_RATE * g
            for w, g in zip(weights, gradients, strict=True)
        ]
    return weights


def maml_loss(weights: list[Any], data: dict[str, Any], steps: int) -> Any:
    """Mean query loss over tasks, to check the other sides."""

    def one(sx: Any, sy: Any, qx: Any, qy: Any) -> Any:
        return cross_entropy(logits_of(adapt(weights, sx, sy, steps), qx), qy)

    names = ("support_x", "support_y", "query_x", "query_y")
    return jax.vmap(one)(*(data[name] for name in names)).mean()


def proto_loss(weights: list[Any], data: dict[str, Any], ways: int) -> Any:
    """Squared distances, support and queries embedded together."""
    sx, sy, qx, qy = (
        data[name][0]
        for name in ("support_x", "support_y", "query_x", "query_y")
    )
    z = embed(weights, jnp.concatenate([sx, qx]))
    members = jax.nn.one_hot(sy, ways)
    prototypes = members.T @ z[: len(sx)] / members.sum(0)[:, None]
    queries = z[len(sx) :]
    distances = jnp.square(queries).sum(1)[:, None] + jnp.square(
        prototypes
    ).sum(1)
    return cross_entropy(2.0 * queries @ prototypes.T - distances, qy)


def make(work_name: str, side: str) -> Step:
    """Builds a step of JAX."""
    work = WORKLOADS[work_name]
    data = {k: jnp.asarray(v) for k, v in episode(work).items()}
    weights = [jnp.asarray(w) for w in initial_weights(work)]
    if work.kind == "adapt":
        return _adapt_step(weights, data, work.inner_steps)
    if work.kind == "proto":
        loss = lambda w: proto_loss(w, data, work.ways)  # noqa: E731
    else:
        loss = lambda w: maml_loss(w, data, work.inner_steps)  # noqa: E731
    compiled = jax.jit(jax.value_and_grad(loss))

    def step() -> float:
        value, gradients = compiled(weights)
        jax.block_until_ready(gradients)
        return float(value)

    return step


def _adapt_step(weights: list[Any], data: dict[str, Any], steps: int) -> Step:
    sx, sy = np.asarray(data["support_x"][0]), np.asarray(data["support_y"][0])
    qx, qy = np.asarray(data["query_x"][0]), np.asarray(data["query_y"][0])

    @jax.jit
    def predict(weights: list[Any], sx: Any, sy: Any, qx: Any) -> Any:
        return jax.nn.softmax(logits_of(adapt(weights, sx, sy, steps), qx))

    def step() -> float:
        probabilities = np.asarray(predict(weights, sx, sy, qx))
        return float(-np.log(probabilities[np.arange(len(qy)), qy]).mean())

    return step


if __name__ == "__main__":
    serve(make, {"jax": jax.__version__})
