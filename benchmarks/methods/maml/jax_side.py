"""MAML in JAX: everything of a step under one `jit`."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from methods.maml.data import INNER_LEARNING_RATE
from rows import Row
from sides.conv4_jax import arrays, cross_entropy, embed, gradient_step
from sides.worker import Step


def logits_of(weights: list[Any], x: Any) -> Any:
    """Scores of the linear head."""
    return embed(weights, x) @ weights[-2] + weights[-1]


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
    """Mean query loss over tasks."""

    def one(sx: Any, sy: Any, qx: Any, qy: Any) -> Any:
        return cross_entropy(logits_of(adapt(weights, sx, sy, steps), qx), qy)

    names = ("support_x", "support_y", "query_x", "query_y")
    return jax.vmap(one)(*(data[name] for name in names)).mean()


def adapt_step(weights: list[Any], data: dict[str, Any], steps: int) -> Step:
    """Adapts to the first task and predicts its queries."""
    sx, sy = np.asarray(data["support_x"][0]), np.asarray(data["support_y"][0])
    qx, qy = np.asarray(data["query_x"][0]), np.asarray(data["query_y"][0])

    @jax.jit
    def predict(weights: list[Any], sx: Any, sy: Any, qx: Any) -> Any:
        return jax.nn.softmax(logits_of(adapt(weights, sx, sy, steps), qx))

    def step() -> float:
        probabilities = np.asarray(predict(weights, sx, sy, qx))
        return float(-np.log(probabilities[np.arange(len(qy)), qy]).mean())

    return step


def make(row: Row) -> Step:
    """Builds a step."""
    weights, data = arrays(row, head=True)
    if row.kind == "adapt":
        return adapt_step(weights, data, row.inner_steps)
    return gradient_step(lambda w: maml_loss(w, data, row.inner_steps), weights)
