"""Keeps a function a graph of its own within the graph of its caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def own_graph(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Wraps what a loop repeats, for the sake of its pooling.

    TensorFlow gives a max pooling and its gradient oneDNN's kernels where it
    meets the pooling first. In the cyclic graph of a loop it may meet the
    gradient first, whose own kernel takes ten times as long.

    Args:
        fn: From tensors to tensors, such as the body of a loop; first order,
            or with the outer tape inside.

    Returns:
        A function of the same values.
    """
    return tf.function(
        fn, autograph=False, experimental_attributes={"_noinline": True}
    )
