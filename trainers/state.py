"""All variables of a training run as named arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from metazoo.errors import CheckpointError, TrainingError


def build_training_state(
    learner: keras.Model, strategy: tf.distribute.Strategy
) -> None:
    """Makes the variables of optimizer and metrics before the first step.

    Args:
        learner: a built and compiled learner.
        strategy: the one it was built under.

    Raises:
        TrainingError: it is not built, or not compiled.
    """
    if not learner.compiled or learner.optimizer is None:
        raise TrainingError("learner must be compiled; call compile() first.")
    if not learner.built:
        raise TrainingError(
            "learner has no variables yet; call it on an episode first."
        )
    with strategy.scope():
        if not learner.optimizer.built:
            learner.optimizer.build(learner.trainable_variables)
        _build_metrics(learner)


def training_state(learner: keras.Model) -> dict[str, np.ndarray]:
    """Values of weights, seed states, optimizer slots and metrics.

    Args:
        learner: a learner whose training state is built.

    Returns:
        Name to value. Every worker of a strategy must call it: values that
        differ between replicas are summed.
    """
    return {
        name: tf.convert_to_tensor(variable.value).numpy()
        for name, variable in _named_variables(learner).items()
    }


def restore_training_state(
    learner: keras.Model, arrays: Mapping[str, np.ndarray]
) -> None:
    """Assigns what `training_state` returned.

    Args:
        learner: a learner whose training state is built.
        arrays: name to value.

    Raises:
        CheckpointError: a name, shape or dtype is not the learner's.
    """
    variables = _named_variables(learner)
    if set(variables) != set(arrays):
        missing = sorted(set(variables) - set(arrays))[:5]
        unknown = sorted(set(arrays) - set(variables))[:5]
        raise CheckpointError(
            f"The checkpoint lacks the variables {missing} and has unknown "
            f"{unknown}; it is of another learner or optimizer."
        )
    for name, variable in variables.items():
        value = arrays[name]
        if value.shape != tuple(variable.shape) or (
            str(value.dtype) != keras.backend.standardize_dtype(variable.dtype)
        ):
            raise CheckpointError(
                f"Variable {name} is {variable.dtype} of shape "
                f"{tuple(variable.shape)}; the checkpoint has {value.dtype} "
                f"of shape {value.shape}."
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


def _named_variables(learner: keras.Model) -> dict[str, keras.Variable]:
    """Names by place, as Keras's own count on from model to model."""
    groups = {
        "learner": learner.variables,
        "optimizer": learner.optimizer.variables,
        "metrics": learner.metrics_variables,
    }
    return {
        f"{group}/{place:04d}": variable
        for group, variables in groups.items()
        for place, variable in enumerate(variables)
    }


def _build_metrics(learner: keras.Model) -> None:
    """Shows the compiled metrics one empty task, without updating them."""
    example: Any = learner.example_episode(1)
    inputs, query_y, query_mask = example.map(tf.convert_to_tensor).to_keras()
    ways = learner.num_ways or int(np.max(example.query_y)) + 1
    logits = tf.zeros([*query_y.shape, ways])
    with keras.StatelessScope():
        learner.compute_metrics(
            inputs, query_y, logits, sample_weight=query_mask
        )
