"""Random inputs that fit a signature, to try an export on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf


def draw_inputs(
    specs: Mapping[str, tf.TensorSpec], num_tasks: int, seed: int, free: int = 4
) -> dict[str, np.ndarray]:
    """Draws arrays of the declared shapes and dtypes.

    Args:
        specs: wire name to spec, tasks axis first.
        num_tasks: length of the tasks axis.
        seed: seed of the random values.
        free: length of every other axis whose size is free.

    Returns:
        Name to array: standard normal floats, integers 0 and 1, True, and
        for strings the bytes of a few letters.
    """
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, spec in specs.items():
        sizes = [free if size is None else size for size in spec.shape[1:]]
        dtype = spec.dtype.as_numpy_dtype
        if spec.dtype.is_floating:
            value: np.ndarray = rng.standard_normal((num_tasks, *sizes))
        elif spec.dtype == tf.string:
            letters = rng.integers(97, 123, (num_tasks, *sizes, 5), np.uint8)
            value = letters.view("S5")[..., 0]
        elif spec.dtype == tf.bool:
            value = np.ones((num_tasks, *sizes))
        else:
            value = rng.integers(0, 2, (num_tasks, *sizes))
        arrays[name] = value.astype(dtype)
    return arrays
