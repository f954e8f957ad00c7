"""Learners in Keras's own file format, found again in a fresh process."""

from __future__ import annotations

import importlib
import os
from typing import Any

from metazoo.registry import methods


def register_keras_classes() -> None:
    """Makes every learner and layer known to `keras.saving`.

    Keras finds a class by the name it was registered under, and a class is
    registered when its module is imported, which the package leaves to the
    first use.
    """
    importlib.import_module("metazoo.layers")
    importlib.import_module("metazoo.layers.input_block")
    for spec in methods().values():
        for class_name in spec.models:
            spec.load_class(class_name)


def load_model(path: str | os.PathLike[str], **options: Any) -> Any:
    """Loads what a learner's `save` wrote, in any process.

    Args:
        path: the `.keras` file.
        **options: `custom_objects`, `compile` and `safe_mode`, as for
            `keras.saving.load_model`.

    Returns:
        The Keras model, compiled if it was saved so.
    """
    import keras

    register_keras_classes()
    return keras.saving.load_model(path, **options)
