"""Runs that can be repeated to the bit."""

from __future__ import annotations

import keras
import tensorflow as tf


def deterministic(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow, and makes every op repeatable.

    Call it before the learner is built. It holds for the whole process, and
    slows some ops down; an op that has no repeatable form raises an error.

    Args:
        seed: an integer in [0, 2^32).
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
