"""The backbone of learners whose examples are feature vectors."""

from __future__ import annotations

import keras


def features(size: int, name: str = "features") -> keras.Model:
    """A backbone that gives back what it takes.

    Args:
        size: entries of a feature vector.
        name: Name of the model.

    Returns:
        A functional model from `[examples, size]` to `[examples, size]`.
    """
    inputs = keras.Input((size,), name="vectors")
    return keras.Model(inputs, keras.layers.Identity()(inputs), name=name)
