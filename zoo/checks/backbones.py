"""Checks of the Keras model that a learner is built on."""

from __future__ import annotations

from typing import Any

import keras

from metazoo.errors import MetazooError


def check_backbone(backbone: Any) -> None:
    """Refuses what is no Keras model with one input of known shape.

    Args:
        backbone: what should be a Keras model from [batch, *features].

    Raises:
        MetazooError: it is not.
    """
    if not isinstance(backbone, keras.Model):
        raise MetazooError(
            f"backbone must be a keras.Model; got {type(backbone).__name__}."
        )
    try:
        shape = backbone.input_shape
    except (AttributeError, ValueError) as error:
        raise MetazooError(
            f"backbone {backbone.name!r} does not know its shapes, as a "
            "subclassed or unbuilt model; wrap it: inputs = "
            "keras.Input(shape); keras.Model(inputs, backbone(inputs))."
        ) from error
    if not _is_one_tensor(shape):
        raise MetazooError(
            f"backbone must have one input; got inputs of shape {shape}."
        )


def check_vector_backbone(backbone: Any) -> None:
    """Refuses a backbone that does not map an example to one vector.

    Args:
        backbone: what should be a Keras model from [batch, *features] to
            [batch, vector].

    Raises:
        MetazooError: it is not.
    """
    check_backbone(backbone)
    shape = backbone.output_shape
    if not _is_one_tensor(shape) or len(shape) != 2:
        raise MetazooError(
            "backbone must give one vector per example; its output shape is "
            f"{shape}. End it with a pooling or Flatten layer."
        )


def _is_one_tensor(shape: Any) -> bool:
    return isinstance(shape, tuple) and all(
        size is None or isinstance(size, int) for size in shape
    )
