"""The loss of a prototypical network in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from rows import Row
from sides.conv4_jax import arrays, cross_entropy, embed, gradient_step
from sides.worker import Step


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


def make(row: Row) -> Step:
    """Builds a step."""
    weights, data = arrays(row)
    return gradient_step(lambda w: proto_loss(w, data, row.ways), weights)
