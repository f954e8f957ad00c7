"""Several embeddings as one frozen backbone, and what each makes of a task.

M learners of H features each are one backbone of M * H features, learner
after learner.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from metazoo.checks.backbones import check_vector_backbone
from metazoo.errors import MetazooError
from metazoo.losses import mask_logits


def ensemble(members: Sequence[keras.Model]) -> keras.Model:
    """Joins the backbones of trained learners.

    Args:
        members: Keras models from one example to a vector; all take the same
            examples and give vectors of one size. They are copied.

    Returns:
        A functional model from an example to the vectors of all, one behind
        the other.

    Raises:
        MetazooError: there is none, or they don't fit together.
    """
    if not members:
        raise MetazooError("members: got none, expected one or more.")
    for member in members:
        check_vector_backbone(member)
    shapes = [(m.input_shape[1:], m.output_shape[1:]) for m in members]
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise MetazooError(
                f"members[{number}] maps examples of shape {shape[0]} to "
                f"{shape[1][0]} features; expected {shapes[0][0]} and "
                f"{shapes[0][1][0]}, as members[0]."
            )
    inputs = keras.Input(shapes[0][0], name="examples")
    copies = [
        _copy(member, f"member{number}")
        for number, member in enumerate(members)
    ]
    outputs = [copy(inputs) for copy in copies]
    joined = outputs[0]
    if len(outputs) > 1:
        joined = keras.layers.Concatenate(name="members")(outputs)
    return keras.Model(inputs, joined, name="ensemble")


def normalised(backbone: keras.Model, scale: float = 10.0) -> keras.Model:
    """Brings a backbone's features to one length.

    Args:
        backbone: Keras model from one example to a vector.
        scale: the length; squared distances between vectors without
            negative entries are then at most 2 * scale**2.

    Returns:
        A functional model with the same weights.
    """
    x = keras.layers.UnitNormalization(name="unit")(backbone.outputs[0])
    x = keras.layers.Rescaling(scale, name="length")(x)
    return keras.Model(backbone.inputs[0], x, name=backbone.name)


def _copy(model: keras.Model, name: str) -> keras.Model:
    """The same model and weights under a name of its own."""
    made = type(model).from_config({**model.get_config(), "name": name})
    made.set_weights(model.get_weights())
    return made


def differences(z: tf.Tensor, prototypes: tf.Tensor) -> tf.Tensor:
    """Squared differences of examples to prototypes, feature by feature.

    Args:
        z: float [tasks, examples, learners * features].
        prototypes: float [tasks, learners, ways, features].

    Returns:
        float [tasks, learners, examples, ways, features].
    """
    h = by_member(z, prototypes.shape[1])
    return tf.square(prototypes[:, :, None] - h[:, :, :, None])


def by_member(z: tf.Tensor, num_members: int) -> tf.Tensor:
    """Takes the vectors of all learners apart.

    Args:
        z: float [tasks, examples, learners * features].
        num_members: number of learners.

    Returns:
        float [tasks, learners, examples, features].
    """
    shape = tf.shape(z)
    # Static where it is known: the flat form reads a fixed number of ways.
    examples = shape[1] if z.shape[1] is None else z.shape[1]
    size = z.shape[-1] // num_members
    z = tf.reshape(z, [shape[0], examples, num_members, size])
    return tf.transpose(z, [0, 2, 1, 3])


def member_logits(zeta: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Minus the squared distances of each learner.

    Args:
        zeta: float [tasks, learners, examples, ways, features].
        mask: float [tasks, ways], 0 for an absent class.

    Returns:
        float [tasks, learners, examples, ways]; absent classes get -1e9.
    """
    return mask_logits(-tf.reduce_sum(zeta, -1), mask[:, None])


def left_out(
    zeta: tf.Tensor, labels: tf.Tensor, real: tf.Tensor, ways: Any
) -> tuple[tf.Tensor, tf.Tensor]:
    """Differences of support examples to prototypes made without them.

    Without example h, the prototype c of its n examples is
    (n c - h) / (n - 1), and its difference to h is n / (n - 1) times that
    of c.

    Args:
        zeta: float [tasks, learners, support, ways, features], of
            `differences` between the support and its own prototypes.
        labels: int64 [tasks, support].
        real: bool [tasks, support], False for padding.
        ways: number of classes.

    Returns:
        The differences, and float [tasks, support, ways]: 1 for a class that
        has an example besides this one.
    """
    members = tf.one_hot(labels, ways, dtype=zeta.dtype)
    members *= tf.cast(real, zeta.dtype)[..., None]
    counts = tf.reduce_sum(members, 1)[:, None]
    others = counts - members
    factor = 1.0 + tf.math.divide_no_nan(members, others)
    mask = tf.cast(others > 0, zeta.dtype)
    return zeta * tf.square(factor)[:, None, ..., None], mask
