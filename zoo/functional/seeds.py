"""Give every task its own random masks, and every step new ones."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

_SEED_NAME = "seed_generator_state"
_MAX_SEED = 2**31 - 1


def is_seed(variable: keras.Variable) -> bool:
    """Whether a variable is the state of a `keras.random.SeedGenerator`.

    Args:
        variable: One of a model's non-trainable variables.

    Returns:
        True for the state of a seed generator (of a dropout layer, say).
    """
    return variable.path.rsplit("/", 1)[-1] == _SEED_NAME


def fold_task(
    model: keras.Model,
    non_trainable: Sequence[tf.Tensor],
    task: tf.Tensor | int,
) -> list[tf.Tensor]:
    """Replaces every seed state by one that depends on the task.

    A stateless call draws its masks from the seed state it is given, so the
    same state for all tasks would give all tasks the same masks. The folded
    state is hashed rather than offset: Keras adds 1 to the state's second
    entry at each draw, so with an offset the second draw of a task would be
    the first draw of the next.

    Args:
        model: The model the values belong to.
        non_trainable: One tensor for each of
            `model.non_trainable_variables`.
        task: Scalar index of the task within the meta-batch.

    Returns:
        The values, seed states replaced. The same state and index give the
        same result; but, like all of TensorFlow's stateless random numbers,
        another one under `jit_compile=True`.

    Raises:
        ValueError: If `non_trainable` is not as long as the model's list.
    """
    variables = model.non_trainable_variables
    if len(non_trainable) != len(variables):
        raise ValueError(
            f"non_trainable: got {len(non_trainable)} tensors, expected one "
            f"for each of {len(variables)} non-trainable variables."
        )
    return [
        _fold(value, task) if is_seed(variable) else value
        for variable, value in zip(variables, non_trainable, strict=True)
    ]


def advance_seeds(model: keras.Model) -> None:
    """Moves every seed state of a model on; call once per outer step.

    Args:
        model: A built model; its seed variables are assigned.
    """
    for variable in model.non_trainable_variables:
        if is_seed(variable):
            step = tf.constant(
                [0, 1], keras.backend.standardize_dtype(variable.dtype)
            )
            variable.assign(tf.convert_to_tensor(variable) + step)


def step_seed(seed: tf.Tensor) -> tf.Tensor:
    """The seed of a training step on this replica.

    Replicas hold the same seed and must not hold the same noise.

    Args:
        seed: int [2], of the step.

    Returns:
        int32 [2].
    """
    context = tf.distribute.get_replica_context()
    replica = 0 if context is None else context.replica_id_in_sync_group
    return tf.random.experimental.stateless_fold_in(
        tf.cast(seed, tf.int32), tf.cast(replica, tf.int32)
    )


def _fold(seed: tf.Tensor, task: tf.Tensor | int) -> tf.Tensor:
    folded = tf.random.experimental.stateless_fold_in(
        tf.cast(seed, tf.int64), tf.cast(task, tf.int64)
    )
    new = tf.random.stateless_uniform(
        [2], seed=folded, minval=0, maxval=_MAX_SEED, dtype=tf.int64
    )
    return tf.cast(new, seed.dtype)
