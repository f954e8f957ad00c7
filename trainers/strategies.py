"""Which devices a step runs on: names and objects of `tf.distribute`."""

from __future__ import annotations

import keras
import tensorflow as tf

from metazoo.errors import TrainingError

STRATEGY_NAMES = ("default", "mirrored", "multi_worker", "tpu")


def make_strategy(name: str) -> tf.distribute.Strategy:
    """Makes a distribution strategy by its name.

    Args:
        name: "default" (one device), "mirrored" (all GPUs of this machine),
            "multi_worker" (the machines that the environment variable
            TF_CONFIG lists) or "tpu" (the TPU attached to this machine).

    Returns:
        The strategy. Build and compile the learner in its `scope()`.

    Raises:
        TrainingError: the name is unknown, or no TPU answers.
    """
    if name == "default":
        return tf.distribute.get_strategy()
    if name == "mirrored":
        return tf.distribute.MirroredStrategy()
    if name == "multi_worker":
        return tf.distribute.MultiWorkerMirroredStrategy()
    if name == "tpu":
        return _make_tpu_strategy()
    raise TrainingError(
        f"strategy must be one of {list(STRATEGY_NAMES)} or a "
        f"tf.distribute.Strategy; got {name!r}."
    )


def strategy_of(
    learner: keras.Model, wanted: str | tf.distribute.Strategy | None
) -> tf.distribute.Strategy:
    """The strategy that a learner was built under, if it is the one wanted.

    Args:
        learner: a built learner.
        wanted: a strategy, its name, or None for whatever the learner has.

    Returns:
        The strategy.

    Raises:
        TrainingError: the learner was built under another one.
    """
    own = learner.distribute_strategy
    fits = (
        wanted is None
        or own is wanted
        or (isinstance(wanted, str) and _name_of(own) == _checked_name(wanted))
    )
    strays = [
        v.path
        for v in learner.variables
        if not own.extended.variable_created_in_scope(v.value)
    ]
    if not fits or strays:
        raise TrainingError(
            f"learner was built under {type(own).__name__}"
            + (f", its variables {strays[:3]} under another" if strays else "")
            + f"; strategy asks for {wanted!r}. Build and compile it in the "
            "strategy's scope(), or pass Trainer a function that does."
        )
    return own


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the files of the run.

    Args:
        strategy: any strategy.
    """
    resolver = strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_id == 0


def _checked_name(name: str) -> str:
    if name not in STRATEGY_NAMES:
        make_strategy(name)
    return name


def _name_of(strategy: tf.distribute.Strategy) -> str:
    if isinstance(strategy, tf.distribute.MirroredStrategy):
        return "mirrored"
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return "multi_worker"
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return "tpu"
    return "default" if strategy.num_replicas_in_sync == 1 else "other"


def _make_tpu_strategy() -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            tpu="local"
        )
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError) as error:
        raise TrainingError(
            "strategy 'tpu' found no TPU attached to this machine; for a "
            "remote one connect to it yourself and pass the TPUStrategy: "
            f"{error}"
        ) from error
    return tf.distribute.TPUStrategy(resolver)
