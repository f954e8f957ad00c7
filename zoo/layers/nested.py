"""The layers inside a layer: Keras has no public name for them all."""

from __future__ import annotations

import keras


def layers_of(
    layer: keras.Layer, include_self: bool = True
) -> list[keras.Layer]:
    """Lists a layer's layers at any depth, parents first.

    Args:
        layer: a model or layer.
        include_self: whether `layer` itself comes first.
    """
    return list(layer._flatten_layers(include_self=include_self))
